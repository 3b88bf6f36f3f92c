"""Models whose first part is local, and what of it an edit can have changed."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from creme.errors import listing
from creme.fingerprint import NotInFingerprint
from creme.model import Model, Selection

Features = tuple[Any, ...]
"""Arrays (B, positions, channels) of numpy or a framework, one for each of `SplitModel.strides`."""


class SplitModel(Model):
    """A model in two parts: a trunk that is local, and the rest of the network.

    A position of the trunk's output, a feature, depends on its own `stride` bp of the input and on
    `radius` bp on either side. So of a sequence that differs from a known one in a few places, only
    a window around each has to go through the trunk again; the other features are the known ones.
    This is exact: it differs from a full forward pass by rounding.

    A trunk may have several outputs, at strides that divide the last, coarsest one (the skip
    branches of a U-Net).
    """

    # In the fingerprint nevertheless, but not in the settings' place: see `_fingerprinted`.
    exact: NotInFingerprint[Literal["windowed", "full"]] = Field(
        "windowed",
        description="compute the part of the trunk that an edit changed, or all of it every time; "
        "both are exact up to rounding",
    )

    @model_validator(mode="after")
    def _windows_of_bases_alone(self) -> Self:
        if self.exact == "windowed" and self.inputs:
            raise ValueError(
                f"it takes {listing(self.inputs)} beside the sequence, and windows are of bases "
                f"alone: set exact = 'full'"
            )
        return self

    @property
    @abstractmethod
    def strides(self) -> tuple[int, ...]:
        """bp of input to a position, for each output of the trunk; the last is the coarsest."""

    @property
    @abstractmethod
    def radius(self) -> int:
        """bp on either side of a feature's own that it depends on: the largest of all outputs.

        For convolutions the sum of ``dilation * (kernel - 1) / 2 * (stride of its input)``.
        """

    @abstractmethod
    def encode(self, onehot: NDArray[np.float32]) -> Features:
        """The trunk.

        Parameters
        ----------
        onehot : array of float32, shape (B, w, 4)
            Windows; w is a multiple of the coarsest stride. Their ends are treated as the ends of
            a sequence. Where the model takes codes, these may be codes, (B, w) uint8.

        Returns
        -------
        tuple of array, each (B, w / stride, channels)
        """

    @abstractmethod
    def decode(self, features: Features, selection: Selection) -> NDArray[np.float32]:
        """The model after the trunk, (B, len(selection.bins), len(selection.tracks)) float32."""

    def concatenate(self, arrays: list[Any], axis: int) -> Any:
        """Features of one output joined along an axis; for arrays other than numpy's, override."""
        return np.concatenate(arrays, axis=axis)

    def overwrite(self, array: Any, start: int, values: Any) -> None:
        """Put features of one output into positions from `start` on; for other arrays, override."""
        array[:, start : start + values.shape[1]] = values

    def _fingerprinted(self) -> dict[str, Any]:
        # Windows round differently, and one way is there to check the other.
        windowed = {"exact": self.exact} if self.exact == "windowed" else {}
        return {**super()._fingerprinted(), **windowed}


@dataclass(frozen=True, slots=True)
class Window:
    """A part of the trunk that is computed anew, in positions of its coarsest output.

    Attributes
    ----------
    start, end : int
        The positions that go through the trunk.
    first, last : int
        The positions that are kept, ``first`` to before ``last``.
    """

    start: int
    end: int
    first: int
    last: int

    def widened(self, size: int, n: int) -> Window:
        """The same with `size` positions going through the trunk of n."""
        start = max(0, min(self.start, n - size))
        return Window(start, start + size, self.first, self.last)


def windows(
    changed: NDArray[np.integer], length: int, stride: int, radius: int
) -> tuple[Window, ...]:
    """The windows to compute anew where some positions of a sequence have changed.

    Parameters
    ----------
    changed : array of int, ascending
        Positions, bp.
    length : int
        Of the sequence, bp.
    stride, radius : int
        Of the trunk, bp.

    Returns
    -------
    tuple of Window
        Ascending and disjoint. A window keeps every feature that a change can reach, and begins and
        ends a radius away from what it keeps, or at an end of the sequence.
    """
    if not changed.size:
        return ()
    n, margin = length // stride, -(-radius // stride)
    first = np.maximum(0, -(-(changed - radius - stride + 1) // stride))
    last = np.minimum(n, (changed + radius) // stride + 1)
    # Positions rise, so both do: a new run begins where a feature's window touches no earlier one.
    breaks = np.flatnonzero(first[1:] - margin > last[:-1] + margin) + 1
    lows = first[np.concatenate([[0], breaks])]
    highs = last[np.concatenate([breaks - 1, [changed.size - 1]])]
    return tuple(
        Window(max(0, low - margin), min(n, high + margin), low, high)
        for low, high in zip(lows.tolist(), highs.tolist(), strict=True)
    )


def size(parts: SequenceOf[Window]) -> int:
    """Positions that go through the trunk."""
    return sum(part.end - part.start for part in parts)
