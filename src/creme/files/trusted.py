"""Python files that the user has run before, and those of directories from somebody else.

A results directory or the folder of a study names Python files, which going on with it runs. Those
of one's own experiments are remembered when these are run, by the digest of what stands in them
and in the modules that they import from their folder. What has another content in a directory is
run only once the user says so.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from contextvars import ContextVar
from pathlib import Path

from creme.errors import TrustError, listing
from creme.files.cache_folder import state_folder
from creme.files.durable import write_text
from creme.files.local_modules import import_from_source, local_modules

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


def carried(directory: Path | None) -> AbstractContextManager[None]:
    """As `received` with what the caller has said of trust; nothing is trusted where it has not.

    Parameters
    ----------
    directory : Path or None
    """
    stated = directory is None or _RECEIVED.get() is not None
    return nullcontext() if stated else received(directory, False)


def check_trusted(file: Path, content: bytes) -> None:
    """See that a Python file and the modules beside it may be run, and remember them.

    Raises
    ------
    TrustError
        If a directory from somebody else names it, and it was not run before.
    """
    modules = local_modules(file, content)
    if modules and _RECEIVED.get() is not None:
        import_from_source(file.absolute().parent)
    digest = _digest(file, content, modules)
    if digest in _REMEMBERED:
        return
    note = state_folder() / "trusted" / digest
    if not note.exists():
        _ask(file, modules)
        with suppress(OSError):  # it will be asked once more
            note.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_text(note, f"{file.absolute()}\n")
    _REMEMBERED.add(digest)


def _digest(file: Path, content: bytes, modules: list[Path]) -> str:
    """SHA-256 of the file, or of it and of all that it may import from its folder; hexadecimal."""
    own = hashlib.sha256(content).hexdigest()
    if not modules:
        return own
    folder = file.absolute().parent
    of = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in modules
    }
    return hashlib.sha256(json.dumps([own, of], sort_keys=True).encode()).hexdigest()


def _ask(file: Path, modules: list[Path]) -> None:
    place = _RECEIVED.get()
    if place is None:
        return
    directory, trust = place
    if not (trust(file) if callable(trust) else trust):
        beside = f" with {listing([path.name for path in modules])}" if modules else ""
        raise TrustError(
            f"going on with {directory} would run the Python file {file}{beside}, which you have "
            f"not run before as it is now: read it, and give --trust (in Python trust=True) if "
            f"you trust it; nothing of it was run"
        )
