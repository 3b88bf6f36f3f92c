"""Reading the user's files: plain, gzip or bgzip, by their first bytes and not their names."""

from __future__ import annotations

import gzip
import os
import stat
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Literal

from creme.errors import GenomeError

DAMAGE = (EOFError, zlib.error, gzip.BadGzipFile)
"""Exceptions that reading a cut or damaged gzip file raises."""

_BGZF_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")

Compression = Literal["none", "gzip", "bgzip"]

_LONGEST_LINE = 16 << 20
"""Bytes; a line of an annotation has thousands."""

_LARGEST_SMALL, _LARGEST_RATIO = 1 << 28, 250
"""Decompressed data may be that many bytes, or that many times the file's: genomes are 3 to 5
times as large as their gzip file, annotations 30 times, and one that was made to fill a disk over
1,000 times."""


def compression(path: Path) -> Compression:
    """Recognise how a file is compressed.

    Raises
    ------
    GenomeError
        If it is missing, a folder, a pipe or a device, empty or unreadable; or a file of gzip or
        bgzip that is cut short.
    """
    try:
        # A pipe is not opened: that would wait for whoever writes into it.
        if not stat.S_ISREG(path.stat().st_mode) and not path.is_dir():
            raise GenomeError(f"{path} is a pipe or a device: write it to a file first")
        with path.open("rb") as handle:
            head = handle.read(18)
            size = handle.seek(0, os.SEEK_END)
            handle.seek(max(0, size - len(_BGZF_END)))
            tail = handle.read()
    except FileNotFoundError:
        raise GenomeError(
            f"{path} does not exist: a relative path starts at the folder of the file that names "
            f"it, and 'creme doctor FILE' says which of its inputs are there"
        ) from None
    except IsADirectoryError:
        raise GenomeError(f"{path} is a folder, not a file") from None
    except OSError as error:
        raise GenomeError(f"{path} cannot be read: {error.strerror}") from error
    if not head:
        raise GenomeError(f"{path} is empty")
    if head[:2] != b"\x1f\x8b":
        return "none"
    if len(head) < 18:  # of the header alone
        raise GenomeError(f"{path} is cut short: it ends within the header of gzip")
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
        If the file is cut short or fails its checksum, or is far larger than its size lets expect.
    """
    size, most = 0, _most(path)
    with opened(path) as source, target.open("wb") as sink:
        try:
            while chunk := source.read(1 << 20):
                size += len(chunk)
                if size > most:
                    raise _bomb(path)
                sink.write(chunk)
        except DAMAGE as error:
            raise damaged(path, error) from error


def _most(path: Path) -> int:
    """The most bytes that a file may decompress to."""
    return max(_LARGEST_SMALL, _LARGEST_RATIO * path.stat().st_size)


def _bomb(path: Path) -> GenomeError:
    return GenomeError(
        f"{path} decompresses to more than {_LARGEST_RATIO} times its size, which no genome or "
        f"annotation does: decompress it yourself if it is one"
    )


def text_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Numbered lines (from 1) without their line ends, streamed.

    Raises
    ------
    GenomeError
        If the file is missing, empty, cut short or damaged, or a line is of over 16 MiB.
    """
    number = size = 0
    with opened(path) as handle:
        most = _most(path)
        try:
            while line := handle.readline(_LONGEST_LINE + 1):
                number += 1
                size += len(line)
                if size > most:
                    raise _bomb(path)
                text = line.decode("utf-8", "replace").rstrip("\r\n")
                if len(line) > _LONGEST_LINE:
                    raise GenomeError(
                        f"{path}, line {number}: it is of over {_LONGEST_LINE >> 20} MiB, as no "
                        f"line of an annotation or table is"
                    )
                yield number, text.removeprefix("\ufeff") if number == 1 else text
        except DAMAGE as error:
            raise damaged(path, error, number) from error
    if not number:
        raise GenomeError(f"{path} is empty")
