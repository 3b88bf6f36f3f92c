"""Motifs within what fine-tile searches have left of tiles, found by FIMO."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from creme.errors import ConfigError, CremeWarning
from creme.genome import Genome
from creme.motifs.matches import matches
from creme.motifs.meme import Matrices

Interval = tuple[str, int, int]
"""Contig, start and end, 0-based and half-open."""
Hit = tuple[str, int, int, str, float]
"""Name of the motif, start and end on the contig, strand of the genome, p."""

MOST = 20
"""Matches of an interval that the page has: those with the smallest p."""


class Motifs:
    """The matches of motifs in intervals of a genome.

    Parameters
    ----------
    motifs : dict of str to array (4, width)
    fasta : Path or None
        The genome that the intervals are of.
    intervals : iterable of (contig, start, end)

    Notes
    -----
    `creme.motifs.matches.matches`. p is of one place: with many bases and motifs some matches are
    chance, and a match is no evidence that a factor binds.

    Raises
    ------
    ConfigError
        If there is no genome.
    GenomeError
        If the intervals are not of the genome.
    """

    def __init__(self, motifs: Matrices, fasta: Path | None, intervals: Iterable[Interval]) -> None:
        if fasta is None:
            raise ConfigError("motifs need the genome, which the results do not name")
        self._hits: dict[Interval, list[Hit]] = {}
        wanted = list(dict.fromkeys(intervals))
        if not wanted:
            return
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CremeWarning)  # the run has said so
            genome = Genome(fasta)
            sequences = [genome.codes(*one) for one in wanted]
        offsets = np.cumsum([0, *map(len, sequences)])
        ends = zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)
        spans = [(start, end, end) for start, end in ends]
        frame, _ = matches(motifs, np.concatenate(sequences), spans)
        of = np.searchsorted(offsets, frame["start"].to_numpy(dtype=np.int64), side="right") - 1
        columns = (frame[name].tolist() for name in ("motif", "start", "end", "strand", "p"))
        for place, motif, start, end, strand, p in zip(of.tolist(), *columns, strict=True):
            interval = wanted[place]
            shift = interval[1] - int(offsets[place])
            hit = (str(motif)[:60], start + shift, end + shift, str(strand), float(p))
            self._hits.setdefault(interval, []).append(hit)

    def of(self, contig: str, start: int, end: int) -> list[Hit]:
        """The matches in an interval, those with the smallest p first."""
        hits = self._hits.get((contig, start, end), [])
        return sorted(hits, key=lambda hit: (hit[4], hit[1], hit[0]))[:MOST]
