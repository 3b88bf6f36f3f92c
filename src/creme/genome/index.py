"""An indexed FASTA: the bytes of the file that hold given bases.

pyfaidx makes the index and opens the files. It is always made to write into the cache folder:
by default it writes beside the FASTA, not atomically, and over an older index. An index beside
the FASTA is used where it is not older, as pyfaidx has it, and is checked against the file.
"""

from __future__ import annotations

import os
import re
import struct
from bisect import bisect_right
from collections.abc import Callable
from pathlib import Path
from typing import Any

from creme.errors import GenomeError
from creme.genome.cache import cached
from creme.genome.files import DAMAGE, Compression, compression, damaged, decompress, opened

_LONGEST_HEADER = 1 << 20
_SUFFIXES = (".gz", ".bgz", ".bz2", ".zip")
"""pyfaidx recognises compression by these; it refuses all but the first two."""


class IndexedFasta:
    """A FASTA with its index, open for reading; not safe for use by several threads.

    Attributes
    ----------
    lengths : dict of str to int
        Length of each contig, bp, in the order of the file.
    notes : tuple of str
        The files that were put into the cache folder, and why.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        kind = compression(path)
        _require_fasta(path)
        notes = []
        if kind == "bgzip" and path.suffix.lower() in _SUFFIXES[:2] and _has_biopython():
            fasta = path
        elif kind != "none":
            (fasta,) = cached(path, (".fa",), lambda target: decompress(path, target))
            notes.append(f"{path} is compressed by {kind}; its decompressed copy is {fasta}")
            kind = "none"
        else:
            if path.suffix.lower() in _SUFFIXES:
                raise GenomeError(f"{path} is not compressed although its name says so: rename it")
            fasta = path
        index = _beside(fasta, kind) if fasta is path else None
        if index is None:
            index = _in_cache(path, fasta, kind)
            notes.append(f"the index of {path} is {index[0]}")
        files = index if fasta is path else (fasta, *index)
        advice = f"delete {' and '.join(str(file) for file in files)}"
        misfit = f"the index {index[0]} does not fit {fasta}"
        try:
            self._file = _File(fasta, index)
        except (ValueError, TypeError) as error:
            raise GenomeError(f"{misfit} ({error}): {advice}") from error
        except DAMAGE as error:
            raise damaged(path, error) from error
        except (OSError, struct.error) as error:
            raise GenomeError(f"{fasta} cannot be opened with its index: {error}") from error
        at = self._file.misfit()
        if at is not None:
            self.close()
            raise GenomeError(f"{misfit}{f' (at contig {at!r})' if at else ''}: {advice}")
        self.lengths = {name: int(record.rlen) for name, record in self._file.index.items()}
        if not any(self.lengths.values()):
            self.close()
            raise GenomeError(f"{path} holds no bases (its lines must end in LF or CRLF)")
        self.notes = tuple(notes)

    def bases(self, contig: str, start: int, end: int) -> bytes:
        """The letters of [start, end), which must lie inside the contig, as they are in the file.

        Raises
        ------
        GenomeError
            If the file is damaged there, or no longer the one that was opened.
        """
        record = self._file.index[contig]
        first = _offset(record, start)
        try:
            text = self._file.read(first, _offset(record, end - 1) + 1 - first)
        except DAMAGE as error:
            raise damaged(self.path, error) from error
        except (OSError, ValueError) as error:
            raise GenomeError(f"{self.path} cannot be read at {contig}:{start}: {error}") from error
        letters = text.translate(None, b"\r\n")
        if len(letters) != end - start:
            raise GenomeError(
                f"{self.path} holds {len(letters)} instead of {end - start} bases at {contig}:"
                f"{start}-{end}: it was changed since it was opened"
            )
        return letters

    def close(self) -> None:
        """Close the file."""
        self._file.faidx.close()


class _File:
    """Bytes of the decompressed text, by their position, from what pyfaidx has opened.

    A missing index is made.
    """

    def __init__(self, fasta: Path, index: tuple[Path, ...]) -> None:
        import pyfaidx

        self.faidx: Any = pyfaidx.Faidx(
            str(fasta),
            indexname=str(index[0]),
            gzi_indexname=str(index[1]) if len(index) > 1 else None,
            rebuild=False,
        )
        self.index = self.faidx.index
        self.blocks: list[int] | None = None
        if len(index) > 1:
            self.blocks = [block.ustart or 0 for block in self.faidx.gzi_index]

    def read(self, at: int, size: int) -> bytes:
        """Up to `size` bytes of the text from byte `at`."""
        if self.blocks is None:
            self.faidx.file.seek(at)
        else:
            # Not Faidx.fetch, which takes the block before if a block starts at the first base,
            # and fails where that one is of the full 65,536 bytes.
            from Bio.bgzf import make_virtual_offset

            block = bisect_right(self.blocks, at) - 1
            within = at - self.blocks[block]
            if within > 0xFFFF:
                return b""
            self.faidx.file.seek(make_virtual_offset(self.faidx.gzi_index[block].cstart, within))
        return self.faidx.file.read(size)

    def misfit(self) -> str | None:
        """The first contig that is not where the index has it; None if all are.

        Between the last base of a contig and the first of the next there must be one header, of
        that name; after the last contig nothing. That takes a few short reads a contig, and finds
        the index of another version of the file.
        """
        at = 0
        name = ""
        try:
            for name, record in sorted(self.index.items(), key=lambda item: item[1].offset):
                if not 0 < record.offset - at <= _LONGEST_HEADER:
                    return name
                if not _is_header(self.read(at, record.offset - at), name):
                    return name
                at = record.offset
                if record.rlen:
                    last = _offset(record, record.rlen - 1)
                    if self.read(last, 1) in (b"", b"\r", b"\n"):
                        return name
                    at = last + 1
            return name if self.read(at, _LONGEST_HEADER).strip() else None
        except (OSError, ValueError, ZeroDivisionError, OverflowError, *DAMAGE):
            return name


def _offset(record: Any, position: int) -> int:
    """The byte of the text that holds a base of the contig."""
    lines, column = divmod(position, record.lenc)
    return int(record.offset + lines * record.lenb + column)


def _is_header(text: bytes, name: str) -> bool:
    *before, header, after = text.split(b"\n") if b"\n" in text else (text, b"")
    blank = all(not line.strip() or line.startswith(b";") for line in before)
    words = header[1:].decode("utf-8", "replace").split()
    return blank and header.startswith(b">") and words[:1] == [name] and not after


def _beside(fasta: Path, kind: Compression) -> tuple[Path, ...] | None:
    """The index files that stand beside the FASTA, if all are there and none is older than it."""
    suffixes = (".fai", ".gzi") if kind == "bgzip" else (".fai",)
    index = tuple(fasta.with_name(fasta.name + suffix) for suffix in suffixes)
    modified = fasta.stat().st_mtime
    current = all(file.is_file() and file.stat().st_mtime >= modified for file in index)
    return index if current else None


def _in_cache(source: Path, fasta: Path, kind: Compression) -> tuple[Path, ...]:
    """The index files in the cache folder, made if need be."""
    suffixes = (".fai", ".gzi") if kind == "bgzip" else (".fai",)
    if fasta is not source:
        suffixes = (".fa.fai",)
    return cached(source, suffixes, _builder(source, fasta))


def _builder(source: Path, fasta: Path) -> Callable[..., None]:
    def build(*index: Path) -> None:
        import pyfaidx

        uneven = (
            f"{source} cannot be indexed{{}}: the lines of a contig must have one length, but for "
            f"its last, without blank lines among them; write it anew, for example with "
            f"'seqkit seq -w 60'"
        )
        try:
            file = _File(fasta, index)
        except DAMAGE as error:
            raise damaged(source, error) from error
        except pyfaidx.FastaIndexingError as error:
            if "not consistent" in str(error):
                raise GenomeError(uneven.format(_place(str(error)))) from error
            raise GenomeError(f"{source} cannot be indexed: {error}") from error
        except UnicodeDecodeError as error:
            raise GenomeError(f"{source} is not FASTA: {error}") from error
        except ValueError as error:
            name = str(error).removeprefix("Duplicate key ").strip('"')
            raise GenomeError(
                f"{source} holds contig {name!r} more than once: the names of contigs must be "
                f"unique"
            ) from error
        except RuntimeError as error:
            # pyfaidx's, for a pattern of blank lines that it does not know.
            raise GenomeError(uneven.format("")) from error
        at = file.misfit()
        file.faidx.close()
        if at is not None:
            raise GenomeError(uneven.format(f" at contig {at!r}"))
        # pyfaidx compares times, which another machine's clock may have set.
        newest = fasta.stat().st_mtime_ns
        for part in index:
            time = max(newest, part.stat().st_mtime_ns)
            os.utime(part, ns=(time, time))

    return build


def _place(message: str) -> str:
    """The contig and line that pyfaidx names, as a clause."""
    match = re.search(r"found in >(\S+) at line (\d+)", message)
    return f" at contig {match[1]!r}, line {match[2]}" if match else ""


def _require_fasta(path: Path) -> None:
    """Refuse a file that does not start as FASTA does, before anything is made from it."""
    try:
        with opened(path) as handle:
            head = handle.read(1 << 16)
    except DAMAGE as error:
        raise damaged(path, error) from error
    if not head:
        raise GenomeError(f"{path} is empty")
    for line in head.splitlines():
        if line.strip() and not line.startswith(b";"):
            if not line.startswith(b">"):
                raise GenomeError(
                    f"{path} is not FASTA: its first line starts with "
                    f"{repr(line[:20])[1:]} instead of '>'"
                )
            return


def _has_biopython() -> bool:
    """Whether bgzip can be read in place."""
    try:
        from Bio import bgzf  # noqa: F401
    except ImportError:
        return False
    return True
