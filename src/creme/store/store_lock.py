"""One process at a time has a store whose SQLite index lies on a file system of several hosts."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import secrets
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from creme.errors import ConfigError, StoreError
from creme.files.durable import alive, write_first
from creme.files.small import parse_json, read_text
from creme.store.file_systems import shared_between_hosts

BEAT = 5.0
"""Seconds between two signs of life of the process that has a store."""

TAKEOVER = 120.0
"""Seconds without one after which a process of another host counts as gone.

More than the minute for which a client of NFS may show the time of a file as it was.
"""


@dataclass(frozen=True)
class Holder:
    """The process that has a store: what its lock file says.

    Attributes
    ----------
    host : str
    pid : int
    started : str
        When it was started, by the system's own count: a number of a process is used again.
    token : str
        Of this one holding.
    """

    host: str
    pid: int
    started: str
    token: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"

    @property
    def on_this_host(self) -> bool:
        """Whether it is, or was, a process of this host."""
        return self.host == socket.gethostname()

    @property
    def runs_here(self) -> bool:
        """Whether it is running on this host."""
        return self.on_this_host and alive(self.pid) and _started(self.pid) == self.started


class StoreLock:
    """Holds an index for one process, by a file beside it; any file system will do.

    The file names the holder, and its time is the last sign of life. One that a process of this
    host has left is taken over at once; one of another host after `TAKEOVER` seconds without a sign
    of life, which is watched for two beats more, lest clocks differ.

    Parameters
    ----------
    index : Path
        The file of the index.
    kind : str
        The type of its file system.

    Raises
    ------
    StoreError
        If another process has it, or this one has it already.
    """

    def __init__(self, index: Path, kind: str) -> None:
        self.path = lock_of(index)
        self._kind = kind
        self._own = Holder(
            socket.gethostname(), os.getpid(), _started(os.getpid()), secrets.token_hex(8)
        )
        self._lost = False
        self._seen = time.monotonic()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="creme-store-lock", daemon=True)
        atexit.register(self.release)  # of a store that nobody closed
        try:
            while not self._take():
                self._clear()
            self._thread.start()
        except BaseException:  # a Ctrl-C too, once the file is there
            with contextlib.suppress(StoreError, OSError):
                self.release()
            raise

    def check(self) -> None:
        """Before anything is read or written: see that the store is still this process's.

        Raises
        ------
        StoreError
            If another one has taken it over, as after this one was suspended; or it was closed.
        """
        if time.monotonic() - self._seen > 2 * BEAT:
            self._sign()
        if self._lost:
            raise StoreError(
                f"{self.path} is no longer this process's: the store was closed, unlocked, or "
                f"taken over after {TAKEOVER:.0f} s without a sign of life; nothing more is written"
            )

    def release(self) -> None:
        """Let others have it; where a Ctrl-C cuts this short, it is done as the process ends."""
        self._end.set()
        own = os.getpid() == self._own.pid  # a process that was forked has no such thread
        try:
            if own and self._thread.is_alive():
                self._thread.join()
            self._lost = True
            if own and holder(self.path) == self._own:
                self.path.unlink(missing_ok=True)
        except Exception:
            atexit.unregister(self.release)
            raise
        atexit.unregister(self.release)

    def _take(self) -> bool:
        content = json.dumps(asdict(self._own)).encode()
        try:
            write_first(self.path, content)
        except OSError as error:
            raise StoreError(f"{self.path} cannot be made: {error.strerror}") from None
        return holder(self.path) == self._own

    def _clear(self) -> None:
        """Remove the file of a process that is gone; an error if it is not."""
        other = holder(self.path)
        if other is None:  # it went, or is being removed
            return
        if other.runs_here or not (other.on_this_host or self._silent()):
            ago = age(self.path)
            here = other.pid == os.getpid() and other.on_this_host
            raise StoreError(
                f"store {self.path.parent} is open in "
                f"{'this process already' if here else other}"
                f" (last sign of life {max(0.0, ago):.0f} s ago), and on a file system of several "
                f"hosts ({self._kind}) one process at a time may open a store: wait until it ends, "
                f"or 'creme cache unlock {self.path.parent}' if it is gone; several at once need "
                f"a PostgreSQL server: give its URL as 'index'"
            )
        remove(self.path, other)

    def _silent(self) -> bool:
        """Whether the holder has given no sign of life for long, and gives none now."""
        if age(self.path) < TAKEOVER:
            return False
        before = _time(self.path)
        time.sleep(2 * BEAT)
        return _time(self.path) == before

    def _beat(self) -> None:
        while not self._end.wait(BEAT):
            self._sign()

    def _sign(self) -> None:
        try:
            if holder(self.path) == self._own:
                os.utime(self.path)
                self._seen = time.monotonic()
            else:
                self._lost = True
        except OSError:  # a file system that is away for a moment; `check` tries again
            pass


def lock_of(index: Path) -> Path:
    """The lock file of an index."""
    return index.with_name(index.name + ".lock")


def holder(lock: Path) -> Holder | None:
    """The process that a lock file names; None where there is no such file.

    Raises
    ------
    StoreError
        If it is damaged.
    """
    try:
        record = parse_json(read_text(lock), str(lock))
        types = {"host": str, "pid": int, "started": str, "token": str}
        right = all(type(record[key]) is of for key, of in types.items())
        if right and 0 < record["pid"] < 1 << 31:
            return Holder(*(record[key] for key in types))
    except FileNotFoundError:
        return None
    except (ConfigError, UnicodeDecodeError, TypeError, KeyError):
        pass
    raise StoreError(f"{lock} is damaged: delete it, if no process uses the store")


@contextlib.contextmanager
def held_alone(index: Path) -> Iterator[None]:
    """Hold an index for as long as that takes, where its file system may be of several hosts."""
    kind = shared_between_hosts(index.parent)
    if not kind:
        yield
        return
    lock = StoreLock(index, kind)
    try:
        yield
    finally:
        lock.release()


def unlock(index: Path) -> Holder | None:
    """Take away the lock of an index whose holder is gone; returns the holder, if there was one.

    Raises
    ------
    StoreError
        If it is a process of this host that is running.
    """
    lock = lock_of(index)
    other = holder(lock)
    if other is None:
        return None
    if other.runs_here:
        raise StoreError(f"{index.parent} is in use by {other}, which is running: end it first")
    remove(lock, other)
    return other


def age(lock: Path) -> float:
    """Seconds since the last sign of life, by the clock of the file system."""
    with tempfile.NamedTemporaryFile(dir=lock.parent, prefix=f".{lock.name}.") as probe:
        return _time(Path(probe.name)) - _time(lock)


def remove(lock: Path, other: Holder) -> None:
    """Remove a lock file if it still is this holder's."""
    aside = lock.with_name(f".{lock.name}.{secrets.token_hex(4)}")
    try:
        lock.rename(aside)
    except FileNotFoundError:
        return
    if holder(aside) != other:
        # Another process was quicker and has it by now.
        with contextlib.suppress(FileExistsError):
            lock.hardlink_to(aside)
    aside.unlink()


def _time(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return float("inf")


def _started(pid: int) -> str:
    """When a process of this host was started; empty where the system does not say."""
    with contextlib.suppress(OSError):
        # The name of the program, in brackets, may hold anything.
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        return text.rpartition(")")[2].split()[19]
    return ""
