"""Python files that the user has run before, and those of directories from somebody else.

A results directory or the folder of a study names Python files, which going on with it runs. Those
of one's own experiments are remembered when these are run, by the digest of what stands in them. A
file with another content in a directory is run only once the user says so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

from creme.errors import TrustError
from creme.files.cache_folder import state_folder
from creme.files.durable import write_text

Trust = bool | Callable[[Path], bool]
"""Whether a file may be run that was not run before; a function is asked of each."""

_RECEIVED: ContextVar[tuple[Path, Trust] | None] = ContextVar("received", default=None)
_REMEMBERED: set[str] = set()


@contextmanager
def received(directory: Path | None, trust: Trust) -> Iterator[None]:
    """Go on with a directory that may come from somebody else.

    Parameters
    ----------
    directory : Path or None
        None for one's own files, which are remembered.
    trust : bool or callable
        Whether files in it may be run that were not run before.
    """
    token = _RECEIVED.set(None if directory is None else (directory, trust))
    try:
        yield
    finally:
        _RECEIVED.reset(token)


def check_trusted(file: Path, content: bytes) -> None:
    """See that a Python file may be run, and remember it.

    Raises
    ------
    TrustError
        If a directory from somebody else names it, and it was not run before.
    """
    digest = hashlib.sha256(content).hexdigest()
    if digest in _REMEMBERED:
        return
    note = state_folder() / "trusted" / digest
    if not note.exists():
        _ask(file)
        with suppress(OSError):  # it will be asked once more
            note.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_text(note, f"{file.absolute()}\n")
    _REMEMBERED.add(digest)


def _ask(file: Path) -> None:
    place = _RECEIVED.get()
    if place is None:
        return
    directory, trust = place
    if not (trust(file) if callable(trust) else trust):
        raise TrustError(
            f"going on with {directory} would run the Python file {file}, which you have not run "
            f"before as it is now: read it, and give --trust (in Python trust=True) if you trust "
            f"it; nothing of it was run"
        )
