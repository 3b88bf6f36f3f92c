"""The perturbation: single bases exchanged for others, at random places."""

from __future__ import annotations

import hashlib
from typing import ClassVar

import numpy as np
from creme import Edit, Mutant, Perturbation, Sequence
from pydantic import Field


class PointMutations(Perturbation):
    """Exchange each base for one of the other three with a probability; an N stays."""

    name: ClassVar[str] = "point_mutations"

    rate: float = Field(0.01, ge=0, le=1, description="probability of each base to be exchanged")

    def __call__(self, sequence: Sequence, *, seed: int = 0) -> Mutant:
        """Mutate; the same sequence and seed give the same mutant on any machine, for ever."""
        # Random numbers from a hash of the whole seed. Those of numpy may change between versions.
        data = hashlib.shake_256(str(seed).encode()).digest(8 * len(sequence))
        drawn = np.frombuffer(data, dtype="<u4").reshape(-1, 2)
        chosen = (drawn[:, 0] < self.rate * 2**32) & (sequence.codes < 4)
        mutated = (sequence.codes + 1 + drawn[:, 1] % 3) % 4
        return Mutant(
            sequence, [Edit(at, mutated[at : at + 1]) for at in np.flatnonzero(chosen).tolist()]
        )
