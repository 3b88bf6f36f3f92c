"""Random choices one at a time, from the toolkit's own random numbers."""

from __future__ import annotations

from collections.abc import Sequence as SequenceOf
from typing import TypeVar

Item = TypeVar("Item")

_WORD = (1 << 64) - 1
_HALF = 1 << 32


class Draws:
    """A stream of choices; the same seed gives the same ones on every machine.

    Parameters
    ----------
    seed : int
        Of `creme.seeds.derive`.

    Notes
    -----
    Word for word the stream of `creme.kernels.random`, in Python's integers: a choice here and
    there needs no compiled loop.
    """

    def __init__(self, seed: int) -> None:
        from creme.kernels.random import streams

        ((key, gamma),) = streams([seed]).tolist()
        self._state, self._gamma = int(key), int(gamma)

    def below(self, bound: int) -> int:
        """An exactly uniform integer in [0, bound), 0 < bound < 2**32."""
        threshold = _HALF % bound
        while True:
            self._state = (self._state + self._gamma) & _WORD
            product = (_mix(self._state) >> 32) * bound
            if product & (_HALF - 1) >= threshold:
                return product >> 32

    def one_of(self, items: SequenceOf[Item]) -> Item:
        """One of several, all alike."""
        return items[self.below(len(items))]

    def chance(self, share: float) -> bool:
        """True in a share of the draws, to 1 in 65,536."""
        return self.below(1 << 16) < share * (1 << 16)


def _mix(word: int) -> int:
    word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) & _WORD
    word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & _WORD
    return word ^ (word >> 31)
