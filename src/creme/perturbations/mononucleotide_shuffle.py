"""Mononucleotide shuffle."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from creme.perturbations.interval import IntervalPerturbation
from creme.sequence import Edit, Mutant, Sequence


class MononucleotideShuffle(IntervalPerturbation):
    """Rearrange an interval so that the counts of all letters stay as they are.

    N is a fifth letter. All distinct arrangements are equally likely.
    """

    name: ClassVar[str] = "mononucleotide_shuffle"

    def __call__(self, sequence: Sequence, *, seed: int = 0) -> Mutant:
        """Shuffle the interval; the same seed gives the same bases everywhere."""
        return self.many(sequence, [seed])[0]

    def many(self, sequence: Sequence, seeds: Iterable[int]) -> list[Mutant]:
        """A shuffle for each seed, in one call of the kernel."""
        from creme.kernels.shuffle import mononucleotide_shuffles

        tile = self.interval(sequence)
        rows = mononucleotide_shuffles(tile.of(sequence).codes, seeds)
        return [Mutant(sequence, [Edit(tile.start, row)]) for row in rows]
