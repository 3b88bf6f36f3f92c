"""Stores that are finished: nothing is added to them, and they may be read where no lock works.

The index of a sealed store is one file, without a log beside it, so it may be opened as one that
nobody changes: on a network file system, or one that cannot be written.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa

from creme.errors import StoreError
from creme.store.index import Index
from creme.store.location import index_url, place_at
from creme.store.place import Place
from creme.store.schema import SEALED, insert_new, meta
from creme.store.store_lock import held_alone

_WITHOUT_LOG = b"\x01\x01"
"""Bytes 18 and 19 of SQLite's file, where it has no write-ahead log."""


def seal(path: str | Path | Place, index: str | None = None) -> None:
    """Finish a store, of whatever schema version: from now on it can be read alone.

    Parameters
    ----------
    path : str, Path or Place
        The store's.
    index : str, optional
        URL of its index, where it is not in the directory.

    Raises
    ------
    StoreError
        If there is none, or another process has it open.
    """
    url = index_url(place_at(path), index)
    now = str(int(time.time()))
    if url.get_backend_name() != "sqlite":
        _change(url, lambda engine: insert_new(engine, meta).values(key=SEALED, value=now))
        return
    file = _existing(url)
    try:
        with (
            held_alone(file),
            closing(sqlite3.connect(file, timeout=5)) as connection,
            connection,
        ):
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            (mode,) = connection.execute("PRAGMA journal_mode = DELETE").fetchone()
            if mode != "delete":
                raise sqlite3.OperationalError("database is locked")
            connection.execute("INSERT OR IGNORE INTO meta VALUES (?, ?)", (SEALED, now))
    except sqlite3.Error as error:
        raise StoreError(
            f"store {path} cannot be sealed: {error}; end all runs that use it first"
        ) from None


def unseal(path: str | Path | Place, index: str | None = None) -> None:
    """Let predictions be added to a sealed store again; nobody may be reading it.

    Parameters
    ----------
    path, index
        As for `seal`.
    """
    url = index_url(place_at(path), index)
    if url.get_backend_name() != "sqlite":
        _change(url, lambda _engine: meta.delete().where(meta.c.key == SEALED))
        return
    file = _existing(url)
    with (
        held_alone(file),
        closing(sqlite3.connect(file, timeout=5)) as connection,
        connection,
    ):
        connection.execute("DELETE FROM meta WHERE key = ?", (SEALED,))


def refuse_sealed(place: Place, file: Path) -> None:
    """Refuse to write to a sealed index, before it is opened and gets a log.

    Raises
    ------
    StoreError
    """
    if _has_log(file):
        return
    try:
        reading = sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True, timeout=60)
        with closing(reading) as connection:
            sealed = connection.execute("SELECT 1 FROM meta WHERE key = ?", (SEALED,)).fetchone()
    except sqlite3.Error:  # new, or no index: whoever opens it will say so
        return
    if sealed:
        raise sealed_error(place)


def sealed_error(place: Place) -> StoreError:
    """The error of whoever wants to write to a sealed store."""
    return StoreError(
        f"store {place} is sealed, so that others can read it: nothing is added to it; give "
        f"another directory as 'store'"
    )


def refuse_unsealed(place: Place, file: Path) -> None:
    """Refuse to read an index, as one that nobody changes, that may be changed.

    Raises
    ------
    StoreError
    """
    if not file.is_file():
        raise StoreError(f"there is no store {place}: it has no {file.name}")
    beside = [name for name in ("-wal", "-journal") if Path(f"{file}{name}").exists()]
    if beside or _has_log(file):
        raise unsealed_error(place)


def unsealed_error(place: Place) -> StoreError:
    """The error of whoever wants to read a store in use without writing to it."""
    return StoreError(
        f"store {place} is not sealed: 'creme cache seal {place}' finishes it, so that it can be "
        f"read without being written"
    )


def _has_log(file: Path) -> bool:
    """Whether SQLite's file says that it has a log, as that of every index in use."""
    try:
        with file.open("rb") as opened:
            head = opened.read(20)
    except OSError:
        return False
    return len(head) == 20 and head[18:20] != _WITHOUT_LOG


def _existing(url: sa.URL) -> Path:
    file = Path(str(url.database))
    if not file.is_file():
        raise StoreError(f"there is no index {file}")
    return file


def _change(url: sa.URL, statement: object) -> None:
    engine = sa.create_engine(url)
    try:
        Index(engine).write(lambda connection: connection.execute(statement(engine)))  # type: ignore[operator]
    finally:
        engine.dispose()
