"""How an index is opened: where it may be, made by whoever is first, and brought up to date."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa

from creme.errors import StoreError
from creme.store.file_systems import shared_between_hosts
from creme.store.index import Index
from creme.store.location import index_url, read_only
from creme.store.migration import add_columns, bring_up_to_date
from creme.store.place import Place
from creme.store.schema import (
    IDENTITY,
    SCHEMA_VERSION,
    SEALED,
    VERSION,
    alone,
    make_tables,
    new_identity,
    set_new,
    value_of,
    version_of,
)
from creme.store.seal import refuse_sealed, refuse_unsealed, sealed_error, unsealed_error
from creme.store.store_lock import StoreLock

_MAPPED_BYTES = 2**34
_PAGES_OF_LOG = 16_384  # of 4 KiB

_VERSIONS = tuple(str(version) for version in range(1, SCHEMA_VERSION + 1))


def open_index(place: Place, text: str | None) -> Index:
    """The index of a store, its tables made if there are none and brought up to date.

    Parameters
    ----------
    place : Place
        The store's.
    text : str, optional
        URL of an index elsewhere.

    Raises
    ------
    StoreError
        If the index was made by a later schema version or cannot be opened.
    """
    url = index_url(place, text)
    if url.get_backend_name() == "sqlite":
        index = _open_file(place, Path(str(url.database)), url)
    else:
        index = Index(_engine(url))
    try:
        version, sealed = index.write(_opened, opening=True)
        if sealed:
            raise sealed_error(place)
        if version in _VERSIONS:
            version = bring_up_to_date(index, version)
    except BaseException:
        index.close()
        raise
    if version != str(SCHEMA_VERSION):
        index.close()
        raise StoreError(
            f"store {place} has schema version {version}, and this creme-toolkit reads version "
            f"{SCHEMA_VERSION}: use the version that made it, or give 'store' another directory; "
            f"nothing was changed"
        )
    return index


def _open_file(place: Place, file: Path, url: sa.URL) -> Index:
    """The index in a file, for this process alone where other hosts may see it."""
    refuse_sealed(place, file)
    kind = shared_between_hosts(file.parent)
    if not kind:
        index = Index(_engine(url))
        sa.event.listen(index.engine, "connect", _configure)
        return index
    # One connection: with another one of the same process it would have to share memory as well.
    engine = sa.create_engine(url, pool_size=1, max_overflow=0, pool_timeout=600)
    sa.event.listen(engine, "connect", _configure_alone)
    return Index(engine, lock=StoreLock(file, kind))


def open_read_only(place: Place, text: str | None) -> tuple[Index, int]:
    """The index of a store that is read alone, and its schema version: 2 or 3.

    A file of SQLite has to be sealed (`creme.store.seal`), and is opened as one that nobody
    changes, so it may lie on a network file system or one that cannot be written.

    Raises
    ------
    StoreError
        If it is not there, not sealed, or of another version.
    """
    url = index_url(place, text)
    if url.get_backend_name() == "sqlite":
        refuse_unsealed(place, Path(str(url.database)))
    index = Index(_engine(read_only(url), read_only=True), read_only=True)
    try:
        version, sealed = index.read(
            lambda connection: (version_of(connection), _sealed(connection))
        )
        if index.is_file and not sealed:
            raise unsealed_error(place)
        if version not in ("2", "3"):
            raise StoreError(
                f"store {place} has schema version {version}, and versions 2 and 3 can be read "
                f"without being changed"
            )
    except BaseException:
        index.close()
        raise
    return index, int(version)


def _engine(url: sa.URL, *, read_only: bool = False) -> sa.Engine:
    if url.get_backend_name() == "sqlite":
        return sa.create_engine(url)
    settings: dict[str, Any] = {}
    if "connect_timeout" not in url.query:
        settings["connect_timeout"] = 10
    if read_only:
        settings["options"] = "-c default_transaction_read_only=on"
    return sa.create_engine(url, connect_args=settings)


def _opened(connection: sa.Connection) -> tuple[str | None, bool]:
    """The version of the tables, which are made if there are none, and whether they are sealed."""
    version = version_of(connection)
    if version is None:  # new, or its making was cut short
        alone(connection)
        make_tables(connection)
        add_columns(connection)  # where version 2 was cut short
        set_new(connection, VERSION, str(SCHEMA_VERSION))
        set_new(connection, IDENTITY, new_identity())
        version = value_of(connection, VERSION)
    return version, _sealed(connection)


def _sealed(connection: sa.Connection) -> bool:
    return bool(value_of(connection, SEALED))


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


def _configure_alone(connection: Any, _record: Any) -> None:
    """On a file system of several hosts: no memory is shared, and the file is not mapped."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA busy_timeout = 60000")
    cursor.execute("PRAGMA locking_mode = EXCLUSIVE")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute("PRAGMA mmap_size = 0")
    cursor.close()
