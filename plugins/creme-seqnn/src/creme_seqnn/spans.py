"""Some positions of what modules make, from no more of their input than these depend on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from torch import Tensor, nn

from creme_seqnn.attention import RelativeAttention
from creme_seqnn.layers import Conv, MaxPool
from creme_seqnn.modules import CropModule, ResidualModule, SaveModule, UNetModule


class Span(NamedTuple):
    """Positions `start` to before `end` of some activations."""

    start: int
    end: int

    def of(self, x: Tensor, held: Span) -> Tensor:
        """These positions of a tensor (batch, positions, channels) that holds `held`."""
        return x[:, self.start - held.start : self.end - held.start]

    def joined(self, other: Span | None) -> Span:
        """The shortest span that holds both."""
        if other is None:
            return self
        return Span(min(self.start, other.start), max(self.end, other.end))


Kept = dict[int, tuple[Tensor, Span]]
"""Saved activations by slot, and the positions that they are of."""


def computed(
    modules: Iterable[nn.Module], x: Tensor, held: Span, wanted: Span, n: int, saved: Kept
) -> Tensor:
    """Modules, one after another, applied to x at some positions.

    Parameters
    ----------
    modules : iterable of Module
    x : Tensor
        ``(batch, positions, channels)``, at the positions `held` of the first one's input.
    held, wanted : Span
        Of the input of the first module, and of the output of the last one.
    n : int
        Length of the whole input of the first module.
    saved : dict
        Outputs that were saved before; those saved here are added.
    """
    chain = list(modules)
    lengths = _lengths(chain, n)
    spans, slots = _spans(chain, lengths, wanted)
    x, held = spans[0].of(x, held), spans[0]
    for module, length, span in zip(chain, lengths, spans[1:], strict=False):
        if isinstance(module, SaveModule):
            if module.slot in slots:
                saved[module.slot] = (x, held)
            x = span.of(x, held)
        else:
            x = _one(module, x, held, span, length, saved)
        held = span
    return x


def length_after(modules: Iterable[nn.Module], n: int) -> int:
    """Length of what modules, one after another, make of n positions."""
    return _lengths(list(modules), n)[-1]


def _lengths(chain: list[nn.Module], n: int) -> list[int]:
    """The length of each one's whole input, and of the last one's output."""
    lengths = [n]
    for module in chain:
        if isinstance(module, MaxPool):
            n //= module.size
        elif isinstance(module, UNetModule):
            n *= 2
        elif isinstance(module, CropModule):
            n = module.length
        lengths.append(n)
    return lengths


def _spans(
    chain: list[nn.Module], lengths: list[int], wanted: Span
) -> tuple[list[Span], dict[int, Span]]:
    """Of the input of each and of the last one's output; and of what is saved, by slot."""
    slots: dict[int, Span] = {}
    spans = [wanted]
    for module, n in zip(reversed(chain), reversed(lengths[:-1]), strict=True):
        if isinstance(module, SaveModule):
            spans.append(spans[-1].joined(slots.get(module.slot)))
            continue
        if isinstance(module, UNetModule):
            half = _halved(module, spans[-1], n)
            slots[module.slot] = Span(2 * half.start, 2 * half.end)
        spans.append(_needed(module, spans[-1], n))
    return spans[::-1], slots


def _needed(module: nn.Module, wanted: Span, n: int) -> Span:
    """The positions of a module's input, out of n, that some of its output depend on."""
    match module:
        case Conv(padding=(left, right)):
            return Span(max(0, wanted.start - left), min(n, wanted.end + right))
        case MaxPool(size=size):
            return Span(wanted.start * size, wanted.end * size)
        case CropModule(start=start):
            return Span(wanted.start + start, wanted.end + start)
        case RelativeAttention():
            return Span(0, n)
        case UNetModule():
            return _halved(module, wanted, n)
        case ResidualModule(inner=inner):
            return _needed(inner, wanted, n).joined(wanted)
        case nn.Sequential():
            chain = list(module)
            return _spans(chain, _lengths(chain, n), wanted)[0][0]
        case _:  # treats each position by itself
            return wanted


def _halved(unet: UNetModule, wanted: Span, n: int) -> Span:
    """The positions at half the resolution that upsampling begins from."""
    fine = _needed(unet.convolution, wanted, 2 * n)
    return Span(fine.start // 2, -(-fine.end // 2))


def _one(module: nn.Module, x: Tensor, held: Span, wanted: Span, n: int, saved: Kept) -> Tensor:
    """One module applied to x, which is at the positions that it needs."""
    match module:
        case Conv():
            # At an end of x that is none of the sequence's the padding spoils what is cut off.
            return wanted.of(module(x), held)
        case CropModule():
            return x
        case RelativeAttention():
            return module(x, wanted.start, wanted.end)
        case UNetModule():
            fine = Span(2 * held.start, 2 * held.end)
            pairs = module.paired(x, fine.of(*saved[module.slot]))
            return computed([module.convolution], pairs, fine, wanted, 2 * n, saved)
        case ResidualModule(inner=inner):
            return module.joined(wanted.of(x, held), computed([inner], x, held, wanted, n, saved))
        case nn.Sequential():
            return computed(module, x, held, wanted, n, saved)
        case _:
            return module(x)
