"""Genomes: bases of a FASTA by their coordinates."""

from __future__ import annotations

import os
import threading
import warnings
import weakref
from collections import Counter, OrderedDict
from collections.abc import Mapping
from functools import cached_property, lru_cache
from pathlib import Path
from types import MappingProxyType

import numpy as np

from creme.errors import CremeWarning, GenomeError, listing, nearest
from creme.genome.cache import identity
from creme.genome.contigs import plain_contig
from creme.genome.index import IndexedFasta
from creme.sequence import Codes, N, Sequence, complement, encode

_KEPT = 64
_MASKED = (10, 10_000)
"""Lengths of masked repeats, bp: shorter runs of N are ambiguity letters, longer ones gaps."""
_MASKED_RUNS = 10
"""In an interval, and in 100 kb: an assembly has fewer gaps, and a masked genome over 100."""
_BASES = b"ACGTNacgtn"
_AMBIGUOUS = b"RYSWKMBDHV"
_AS_N = bytes.maketrans(_AMBIGUOUS + _AMBIGUOUS.lower(), b"N" * 2 * len(_AMBIGUOUS))


class Genome:
    """A FASTA file, read in place.

    Plain files are read where they are, and so are files of bgzip where biopython (extra ``bgzip``)
    is installed. A file of gzip cannot be, so it is decompressed once into the cache folder
    (``$CREME_CACHE_DIR``, else the user's cache of the platform), as one of bgzip is without
    biopython. An index ``.fai`` (and ``.gzi``) beside the file is used where it is
    not older than the file; any other is made in the cache folder. Nothing is ever written beside
    the file.

    May be used by several threads and in forked processes. Pickled as its path: another process
    opens it anew, and once for all its loci.

    Parameters
    ----------
    path : str or Path
        Any width of lines, LF or CRLF line ends, upper or lower case.

    Attributes
    ----------
    path : Path
    contigs : mapping of str to int
        Length of each contig, bp, in the order of the file.
    notes : tuple of str
        The files that were put into the cache folder, and where they are.

    Raises
    ------
    GenomeError
        If the file is missing, empty, cut short, or not FASTA; if a contig's name occurs twice or
        its lines have different lengths; or if an index beside the file does not fit it.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).expanduser().absolute()
        self._lock = threading.RLock()
        self._fasta: IndexedFasta | None = IndexedFasta(self.path)
        self.contigs: Mapping[str, int] = MappingProxyType(self._fasta.lengths)
        self.notes = self._fasta.notes
        self._recent: OrderedDict[tuple[str, int, int, str], Sequence] = OrderedDict()
        self._reported: set[str] = set()
        _genomes.add(self)

    @cached_property
    def _by_plain_name(self) -> dict[str, list[str]]:
        """Contigs by their plain names."""
        contigs: dict[str, list[str]] = {}
        for contig in self.contigs:
            contigs.setdefault(plain_contig(contig), []).append(contig)
        return contigs

    def __repr__(self) -> str:
        return f"Genome({str(self.path)!r}, contigs={len(self.contigs)})"

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (_reopened, (str(self.path),))

    def resolve(self, contig: str) -> str:
        """The FASTA's own name for a contig.

        That is the name itself, or else the name with the prefix ``chr`` added or taken away, or
        another name of the mitochondrial genome (M, MT, chrM, chrMT); the latter two give a
        `CremeWarning`, the first time.

        Raises
        ------
        GenomeError
            If there is no such contig; the message names the nearest one and others.
        """
        if contig in self.contigs:
            return contig
        if alike := self._by_plain_name.get(plain_contig(contig)):
            switched = contig[3:] if contig.startswith("chr") else f"chr{contig}"
            other = switched if switched in alike else alike[0]
            style = "chr" if other == switched else "other"
            self._report(
                f"{style} style of {contig.startswith('chr')}",
                f"contig {contig!r} is called {other!r} in {self.path}, and is read from "
                f"there; so are others whose names differ in this way",
            )
            return other
        raise GenomeError(
            f"{self.path} has no contig {contig!r}{nearest(contig, self.contigs)}; it has "
            f"{listing(self.contigs)}"
        )

    def fetch(self, contig: str, start: int, end: int, strand: str = "+") -> Sequence:
        """The bases of an interval.

        Parameters
        ----------
        contig : str
            As `resolve` takes it.
        start, end : int
            0-based and half-open. Positions outside the contig are N.
        strand : {'+', '-'}
            ``-`` gives the reverse complement.

        Returns
        -------
        Sequence
            Of ``end - start`` bp. The latest 64 are kept, so that asking again for the same
            interval gives the same object. Ambiguity letters (R Y S W K M B D H V) are read as N,
            with one `CremeWarning` for a contig.

        Raises
        ------
        GenomeError
            If the interval is empty, there is no such contig, or any other character is in
            the interval (with its position).
        """
        if strand not in ("+", "-"):
            raise GenomeError(f"strand {strand!r} is not '+' or '-'")
        if start >= end:
            raise GenomeError(f"the interval {contig}:{start}-{end} is empty: start must be < end")
        name = self.resolve(contig)
        key = (name, int(start), int(end), strand)
        with self._lock:
            sequence = self._recent.pop(key, None)
            if sequence is None:
                codes = self._codes(*key[:3])
                if strand == "-":
                    codes = complement(codes[::-1])
                codes.flags.writeable = False
                sequence = Sequence(codes)
            self._recent[key] = sequence
            if len(self._recent) > _KEPT:
                self._recent.popitem(last=False)
        return sequence

    def codes(self, contig: str, start: int, end: int) -> Codes:
        """Codes of the forward strand, which are not kept: for those that look at many places.

        Parameters and errors as for `fetch`.
        """
        with self._lock:
            return self._codes(self.resolve(contig), start, end)

    def _codes(self, contig: str, start: int, end: int) -> Codes:
        """Codes of the forward strand, padded."""
        if self._fasta is None:
            self._fasta = IndexedFasta(self.path)
        codes = np.full(end - start, N, dtype=np.uint8)
        low, high = max(start, 0), min(end, self.contigs[contig])
        if low < high:
            text = self._fasta.bases(contig, low, high)
            others = text.translate(None, _BASES)
            if others:
                text = self._ambiguous_as_n(text, others, contig, low)
            codes[low - start : high - start] = encode(text)
            self._see_masking(codes[low - start : high - start], contig, low)
        return codes

    def _see_masking(self, codes: Codes, contig: str, start: int) -> None:
        """Say that repeats are N, where many short runs of N say so."""
        is_n = np.concatenate([[False], codes == N, [False]])
        edges = np.flatnonzero(is_n[1:] != is_n[:-1])
        lengths = edges[1::2] - edges[::2]
        runs = int(((lengths >= _MASKED[0]) & (lengths <= _MASKED[1])).sum())
        if runs >= max(_MASKED_RUNS, len(codes) * _MASKED_RUNS / 100_000):
            self._report(
                "hard-masked",
                f"{self.path} seems to be hard-masked: {contig}:{start}-{start + len(codes)} has "
                f"{runs} short runs of N, {np.mean(is_n[1:-1]):.0%} of it, as programs leave that "
                f"replace repeats. Models are trained on the bases, and shuffles leave N where "
                f"they are: take the soft-masked FASTA, which has repeats in lower case",
            )

    def _ambiguous_as_n(self, text: bytes, others: bytes, contig: str, start: int) -> bytes:
        """`text` with N for ambiguity letters; `others` are its letters other than bases."""
        wrong = others.upper().translate(None, _AMBIGUOUS)
        if wrong:
            allowed = _BASES + _AMBIGUOUS + _AMBIGUOUS.lower()
            at = next(i for i, letter in enumerate(text) if letter not in allowed)
            raise GenomeError(
                f"{self.path}: character {chr(text[at])!r} at position {start + at} (0-based) of "
                f"contig {contig} is not a letter of DNA (A C G T N, ambiguity letters, either "
                f"case)"
            )
        counts = Counter(others.upper().decode())
        letters = ", ".join(f"{count} {letter}" for letter, count in sorted(counts.items()))
        self._report(
            f"ambiguous in {contig}",
            f"{self.path}: {len(others)} ambiguity letters in {contig}:{start}-"
            f"{start + len(text)} ({letters}) are read as N; so are others of this contig",
        )
        return text.translate(_AS_N)

    def _report(self, subject: str, message: str) -> None:
        """Warn, once for a subject."""
        if subject not in self._reported:
            self._reported.add(subject)
            warnings.warn(message, CremeWarning, stacklevel=3)

    def _after_fork(self) -> None:
        # A child shares the parent's file position, and a lock that another thread held stays held.
        self._lock = threading.RLock()
        self._fasta = None


_genomes: weakref.WeakSet[Genome] = weakref.WeakSet()


def _renew_genomes() -> None:
    for genome in list(_genomes):
        genome._after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_genomes)


def _reopened(path: str) -> Genome:
    """The process's own genome of a path: one for all loci that are unpickled."""
    try:
        return _opened(path, identity(Path(path)))
    except OSError as error:
        raise GenomeError(f"{path} cannot be opened: {error.strerror}") from error


@lru_cache(maxsize=4)
def _opened(path: str, identity: tuple[str, int, int]) -> Genome:
    return Genome(path)
