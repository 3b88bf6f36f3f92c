"""All predictions of a source, chunk by chunk: for what goes through a whole store."""

from __future__ import annotations

from collections.abc import Iterator
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
    """

    digests: list[bytes]
    values: NDArray[np.float32]
    skipped: int


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
            lambda connection: connection.execute(_lines(source, first, last)).all()  # noqa: B023
        ):
            lines.setdefault(chunk_id, []).append((bytes(digest), row, tag))
        numbers = sorted(lines)
        for start in range(0, len(numbers), _CHUNKS_A_STEP):
            part = numbers[start : start + _CHUNKS_A_STEP]
            yield _rows(store, source, {number: lines[number] for number in part})


def _rows(
    store: Store, source: Source, lines: dict[int, list[tuple[bytes, int, int | None]]]
) -> Rows:
    places = store.index.read(lambda connection: find_chunks(connection, lines))
    whole = [chunk for chunk in places.values() if chunk.rows is not None]
    digests: list[bytes] = []
    values: list[NDArray[np.float32]] = []
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
        digests += [digest for _, digest in believed]
        values.append(rows[[row for row, _ in believed]])
    empty = np.empty((0, *source.shape), dtype=np.float32)
    skipped = sum(map(len, lines.values())) - len(digests)
    return Rows(digests, np.concatenate([empty, *values]), skipped)


def _ranges(store: Store, source: Source) -> Iterator[tuple[int, int]]:
    """Ranges of chunks' numbers with so many rows that their lines fit into memory."""
    query = sa.union(
        *(
            sa.select(table.c.id, table.c.rows).where(
                table.c.source_id == source.id, table.c.rows.is_not(None)
            )
            for table in (chunks, packed)
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


def _lines(source: Source, first: int, last: int) -> sa.Select:
    table = predictions.c
    return sa.select(table.digest, table.chunk_id, table.row, table.tag).where(
        table.source_id == source.id, table.chunk_id.between(first, last)
    )
