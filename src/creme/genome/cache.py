"""Files that are derived once from a user's file and kept in the cache folder."""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from creme.errors import GenomeError
from creme.files.cache_folder import cache_folder
from creme.files.durable import sync

_MAKING = ".making-"
_SAMPLE, _SAMPLES = 4096, 16  # bytes, places
_ABANDONED_AFTER = 24 * 3600.0


def cached(source: Path, suffixes: tuple[str, ...], make: Callable[..., None]) -> tuple[Path, ...]:
    """Files derived from `source`: those in the cache, or written there now.

    They are named after the source's absolute path, size, time of modification and a sample of its
    bytes, so another version of the source has files of its own. They are made in a folder of their
    own, made durable, and moved into place whole: processes that make the same ones at once do no
    harm, and a failure leaves nothing behind.

    Parameters
    ----------
    source : Path
    suffixes : tuple of str
        One for each file.
    make : callable
        Gets a path for each suffix, and writes these files.

    Raises
    ------
    GenomeError
        If the cache folder cannot be written to, or the source changes in the meantime.
    """
    before = identity(source)
    key = hashlib.sha256(repr(before).encode() + _sample(source, before[1])).hexdigest()[:16]
    folder = cache_folder() / "genomes"
    files = tuple(folder / f"{source.name}-{key}{suffix}" for suffix in suffixes)
    if all(file.is_file() for file in files):
        return files
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _sweep(folder)
        with TemporaryDirectory(prefix=_MAKING, dir=folder) as making:
            parts = [Path(making) / file.name for file in files]
            make(*parts)
            if identity(source) != before:
                raise GenomeError(f"{source} changed while it was read: run again once it is whole")
            for part, file in zip(parts, files, strict=True):
                sync(part)
                part.replace(file)
        sync(folder)
    except OSError as error:
        raise GenomeError(
            f"cannot write to the cache folder {folder} ({error}); set CREME_CACHE_DIR to a folder "
            f"that is writable and has room"
        ) from error
    return files


def identity(path: Path) -> tuple[str, int, int]:
    """Absolute path without links, size in bytes and time of modification in ns."""
    status = path.stat()
    return (str(path.resolve()), status.st_size, status.st_mtime_ns)


def _sample(path: Path, size: int) -> bytes:
    """Bytes at both ends and in between: the end of a gzip file holds a checksum of all of it."""
    with path.open("rb") as file:
        parts = []
        for place in range(_SAMPLES):
            file.seek(max(0, size - _SAMPLE) * place // (_SAMPLES - 1))
            parts.append(file.read(_SAMPLE))
    return b"".join(parts)


def _sweep(folder: Path) -> None:
    """Remove folders that killed processes left behind; nothing takes a day to make."""
    for making in folder.glob(f"{_MAKING}*"):
        try:
            abandoned = time.time() - making.stat().st_mtime > _ABANDONED_AFTER
        except FileNotFoundError:
            continue
        if abandoned:
            shutil.rmtree(making, ignore_errors=True)
