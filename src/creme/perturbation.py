"""Perturbations: pure functions from a sequence to a mutant of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from creme.errors import SequenceError
from creme.parameters import Parameters
from creme.sequence import Mutant, Sequence

if TYPE_CHECKING:
    from creme.genome import Locus


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

    def bound(self, locus: Locus) -> Perturbation:
        """The perturbation as it is at a locus; override where bases alone are not enough.

        A test binds its perturbation before it perturbs a locus's sequence or a part of it. One
        that draws on the genome returns another one, which has ``locus.genome`` and knows where the
        locus is; that, too, is pure and can be pickled. The FASTA is part of what makes an
        experiment this one, and needs no field.

        Parameters
        ----------
        locus : Locus

        Returns
        -------
        Perturbation
            Itself unless overridden.

        Raises
        ------
        ConfigError
            If the locus has no genome, and one is needed.
        """
        return self

    def can_change(self, sequence: Sequence) -> bool:
        """Whether any seed makes something else of a sequence; override where that may not be."""
        return True

    def many(self, sequence: Sequence, seeds: Iterable[int]) -> list[Mutant]:
        """A mutant for each seed, as one by one; override where many at once are cheaper."""
        return [self(sequence, seed=seed) for seed in seeds]

    def sequences(self, sequence: Sequence, seeds: Iterable[int]) -> list[Sequence]:
        """The sequences of `many`; override where they are there without their mutants.

        Raises
        ------
        SequenceError
            If one has another length; see `checked`.
        """
        mutants = self.many(sequence, seeds)
        return [checked(self, sequence, mutant).sequence for mutant in mutants]


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
