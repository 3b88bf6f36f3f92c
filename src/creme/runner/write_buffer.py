"""The scheduler's view of the store: sources of one model, read, and one written in small groups.

A source is a model with the bins and tracks that are kept of its output. What a source with more
of them holds answers a narrower one, of which it has every value.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Sequence as SequenceOf
from time import monotonic
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from creme.model import Model, Selection
from creme.runner.same_model import SameModel
from creme.runner.sources import NarrowerSource as NarrowerSource
from creme.runner.sources import contains, places, sources_of
from creme.runner.sources import narrower_sources as narrower_sources
from creme.runner.sources import recorded_selection as recorded_selection
from creme.runner.sources import source_description as source_description
from creme.runner.sources import source_fingerprint as source_fingerprint
from creme.store import Source, Store

ROUNDING_NOTE = (
    "predictions_from counts predictions that were read from sources of the same model with more "
    "bins or tracks; where a model computes only the bins and tracks that are selected, these and "
    "predictions of this selection alone agree to rounding"
)
"""Stands in the attributes of results beside ``predictions_from``."""

OTHERS_NOTE = (
    "predictions_from with a store counts predictions that were read from a store of others, which "
    "may have been made on another machine; values of one network on two machines agree to rounding"
)
"""The same where there are such."""

NO_CHUNK = 0
"""Instead of a chunk's number: the prediction is in a store that is not written to."""


class _ReadSource:
    """A source with all bins and tracks of a selection, and where these stand in its rows."""

    def __init__(self, store: Store, source: Source, its: Selection, selection: Selection) -> None:
        self.store = store
        self.source = source
        self.exact = its == selection
        self.answered = 0
        """Predictions that were read from it."""
        self._places = places(its, selection)

    def part(self, row: NDArray[np.float32]) -> NDArray[np.float32]:
        """The selection's part of a row, (bins, tracks); a copy where it is not all of it."""
        return row if self.exact else row[self._places]


class StoredPredictions:
    """Reads predictions of a model and a selection, without registering or writing anything.

    Predictions of the selection itself come first, those in stores of others before the store's
    own; what these lack is looked for in the sources of the same model with more bins or tracks,
    as they are registered when this is made, and last in those of an ensemble's members, if all of
    them have it.

    Parameters
    ----------
    store : Store, optional
        None where there is none yet.
    model : Model
    selection : Selection
    others : sequence of Store, optional
        Read before it; those of the store unless given.
    """

    def __init__(
        self,
        store: Store | None,
        model: Model,
        selection: Selection,
        others: SequenceOf[Store] | None = None,
    ) -> None:
        self.store = store
        if others is None:
            others = () if store is None else store.others
        self.others = tuple(others)
        self.own: Source | None = None
        self._members = [
            StoredPredictions(store, one, selection, self.others) for one in model.members
        ]
        self.means = 0
        """Predictions that were made of those of an ensemble's members."""
        self._before: list[_ReadSource] = []
        self._wider: list[_ReadSource] = []
        for each in (*self.others, *(() if store is None else (store,))):
            for source, its in sources_of(each, model):
                if its == selection and each is store:
                    self.own = source
                elif contains(its, selection):
                    one = _ReadSource(each, source, its, selection)
                    (self._before if one.exact else self._wider).append(one)
        # The smallest rows are the cheapest to read.
        self._wider.sort(key=lambda one: (np.prod(one.source.shape), one.store is store))

    def read(self, digests: SequenceOf[bytes]) -> dict[bytes, tuple[NDArray[np.float32], int]]:
        """Kept values, (bins, tracks), of the sequences that are stored, and numbers of chunks.

        The number is `NO_CHUNK` in stores of others.
        """
        rows: dict[bytes, tuple[NDArray[np.float32], int]] = {}
        for one in self._before:
            self._look_up(one, digests, rows)
        if self.own is not None and self.store is not None:
            missing = [digest for digest in digests if digest not in rows] if rows else digests
            stored = self.store.lookup(self.own, missing)
            rows = {**rows, **stored} if rows else stored
        for one in self._wider:
            self._look_up(one, digests, rows)
        if self._members and (missing := [digest for digest in digests if digest not in rows]):
            rows.update(self._means(missing))
        return rows

    def _means(self, digests: SequenceOf[bytes]) -> dict[bytes, tuple[NDArray[np.float32], int]]:
        """Means over an ensemble's members, of the sequences that all of them have."""
        first, *others = self._members
        rows = first.read(digests)
        totals = {digest: row.astype(np.float64) for digest, (row, _) in rows.items()}
        for member in others:
            its = member.read(list(totals))
            totals = {digest: totals[digest] + row for digest, (row, _) in its.items()}
        self.means += len(totals)
        number = len(self._members)
        return {
            digest: ((total / number).astype(np.float32), rows[digest][1])
            for digest, total in totals.items()
        }

    def _look_up(
        self,
        one: _ReadSource,
        digests: SequenceOf[bytes],
        rows: dict[bytes, tuple[NDArray[np.float32], int]],
    ) -> None:
        """Add what a source has of that which is missing."""
        missing = [digest for digest in digests if digest not in rows]
        matches = one.store.lookup(one.source, missing) if missing else {}
        one.answered += len(matches)
        for digest, (row, chunk) in matches.items():
            rows[digest] = one.part(row), chunk if one.store is self.store else NO_CHUNK

    def read_from(self) -> list[dict[str, Any]]:
        """How many predictions were read from each wider source: bins, tracks, predictions.

        And from each source in a store of others, with the path of the ``store``.
        """
        return [
            {
                **({} if one.store is self.store else {"store": str(one.store.place)}),
                "bins": one.source.shape[0],
                "tracks": one.source.shape[1],
                "predictions": one.answered,
            }
            for one in (*self._before, *self._wider)
            if one.answered
        ]

    def hold_any(self) -> bool:
        """Whether stores of others have predictions of the selection itself."""
        return any(one.store.holds_any(one.source) for one in self._before)

    def close(self) -> None:
        """Close the stores."""
        for store in (*self.others, *(() if self.store is None else (self.store,))):
            store.close()


