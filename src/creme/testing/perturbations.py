"""Checks of a perturbation."""

from __future__ import annotations

import pickle
from collections.abc import Callable

import numpy as np

from creme.perturbation import Perturbation
from creme.sequence import Mutant, Sequence
from creme.testing.checks import Check, ensure, run_all

Make = Callable[[], Perturbation]


def _sequence() -> Sequence:
    codes = np.random.default_rng(4).integers(0, 4, 3000, dtype=np.uint8)
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
    ensure(sequence.digest == _sequence().digest, "the sequence was changed in place")


def many_as_one_by_one(make: Make) -> None:
    """`many` gives what single calls give."""
    sequence, perturbation = _sequence(), make()
    seeds = [3, 2**100, 0, 3]
    together = [mutant.digest for mutant in perturbation.many(sequence, iter(seeds))]
    alone = [perturbation(sequence, seed=seed).digest for seed in seeds]
    ensure(together == alone, "many() differs from single calls")


_CHECKS = (gives_a_mutant, pure, many_as_one_by_one)


def perturbation_checks() -> list[Check]:
    """All checks of a perturbation that fits a sequence of 3,000 bp."""
    return [Check(function) for function in _CHECKS]


def check_perturbation(make: Make) -> None:
    """Run all checks of a perturbation; see `perturbation_checks`."""
    run_all(perturbation_checks(), make)
