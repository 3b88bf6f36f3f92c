"""The predictions of several stores in one, as of the shards of a job array.

What is there already stays. Where two stores have different values for one sequence, the difference
is held against what is known of the model: on one machine, with the same versions, it may be four
times the recorded difference between batches, or 1e-5 of the largest value if that is more; between
machines 1e-2. Whatever is larger is a conflict: two networks bear one fingerprint.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from creme.rounding import UNLIKE, allowed_difference, relative_difference
from creme.store.arrays import Source
from creme.store.rows import Rows, all_rows

if TYPE_CHECKING:
    from creme.store.store import Store

NAMED = 20
"""Conflicts of a source whose sequences are named."""


@dataclass
class MergedSource:
    """The outcome of a merge for a source of a store.

    Attributes
    ----------
    source : Source
        As the store into which it was merged has it.
    added : int
        Predictions.
    same : int
        Those that were there, with the same bits.
    rounded : int
        Those that were there, with another value within what is allowed.
    conflicts : int
        Those that were there, with another value beyond it. The one that was there stays.
    damaged : int
        Those that cannot be read, and are not in it.
    allowed : float
        The difference that is allowed, as a share of a prediction's largest value.
    one_machine : bool
        Whether both are known to be of the same device and versions.
    largest : float
        The largest difference.
    digests : list of bytes
        Sequences of conflicts, `NAMED` at most.
    """

    source: Source
    allowed: float
    one_machine: bool
    added: int = 0
    same: int = 0
    rounded: int = 0
    conflicts: int = 0
    damaged: int = 0
    largest: float = 0.0
    digests: list[bytes] = field(default_factory=list)


def merge(
    into: Store,
    store: Store,
    *,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> list[MergedSource]:
    """Add the predictions of a store to another one.

    It may be killed and begun again: what was added is there then, and equal.

    Parameters
    ----------
    into : Store
        What it has stays as it is.
    store : Store
        It is read only.
    progress : callable
        Called with the predictions that were gone through, and with their number.

    Returns
    -------
    list of MergedSource

    Raises
    ------
    StoreError
        If one of them cannot be read or written now, or they have one fingerprint for rows of
        different shapes; what was added stays.
    """
    sources = store.sources()
    of = sum(store.count(source) for source in sources)
    done = 0
    merged = []
    for source in sources:
        target = into.source(source.fingerprint, source.shape, source.description)
        outcome = MergedSource(target, *_allowed(into, target, store, source))
        merged.append(outcome)
        for environment in store.environments.of(source):
            into.environments.record(target, environment)
        for size, difference in store.batches(source).items():
            into.record_batch(target, size, difference)
        waiting = Rows([], np.empty((0, *source.shape), np.float32))
        for rows in all_rows(store, source):
            done += len(rows.digests) + rows.skipped
            outcome.damaged += rows.skipped
            if not rows.digests:
                continue
            if rows.origin != waiting.origin:
                _write(into, target, waiting)
                waiting = Rows([], waiting.values[:0])
            waiting = _together(waiting, _new(into, target, rows, outcome))
            # Whole chunks; the rest goes with the next ones.
            whole = len(waiting.digests) // target.chunk_rows * target.chunk_rows
            _write(into, target, _part(waiting, slice(whole)))
            waiting = _part(waiting, slice(whole, None))
            progress(done, of)
        _write(into, target, waiting)
    progress(of, of)
    return merged


def _allowed(into: Store, target: Source, store: Store, source: Source) -> tuple[float, bool]:
    """The difference that is allowed, and whether both are of one machine."""
    batches = [*into.batches(target).values(), *store.batches(source).values()]
    allowed = allowed_difference(batches)
    recorded = [into.environments.of(target), store.environments.of(source)]
    environments = [each for one in recorded for each in one]
    one_machine = all(recorded) and all(each == environments[0] for each in environments)
    return (allowed if one_machine else max(UNLIKE, allowed)), one_machine


def _new(into: Store, target: Source, rows: Rows, outcome: MergedSource) -> Rows:
    """Those that are not there; the others are compared."""
    there = into.read(target, rows.digests)
    new = []
    for place, digest in enumerate(rows.digests):
        if digest not in there:
            new.append(place)
            continue
        other = there[digest]
        if np.array_equal(other, rows.values[place]):
            outcome.same += 1
            continue
        difference = relative_difference(rows.values[place], other)
        outcome.largest = max(outcome.largest, difference)
        if difference <= outcome.allowed:
            outcome.rounded += 1
            continue
        outcome.conflicts += 1
        if len(outcome.digests) < NAMED:
            outcome.digests.append(digest)
    outcome.added += len(new)
    return Rows([rows.digests[place] for place in new], rows.values[new], 0, rows.origin)


def _together(one: Rows, other: Rows) -> Rows:
    values = np.concatenate([one.values, other.values])
    return Rows(one.digests + other.digests, values, 0, other.origin)


def _part(rows: Rows, places: slice) -> Rows:
    return Rows(rows.digests[places], rows.values[places], 0, rows.origin)


def _write(into: Store, target: Source, rows: Rows) -> None:
    into.write(target, rows.digests, rows.values, origin=rows.origin)


def conflicting(merged: SequenceOf[MergedSource]) -> int:
    """Conflicts of all sources."""
    return sum(each.conflicts for each in merged)
