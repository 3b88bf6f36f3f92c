"""The tables of the index, and the statements that need more than a line."""

from __future__ import annotations

import os
from collections.abc import Iterable
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from creme.store.statements import execute, execute_many

SCHEMA_VERSION = 3
"""The versions:

1
    had an index of predictions by chunk, half of the file, and no table of batches;
2
    had no tags, no packed chunks, and did not say when and for what a chunk was written;
3
    adds to version 2 columns that may be empty and tables alone, so that what works by version 2
    goes on beside it.
"""

DIGEST_BYTES = 32

DIGESTS_A_QUERY = 1000
_CHUNKS_A_QUERY = 500

VERSION = "schema_version"
"""Key of the schema version."""

IDENTITY = "identity"
"""Key of what an index shares with its directory; see `creme.store.identity`."""

_MAKING = 0x6372656D65  # any number that others do not use

SEALED = "sealed"
"""Key of the time, in seconds since 1970, from which nothing is added any more."""

metadata = sa.MetaData()

meta = sa.Table(
    "meta",
    metadata,
    sa.Column("key", sa.String, primary_key=True),
    sa.Column("value", sa.String, nullable=False),
)

sources = sa.Table(
    "sources",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("fingerprint", sa.String, nullable=False, unique=True),
    sa.Column("bins", sa.Integer, nullable=False),
    sa.Column("tracks", sa.Integer, nullable=False),
    sa.Column("chunk_rows", sa.Integer, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
)

# A chunk's number is its id: no two writers are ever given the same one. Its rows and checksum are
# set when it is durable; a line without them is a chunk that a writer did not finish, or that was
# found damaged: the predictions that point to it do not exist.
chunks = sa.Table(
    "chunks",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("source_id", sa.ForeignKey("sources.id"), nullable=False),
    sa.Column("rows", sa.Integer),
    sa.Column("checksum", sa.String),
    # Since version 3, in seconds since 1970: when it became durable, and since when no line points
    # to it, so that its files may go after a while. Empty where it is not known, or not so.
    sa.Column("written", sa.BigInteger),
    sa.Column("retired", sa.BigInteger),
    # The experiment that it was written for, for people and for pruning.
    sa.Column("origin", sa.String),
    sqlite_autoincrement=True,
)

# Chunks whose values were copied into an array of many, see `creme.store.packed`: each with the
# number that it had, so that its lines in `predictions` stay as they are. In a table apart, since
# what works by version 2 would look for them in the source's array and take them out of the index
# as missing; their lines in `chunks` go when their old files have gone.
packed = sa.Table(
    "packed",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("source_id", sa.ForeignKey("sources.id"), nullable=False),
    # The array in predictions.zarr, and the first row of the chunk in it.
    sa.Column("array", sa.String, nullable=False),
    sa.Column("place", sa.BigInteger, nullable=False),
    sa.Column("rows", sa.Integer),
    sa.Column("checksum", sa.String),
    sa.Column("written", sa.BigInteger),
    sa.Column("retired", sa.BigInteger),
    sa.Column("origin", sa.String),
)

predictions = sa.Table(
    "predictions",
    metadata,
    sa.Column("source_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("digest", sa.LargeBinary(DIGEST_BYTES), primary_key=True),
    sa.Column("chunk_id", sa.Integer, nullable=False),
    sa.Column("row", sa.Integer, nullable=False),
    # See `creme.store.tags`; empty where a writer of version 2 has added the line.
    sa.Column("tag", sa.Integer),
    sqlite_with_rowid=False,
)

batches = sa.Table(
    "batches",
    metadata,
    sa.Column("source_id", sa.ForeignKey("sources.id"), primary_key=True, autoincrement=False),
    sa.Column("size", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("difference", sa.Float, nullable=False),
)


def version_of(connection: sa.Connection) -> str | None:
    """The schema version of an index; None of one without tables."""
    there = (
        execute(connection, _HAS_META).first() is not None
        if connection.dialect.name == "sqlite"
        else sa.inspect(connection).has_table(meta.name)
    )
    return value_of(connection, VERSION) if there else None


_HAS_META = sa.text(f"SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = '{meta.name}'")


def value_of(connection: sa.Connection, key: str) -> str | None:
    """The value of a key in `meta`; None if it is not there."""
    value: str | None = execute(connection, _VALUE, {"its_key": key}).scalar()
    return value


_VALUE = sa.select(meta.c.value).where(meta.c.key == sa.bindparam("its_key"))


def set_new(connection: sa.Connection, key: str, value: str) -> None:
    """Put a value into `meta`, unless the key is there."""
    execute(connection, insert_new(connection.engine, meta), {"key": key, "value": value})


def make_tables(connection: sa.Connection) -> None:
    """Make the tables that are not there; `alone` keeps others from it."""
    for making in _making(connection.dialect.name):
        connection.exec_driver_sql(making)


@cache
def _making(dialect: str) -> tuple[str, ...]:
    """The statements; a question to the database about each table would take longer."""
    language = _language(dialect).dialect()
    return tuple(
        str(sa.schema.CreateTable(table, if_not_exists=True).compile(dialect=language))
        for table in metadata.sorted_tables
    )


def alone(connection: sa.Connection) -> None:
    """From here to the commit, no other process makes or alters the tables."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MAKING)))


def new_identity() -> str:
    """Random, hexadecimal."""
    return os.urandom(16).hex()


def insert_new(engine: sa.Engine, table: sa.Table) -> Any:
    """An INSERT that leaves lines alone that are there already: the first writer wins."""
    return _insert_new(engine.dialect.name, table)


@cache
def _insert_new(dialect: str, table: sa.Table) -> Any:
    return _insert(dialect, table).on_conflict_do_nothing()


def new_chunk(connection: sa.Connection, source_id: int) -> int:
    """A number for a chunk of a source, which no other writer is given."""
    new = execute(connection, _NEW_CHUNK, {"source_id": source_id})
    sqlite = connection.dialect.name == "sqlite"
    return int(new.lastrowid if sqlite else new.inserted_primary_key[0])  # type: ignore[index]


_NEW_CHUNK = chunks.insert()


def add_predictions(
    connection: sa.Connection, lines: Iterable[tuple[int, bytes, int, int, int]]
) -> None:
    """Add lines: source, digest, chunk, row and tag.

    The first writer wins, unless its chunk was found damaged.
    """
    insert = _insert_predictions(connection.dialect.name)
    execute_many(connection, insert, tuple(predictions.c.keys()), lines)


@cache
def _insert_predictions(dialect: str) -> Any:
    insert = _insert(dialect, predictions)
    lost = sa.select(chunks.c.id).where(chunks.c.rows.is_(None))
    lost_packed = sa.select(packed.c.id).where(packed.c.rows.is_(None))
    return insert.on_conflict_do_update(
        index_elements=["source_id", "digest"],
        set_={
            "chunk_id": insert.excluded.chunk_id,
            "row": insert.excluded.row,
            "tag": insert.excluded.tag,
        },
        where=predictions.c.chunk_id.in_(lost) | predictions.c.chunk_id.in_(lost_packed),
    )


def _insert(dialect: str, table: sa.Table) -> Any:
    return _language(dialect).insert(table)


def _language(dialect: str) -> Any:
    """SQLAlchemy's module for a kind of database."""
    if dialect == "postgresql":
        from sqlalchemy.dialects import postgresql

        return postgresql
    from sqlalchemy.dialects import sqlite

    return sqlite


class Line(NamedTuple):
    """A line of the index, as it stands there: a damaged index may give anything but the digest."""

    digest: bytes
    row: int
    chunk_id: int
    tag: int | None


def find_predictions(
    connection: sa.Connection, source_id: int, digests: SequenceOf[bytes], *, tagged: bool = True
) -> list[Line]:
    """The lines of those that have one.

    Parameters
    ----------
    connection : sqlalchemy.Connection
    source_id : int
    digests : sequence of bytes
        Up to `DIGESTS_A_QUERY`, each once.
    tagged : bool
        Whether the index has tags; one of version 2 has none.
    """
    if connection.dialect.name == "sqlite":
        # One parameter and few Python objects: three times as many a second as with IN.
        find = _FIND if tagged else _FIND.replace("tag", "NULL")
        values = {
            "digests": b"".join(digests),
            "size": DIGEST_BYTES,
            "number": len(digests),
            "source": source_id,
        }
        places = connection.exec_driver_sql(find, values)
        return [Line(digests[k], row, chunk_id, tag) for k, row, chunk_id, tag in places]
    table = predictions.c
    query = sa.select(
        table.digest, table.row, table.chunk_id, table.tag if tagged else sa.null()
    ).where(table.source_id == source_id, table.digest.in_(digests))
    return [Line(bytes(digest), *rest) for digest, *rest in connection.execute(query)]


_FIND = """
WITH RECURSIVE place(k) AS (SELECT 0 UNION ALL SELECT k + 1 FROM place WHERE k + 1 < :number)
SELECT k, "row", chunk_id, tag FROM place CROSS JOIN predictions
WHERE source_id = :source AND digest = substr(:digests, k * :size + 1, :size)
"""


@dataclass(frozen=True)
class Chunk:
    """A chunk as the index describes it.

    Attributes
    ----------
    id : int
    source_id : int
    rows : int or None
        None if a writer did not finish it, or it was found damaged.
    checksum : str or None
        SHA-256 of its values, hexadecimal.
    array : str or None
        The array that it shares with others, packed; None where it is in that of its source.
    place : int
        Its first row in that array; of one in its source's array, its number.
    retired : bool
        Whether no line points to it any more.
    """

    id: int
    source_id: int
    rows: int | None
    checksum: str | None
    array: str | None
    place: int
    retired: bool


def find_chunks(
    connection: sa.Connection, ids: Iterable[int], *, packs: bool = True
) -> dict[int, Chunk]:
    """The chunks of some numbers, those that there are.

    Parameters
    ----------
    connection : sqlalchemy.Connection
    ids : iterable of int
    packs : bool
        Whether the index has packed chunks; one of version 2 has none.
    """
    numbers = sorted(ids)
    there: dict[int, Chunk] = {}
    for start in range(0, len(numbers), _CHUNKS_A_QUERY):
        part = numbers[start : start + _CHUNKS_A_QUERY]
        if packs:
            for line in connection.execute(sa.select(packed).where(packed.c.id.in_(part))):
                there[line.id] = Chunk(
                    line.id,
                    line.source_id,
                    line.rows,
                    line.checksum,
                    line.array,
                    line.place,
                    line.retired is not None,
                )
        # One that was packed has its line here as well until its old files are deleted.
        rest = [number for number in part if number not in there]
        table = chunks.c
        retired = table.retired if packs else sa.null()
        query = sa.select(table.id, table.source_id, table.rows, table.checksum, retired)
        for number, source_id, rows, checksum, since in connection.execute(
            query.where(table.id.in_(rest))
        ):
            there[number] = Chunk(
                number, source_id, rows, checksum, None, number, since is not None
            )
    return there
