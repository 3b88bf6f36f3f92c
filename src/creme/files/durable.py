"""Files that stand whole or not at all, and stay; and folders that one process has for itself."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

from creme.errors import CremeError, CremeWarning

# On Windows a locked range cannot be read by others: lock a byte past all that is written.
_LOCKED_BYTE = 1 << 30


class InUseError(CremeError):
    """Another process uses a file or folder that only one may use at a time."""


def write_text(path: Path, text: str) -> None:
    """Write a file in one step: whole, or as it was."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file in one step: whole, or as it was."""
    with _beside(path, content) as temporary:
        temporary.replace(path)


def write_first(path: Path, content: bytes) -> None:
    """Write a file in one step, and durably; of several writers the first one's stands."""
    with _beside(path, content) as temporary:
        try:
            with contextlib.suppress(FileExistsError):
                path.hardlink_to(temporary)
        except OSError:  # a file system without links
            if not path.exists():
                temporary.replace(path)
    sync(path.parent)


@contextlib.contextmanager
def _beside(path: Path, content: bytes) -> Iterator[Path]:
    """A file of some content beside another one's place, for as long as it is not moved."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Make a file, or the names in a folder, durable."""
    if path.is_dir() and os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def put_in_place(new: Path, final: Path, aside: Path) -> None:
    """Move a folder to a place from which an older one is moved aside; both moves or none.

    Parameters
    ----------
    new, final, aside : Path
        On one file system; `aside` does not exist.
    """
    try:
        if final.exists():
            final.replace(aside)
        new.replace(final)
    except BaseException:
        if aside.exists() and not final.exists():
            aside.replace(final)
        raise


def alive(pid: int) -> bool:
    """Whether a process of this machine is running."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return pid > 0


@contextlib.contextmanager
def locked(
    path: Path, what: str, advice: str = "", error: type[CremeError] = InUseError
) -> Iterator[None]:
    """Hold a lock file; the system lets go of it when the process ends, however it ends.

    Parameters
    ----------
    path : Path
        The lock file, in a folder that is there. It is removed afterwards; one that a killed
        process has left is no hindrance.
    what : str
        Begins the error, and "by another process" follows: ``"x.results is being run"``.
    advice : str
        Ends it.
    error : type of CremeError

    Raises
    ------
    CremeError
        Of type `error`, if another process holds it, or another part of this one; it says which.

    Warns
    -----
    CremeWarning
        If the file system has no locks, as those of some clusters.
    """
    while True:
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o644)
        try:
            _take(descriptor)
        except (BlockingIOError, PermissionError):
            holder = _holder(descriptor)
            os.close(descriptor)
            raise error(f"{what} by another process{holder}{advice}") from None
        except OSError as problem:
            warnings.warn(
                f"{path.parent} has no locks ({problem}): nothing may use it twice at once",
                CremeWarning,
                stacklevel=3,
            )
        with contextlib.suppress(OSError):
            # The holder before may have removed the name since it was opened.
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                break
        os.close(descriptor)
    try:
        owner = {"pid": os.getpid(), "host": socket.gethostname()}
        os.truncate(descriptor, 0)
        os.write(descriptor, json.dumps(owner).encode())
        yield
    finally:
        with contextlib.suppress(OSError):  # Windows removes no open file: it stays
            path.unlink()
        os.close(descriptor)


def _take(descriptor: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        os.lseek(descriptor, 0, os.SEEK_SET)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _holder(descriptor: int) -> str:
    """The process that holds a lock, in brackets; empty until it has written itself down."""
    try:
        record = json.loads(os.read(descriptor, 1000))
        return f" (pid {int(record['pid'])} on {record['host']})"
    except (OSError, ValueError, KeyError, TypeError):
        return ""
