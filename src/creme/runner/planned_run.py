"""The sequences that a run will ask for, and how many are stored; nothing is predicted."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Sequence as SequenceOf
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from creme.errors import listing
from creme.genome import Locus
from creme.model import Selection
from creme.runner.plan import Plan
from creme.runner.progress_bar import about_narrower
from creme.runner.scheduler import LOOK_UP
from creme.runner.spread_of_units import about_spread
from creme.runner.write_buffer import StoredPredictions, narrower_sources
from creme.sequence import Sequenceable
from creme.store import Store
from creme.store.others import NamedPlace, open_store, read_others
from creme.store.place import LocalPlace, Place
from creme.test import Profiles, Test

COUNTED = 5000
"""Sequences of a test that are made and looked up; a larger one is judged by a part of its loci."""


@dataclass(frozen=True)
class PlannedTest:
    """The sequences that one test will ask for.

    Attributes
    ----------
    label : str
    units : int
        Loci, or what the test makes of them, such as pairs.
    of_loci : bool
        Whether the units are the loci.
    requested : int
        Sequences.
    repeated : int
        Those of them that this test or one before it asks for as well.
    stored : int
        Those of the others that the store has.
    kind : {'exact', 'estimate', 'at least'}
        Whether the numbers are counted; are judged by a part of the loci; or are those up to the
        first request that the store cannot answer, of a test that decides by the answers what to
        ask next.
    """

    label: str
    units: int
    of_loci: bool
    requested: int
    repeated: int
    stored: int
    kind: str

    @property
    def to_predict(self) -> int:
        """Sequences that neither the store nor another test has."""
        return self.requested - self.repeated - self.stored


@dataclass(frozen=True)
class PlannedRun:
    """An experiment that is checked, and what a run of it will take; ``print`` shows it.

    Attributes
    ----------
    name : str
        The experiment's.
    plan : Plan
        The model, what is kept, the tests and the loci.
    tests : tuple of PlannedTest
    store : Place
    notes : tuple of str
        Sentences on what the store has and what cannot be known beforehand.
    """

    name: str
    plan: Plan
    tests: tuple[PlannedTest, ...]
    store: Place
    notes: tuple[str, ...] = ()

    @property
    def loci(self) -> list[str]:
        """Their names."""
        return [locus.name for locus in self.plan.loci]

    @property
    def requested(self) -> int:
        """Sequences that all tests ask for."""
        return sum(test.requested for test in self.tests)

    @property
    def stored(self) -> int:
        """Those of them that the store has, each once."""
        return sum(test.stored for test in self.tests)

    @property
    def to_predict(self) -> int:
        """Forward passes that remain."""
        return sum(test.to_predict for test in self.tests)

    def __str__(self) -> str:
        model, kept = self.plan.model, self.plan.selection
        lines = [
            f"experiment {self.name!r}: {_count(len(self.tests), 'test')} on "
            f"{_count(len(self.loci), 'locus', 'loci')} ({listing(self.loci)}), "
            f"seed {self.plan.seed}",
            f"model {model.name}: {_count(len(kept.bins), 'bin')} of "
            f"{_count(len(kept.tracks), 'track')} kept{_of_heads(kept)}; activities: "
            f"{listing(self.plan.activities)}",
        ]
        lines += [f"test {test.label}: {_sentence(test)}" for test in self.tests]
        kinds = {test.kind for test in self.tests}
        about = "at least " if "at least" in kinds else "about " if "estimate" in kinds else ""
        lines.append(
            f"in all {about}{self.requested:,} sequences: {self.stored:,} stored in "
            f"{_shown(self.store)}, {self.to_predict:,} to predict"
        )
        return "\n".join([*lines, *self.notes])

    def __repr__(self) -> str:
        return str(self)


def look_ahead(
    plan: Plan,
    name: str,
    store: Place,
    index: str | None,
    read_from: SequenceOf[NamedPlace] = (),
) -> PlannedRun:
    """Count the sequences that the tests of a plan ask for, and those that the store has.

    Parameters
    ----------
    plan : Plan
    name : str
        The experiment's.
    store : Place
    index : str, optional
        URL of the store's index.
    read_from : sequence of (Place, str or None)
        Stores that are read first; see `creme.store.others`.

    Raises
    ------
    StoreError
        If the directory is there and is not a store.
    """
    with opened_for_reading(store, index, read_from) as (opened, others):
        stored = StoredPredictions(opened, plan.model, plan.selection, others)
        seen: set[bytes] = set()
        tests = tuple(_count_test(plan, label, stored, seen) for label in plan.tests)
        notes = plan.bound.about(plan.loci)
        notes.extend(f"{sentence}." for sentence in about_spread(plan))
        if any(test.kind == "at least" for test in tests):
            notes.append(
                "A test marked 'at least' decides by the answers what to ask next: it is counted "
                "as far as the store has the answers."
            )
        if any(test.kind == "estimate" for test in tests):
            notes.append(
                f"A test of more than {COUNTED:,} sequences is judged by a part of its loci."
            )
        narrower = [] if opened is None else narrower_sources(opened, plan.model, plan.selection)
        if narrower:
            total = (
                None
                if any(test.kind == "at least" for test in tests)
                else sum(test.requested for test in tests)
            )
            notes.append(about_narrower(narrower, plan.selection, total))
    return PlannedRun(name, plan, tests, store, tuple(notes))


@contextmanager
def opened_for_reading(
    place: Place, index: str | None, read_from: SequenceOf[NamedPlace]
) -> Iterator[tuple[Store | None, tuple[Store, ...]]]:
    """The store, or None if there is none yet (it is not created); and the stores of others."""
    if place.is_there():
        with open_store(place, index_url=index, read_from=read_from) as store:
            yield store, store.others
        return
    with ExitStack() as opened:
        others = read_others(read_from, place)
        for other in others:
            opened.callback(other.close)
        yield None, others


def _shown(store: Place) -> Path | Place:
    """A store in a sentence: below the current directory, without that."""
    here = Path.cwd()
    if isinstance(store, LocalPlace) and store.path.is_relative_to(here):
        return store.path.relative_to(here)
    return store


def _count_test(plan: Plan, label: str, stored: StoredPredictions, seen: set[bytes]) -> PlannedTest:
    """Count a test's sequences; `seen` are those of the tests before, and takes up its own."""
    test = plan.tests[label]
    units = list(test.units(plan.loci))
    sizes = [test.size(unit) for unit in units]
    of_loci = all(isinstance(unit, Locus) for unit in units)
    declared = sum(size for size in sizes if size is not None)
    step = max(1, math.ceil(declared / COUNTED))
    made = new = in_store = 0

    def take(digests: list[bytes], values: Mapping[bytes, object]) -> None:
        nonlocal made, new, in_store, seen
        fresh = set(digests) - seen
        seen |= fresh
        made += len(digests)
        new += len(fresh)
        in_store += len(fresh & values.keys())

    whole = True
    for unit, size in list(zip(units, sizes, strict=True))[::step]:
        whole &= _replay(plan, test, unit, stored, take, decides=size is None)
        if made > 2 * COUNTED:  # of a test that cannot say beforehand how much it asks for
            whole = False
            break
    if step == 1:
        kind = "exact" if whole else "at least"
        return PlannedTest(label, len(units), of_loci, made, made - new, in_store, kind)
    share = declared / max(1, made)
    repeated, in_store = round((made - new) * share), round(in_store * share)
    return PlannedTest(label, len(units), of_loci, declared, repeated, in_store, "estimate")


