"""Checks of a perturbation."""

from __future__ import annotations

import pickle
from collections.abc import Callable

import numpy as np

from creme.errors import SequenceError
from creme.perturbation import Perturbation
from creme.sequence import Mutant, Sequence
from creme.testing.checks import Check, ensure, run_all
from creme.testing.parameters import parameters

Make = Callable[[], Perturbation]

LENGTH = 3000


def _sequence() -> Sequence:
    codes = np.random.default_rng(4).integers(0, 4, LENGTH, dtype=np.uint8)
    codes[700:760] = 4
    return Sequence(codes)


def gives_a_mutant(make: Make) -> None:
    """The result is a mutant of the sequence, of the same length."""
    sequence = _sequence()
    mutant = make()(sequence, seed=1)
    ensure(isinstance(mutant, Mutant), f"it returned {type(mutant).__name__}, not a Mutant")
    ensure(mutant.base == sequence, "the mutant's base is not the sequence")
    ensure(len(mutant.sequence) == len(sequence), "the length changed")


def pure(make: Make) -> None:
    """The same sequence and seed give the same mutant, in any order and from a pickle."""
    sequence, perturbation = _sequence(), make()
    first = perturbation(sequence, seed=1).digest
    perturbation(sequence, seed=2)
    ensure(perturbation(sequence, seed=1).digest == first, "a second call gave another mutant")
    ensure(make()(sequence, seed=1).digest == first, "one made anew gave another mutant")
    again = pickle.loads(pickle.dumps(perturbation))
    ensure(again(sequence, seed=1).digest == first, "one from a pickle gave another mutant")


def sequence_not_modified(make: Make) -> None:
    """The sequence is left as it is."""
    sequence = _sequence()
    before = sequence.codes.copy()
    perturbation = make()
    perturbation(sequence, seed=1)
    perturbation.many(sequence, [1, 2])
    ensure(np.array_equal(sequence.codes, before), "the sequence was changed in place")


def whole_seed(make: Make) -> None:
    """All 128 bits of a seed count, or none of them."""
    sequence, perturbation = _sequence(), make()
    random = np.random.default_rng(5)

    def drawn(shift: int) -> set[bytes]:
        seeds = [int(value) << shift for value in random.integers(1, 2**32, 16)]
        return {perturbation(sequence, seed=seed).digest for seed in seeds}

    different = {shift: len(drawn(shift)) > 1 for shift in (0, 32, 64, 96)}
    if not any(different.values()):
        return
    for shift, some in different.items():
        ensure(
            some,
            f"seeds that differ in bits {shift} to {shift + 31} alone gave one mutant 16 times, "
            f"and others did not: seeds have 128 bits, and all of them count",
        )


def any_sequence(make: Make) -> None:
    """N is a letter like others: a sequence may have none, or nothing else."""
    perturbation = make()
    codes = np.random.default_rng(6).integers(0, 4, LENGTH).astype(np.uint8)
    cases = {
        "without N": codes,
        "of N alone": np.full(LENGTH, 4, np.uint8),
        "of A alone": np.zeros(LENGTH, np.uint8),
    }
    for name, case in cases.items():
        perturbed = perturbation(Sequence(case), seed=1).sequence
        ensure(len(perturbed) == LENGTH, f"a sequence {name} gave one of {len(perturbed)} bp")


def other_lengths(make: Make) -> None:
    """A sequence of any length is perturbed, or refused by a SequenceError."""
    perturbation = make()
    for length in (0, 1, 2, 17):
        codes = np.random.default_rng(7).integers(0, 4, length).astype(np.uint8)
        try:
            perturbed = perturbation(Sequence(codes), seed=1).sequence
        except SequenceError:
            continue
        except Exception as error:
            ensure(False, f"a sequence of {length} bp raised {type(error).__name__}: {error}")
        after = len(perturbed)
        ensure(after == length, f"a sequence of {length} bp gave one of {after} bp")


def many_as_one_by_one(make: Make) -> None:
    """`many` gives what single calls give."""
    sequence, perturbation = _sequence(), make()
    seeds = [3, 2**100, 0, 3]
    together = [mutant.digest for mutant in perturbation.many(sequence, iter(seeds))]
    alone = [perturbation(sequence, seed=seed).digest for seed in seeds]
    ensure(together == alone, "many() differs from single calls")
    ensure(perturbation.many(sequence, []) == [], "many() of no seeds gave mutants")


_CHECKS = (
    *(gives_a_mutant, pure, sequence_not_modified, whole_seed, any_sequence, other_lengths),
    *(many_as_one_by_one, parameters),
)


def perturbation_checks() -> list[Check]:
    """All checks of a perturbation that fits a sequence of 3,000 bp."""
    return [Check(function) for function in _CHECKS]


def check_perturbation(make: Make) -> None:
    """Run all checks of a perturbation; see `perturbation_checks`."""
    run_all(perturbation_checks(), make)
