"""A file of records: whole ones are read, whatever became of its writer.

A record is a prefix (mark, kind, lengths, checksum), a header of JSON, and raw bytes. A tail that
was cut short, by the death of the writer or because it is being written, is left out.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

_MARK = b"CRU1"
_PREFIX = struct.Struct("<4sBIQ")  # mark, kind, length of the header, length of the bytes
_CHECKSUM = struct.Struct("<I")


@dataclass(frozen=True)
class LogRecord:
    """A record that is whole.

    Attributes
    ----------
    kind : int
    header : dict
    raw : bytes
    header_at, raw_at, end : int
        Where in the file they begin, and where the bytes end.
    """

    kind: int
    header: dict[str, Any]
    raw: bytes
    header_at: int
    raw_at: int
    end: int


def write(file: BinaryIO, kind: int, header: Mapping[str, Any], raw: bytes = b"") -> None:
    """Add a record to a file that is not buffered."""
    text = json.dumps(header).encode()
    prefix = _PREFIX.pack(_MARK, kind, len(text), len(raw))
    checksum = _CHECKSUM.pack(_checksum(prefix, text, raw))
    left = memoryview(b"".join((prefix, checksum, text, raw)))
    while left:
        left = left[file.write(left) :]


def read(file: BinaryIO) -> Iterator[LogRecord]:
    """The records of a file, up to one that is not whole."""
    for kind, prefix, header, raw in _lengths(file):
        at = file.tell()
        text, content = file.read(header), file.read(raw)
        (checksum,) = _CHECKSUM.unpack_from(prefix, _PREFIX.size)
        if checksum != _checksum(prefix[: _PREFIX.size], text, content):
            return
        yield LogRecord(kind, json.loads(text), content, at, at + header, at + header + raw)


def count(file: BinaryIO, kind: int) -> int:
    """How many records of a kind a file has; their content is not looked at."""
    return sum(each == kind for each, *_ in _lengths(file))


def _lengths(file: BinaryIO) -> Iterator[tuple[int, bytes, int, int]]:
    """Kind, prefix, length of header and of bytes of each record; the file stands behind both."""
    end = os.fstat(file.fileno()).st_size
    while len(prefix := file.read(_PREFIX.size + _CHECKSUM.size)) == _PREFIX.size + _CHECKSUM.size:
        mark, kind, header, raw = _PREFIX.unpack_from(prefix)
        start = file.tell()
        if mark != _MARK or start + header + raw > end:
            return
        yield kind, prefix, header, raw
        file.seek(start + header + raw)


def _checksum(*parts: bytes) -> int:
    checksum = 0
    for part in parts:
        checksum = zlib.crc32(part, checksum)
    return checksum
