"""Predictions that nobody needs any more are taken out of a store: of a model, of long ago, of an
experiment. They are chosen by whole chunks, so that their files go as well."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from creme.errors import StoreError, listing
from creme.store.arrays import Source
from creme.store.compact import GRACE, sweep
from creme.store.packed import Shards, groups, retire_shards, written
from creme.store.schema import chunks, packed, predictions

if TYPE_CHECKING:
    from creme.store.store import Store

_PARTS = 64
"""Transactions in which the lines of a source are deleted, for which other writers wait."""

_CHUNKS_A_STEP = 500


@dataclass(frozen=True)
class Choice:
    """The predictions to prune: those of which all that is given holds.

    Attributes
    ----------
    model : str, optional
        A model's name, or how its source's fingerprint begins.
    before : float, optional
        Stored before this moment, in seconds since 1970.
    experiment : str, optional
        Name of the experiment that they were predicted for; others may have used them since.
    """

    model: str | None = None
    before: float | None = None
    experiment: str | None = None


@dataclass
class PrunedSource:
    """The part of a source that is chosen, or was pruned.

    Attributes
    ----------
    source : Source
    predictions : int
    chunks : int
    undated : int
        Chunks that stay since it is not known when they were written.
    """

    source: Source
    predictions: int
    chunks: int
    undated: int


def prune(
    store: Store,
    choice: Choice,
    *,
    delete: bool = False,
    grace: float = GRACE,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> list[PrunedSource]:
    """Say what of a store is chosen, and delete it if that is wanted.

    It may be killed and begun again. A run that uses the predictions meanwhile makes them again.

    Parameters
    ----------
    store : Store
    choice : Choice
    delete : bool
        Otherwise nothing is changed.
    grace : float
        Seconds for which their files stay; a compaction deletes them after it.
    progress : callable
        Called with the parts that are done, and their number.

    Raises
    ------
    StoreError
        If nothing is chosen, no source has such a model, or the store cannot be written now.
    """
    if choice == Choice():
        raise StoreError("say what to prune: a model, an age or an experiment")
    sources = sources_of_model(store, choice.model)
    if choice.before is not None:
        for source in sources:
            _date(store, source)
    outcomes = [_chosen(store, source, choice) for source in sources]
    outcomes = [outcome for outcome in outcomes if outcome.chunks or outcome.undated]
    if delete:
        due = [outcome.source for outcome in outcomes if outcome.chunks]
        last = store.index.read(_last_chunk)
        for place, source in enumerate(due):
            for part in _delete(store, source, choice, last):
                progress(place * _PARTS + part, len(due) * _PARTS)
        sweep(store, grace, progress)
    return outcomes


def sources_of_model(store: Store, model: str | None) -> list[Source]:
    """The sources of a model by its name, or by how its fingerprint begins; all for None.

    Raises
    ------
    StoreError
        If there is none.
    """
    sources = store.sources()
    if model is None:
        return sources
    chosen = [source for source in sources if source.description.get("model") == model]
    chosen = chosen or [source for source in sources if source.fingerprint.startswith(model)]
    if not chosen:
        there = (
            f"{each.description.get('model', '?')} {each.fingerprint[:12]}" for each in sources
        )
        raise StoreError(
            f"store {store.place} has nothing of a model {model!r}: it has {listing(there)}; give "
            f"a name, or how a fingerprint begins"
        )
    return chosen


def _where(table: sa.Table, source: Source, choice: Choice, last: int) -> list[sa.ColumnElement]:
    """The conditions on a chunk of either table."""
    conditions = [
        table.c.source_id == source.id,
        table.c.rows.is_not(None),
        table.c.retired.is_(None),
        table.c.id <= last,
    ]
    if choice.before is not None:
        conditions.append(table.c.written < int(choice.before))
    if choice.experiment is not None:
        conditions.append(table.c.origin == choice.experiment)
    return conditions


def _numbers(source: Source, choice: Choice, last: int) -> sa.Select:
    parts = (
        sa.select(table.c.id).where(*_where(table, source, choice, last))
        for table in (chunks, packed)
    )
    return sa.select(sa.union(*parts).subquery().c.id)


def _last_chunk(connection: sa.Connection) -> int:
    """The highest number by now: what is written meanwhile stays."""
    highest = [connection.scalar(sa.select(sa.func.max(t.c.id))) or 0 for t in (chunks, packed)]
    return int(max(highest))


def _chosen(store: Store, source: Source, choice: Choice) -> PrunedSource:
    def count(connection: sa.Connection) -> PrunedSource:
        numbers = _numbers(source, choice, _last_chunk(connection))
        lines = sa.select(sa.func.count()).where(
            predictions.c.source_id == source.id, predictions.c.chunk_id.in_(numbers)
        )
        n_chunks = sa.select(sa.func.count()).select_from(numbers.subquery())
        undated = 0
        if choice.before is not None:
            for table in (chunks, packed):
                query = sa.select(sa.func.count()).where(
                    table.c.source_id == source.id,
                    table.c.rows.is_not(None),
                    table.c.retired.is_(None),
                    table.c.written.is_(None),
                )
                undated += connection.scalar(query) or 0
        return PrunedSource(
            source,
            int(connection.scalar(lines) or 0),
            int(connection.scalar(n_chunks) or 0),
            undated,
        )

    return store.index.read(count)


def _delete(store: Store, source: Source, choice: Choice, last: int) -> Iterator[int]:
    """Delete the lines in parts, by how their digests begin, and then the chunks."""
    step = 256 // _PARTS
    for part in range(_PARTS):
        conditions = [
            predictions.c.source_id == source.id,
            predictions.c.digest >= bytes([part * step]),
            predictions.c.chunk_id.in_(_numbers(source, choice, last)),
        ]
        if part + 1 < _PARTS:
            conditions.append(predictions.c.digest < bytes([(part + 1) * step]))
        lines = predictions.delete().where(*conditions)
        store.index.write(lambda connection: connection.execute(lines))  # noqa: B023
        yield part + 1

    def retire(connection: sa.Connection) -> None:
        shards = Shards(store.arrays, source)
        where = _where(packed, source, choice, last)
        places = connection.scalars(sa.select(packed.c.place).where(*where)).all()
        copied = sa.select(packed.c.id).where(*where)
        # Their old files may still be there.
        now = int(time.time())
        connection.execute(
            chunks.update().where(*_where(chunks, source, choice, last)).values(retired=now)
        )
        connection.execute(packed.delete().where(packed.c.id.in_(copied)))
        retire_shards(connection, shards, {place // shards.rows for place in places})

    store.index.write(retire)


def _date(store: Store, source: Source) -> None:
    """Date the chunks that a version before dates has written, by their files."""
    query = sa.select(chunks.c.id).where(
        chunks.c.source_id == source.id,
        chunks.c.rows.is_not(None),
        chunks.c.retired.is_(None),
        chunks.c.written.is_(None),
    )
    undated = store.index.read(lambda connection: connection.scalars(query).all())
    for group in groups(undated, _CHUNKS_A_STEP):
        dates = [
            {"of": number, "date": date}
            for number in group
            if (date := written(store.arrays, source, number)) is not None
        ]
        if dates:
            update = (
                chunks.update()
                .where(chunks.c.id == sa.bindparam("of"))
                .values(written=sa.bindparam("date"))
            )
            store.index.write(lambda connection: connection.execute(update, dates))  # noqa: B023
