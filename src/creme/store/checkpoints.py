"""SQLite's log written back into its file, beside the writer instead of in its way."""

from __future__ import annotations

import threading
from contextlib import suppress

import sqlalchemy as sa

_ROWS = 2048
"""Rows between two: digests are random, so in a large index each row is a page to write back."""


class Checkpoints:
    """Checkpoints of an index, each in a thread that ends with it.

    Digests are random: in a large index each of them is in a page of its own, and writing these
    back takes a writer longer than its commits. SQLite's own checkpoint (see `schema`) remains for
    writers that are faster than this thread, and bounds the log.

    Parameters
    ----------
    engine : sqlalchemy.Engine
        Of the index; where it is a database server, nothing is done.
    threaded : bool
        False where the index has one connection, which SQLite's own checkpoints use.
    """

    def __init__(self, engine: sa.Engine, *, threaded: bool = True) -> None:
        self._engine = engine
        self._threaded = threaded and engine.dialect.name == "sqlite"
        self._rows = 0
        self._running: threading.Thread | None = None
        self._lock = threading.Lock()

    def added(self, rows: int) -> None:
        """Take note of rows that were committed; a checkpoint may begin."""
        if not self._threaded:
            return
        with self._lock:
            self._rows += rows
            if self._rows < _ROWS or (self._running and self._running.is_alive()):
                return
            self._rows = 0
            self._running = threading.Thread(target=self._run, name="creme-checkpoint")
            # A process that ends, or has too many threads, starts none: what is committed stays so.
            with suppress(RuntimeError):
                self._running.start()

    def close(self) -> None:
        """Wait for the one that runs."""
        with self._lock:
            running, self._running = self._running, None
        if running and running.is_alive():
            running.join()

    def _run(self) -> None:
        # What fails here is tried again by the next one, and by SQLite when the index is closed;
        # what is committed stands in the log meanwhile.
        with suppress(sa.exc.SQLAlchemyError), self._engine.connect() as connection:
            write_back(connection)


def write_back(connection: sa.Connection) -> None:
    """Write committed pages from SQLite's log into its file, durably; nobody waits for it."""
    connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")
