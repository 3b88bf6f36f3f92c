"""Reverse complement."""

from __future__ import annotations

from typing import ClassVar

from creme.perturbations.interval import IntervalPerturbation
from creme.sequence import Edit, Mutant, Sequence


class ReverseComplement(IntervalPerturbation):
    """Turn an interval round in its place: a test of an element's orientation."""

    name: ClassVar[str] = "reverse_complement"

    def __call__(self, sequence: Sequence, *, seed: int = 0) -> Mutant:
        """Reverse-complement the interval."""
        tile = self.interval(sequence)
        return Mutant(sequence, [Edit(tile.start, tile.of(sequence).complemented)])
