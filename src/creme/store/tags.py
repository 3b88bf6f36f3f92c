"""A line of the index is tied to its chunk: a short tag shows that it is the one that was written.

A checksum shows that a chunk's values are whole; nothing in it says whose values they are. A tag is
a CRC-32 over the source's fingerprint, the chunk's number and checksum, the sequence's digest and
the row. A change of up to 32 bits in a row, one of its bytes say, always alters it; any other one
does but once in 2**32.
"""

from __future__ import annotations

from typing import Any
from zlib import crc32


def seed_of(fingerprint: str, chunk_id: int, checksum: str) -> int:
    """The part of a tag that all lines of a chunk share.

    Parameters
    ----------
    fingerprint : str
        Of the source.
    chunk_id : int
    checksum : str
        SHA-256 of the chunk's values, hexadecimal, as it stands in the index.
    """
    return crc32(f"{fingerprint}/{chunk_id}/{checksum}/".encode())


def tag_of(seed: int, digest: bytes, row: int) -> int:
    """The tag of a line, from -2**31 to 2**31 - 1, as databases have integers of four bytes.

    Parameters
    ----------
    seed : int
        Of its chunk, from `seed_of`.
    digest : bytes
        Of the sequence, 32 bytes.
    row : int
        Its place in the chunk.
    """
    return crc32(digest + row.to_bytes(4, "little"), seed) - 2**31


def fits(seed: int, rows: int, digest: bytes, row: Any, tag: Any) -> bool:
    """Whether a line may be believed; row and tag are as a damaged index may give them.

    Parameters
    ----------
    seed, digest, row
        As for `tag_of`.
    rows : int
        Number of rows of its chunk.
    tag : int or None
        None for a line that a writer of schema version 2 has added, whose row alone is checked.
    """
    if type(row) is not int or not 0 <= row < rows:
        return False
    return tag is None or tag == crc32(digest + row.to_bytes(4, "little"), seed) - 2**31
