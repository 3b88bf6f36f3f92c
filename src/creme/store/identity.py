"""A store's index and its directory belong together: both bear one identity.

The chunks that an index lists are in one directory, and the numbers that it gives out are those of
chunks there. With another directory an index would forget its predictions as missing, and another
index would write its chunks over those of the first.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa

from creme.errors import StoreError
from creme.store.checkpoints import write_back
from creme.store.index import Index
from creme.store.place import ARRAYS, IDENTITY_FILE, INDEX_FILE, Place
from creme.store.schema import IDENTITY, chunks, new_identity, packed, set_new, value_of
from creme.store.statements import execute

_TRIED = 16
"""Chunks that are read to see whether a directory is that of an index."""

Holds = Callable[[int], bool]
"""Whether the directory holds a chunk of the index, whole."""


def refuse_second(place: Place, url: str | None) -> None:
    """Refuse to make an index in a directory whose index is elsewhere, before it is made.

    Raises
    ------
    StoreError
    """
    if url is not None:
        return
    # In this order: another process may be making both.
    used = _of_place(place) is not None or _has_chunks(place)
    if used and INDEX_FILE not in place.names():
        raise StoreError(
            f"store {place} has its index elsewhere: give its URL as 'index', or another "
            f"directory; if its index.sqlite was deleted, delete the whole directory"
        )


def bind(place: Place, index: Index, holds: Holds) -> None:
    """See that a directory and an index belong together; give them an identity if they have none.

    It is given to a new index and a directory without chunks; and to those that an earlier version
    made, where a chunk shows that they belong together or the index is the directory's own.

    Parameters
    ----------
    place : Place
        The store's, with its arrays in it.
    index : Index
    holds : callable
        Of a chunk's number.

    Raises
    ------
    StoreError
        If they do not belong together, or nothing shows it; no prediction was changed then.
    """
    of_directory, of_index = _of_place(place), _of_index(index)
    if of_directory is None or of_index is None:
        if _together(place, index, holds, of_directory, of_index):
            if index.read_only:
                return
            of_directory, of_index = _give(place, index, of_directory)
        else:
            # Another process may just have given it.
            of_directory, of_index = _of_place(place), _of_index(index)
    if of_directory is None or of_directory != of_index:
        advice = (
            "put back the index.sqlite that was made with it, or give another directory"
            if _is_own(place, index)
            else "give the directory that this index was made with, or another 'index'"
        )
        raise StoreError(
            f"store {place} and the index {index} do not belong together: {advice}; no "
            f"prediction was changed"
        )


def _together(
    place: Place, index: Index, holds: Holds, of_directory: str | None, of_index: str | None
) -> bool:
    """Whether those that lack an identity may be given one."""

    def last(connection: sa.Connection) -> list[int]:
        numbers: list[int] = []
        for query in _LAST:
            numbers += execute(connection, query).scalars()
        return numbers

    finished = index.read(last)
    if finished:
        own = of_directory is None and _is_own(place, index)
        return own or any(map(holds, finished))
    # Chunks of a new index would get the numbers of those that are there.
    made_by_now = of_index is not None
    return of_directory is None and not (made_by_now and _has_chunks(place))


_LAST = tuple(
    sa.select(table.c.id).where(table.c.rows.is_not(None)).order_by(table.c.id.desc()).limit(_TRIED)
    for table in (chunks, packed)
)


def _give(place: Place, index: Index, of_directory: str | None) -> tuple[str | None, str | None]:
    """Write what one of them lacks, the index's first; whoever was first stands."""
    identity = of_directory or new_identity()
    index.write(lambda connection: set_new(connection, IDENTITY, identity))
    of_index = _of_index(index)
    if of_directory is None and of_index is not None:
        if index.is_file:
            # What the directory says must not outlast, in a power failure, what the index says.
            index.read(write_back)
        place.write_first(IDENTITY_FILE, f"{of_index}\n".encode())
    return _of_place(place), of_index


def _is_own(place: Place, index: Index) -> bool:
    """Whether the index is the file in the directory."""
    database = index.engine.url.database
    if not index.is_file or not database:
        return False
    return Path(database).resolve() == (place.path / INDEX_FILE).resolve()


def _of_index(index: Index) -> str | None:
    return index.read(lambda connection: value_of(connection, IDENTITY))


def _of_place(place: Place) -> str | None:
    try:
        return place.read(IDENTITY_FILE).decode("ascii").strip()
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise StoreError(
            f"{place}/{IDENTITY_FILE} cannot be read: {error}; nothing was changed"
        ) from None


def _has_chunks(place: Place) -> bool:
    for source in (name for name in place.names(ARRAYS) if name.startswith("source-")):
        # In files of their own, or packed.
        packed = any(name.startswith("c.") for name in place.names(f"{ARRAYS}/{source}"))
        if packed or place.names(f"{ARRAYS}/{source}/c"):
            return True
    return False
