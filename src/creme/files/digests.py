"""Digests that identify files of weights."""

from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path
from typing import NamedTuple

from creme.errors import ModelError
from creme.files.cache_folder import cache_folder
from creme.files.durable import write_text

_SETTLED = 2.0
"""Seconds after which a file's time of change tells a later version from this one."""


def digest(path: Path) -> str:
    """SHA-256 of a file, or of all files of a folder with their names; hexadecimal.

    A file's digest is remembered in the cache folder by its path, its place on the disk, its size
    and its times of change, so that gigabytes are read once and not at every start.

    Raises
    ------
    ModelError
        If the path is not there or cannot be read.
    """
    try:
        if not path.is_dir():
            return _of_file(path)
        files = sorted(file for file in path.rglob("*") if file.is_file())
        digests = [(file.relative_to(path).as_posix(), _of_file(file)) for file in files]
    except OSError as error:
        raise ModelError(f"weights {str(path)!r} cannot be read: {error}") from None
    return hashlib.sha256(json.dumps(digests).encode()).hexdigest()


def _of_file(path: Path) -> str:
    before = file_state(path)
    version = [str(path.absolute()), *before]
    name = hashlib.sha256(os.fsencode(path.absolute())).hexdigest()[:32]
    note = cache_folder() / "digests" / f"{name}.json"
    try:
        record = json.loads(note.read_text(encoding="utf-8"))
        if record["version"] == version:
            return str(record["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # no note, or another program's: computed again
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    after = file_state(path)
    if after == before and time.time() - after.mtime_ns / 1e9 > _SETTLED:
        try:
            note.parent.mkdir(parents=True, exist_ok=True)
            write_text(note, json.dumps({"version": version, "sha256": sha256}))
        except OSError:
            pass  # a cache that cannot be written is no reason not to work
    return sha256


class FileState(NamedTuple):
    """The state of a file, by which a file that replaces another one is told apart from it.

    A copy may keep size and time of modification, but has a time of change of its own.
    """

    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int


def file_state(path: Path) -> FileState:
    """The present state of a file."""
    status = path.stat()
    return FileState(status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