def _replay(
    plan: Plan,
    test: Test,
    unit: Any,
    stored: StoredPredictions,
    take: Callable[[list[bytes], Mapping[bytes, object]], None],
    *,
    decides: bool,
) -> bool:
    """Ask a test for its sequences; returns whether they are all.

    A test that `decides` by the answers what to ask next ends after the first request whose answers
    are not all stored. For others what is missing is answered by ones: what they ask for does not
    depend on it.

    Parameters
    ----------
    take : callable
        Called with the digests of a part of a request, and the values of those that are stored.
    """
    readout = plan.bound.of(unit)
    steps = test.run(unit)
    answer: Any = None
    ones = np.ones(plan.selection.shape, dtype=np.float32)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of arithmetic with ones
            while True:
                request = steps.send(answer)
                sequences = request.sequences if isinstance(request, Profiles) else request
                rows, missing = [], False
                for part in _parts(sequences):
                    digests = [sequence.digest for sequence in part]
                    values = stored.read(digests)
                    take(digests, values)
                    missing |= len(values) < len(set(digests))
                    rows += [values[one][0] if one in values else ones for one in digests]
                if decides and missing:
                    return False
                kept = np.array(rows, dtype=np.float32).reshape(-1, *plan.selection.shape)
                profiles = isinstance(request, Profiles)
                answer = plan.selection.values(kept) if profiles else readout(kept)
    except StopIteration:
        return True
    except Exception:  # this locus fails in the run as well, or its test does not bear ones
        return True
    finally:
        steps.close()


def _parts(sequences: Iterable[Sequenceable]) -> Iterator[list[Sequenceable]]:
    """A request in parts that are looked up at once."""
    rest = iter(sequences)
    while part := list(islice(rest, LOOK_UP)):
        yield part


def _sentence(test: PlannedTest) -> str:
    about = {"exact": "", "estimate": "about ", "at least": "at least "}[test.kind]
    repeated = f"{test.repeated:,} repeated, " if test.repeated else ""
    units = _count(test.units, "locus", "loci") if test.of_loci else _count(test.units, "unit")
    return (
        f"{about}{test.requested:,} sequences of {units}: {repeated}"
        f"{test.stored:,} stored, {test.to_predict:,} to predict"
    )


def _of_heads(kept: Selection) -> str:
    """A clause on the further heads that are kept."""
    return "".join(
        f", of head {name!r} {_count(len(its.bins), 'bin')} of {_count(len(its.tracks), 'track')}"
        for name, its in kept.heads
    )


def _count(number: int, one: str, several: str = "") -> str:
    return f"{number:,} {one if number == 1 else several or one + 's'}"
