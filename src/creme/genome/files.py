"""Reading the user's files: plain, gzip or bgzip, by their first bytes and not their names."""

from __future__ import annotations

import gzip
import os
import shutil
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Literal

from creme.errors import GenomeError

DAMAGE = (EOFError, zlib.error, gzip.BadGzipFile)
"""Exceptions that reading a cut or damaged gzip file raises."""

_BGZF_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")

Compression = Literal["none", "gzip", "bgzip"]


def compression(path: Path) -> Compression:
    """Recognise how a file is compressed.

    Raises
    ------
    GenomeError
        If it is missing, a folder, empty or unreadable, or a bgzip file without its end marker.
    """
    try:
        with path.open("rb") as handle:
            head = handle.read(18)
            size = handle.seek(0, os.SEEK_END)
            handle.seek(max(0, size - len(_BGZF_END)))
            tail = handle.read()
    except FileNotFoundError:
        raise GenomeError(f"{path} does not exist") from None
    except IsADirectoryError:
        raise GenomeError(f"{path} is a folder, not a file") from None
    except OSError as error:
        raise GenomeError(f"{path} cannot be read: {error.strerror}") from error
    if not head:
        raise GenomeError(f"{path} is empty")
    if head[:2] != b"\x1f\x8b":
        return "none"
    # BGZF is gzip whose members carry an extra field BC (section 4.1 of the SAM specification).
    if not (head[3] & 4 and head[12:14] == b"BC"):
        return "gzip"
    if tail != _BGZF_END:
        raise GenomeError(f"{path} is cut short: a bgzip file ends with an empty block")
    return "bgzip"


def opened(path: Path) -> BinaryIO | gzip.GzipFile:
    """The decompressed bytes of a file, as a stream."""
    if compression(path) == "none":
        return path.open("rb")
    return gzip.open(path, "rb")


def damaged(path: Path, error: BaseException, line: int = 0) -> GenomeError:
    """The error for a compressed file that cannot be read to its end; `line` is the last read."""
    after = f" after line {line}" if line else ""
    return GenomeError(f"{path} is cut short or damaged{after} ({error}): get it again")


def decompress(path: Path, target: Path) -> None:
    """Write the decompressed bytes of `path` to `target`.

    Raises
    ------
    GenomeError
        If the file is cut short or fails its checksum.
    """
    with opened(path) as source, target.open("wb") as sink:
        try:
            shutil.copyfileobj(source, sink, 1 << 20)
        except DAMAGE as error:
            raise damaged(path, error) from error


def text_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Numbered lines (from 1) without their line ends, streamed.

    Raises
    ------
    GenomeError
        If the file is missing, empty, cut short or damaged.
    """
    number = 0
    with opened(path) as handle:
        try:
            for number, line in enumerate(handle, 1):
                text = line.decode("utf-8", "replace").rstrip("\r\n")
                yield number, text.removeprefix("\ufeff") if number == 1 else text
        except DAMAGE as error:
            raise damaged(path, error, number) from error
    if not number:
        raise GenomeError(f"{path} is empty")
