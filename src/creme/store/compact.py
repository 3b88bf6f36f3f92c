"""Few large files of many small ones.

A run of a fast model writes a chunk a second, of a few rows each, in a file and two folders of its
own. Compaction copies the values of such chunks into shards. A chunk keeps its number and checksum,
so the lines of its predictions stay; whoever reads meanwhile finds the values in their old place
until that is deleted, after a grace period, and in the new one from then on.

Nothing is lost when it is killed: a shard counts when the index says that chunks lie in it, in one
transaction after it is durable. One of a compaction that was killed is deleted by the next one.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import sqlalchemy as sa

from creme.errors import CremeError, CremeWarning
from creme.files.durable import InUseError
from creme.store.arrays import Source
from creme.store.packed import (
    Shards,
    chunks_of_shard,
    forget_shard,
    groups,
    new_shard,
    read_chunks,
    retire_shards,
    retired_shards,
    rows_of_shards,
    written,
)
from creme.store.reader import checksum
from creme.store.schema import Chunk, chunks, find_chunks, packed

if TYPE_CHECKING:
    from creme.store.store import Store

GRACE = 600.0
"""Seconds for which the old files stay, for those who looked their chunks up before."""

LOCK = ".compact.lock"

FEW = 16
"""Chunks in files of their own that a run's end leaves alone."""

_CHUNKS_A_STEP = 200


@dataclass
class Compaction:
    """The outcome of a compaction.

    Attributes
    ----------
    chunks : int
        Chunks whose values were copied.
    rows : int
    shards : int
        Files that were written.
    removed : int
        Chunks and shards whose old files were deleted.
    waiting : int
        Those whose grace period is not over: a later compaction deletes them.
    finished : bool
        False if the time was over before.
    """

    chunks: int = 0
    rows: int = 0
    shards: int = 0
    removed: int = 0
    waiting: int = 0
    finished: bool = True


