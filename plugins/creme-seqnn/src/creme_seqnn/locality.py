"""How far the first part of a network reaches, from its steps. Nothing here needs PyTorch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from creme_seqnn import steps as description
from creme_seqnn.steps import Step


@dataclass(frozen=True)
class Split:
    """The local first part of a network.

    Attributes
    ----------
    steps : int
        How many steps it has.
    strides : tuple of int
        bp to a position, of each `Save` in it and of its output.
    radius : int
        bp on either side of a position's own that it depends on.
    """

    steps: int
    strides: tuple[int, ...]
    radius: int


def split(steps: Iterable[Step]) -> Split:
    """The steps before the first one that is not local: attention, or what changes positions."""
    stride, radius, count = 1, 0, 0
    saved: list[int] = []
    for step in steps:
        reach = _reach(step)
        if reach is None:
            break
        radius += reach * stride
        if isinstance(step, description.Pool):
            stride *= step.size
        if isinstance(step, description.Save):
            saved.append(stride)
        count += 1
    return Split(count, (*saved, stride), radius)


def _reach(step: Step) -> int | None:
    """Positions on either side that a step looks at; None where it is not local."""
    match step:
        case description.Convolution(kernel_size=size, dilation=dilation):
            total = dilation * (size - 1)
            return total - total // 2
        case description.Residual(steps=inner):
            reaches = [_reach(each) for each in inner]
            if any(isinstance(each, description.Pool | description.Save) for each in inner):
                return None
            return None if None in reaches else sum(reach or 0 for reach in reaches)
        case description.Attention() | description.UNet() | description.Crop():
            return None
        case _:
            return 0
