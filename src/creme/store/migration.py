"""Indexes of earlier schema versions, brought up to date while others go on using them."""

from __future__ import annotations

from functools import partial
from typing import Any

import sqlalchemy as sa

from creme.store.index import Index
from creme.store.schema import (
    SCHEMA_VERSION,
    alone,
    batches,
    chunks,
    meta,
    metadata,
    packed,
    predictions,
    set_new,
    sources,
    value_of,
    version_of,
)
from creme.store.tags import seed_of, tag_of

UNTAGGED = "untagged"
"""Key of where the tagging of a version 2's lines has come to; there while it is not at its end."""

LINES = 20_000
"""Lines a transaction: a fraction of a second, for which other writers wait."""


def bring_up_to_date(index: Index, version: str) -> str:
    """Alter the tables of an earlier version, and tag the lines of version 2.

    Columns and tables are added in one transaction. The tags follow in many, from what the index
    holds alone; a process that is killed leaves the rest to the next one that opens the index, and
    several share the work. Lines that are added by version 2 meanwhile may stay without a tag.

    Parameters
    ----------
    index : Index
    version : str
        The version that it has.

    Returns
    -------
    str
        The version that it has afterwards.
    """
    if version in ("1", "2"):
        version = index.write(_altered)
    seeds: dict[int, int] = {}
    while index.write(lambda connection: _some_tagged(connection, seeds)):
        pass
    return version


def add_columns(connection: sa.Connection) -> None:
    """Columns that this version has and the index does not; all of them may be empty."""
    for table in (chunks, predictions):
        there = {column["name"] for column in sa.inspect(connection).get_columns(table.name)}
        for column in table.columns:
            if column.name not in there:
                kind = column.type.compile(connection.dialect)
                connection.exec_driver_sql(
                    f"ALTER TABLE {table.name} ADD COLUMN {column.name} {kind}"
                )


def _altered(connection: sa.Connection) -> str:
    alone(connection)
    version = version_of(connection)
    if version not in ("1", "2"):  # another process was first
        return str(version)
    # The file does not shrink: what the index of predictions by chunk took is used for new ones.
    by_chunk = sa.Index("ix_predictions_chunk_id", sa.column("chunk_id"))
    connection.execute(sa.schema.DropIndex(by_chunk, if_exists=True))
    metadata.create_all(connection, tables=[batches, packed])
    add_columns(connection)
    set_new(connection, UNTAGGED, "")
    this = str(SCHEMA_VERSION)
    connection.execute(meta.update().where(meta.c.key == "schema_version").values(value=this))
    return this


def _some_tagged(connection: sa.Connection, seeds: dict[int, int]) -> bool:
    """Tag the lines after those that were tagged; whether there may be more."""
    position = value_of(connection, UNTAGGED)
    if position is None:
        return False
    if not seeds:
        seeds.update(_seeds(connection))
    table = predictions.c
    key = sa.tuple_(table.source_id, table.digest)
    after = _key(position)
    ends = sa.select(table.source_id, table.digest).where(key > after)
    last = connection.execute(
        ends.order_by(table.source_id, table.digest).offset(LINES - 1).limit(1)
    ).first()
    these = [key > after, table.tag.is_(None)]
    if last is not None:
        until = f"{last.source_id}/{bytes(last.digest).hex()}"
        these.append(key <= _key(until))
    if connection.dialect.name == "sqlite":
        _tag_in_place(connection, seeds, these)
    else:
        _tag_from_here(connection, seeds, these)
    at = meta.c.key == UNTAGGED
    # Another process may have come to the end and removed it.
    done = meta.delete() if last is None else meta.update().values(value=until)
    connection.execute(done.where(at))
    return last is not None


def _key(position: str) -> sa.Tuple:
    source, _, digest = position.partition("/")
    return sa.tuple_(sa.literal(int(source or -1)), sa.literal(bytes.fromhex(digest)))


def _tag(seeds: dict[int, int], digest: bytes, chunk_id: int, row: int) -> int | None:
    """The tag of a line; none where it points to no chunk, or is damaged already."""
    whole = chunk_id in seeds and type(row) is int and 0 <= row < 2**31
    return tag_of(seeds[chunk_id], digest, row) if whole else None


def _tag_in_place(
    connection: sa.Connection, seeds: dict[int, int], these: list[sa.ColumnElement[bool]]
) -> None:
    """By a function of SQLite, ten times as many a second as with a statement a line."""
    driver: Any = connection.connection.dbapi_connection
    driver.create_function("creme_tag", 3, partial(_tag, seeds), deterministic=True)
    table = predictions.c
    tag = sa.func.creme_tag(table.digest, table.chunk_id, table.row)
    connection.execute(predictions.update().where(*these).values(tag=tag))


def _tag_from_here(
    connection: sa.Connection, seeds: dict[int, int], these: list[sa.ColumnElement[bool]]
) -> None:
    """By sending the tags to a database server."""
    table = predictions.c
    query = sa.select(table.source_id, table.digest, table.chunk_id, table.row).where(*these)
    tags = [
        {"source": source, "its": digest, "chunk": chunk_id, "place": row, "new": tag}
        for source, digest, chunk_id, row in connection.execute(query)
        if (tag := _tag(seeds, bytes(digest), chunk_id, row)) is not None
    ]
    if tags:
        connection.execute(_SET_TAG, tags)


_SET_TAG = (
    predictions.update()
    .where(
        predictions.c.source_id == sa.bindparam("source"),
        predictions.c.digest == sa.bindparam("its"),
        # A writer may have moved the line since it was read.
        predictions.c.chunk_id == sa.bindparam("chunk"),
        predictions.c.row == sa.bindparam("place"),
        predictions.c.tag.is_(None),
    )
    .values(tag=sa.bindparam("new"))
)


def _seeds(connection: sa.Connection) -> dict[int, int]:
    """The seeds of all chunks that are whole, by number."""
    query = (
        sa.select(chunks.c.id, sources.c.fingerprint, chunks.c.checksum)
        .join(sources, sources.c.id == chunks.c.source_id)
        .where(chunks.c.rows.is_not(None))
    )
    return {
        number: seed_of(fingerprint, number, checksum)
        for number, fingerprint, checksum in connection.execute(query)
    }
