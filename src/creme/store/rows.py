"""All predictions of a source, chunk by chunk: for what goes through a whole store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from creme.store.arrays import Source
from creme.store.packed import read_chunks
from creme.store.reader import checksum
from creme.store.schema import chunks, find_chunks, packed, predictions
from creme.store.tags import fits, seed_of

if TYPE_CHECKING:
    from creme.store.store import Store

_ROWS_A_SCAN = 200_000
"""Rows of the chunks whose lines are gathered at once: the lines are not in the order of chunks."""

_CHUNKS_A_STEP = 200


@dataclass(frozen=True)
class Rows:
    """Predictions of a source that lie together.

    Attributes
    ----------
    digests : list of bytes
    values : array of float32, shape (len(digests), bins, tracks)
    skipped : int
        Lines beside them that are damaged, or whose chunk is.
    origin : str, optional
        The experiment that they were predicted for.
    """

    digests: list[bytes]
    values: NDArray[np.float32]
    skipped: int = 0
    origin: str | None = None


def all_rows(store: Store, source: Source) -> Iterator[Rows]:
    """The predictions of a source that can be believed, in the order in which they were stored.

    Nothing is taken out of the index: `Store.lookup` and `verify` do so.

    Raises
    ------
    StoreError
        If something cannot be read now, though it may be whole.
    """
    for first, last in _ranges(store, source):
        lines: dict[int, list[tuple[bytes, int, int | None]]] = {}
        for digest, chunk_id, row, tag in store.index.read(
            lambda connection: connection.execute(
                _lines(store, source, first, last)  # noqa: B023
            ).all()
        ):
            lines.setdefault(chunk_id, []).append((bytes(digest), row, tag))
        numbers = sorted(lines)
        for start in range(0, len(numbers), _CHUNKS_A_STEP):
            part = numbers[start : start + _CHUNKS_A_STEP]
            yield from _rows(store, source, {number: lines[number] for number in part})


def _rows(
    store: Store, source: Source, lines: dict[int, list[tuple[bytes, int, int | None]]]
) -> Iterator[Rows]:
    """The predictions of some chunks, those of one experiment together."""
    packs = store.schema_version > 2
    places = store.index.read(lambda connection: find_chunks(connection, lines, packs=packs))
    whole = [chunk for chunk in places.values() if chunk.rows is not None]
    origins = _origins(store, lines)
    digests: dict[str | None, list[bytes]] = {}
    values: dict[str | None, list[NDArray[np.float32]]] = {}
    for chunk, rows in read_chunks(store.arrays, source, whole):
        if rows is None or chunk.checksum is None or checksum(rows) != chunk.checksum:
            continue
        seed = seed_of(source.fingerprint, chunk.id, chunk.checksum)
        believed = [
            (row, digest)
            for digest, row, tag in lines[chunk.id]
            if fits(seed, len(rows), digest, row, tag)
        ]
        believed.sort()
        origin = origins.get(chunk.id)
        digests.setdefault(origin, []).extend(digest for _, digest in believed)
        values.setdefault(origin, []).append(rows[[row for row, _ in believed]])
    skipped = sum(map(len, lines.values())) - sum(map(len, digests.values()))
    yield Rows([], np.empty((0, *source.shape), dtype=np.float32), skipped)
    for origin, those in digests.items():
        yield Rows(those, np.concatenate(values[origin]), 0, origin)


def _origins(store: Store, ids: Iterable[int]) -> dict[int, str]:
    """The experiments that chunks were written for, where it is recorded."""
    if store.schema_version < 3:
        return {}
    numbers = list(ids)

    def find(connection: sa.Connection) -> dict[int, str]:
        origins: dict[int, str] = {}
        for table in (chunks, packed):
            query = sa.select(table.c.id, table.c.origin).where(
                table.c.id.in_(numbers), table.c.origin.is_not(None)
            )
            for number, origin in connection.execute(query):
                origins[number] = origin
        return origins

    return store.index.read(find)


def _ranges(store: Store, source: Source) -> Iterator[tuple[int, int]]:
    """Ranges of chunks' numbers with so many rows that their lines fit into memory."""
    query = sa.union(
        *(
            sa.select(table.c.id, table.c.rows).where(
                table.c.source_id == source.id, table.c.rows.is_not(None)
            )
            for table in store.chunk_tables
        )
    ).order_by("id")
    first, rows, last = None, 0, 0
    for number, n in store.index.read(lambda connection: connection.execute(query).all()):
        first = number if first is None else first
        rows, last = rows + n, number
        if rows >= _ROWS_A_SCAN:
            yield first, last
            first, rows = None, 0
    if first is not None:
        yield first, last


def _lines(store: Store, source: Source, first: int, last: int) -> sa.Select:
    table = predictions.c
    tag = table.tag if store.schema_version > 2 else sa.null()
    return sa.select(table.digest, table.chunk_id, table.row, tag).where(
        table.source_id == source.id, table.chunk_id.between(first, last)
    )
