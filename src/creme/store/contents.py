"""The contents of a store, counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from creme.store.arrays import Source

if TYPE_CHECKING:
    from creme.store.store import Store


@dataclass(frozen=True)
class SourceInfo:
    """A source, and how much of it is stored.

    Attributes
    ----------
    source : Source
    predictions, chunks : int
    files, bytes : int
        Of its arrays, with what waits to be deleted.
    batches : dict of int to float
        See `Store.batches`.
    """

    source: Source
    predictions: int
    chunks: int
    files: int
    bytes: int
    batches: dict[int, float]


def info(store: Store) -> list[SourceInfo]:
    """The contents, source by source."""

    def count(connection: sa.Connection) -> dict[int, int]:
        chunks: dict[int, int] = {}
        for table in store.chunk_tables:
            query = sa.select(table.c.source_id, sa.func.count()).where(table.c.rows.is_not(None))
            if store.schema_version > 2:  # one that was packed is in both for a while
                query = query.where(table.c.retired.is_(None))
            for number, n in connection.execute(query.group_by(table.c.source_id)):
                chunks[number] = chunks.get(number, 0) + n
        return chunks

    chunks = store.index.read(count)
    infos = []
    for source in store.sources():
        files, size = store.arrays.size(source)
        n, batches = store.count(source), store.batches(source)
        infos.append(SourceInfo(source, n, chunks.get(source.id, 0), files, size, batches))
    return infos