class Answer(NamedTuple):
    """A prediction that need not be made.

    Attributes
    ----------
    values : array of float32, shape (bins, tracks)
    fresh : bool
        Whether this run made it.
    of_others : bool
        Whether it comes from a store that is read and not written.
    """

    values: NDArray[np.float32]
    fresh: bool
    of_others: bool = False


class WriteBuffer:
    """Reads and writes one source, holding small writes back for a moment.

    A chunk costs milliseconds and a file however few rows it has, so the rows of fast batches are
    gathered for up to a second: that, and the batch in flight, is what a kill costs.

    Parameters
    ----------
    store : Store
    model : Model
    selection : Selection
        What is kept of the model's output; it is registered as a source.

    Attributes
    ----------
    same_model : SameModel
        Whether the model is the one of what is stored; until that is known nothing is added.
    """

    def __init__(self, store: Store, model: Model, selection: Selection) -> None:
        self.store = store
        self.source = store.source(
            source_fingerprint(model, selection),
            selection.shape,
            source_description(model, selection),
        )
        self._stored = StoredPredictions(store, model, selection)
        self._stored.own = self.source
        stored = self._stored
        self.same_model = SameModel(
            store,
            self.source,
            lambda: bool(stored.read_from() or stored.means),
            others_hold=stored.hold_any(),
        )
        self._recorded = set(self.compared())
        self._environments_recorded = 0
        self._written = _Numbers()
        self._held: dict[bytes, NDArray[np.float32]] = {}
        self._stored_at = monotonic()

    def read(self, digests: SequenceOf[bytes]) -> dict[bytes, Answer]:
        """The predictions of those sequences that have them.

        This run, which makes `fresh` ones, is all that went through this object.
        """
        held = {
            digest: Answer(self._held[digest], True) for digest in digests if digest in self._held
        }
        rest = [digest for digest in digests if digest not in held] if held else digests
        stored = self._stored.read(rest)
        if not stored:
            return held
        chunks = {chunk for _, chunk in stored.values()}
        fresh = {chunk for chunk in chunks if chunk in self._written}
        rows = {
            digest: Answer(values, chunk in fresh, chunk == NO_CHUNK)
            for digest, (values, chunk) in stored.items()
        }
        return {**held, **rows} if held else rows

    def read_from(self) -> dict[str, str]:
        """Attributes of results: what was read from wider sources, and from stores of others."""
        sources, means = self._stored.read_from(), self._stored.means
        attributes = {"predictions_of_members": str(means)} if means else {}
        if sources:
            others = ["store" in each for each in sources]
            notes = ([] if all(others) else [ROUNDING_NOTE]) + (
                [OTHERS_NOTE] if any(others) else []
            )
            attributes["predictions_from"] = json.dumps(sources)
            attributes["predictions_note"] = "; ".join(notes)
        return attributes

    def write(self, digests: SequenceOf[bytes], values: NDArray[np.float32]) -> None:
        """Take predictions; they are stored now or with the next ones, within a second."""
        self._held.update(zip(digests, values, strict=True))
        if self._waits():
            return
        while len(self._held) >= self.source.chunk_rows:
            self._store(list(self._held)[: self.source.chunk_rows])
        # Batches of a slow model are not held at all.
        if monotonic() - self._stored_at > 1.0:
            self.flush()

    def compared(self) -> dict[int, float]:
        """Sizes of batches whose difference is recorded; see `creme.inference.device.Device`."""
        return self.store.batches(self.source)

    def record(self, differences: dict[int, float]) -> None:
        """Keep differences with the model, by size of batch: those that are new."""
        for size in differences.keys() - self._recorded:
            self.store.record_batch(self.source, size, differences[size])
        self._recorded |= differences.keys()

    def record_environments(self, environments: SequenceOf[dict[str, Any]]) -> None:
        """Keep with the source the devices and versions that predict; those before are kept."""
        for environment in environments[self._environments_recorded :]:
            self.store.environments.record(self.source, environment)
        self._environments_recorded = len(environments)

    def flush(self) -> None:
        """Store what is held back, unless stored predictions have to be compared before."""
        if self._held and not self._waits():
            self._store(list(self._held))

    def end(self) -> None:
        """Store what is held back at a run's end; not that of a model that was refused."""
        if self.same_model.refusal is not None:
            self._held.clear()
        elif self._held:
            self._store(list(self._held))

    def _waits(self) -> bool:
        bins, tracks = self.source.shape
        return self.same_model.waits(4 * bins * tracks * len(self._held))

    def _store(self, digests: list[bytes]) -> None:
        values = np.stack([self._held[each] for each in digests])
        for chunk in self.store.write(self.source, digests, values):
            self._written.add(chunk)
        for each in digests:
            del self._held[each]
        self._stored_at = monotonic()


class _Numbers:
    """A set of numbers, kept as ranges: those of a store's only writer are consecutive."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []

    def add(self, number: int) -> None:
        place = bisect_right(self._starts, number)
        if place and self._ends[place - 1] == number:
            self._ends[place - 1] += 1
        else:
            self._starts.insert(place, number)
            self._ends.insert(place, number + 1)

    def __contains__(self, number: int) -> bool:
        place = bisect_right(self._starts, number)
        return place > 0 and number < self._ends[place - 1]
