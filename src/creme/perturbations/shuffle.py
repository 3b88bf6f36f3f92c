"""The base of the shuffles."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from creme.perturbations.interval import IntervalPerturbation
from creme.sequence import Codes, Edit, Mutant, Sequence

_RATHER_ONE = 0.5 * math.log(2)
"""Logarithms below it are of a single arrangement: they are computed with floats."""


class Shuffle(IntervalPerturbation):
    """A rearrangement of an interval, drawn by a kernel that makes many at once."""

    @abstractmethod
    def arrangements(self, codes: Codes, seeds: Iterable[int]) -> NDArray[np.uint8]:
        """A row of rearranged codes for each seed."""

    @abstractmethod
    def distinct(self, codes: Codes) -> float:
        """The natural logarithm of the number of distinct arrangements, the codes' own included."""

    def altered(self, codes: Codes) -> int:
        """How many dinucleotides an arrangement may alter that promises to keep them all."""
        return 0

    def can_change(self, sequence: Sequence) -> bool:
        """Whether the interval has more arrangements than its own."""
        return self.distinct(self.interval(sequence).of(sequence).codes) > _RATHER_ONE

    def __call__(self, sequence: Sequence, *, seed: int = 0) -> Mutant:
        """Shuffle the interval; the same seed gives the same bases everywhere."""
        return self.many(sequence, [seed])[0]

    def many(self, sequence: Sequence, seeds: Iterable[int]) -> list[Mutant]:
        """A shuffle for each seed, in one call of the kernel."""
        tile = self.interval(sequence)
        own = self._arranged(tile.of(sequence), seeds)
        return [Mutant(sequence, [Edit(tile.start, codes)]) for codes in own]

    def sequences(self, sequence: Sequence, seeds: Iterable[int]) -> list[Sequence]:
        """The same as sequences: the kernel's rows where all is shuffled."""
        if len(self.interval(sequence)) < len(sequence):
            return super().sequences(sequence, seeds)
        arranged = self._arranged(sequence, seeds)
        inputs = sequence.inputs
        return [row.with_inputs(inputs) for row in arranged] if inputs else arranged

    def _arranged(self, sequence: Sequence, seeds: Iterable[int]) -> list[Sequence]:
        rows = self.arrangements(sequence.codes, seeds)
        # Copies, so that one does not keep the bases of all in memory.
        return [Sequence.owning(row.copy()) for row in rows]
