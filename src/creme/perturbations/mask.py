"""Mask with N."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from creme.perturbations.interval import IntervalPerturbation
from creme.sequence import Edit, Mutant, N, Sequence


class Mask(IntervalPerturbation):
    """Replace an interval with N."""

    name: ClassVar[str] = "mask"

    def __call__(self, sequence: Sequence, *, seed: int = 0) -> Mutant:
        """Mask the interval."""
        tile = self.interval(sequence)
        return Mutant(sequence, [Edit(tile.start, np.full(len(tile), N, dtype=np.uint8))])
