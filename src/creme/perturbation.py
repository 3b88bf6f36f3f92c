"""Perturbations: pure functions from a sequence to a mutant of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import ClassVar

from creme.errors import SequenceError
from creme.parameters import Parameters
from creme.sequence import Mutant, Sequence


class Perturbation(Parameters, ABC):
    """A change of a sequence that keeps its length.

    A subclass declares its parameters as annotated fields, sets ``name``, and implements
    `__call__`, which is pure: the same sequence and seed give the same mutant in any process, on
    any machine and in any version, and nothing is changed in place.
    """

    name: ClassVar[str]

    @abstractmethod
    def __call__(self, sequence: Sequence, *, seed: int = 0) -> Mutant:
        """Perturb.

        Parameters
        ----------
        sequence : Sequence
        seed : int
            Everything random comes from it; `creme.seeds.derive` makes one from names.
            Perturbations without randomness ignore it.

        Returns
        -------
        Mutant
            Its base is `sequence`.

        Raises
        ------
        SequenceError
            If the perturbation does not fit the sequence.
        """

    def can_change(self, sequence: Sequence) -> bool:
        """Whether any seed makes something else of a sequence; override where that may not be."""
        return True

    def many(self, sequence: Sequence, seeds: Iterable[int]) -> list[Mutant]:
        """A mutant for each seed, as one by one; override where many at once are cheaper."""
        return [self(sequence, seed=seed) for seed in seeds]


def checked(perturbation: Perturbation, sequence: Sequence, mutant: Mutant) -> Mutant:
    """A perturbation's mutant of a sequence, as it came.

    Raises
    ------
    SequenceError
        If it has another length: put back into a longer sequence, it would leave bases out, or
        write over those beside it.
    """
    if len(mutant) != len(sequence):
        raise SequenceError(
            f"perturbation {perturbation.name!r} made {len(mutant)} bp of {len(sequence)} bp: a "
            f"perturbation keeps the length of what it is given"
        )
    return mutant
