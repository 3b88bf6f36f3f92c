"""Exons of an annotation: read once, in one pass, when they are first needed."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from creme.errors import GenomeError, listing
from creme.genome.contigs import plain_contig
from creme.genome.files import text_lines

_GENE = re.compile(r'\bgene_id\s+"?([^";]+)"?')
_TRANSCRIPT = re.compile(r'\btranscript_id\s+"?([^";]+)"?')

Intervals = list[tuple[int, int]]


@dataclass(frozen=True)
class ExonTable:
    """The exons of a GTF by gene and contig, in a few arrays: a whole annotation has a million.

    Attributes
    ----------
    source : str
        Path of the file.
    """

    source: str
    _genes: dict[tuple[str, str], int] = field(repr=False)
    _transcripts: list[str] = field(repr=False)
    _rows: np.ndarray = field(repr=False)
    _first: np.ndarray = field(repr=False)

    @classmethod
    def read(cls, path: Path) -> ExonTable:
        """Read the ``exon`` lines of a GTF, plain or gzip.

        Raises
        ------
        GenomeError
            For an exon line that is not GTF, by file and line number; or if there is none.
        """
        genes: dict[tuple[str, str], int] = {}
        transcripts: dict[str, int] = {}
        numbers = array("q")
        for number, line in text_lines(path):
            columns = line.split("\t", 8)
            if len(columns) < 9 or columns[2] != "exon" or line.startswith("#"):
                continue
            gene, transcript = _GENE.search(columns[8]), _TRANSCRIPT.search(columns[8])
            first, last = columns[3].strip(), columns[4].strip()
            plain = first.isascii() and first.isdigit() and last.isascii() and last.isdigit()
            if not plain or gene is None or not 1 <= int(first) <= int(last):
                raise GenomeError(
                    f"{path}, line {number}: an exon has a start and an end, 1 <= start <= end, "
                    f"and a gene_id; the line is {line[:60]!r}"
                )
            key = (gene[1], plain_contig(columns[0]))
            name = transcript[1] if transcript else ""
            numbers.extend(
                (
                    genes.setdefault(key, len(genes)),
                    transcripts.setdefault(name, len(transcripts)),
                    int(first) - 1,
                    int(last),
                )
            )
        if not genes:
            raise GenomeError(
                f"{path} has no lines of feature 'exon', which a readout of exons needs: take a "
                f"whole GTF, such as GENCODE's"
            )
        rows = np.array(numbers, dtype=np.int64).reshape(-1, 4)
        rows = rows[np.argsort(rows[:, 0], kind="stable")]
        first_of_each = np.searchsorted(rows[:, 0], np.arange(len(genes) + 1))
        return cls(str(path), genes, list(transcripts), rows, first_of_each)

    def union(self, gene_id: str, contig: str, transcript: str | None = None) -> Intervals:
        """The exons of a gene, [start, end) on its contig, 0-based: overlapping ones are one.

        Parameters
        ----------
        gene_id : str
        contig : str
            With ``chr`` or without.
        transcript : str, optional
            The id of one transcript, with its version or without; all of the gene unless given.

        Raises
        ------
        GenomeError
            If the gene has no exon there, or no such transcript.
        """
        number = self._genes.get((gene_id, plain_contig(contig)))
        if number is None:
            raise GenomeError(f"{self.source} has no exons of gene {gene_id!r} on {contig}")
        rows = self._rows[self._first[number] : self._first[number + 1]]
        if transcript is not None:
            names = [self._transcripts[row] for row in rows[:, 1]]
            exact = np.array([name == transcript for name in names])
            alike = np.array([name.partition(".")[0] == transcript for name in names])
            taken = exact if exact.any() else alike
            if not taken.any():
                raise GenomeError(
                    f"{self.source}: gene {gene_id!r} has no transcript {transcript!r} with exons; "
                    f"it has {listing(dict.fromkeys(names))}"
                )
            rows = rows[taken]
        return merged((int(start), int(end)) for start, end in rows[:, 2:])


def merged(intervals: Iterable[tuple[int, int]]) -> Intervals:
    """The union of intervals, as disjoint ones in ascending order."""
    union: Intervals = []
    for start, end in sorted(intervals):
        if union and start <= union[-1][1]:
            union[-1] = (union[-1][0], max(end, union[-1][1]))
        else:
            union.append((start, end))
    return union
