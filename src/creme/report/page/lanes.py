"""Intervals of the reader's own BED files around loci."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from creme.errors import GenomeError
from creme.genome.contigs import plain_contig
from creme.genome.files import text_lines

MOST = 300
"""Intervals of a lane and a locus that the page has: those nearest to the TSS."""
_NOT_INTERVALS = ("#", "track", "browser")


class Lane:
    """The intervals of a BED file.

    Parameters
    ----------
    name : str
        The lane's.
    path : Path
        BED, plain or gzip: three columns, and names in the fourth if there is one.

    Raises
    ------
    GenomeError
        If the file cannot be read, or a line is no BED, by its number.
    """

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        rows: dict[str, list[tuple[int, int, str]]] = {}
        for number, line in text_lines(path):
            if not line.strip() or line.startswith(_NOT_INTERVALS):
                continue
            columns = line.rstrip("\r\n").split("\t")
            if len(columns) < 3:
                columns = line.split()
            ends = columns[1:3]
            if len(ends) < 2 or not all(end.isascii() and end.isdigit() for end in ends):
                raise GenomeError(
                    f"{path}, line {number}: BED has contig, start and end; the line is "
                    f"{line[:60]!r}"
                )
            name = " ".join(columns[3].split()) if len(columns) > 3 else ""
            place = (int(ends[0]), int(ends[1]), "" if name == "." else name)
            rows.setdefault(plain_contig(columns[0]), []).append(place)
        self._rows = {contig: sorted(of) for contig, of in rows.items()}
        # The longest interval says how far before a window one may begin that reaches into it.
        self._longest = {
            contig: max(end - start for start, end, _ in of) for contig, of in self._rows.items()
        }

    def within(self, contig: str, start: int, end: int) -> list[tuple[int, int, str]]:
        """The intervals that overlap [start, end): start, end and name, 0-based, half-open."""
        rows = self._rows.get(plain_contig(contig), [])
        first = bisect_left(rows, (start - self._longest.get(plain_contig(contig), 0), 0, ""))
        last = bisect_left(rows, (end, 0, ""))
        return [row for row in rows[first:last] if row[1] > start]

    def of_page(self, record: Mapping[Any, Any], span: list[int]) -> list[list[Any]]:
        """The intervals of a locus's map: from, to (bp from its TSS, along the gene) and name."""
        tss, sign = int(record["tss_position"]), 1 if record["strand"] == "+" else -1
        low, high = sorted((tss + sign * span[0], tss + sign * (span[1] - 1)))
        placed: list[list[Any]] = []
        for start, end, name in self.within(str(record["contig"]), low, high + 1):
            ends = (start - tss, end - tss) if sign > 0 else (tss - end + 1, tss - start + 1)
            placed.append([*ends, name[:60]])
        middles = np.array([abs(one[0] + one[1]) for one in placed])
        nearest = np.sort(np.argsort(middles, kind="stable")[:MOST])
        return sorted(placed[int(k)] for k in nearest)


def under(locus: Mapping[str, Any], tile: int) -> dict[str, list[str]]:
    """Names of the intervals that a tile of a page's locus overlaps, by lane."""
    start, end, distance = locus["tiles"][tile][:3]
    half = (end - start) / 2
    return {
        lane: [
            name or "unnamed"
            for low, high, name in intervals
            if low < distance + half and high > distance - half
        ]
        for lane, intervals in locus.get("lanes", [])
    }