def compact(
    store: Store,
    *,
    seconds: float | None = None,
    grace: float = GRACE,
    few: int = 0,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> Compaction:
    """Copy the chunks that have files of their own into shards, and delete what was copied before.

    Shards that are not half full are written anew together with what comes, so that one at most
    remains of each source.

    Parameters
    ----------
    store : Store
    seconds : float, optional
        It ends after so many, and a shard: half of them for copies, half to delete old files.
    grace : float
        Seconds for which old files stay.
    few : int
        A source with fewer chunks in files of their own is left alone.
    progress : callable
        Called with the chunks that were copied, and their number; then the same of those whose old
        files are deleted.

    Raises
    ------
    InUseError
        If another process compacts the store.
    StoreError
        If the store cannot be read or written now; nothing is lost.
    """
    done = Compaction()
    with _held(store):
        end = _half(seconds)
        work = [(source, _small(store, source)) for source in _worth(store, few)]
        work = [(source, ids) for source, ids in work if len(ids) > 1]
        of = sum(len(ids) for _, ids in work)
        for source, ids in work:
            for _ in _compact_source(store, source, ids, done):
                progress(min(done.chunks, of), of)
                if time.monotonic() > end:
                    done.finished = False
                    break
        _sweep(store, done, grace, _half(seconds), progress, thorough=not few)
    return done


def _held(store: Store) -> AbstractContextManager[None]:
    return store.place.held(LOCK, f"store {store.place} is being compacted", store.index)


def _half(seconds: float | None) -> float:
    """When half of a time from now on is over."""
    return float("inf") if seconds is None else time.monotonic() + seconds / 2


def compact_at_the_end(store: Store, seconds: float = 10.0) -> None:
    """Compact the many files of a run as it ends, for some seconds.

    Warns
    -----
    CremeWarning
        If it cannot be done now, as on a full disk; the run is none the worse.
    """
    try:
        compact(store, seconds=seconds, few=FEW)
    except InUseError:  # another process does it
        return
    except CremeError as error:
        warnings.warn(f"the store was not compacted: {error}", CremeWarning, stacklevel=2)


def sweep(
    store: Store,
    grace: float = GRACE,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> Compaction:
    """Delete the files whose grace period is over, unless a compaction is doing so."""
    done = Compaction()
    with suppress(InUseError), _held(store):
        _sweep(store, done, grace, float("inf"), progress, thorough=True)
    return done


def _worth(store: Store, few: int) -> list[Source]:
    """The sources with more than a few chunks in files of their own; all for 0."""
    if not few:
        return store.sources()
    query = (
        sa.select(chunks.c.source_id)
        .where(chunks.c.rows.is_not(None), chunks.c.retired.is_(None))
        .group_by(chunks.c.source_id)
        .having(sa.func.count() > few)
    )
    ids = store.index.read(lambda connection: set(connection.scalars(query)))
    return [source for source in store.sources() if source.id in ids]


def _small(store: Store, source: Source) -> list[int]:
    """The chunks to be copied: those with files of their own, and those of half-empty shards."""
    shards = Shards(store.arrays, source)
    if shards.rows <= source.chunk_rows:  # a file is full as it is
        return []

    def numbers(connection: sa.Connection) -> list[int]:
        loose = sa.select(chunks.c.id).where(
            chunks.c.source_id == source.id,
            chunks.c.rows.is_not(None),
            chunks.c.retired.is_(None),
        )
        ids = list(connection.scalars(loose))
        used = rows_of_shards(connection, shards)
        half_empty = [shard for shard, rows in used.items() if 2 * rows < shards.rows]
        if ids or len(half_empty) > 1:
            for shard in half_empty:
                ids += chunks_of_shard(connection, shards, shard)
        return sorted(ids)

    return store.index.read(numbers)


def _compact_source(
    store: Store, source: Source, ids: list[int], done: Compaction
) -> Iterator[None]:
    """Copy chunks shard by shard; yields after each."""
    shards = Shards(store.arrays, source)
    waiting: list[Chunk] = []
    rows = 0
    for group in groups(ids, _CHUNKS_A_STEP):
        places = store.index.read(lambda connection: find_chunks(connection, group))  # noqa: B023
        for chunk in (places[number] for number in group if number in places):
            if chunk.rows is None:  # found damaged meanwhile
                continue
            if rows + chunk.rows > shards.rows:
                _copy(store, source, shards, waiting, done)
                yield
                waiting, rows = [], 0
            waiting.append(chunk)
            rows += chunk.rows
    if waiting:
        _copy(store, source, shards, waiting, done)
        yield


def _copy(
    store: Store, source: Source, shards: Shards, places: list[Chunk], done: Compaction
) -> None:
    """Copy chunks into a new shard, and say so in the index."""
    # What is damaged stays where it is: who reads it, or verifies the store, is told.
    values = {
        chunk.id: rows
        for chunk, rows in read_chunks(store.arrays, source, places)
        if rows is not None and checksum(rows) == chunk.checksum
    }
    whole = [chunk for chunk in places if chunk.id in values]
    if not whole:
        return
    shard = store.index.write(lambda connection: new_shard(connection, source))
    shards.write(shard, np.concatenate([values[chunk.id] for chunk in whole]))
    starts = np.cumsum([0, *(chunk.rows or 0 for chunk in whole)]) + shard * shards.rows
    to = {chunk.id: int(start) for chunk, start in zip(whole, starts[:-1], strict=True)}

    def commit(connection: sa.Connection) -> None:
        _from_own_files(connection, store, source, shards, [c for c in whole if not c.array], to)
        _from_shards(connection, shards, [c for c in whole if c.array], to)

    store.index.write(commit)
    done.chunks += len(whole)
    done.rows += sum(chunk.rows or 0 for chunk in whole)
    done.shards += 1


def _from_own_files(
    connection: sa.Connection,
    store: Store,
    source: Source,
    shards: Shards,
    moved: list[Chunk],
    to: dict[int, int],
) -> None:
    for group in groups((chunk.id for chunk in moved), _CHUNKS_A_STEP):
        # One that was found damaged, or pruned, in the meantime stays what it is.
        retire = (
            chunks.update()
            .where(chunks.c.id.in_(group), chunks.c.rows.is_not(None), chunks.c.retired.is_(None))
            .values(retired=int(time.time()))
            .returning(chunks)
        )
        lines = [
            {
                "id": line.id,
                "source_id": source.id,
                "array": shards.name,
                "place": to[line.id],
                "rows": line.rows,
                "checksum": line.checksum,
                "written": line.written or written(store.arrays, source, line.id),
                "origin": line.origin,
            }
            for line in connection.execute(retire)
        ]
        if lines:
            connection.execute(packed.insert(), lines)


def _from_shards(
    connection: sa.Connection, shards: Shards, moved: list[Chunk], to: dict[int, int]
) -> None:
    if not moved:
        return
    connection.execute(
        packed.update()
        .where(packed.c.id == sa.bindparam("of"), packed.c.place == sa.bindparam("was"))
        .values(place=sa.bindparam("to")),
        [{"of": chunk.id, "was": chunk.place, "to": to[chunk.id]} for chunk in moved],
    )
    retire_shards(connection, shards, {chunk.place // shards.rows for chunk in moved})


def _sweep(
    store: Store,
    done: Compaction,
    grace: float,
    end: float,
    progress: Callable[[int, int], None],
    *,
    thorough: bool,
) -> None:
    """Delete the files of chunks and shards from which the values were copied long enough ago.

    Those of compactions that were killed are looked for where it is `thorough`.
    """
    before = int(time.time() - grace)
    sources = {source.id: source for source in store.sources()}

    def count(condition: sa.ColumnElement[bool]) -> int:
        query = sa.select(sa.func.count()).where(condition)
        return store.index.read(lambda connection: int(connection.scalar(query) or 0))

    due = chunks.c.retired <= before
    of = count(due)
    query = sa.select(chunks.c.id, chunks.c.source_id).where(due).limit(_CHUNKS_A_STEP)
    while time.monotonic() < end:
        lines = store.index.read(lambda connection: connection.execute(query).all())
        if not lines:
            break
        # The files first: a line without files is found again, files without a line are not.
        for number, source_id in lines:
            with suppress(OSError):
                store.place.remove(store.arrays.folder(sources[source_id].fingerprint, number))
        ids = [number for number, _ in lines]
        gone = chunks.delete().where(chunks.c.id.in_(ids))
        store.index.write(lambda connection: connection.execute(gone))  # noqa: B023
        done.removed += len(ids)
        progress(min(done.removed, of), of)
    done.waiting = count(chunks.c.retired.is_not(None))
    for source in sources.values():
        _sweep_shards(store, Shards(store.arrays, source), done, grace, thorough=thorough)


def _sweep_shards(
    store: Store, shards: Shards, done: Compaction, grace: float, *, thorough: bool
) -> None:
    """Delete the shards that have no chunks: of old, or of a compaction that was killed."""
    since = store.index.read(lambda connection: retired_shards(connection, shards))
    ages = {shard: time.time() - then for shard, then in since.items()}
    if thorough:
        done.removed += shards.remove_cut_short(grace)
        there = shards.numbers()
        used = store.index.read(lambda connection: rows_of_shards(connection, shards))
        ages = {shard: shards.age(shard) for shard in there if shard not in used} | ages
    for shard, age in ages.items():
        if age < grace:
            done.waiting += 1
            continue
        shards.remove(shard)
        store.index.write(lambda connection: forget_shard(connection, shards, shard))  # noqa: B023
        done.removed += 1
