"""Checks of a perturbation."""

from __future__ import annotations

import pickle
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from creme.errors import CremeWarning, SequenceError
from creme.genome import Genome, Locus
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


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """A folder that lives as long as the process."""
    return tempfile.TemporaryDirectory(prefix="creme-kit-")


@cache
def _locus() -> Locus:
    """A locus of a small genome: two contigs of different GC, with a gap and soft-masked bases."""
    path = Path(_folder().name) / "genome.fa"
    random = np.random.default_rng(8)
    index = []
    with path.open("wb") as file:
        for name, share in (("one", 0.5), ("two", 0.35)):
            gc, at = [share / 4] * 2, [(1 - share) / 4] * 2
            bases = random.choice(list(b"GCATgcat"), 40_000, p=[*gc, *at] * 2).astype(np.uint8)
            bases[9_000:10_000] = ord("N")
            file.write(f">{name}\n".encode())
            index.append(f"{name}\t{len(bases)}\t{file.tell()}\t{len(bases)}\t{len(bases) + 1}\n")
            file.write(bases.tobytes() + b"\n")
    path.with_name("genome.fa.fai").write_text("".join(index))
    return Locus("locus", "one", 20_000, "-", LENGTH, Genome(path))


def _bound(make: Make) -> Perturbation:
    """The perturbation, at a locus of a genome where it needs one."""
    perturbation = make()
    if type(perturbation).bound is Perturbation.bound:
        return perturbation
    return perturbation.bound(_locus())


def gives_a_mutant(make: Make) -> None:
    """The result is a mutant of the sequence, of the same length."""
    sequence = _sequence()
    mutant = _bound(make)(sequence, seed=1)
    ensure(isinstance(mutant, Mutant), f"it returned {type(mutant).__name__}, not a Mutant")
    ensure(mutant.base == sequence, "the mutant's base is not the sequence")
    ensure(len(mutant.sequence) == len(sequence), "the length changed")


def pure(make: Make) -> None:
    """The same sequence and seed give the same mutant, in any order and from a pickle."""
    sequence, perturbation = _sequence(), _bound(make)
    first = perturbation(sequence, seed=1).digest
    perturbation(sequence, seed=2)
    ensure(perturbation(sequence, seed=1).digest == first, "a second call gave another mutant")
    ensure(_bound(make)(sequence, seed=1).digest == first, "one made anew gave another mutant")
    again = pickle.loads(pickle.dumps(perturbation))
    ensure(again(sequence, seed=1).digest == first, "one from a pickle gave another mutant")


def sequence_not_modified(make: Make) -> None:
    """The sequence is left as it is."""
    sequence = _sequence()
    before = sequence.codes.copy()
    perturbation = _bound(make)
    perturbation(sequence, seed=1)
    perturbation.many(sequence, [1, 2])
    ensure(np.array_equal(sequence.codes, before), "the sequence was changed in place")


def whole_seed(make: Make) -> None:
    """All 128 bits of a seed count, or none of them."""
    sequence, perturbation = _sequence(), _bound(make)
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
    perturbation = _bound(make)
    codes = np.random.default_rng(6).integers(0, 4, LENGTH).astype(np.uint8)
    cases = {
        "without N": codes,
        "of N alone": np.full(LENGTH, 4, np.uint8),
        "of A alone": np.zeros(LENGTH, np.uint8),
    }
    for name, case in cases.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CremeWarning)  # it may say that such bases are unusual
            perturbed = perturbation(Sequence(case), seed=1).sequence
        ensure(len(perturbed) == LENGTH, f"a sequence {name} gave one of {len(perturbed)} bp")


def other_lengths(make: Make) -> None:
    """A sequence of any length is perturbed, or refused by a SequenceError."""
    perturbation = _bound(make)
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
    sequence, perturbation = _sequence(), _bound(make)
    seeds = [3, 2**100, 0, 3]
    together = [mutant.digest for mutant in perturbation.many(sequence, iter(seeds))]
    alone = [perturbation(sequence, seed=seed).digest for seed in seeds]
    ensure(together == alone, "many() differs from single calls")
    ensure(perturbation.many(sequence, []) == [], "many() of no seeds gave mutants")


def bound_to_a_locus(make: Make) -> None:
    """Bound to a locus, it is another object, and depends on the locus and the seed alone."""
    perturbation, locus = make(), _locus()
    before = perturbation.configuration()
    first = perturbation.bound(locus)
    ensure(isinstance(first, Perturbation), f"bound gave {type(first).__name__}, no Perturbation")
    ensure(perturbation.configuration() == before, "bound changed its parameters in place")
    if first is perturbation:
        return
    ensure(first.configuration() == before, "bound to a locus, it has other parameters")
    sequence = locus.sequence
    one = first(sequence, seed=1).digest
    perturbation.bound(replace(locus, position=locus.position + 3000))
    ensure(first(sequence, seed=1).digest == one, "bound to another locus, it changed here too")
    again = make().bound(pickle.loads(pickle.dumps(locus)))
    ensure(again(sequence, seed=1).digest == one, "bound to the locus anew, it gave another mutant")


_CHECKS = (
    *(gives_a_mutant, pure, sequence_not_modified, whole_seed, any_sequence, other_lengths),
    *(many_as_one_by_one, bound_to_a_locus, parameters),
)


def perturbation_checks() -> list[Check]:
    """All checks of a perturbation that fits a sequence of 3,000 bp."""
    return [Check(function) for function in _CHECKS]


def check_perturbation(make: Make) -> None:
    """Run all checks of a perturbation; see `perturbation_checks`."""
    run_all(perturbation_checks(), make)
