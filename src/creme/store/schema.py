"""The tables of the index, and how one is opened."""

from __future__ import annotations

import os
from collections.abc import Sequence as SequenceOf
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from creme.errors import StoreError

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

IDENTITY = "identity"
"""Key of what an index shares with its directory; see `creme.store.identity`."""

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

# Chunks that were made of others: each with a number of its own, given out by `chunks` too, whose
# line there is deleted. In a table apart, since what works by version 2 would look for them in the
# source's array and take them out of the index as missing.
packed = sa.Table(
    "packed",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("source_id", sa.ForeignKey("sources.id"), nullable=False),
    # The array in predictions.zarr, and the number of the chunk in it.
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

_MAPPED_BYTES = 2**34
_PAGES_OF_LOG = 16_384  # of 4 KiB

_REMOTE = ("nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs", "afs", "9p")


def file_system(path: Path, mountinfo: str) -> str:
    """Type of the file system that holds `path`, from the text of /proc/self/mountinfo."""
    best, kind = "", "unknown"
    for line in mountinfo.splitlines():
        before, dash, after = line.partition(" - ")
        fields = before.split()
        if not dash or len(fields) < 5:
            continue
        mount = fields[4].replace("\\040", " ")
        inside = mount == "/" or str(path) == mount or str(path).startswith(mount + "/")
        if inside and len(mount) >= len(best):
            best, kind = mount, after.split()[0]
    return kind


def refuse_remote(path: Path, mountinfo: str | None = None) -> None:
    """Refuse SQLite where the locks that keep an index whole cannot be relied on.

    Raises
    ------
    StoreError
        If `path` is on a network file system.
    """
    if mountinfo is None:
        source = Path("/proc/self/mountinfo")
        mountinfo = source.read_text(encoding="utf-8") if source.exists() else ""
    kind = file_system(path.resolve(), mountinfo)
    if kind in _REMOTE:
        raise StoreError(
            f"{path} is on a network file system ({kind}), where SQLite's locks fail: put the "
            f"store on a local disk, or give 'index' the URL of a database server"
        )


def open_index(path: Path, url: str | None) -> sa.Engine:
    """The engine of a store's index, its tables made if there are none and brought up to date.

    Raises
    ------
    StoreError
        If the index was made by a later schema version or cannot be opened.
    """
    engine = sa.create_engine(url or f"sqlite:///{path / 'index.sqlite'}")
    if engine.dialect.name == "sqlite":
        refuse_remote(Path(engine.url.database or path).parent)
        sa.event.listen(engine, "connect", _configure)
    try:
        with engine.begin() as connection:
            version = _version(connection)
            if version is None:  # new, or its making was cut short
                _create(connection)
                connection.execute(
                    insert_new(engine, meta).values(key="schema_version", value=str(SCHEMA_VERSION))
                )
                connection.execute(
                    insert_new(engine, meta).values(key=IDENTITY, value=new_identity())
                )
                version = _version(connection)
            if version == "1":
                _from_version_1(connection)
                version = _version(connection)
    except sa.exc.SQLAlchemyError as error:
        raise StoreError(f"the index of store {path} cannot be opened: {error}") from None
    if version != str(SCHEMA_VERSION):
        engine.dispose()
        raise StoreError(
            f"store {path} has schema version {version}, and this creme-toolkit reads version "
            f"{SCHEMA_VERSION}: use the version that made it, or give 'store' another directory; "
            f"nothing was changed"
        )
    return engine


def _version(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table("meta"):
        return None
    query = sa.select(meta.c.value).where(meta.c.key == "schema_version")
    return connection.scalar(query)


def _create(connection: sa.Connection) -> None:
    """Make the tables; another process may be making them at the same moment."""
    for table in metadata.sorted_tables:
        connection.execute(sa.schema.CreateTable(table, if_not_exists=True))
        for index in table.indexes:
            connection.execute(sa.schema.CreateIndex(index, if_not_exists=True))


def _from_version_1(connection: sa.Connection) -> None:
    """Two steps that may be made twice; a process that still works by version 1 is not disturbed.

    The file does not shrink: what the index of predictions by chunk took is used for new ones.
    """
    by_chunk = sa.Index("ix_predictions_chunk_id", sa.column("chunk_id"))
    connection.execute(sa.schema.DropIndex(by_chunk, if_exists=True))
    connection.execute(sa.schema.CreateTable(batches, if_not_exists=True))
    connection.execute(meta.update().where(meta.c.key == "schema_version").values(value="2"))


def new_identity() -> str:
    """Random, hexadecimal."""
    return os.urandom(16).hex()


def insert_new(engine: sa.Engine, table: sa.Table) -> Any:
    """An INSERT that leaves lines alone that are there already: the first writer wins."""
    return _insert(engine, table).on_conflict_do_nothing()


def insert_predictions(engine: sa.Engine) -> Any:
    """An INSERT of predictions: the first writer wins, unless its chunk was found damaged."""
    insert = _insert(engine, predictions)
    gone = sa.select(chunks.c.id).where(chunks.c.rows.is_(None))
    return insert.on_conflict_do_update(
        index_elements=["source_id", "digest"],
        set_={"chunk_id": insert.excluded.chunk_id, "row": insert.excluded.row},
        where=predictions.c.chunk_id.in_(gone),
    )


def _insert(engine: sa.Engine, table: sa.Table) -> Any:
    if engine.dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql

        return postgresql.insert(table)
    from sqlalchemy.dialects import sqlite

    return sqlite.insert(table)


def find_predictions(
    connection: sa.Connection, source_id: int, digests: SequenceOf[bytes]
) -> list[tuple[bytes, int, int]]:
    """Digest, row and chunk of those that have a line."""
    if connection.dialect.name == "sqlite":
        # One parameter and few Python objects: three times as many a second as with IN.
        lines = connection.exec_driver_sql(
            _FIND, (b"".join(digests), DIGEST_BYTES, len(digests), source_id)
        )
        return [(digests[k], row, chunk_id) for k, row, chunk_id in lines]
    query = sa.select(predictions.c.digest, predictions.c.row, predictions.c.chunk_id).where(
        predictions.c.source_id == source_id, predictions.c.digest.in_(digests)
    )
    return [(bytes(digest), row, chunk_id) for digest, row, chunk_id in connection.execute(query)]


_FIND = """
WITH RECURSIVE place(k) AS (SELECT 0 UNION ALL SELECT k + 1 FROM place WHERE k + 1 < ?3)
SELECT k, "row", chunk_id FROM place CROSS JOIN predictions
WHERE source_id = ?4 AND digest = substr(?1, k * ?2 + 1, ?2)
"""


def _configure(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA busy_timeout = 60000")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = NORMAL")
    # Digests are random, so that every line of a commit is in a page of its own. Read from the
    # system's cache, pages need no copy.
    cursor.execute(f"PRAGMA mmap_size = {_MAPPED_BYTES}")
    # `Checkpoints` writes back long before; this is for writers that are faster than it.
    cursor.execute(f"PRAGMA wal_autocheckpoint = {_PAGES_OF_LOG}")
    cursor.close()
