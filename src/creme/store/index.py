"""Access to the index: transactions that outlast a cut connection, and errors in sentences."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import TypeVar

import sqlalchemy as sa

from creme.errors import StoreError
from creme.files.durable import InUseError
from creme.passwords import masked
from creme.store.location import shown
from creme.store.store_lock import StoreLock

T = TypeVar("T")

PAUSES = (0.1, 0.5, 1.0, 3.0, 6.0, 10.0, 20.0)
"""Seconds before each further attempt, where a database server has gone or asks to try again."""

_OPENING = PAUSES[:4]
"""The same where it is opened: an address that is wrong is to be seen soon."""

_AGAIN = ("40001", "40P01", "57P01", "57P02", "57P03", "53300")
"""PostgreSQL's codes: serialization, deadlock, shutdown, crash, starting, too many connections."""


_HELD = 0x6372656D66  # any number that others do not use

_SOON = (
    "starting up",
    "not yet accepting",
    "shutting down",
    "recovery mode",
    "too many",
    "terminating",
)
"""Refusals of a server that it takes back by itself."""


class Index:
    """A store's index.

    Every use of it is a function of a connection, in a transaction of its own. It is called again
    where the connection was cut, so it must be right to do its work twice.

    Parameters
    ----------
    engine : sqlalchemy.Engine
    read_only : bool
        Nothing is ever written to it.
    lock : StoreLock, optional
        Holds it for this process, where it may not be shared.
    """

    def __init__(
        self, engine: sa.Engine, *, read_only: bool = False, lock: StoreLock | None = None
    ) -> None:
        self.engine = engine
        self.read_only = read_only
        self.lock = lock

    def close(self) -> None:
        """Close its connections, and let another process have it."""
        self.engine.dispose()
        if self.lock is not None:
            self.lock.release()

    def __str__(self) -> str:
        return shown(self.engine.url)

    @property
    def is_file(self) -> bool:
        """Whether it is a file of SQLite."""
        return self.engine.dialect.name == "sqlite"

    def read(self, function: Callable[[sa.Connection], T]) -> T:
        """The answer of a function that reads.

        Raises
        ------
        StoreError
            If the index cannot be read now; nothing was changed.
        """

        def once() -> T:
            if self.lock is not None:
                self.lock.check()
            with self.engine.connect() as connection:
                return function(connection)

        return self._repeated(once, "read")

    def write(self, function: Callable[[sa.Connection], T], *, opening: bool = False) -> T:
        """The answer of a function that writes, committed.

        Parameters
        ----------
        function : callable
        opening : bool
            Whether the index is being opened: then a server that is not there is given up sooner.

        Raises
        ------
        StoreError
            If the index cannot be written now; what was committed before stands.
        """

        if self.read_only:
            raise StoreError(f"the index {self} was opened to be read alone")

        def once() -> T:
            if self.lock is not None:
                self.lock.check()
            with self.engine.begin() as connection:
                return function(connection)

        return self._repeated(once, "opened" if opening else "written")

    @contextmanager
    def held(self, what: str) -> Iterator[None]:
        """Hold a lock of the server for as long as that takes; it goes with the connection.

        Parameters
        ----------
        what : str
            Begins the error: ``"store s is being compacted"``.

        Raises
        ------
        InUseError
            If another connection holds it.
        """

        def take() -> sa.Connection | None:
            connection = self.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            with ExitStack() as opened:
                opened.callback(connection.close)
                if connection.scalar(sa.select(sa.func.pg_try_advisory_lock(_HELD))):
                    opened.pop_all()
                    return connection
            return None

        connection = self._repeated(take, "read")
        if connection is None:
            raise InUseError(f"{what} by another process")
        with connection:
            try:
                yield
            finally:
                with suppress(sa.exc.DBAPIError):  # one that was cut has lost it
                    connection.execute(sa.select(sa.func.pg_advisory_unlock(_HELD)))

    def damaged(self, why: object) -> StoreError:
        """The error of an index that holds what no store has written."""
        return StoreError(
            f"the index {self} is damaged ({why}): put back a copy of it, or take it and its "
            f"directory away; nothing was changed"
        )

    def _repeated(self, once: Callable[[], T], done: str) -> T:
        began = time.monotonic()
        for pause in (*(_OPENING if done == "opened" else PAUSES), None):
            try:
                return once()
            except sa.exc.DBAPIError as error:
                if pause is None or not passing(error):
                    raise self._sentence(error, done, time.monotonic() - began) from error
            except sa.exc.SQLAlchemyError as error:
                raise self._sentence(error, done, time.monotonic() - began) from error
            except (sqlite3.Error, ValueError, TypeError) as error:
                # A connection that cannot be set up, and texts or numbers that are none.
                raise self.damaged(error) from error
            except (MemoryError, OSError) as error:
                raise StoreError(
                    f"the index {self} cannot be {done} now: {error or 'not enough memory'}; "
                    f"what was stored before stands"
                ) from error
            time.sleep(pause)
        raise AssertionError  # the last attempt has returned or raised

    def _sentence(self, error: Exception, done: str, seconds: float) -> StoreError:
        why = masked(_first_line(error))
        if self.is_file and "locked" in why:
            return StoreError(
                f"the index {self} cannot be {done}: another process has kept it locked for a "
                f"minute; run again when that one has ended, and what was stored before is used"
            )
        if "malformed" in why or "not a database" in why:
            return self.damaged(why)
        if "password" in why and not self.is_file:
            why = f"{why} (PGPASSWORD, or a password file, may have it)"
        if seconds >= 1:
            why = f"{why}, after {seconds:.0f} s of attempts"
        return StoreError(
            f"the index {self} cannot be {done} now: {why}; run again once it can, and what was "
            f"stored before is used"
        )


def passing(error: sa.exc.DBAPIError) -> bool:
    """Whether another attempt may succeed: the connection was cut, or the server asks for it."""
    if error.connection_invalidated:
        return True
    cause = error.orig
    code = getattr(cause, "sqlstate", None)
    if code is not None or not type(cause).__module__.startswith("psycopg"):
        return code in _AGAIN
    # Where there is no connection there is no code either: a wrong password is not tried again.
    why = str(cause)
    refused = "FATAL" in why or "password" in why
    return isinstance(error, sa.exc.OperationalError) and (
        not refused or any(words in why for words in _SOON)
    )


def _first_line(error: Exception) -> str:
    """The cause, without the statement and a link to a manual."""
    text = str(getattr(error, "orig", None) or error).strip()
    return text.splitlines()[0] if text else type(error).__name__
