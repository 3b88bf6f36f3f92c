"""Files that killed writers have left in a store's directory."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import suppress

import sqlalchemy as sa

from creme.store.arrays import Arrays
from creme.store.index import Index
from creme.store.place import IDENTITY_FILE, Place
from creme.store.schema import chunks, sources
from creme.store.statements import execute

QUIET = 600.0
"""Seconds since the last change of a file that is removed: writers of version 2 hold no lock."""


class Presence:
    """A process among those that have a store open to write to it.

    Each has a lock on ``store.id`` that they share, which the system lets go of when the process
    ends, however it ends. Where a file system has no locks, nobody is ever alone.

    Parameters
    ----------
    place : Place
        The store's.
    """

    def __init__(self, place: Place) -> None:
        self._descriptor = place.lockable(IDENTITY_FILE)

    def alone(self) -> bool:
        """Whether no other has the store open; none can open it until `share`."""
        return self._lock(exclusive=True)

    def share(self) -> None:
        """Be one of those that have it open; waits for the one that is alone."""
        self._lock(exclusive=False)

    def close(self) -> None:
        """Be none of them any more."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def _lock(self, *, exclusive: bool) -> bool:
        if self._descriptor is None or sys.platform == "win32":
            return False
        import fcntl

        kind = fcntl.LOCK_EX | fcntl.LOCK_NB if exclusive else fcntl.LOCK_SH
        try:
            fcntl.flock(self._descriptor, kind)
        except OSError:
            return False
        return True


def remove_leftovers(index: Index, arrays: Arrays) -> None:
    """Remove what nobody will ever read, where no other process has the store open.

    These are the chunks that a writer did not finish or that were found damaged, and files that
    were to be moved into place.

    Parameters
    ----------
    index : Index
    arrays : Arrays
    """
    place = arrays.place
    for name in _left(index, arrays):
        # What cannot be removed now is no hindrance.
        with suppress(OSError):
            if time.time() - place.changed(name) >= QUIET:
                place.remove(name)


def _left(index: Index, arrays: Arrays) -> Iterator[str]:
    yield from arrays.place.cut_short(everywhere=False)
    for line in index.read(lambda connection: execute(connection, _LEFT).all()):
        yield arrays.folder(line.fingerprint, line.id)


_LEFT = (
    sa.select(chunks.c.id, sources.c.fingerprint)
    .join(sources, sources.c.id == chunks.c.source_id)
    .where(chunks.c.rows.is_(None))
)
