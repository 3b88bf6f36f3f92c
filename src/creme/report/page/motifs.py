"""Motifs within what fine-tile searches have left of tiles, found by FIMO."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from creme.errors import CremeError, CremeWarning, ResultsError
from creme.genome import Genome
from creme.packages import lacking
from creme.sequence import Codes

Interval = tuple[str, int, int]
"""Contig, start and end, 0-based and half-open."""
Hit = tuple[str, int, int, str, float]
"""Name of the motif, start and end on the contig, strand of the genome, p."""

P = 1e-4
"""Largest p of a match, FIMO's own default."""
MOST = 20
"""Matches of an interval that the page has: those with the smallest p."""
_NO_BASE = 4


class Motifs:
    """The matches of motifs in intervals of a genome.

    Parameters
    ----------
    meme : Path
        Motifs in the MEME format.
    fasta : Path or None
        The genome that the intervals are of.
    intervals : iterable of (contig, start, end)

    Notes
    -----
    FIMO as memelite has it, with a uniform background and both strands. p is of one place: with
    many bases and motifs some matches are chance, and a match is no evidence that a factor binds.

    Raises
    ------
    ResultsError
        If memelite is missing, there is no genome, or the motifs cannot be read.
    """

    def __init__(self, meme: Path, fasta: Path | None, intervals: Iterable[Interval]) -> None:
        try:
            from memelite import fimo
        except ImportError:
            raise ResultsError(lacking("motifs need memelite", "motifs")) from None
        if not meme.is_file():
            raise ResultsError(f"there is no file {meme} of motifs")
        if fasta is None:
            raise ResultsError("motifs need the genome, which the results do not name")
        self.meme = meme
        self._hits: dict[Interval, list[Hit]] = {}
        wanted = list(dict.fromkeys(intervals))
        if not wanted:
            return
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", CremeWarning)  # the run has said so
                genome = Genome(fasta)
                sequences = [genome.codes(*one) for one in wanted]
        except CremeError as error:
            raise ResultsError(f"motifs need the genome: {error}") from None
        try:
            frames = fimo(str(meme), _one_hot(sequences), threshold=P)
        except Exception as error:  # whatever a file that is no MEME raises in there
            raise ResultsError(
                f"{meme} cannot be read as motifs in the MEME format: {error}"
            ) from None
        columns = ["motif_name", "sequence_name", "start", "end", "strand", "p-value"]
        for frame in frames:
            for motif, place, start, end, strand, p in frame[columns].itertuples(index=False):
                interval = wanted[int(place)]
                low, high = interval[1:]
                if low + int(end) > high:
                    continue  # it reaches into the padding, where nothing speaks against it
                hit = (str(motif)[:60], low + int(start), low + int(end), str(strand), float(p))
                self._hits.setdefault(interval, []).append(hit)

    def of(self, contig: str, start: int, end: int) -> list[Hit]:
        """The matches in an interval, those with the smallest p first."""
        hits = self._hits.get((contig, start, end), [])
        return sorted(hits, key=lambda hit: (hit[4], hit[1], hit[0]))[:MOST]


def _one_hot(sequences: list[Codes]) -> np.ndarray:
    """Sequences of several lengths, (n, 4, longest) float64; N and the padding are 0."""
    longest = max(len(codes) for codes in sequences)
    padded = np.full((len(sequences), longest), _NO_BASE)
    for row, codes in enumerate(sequences):
        padded[row, : len(codes)] = codes
    return (padded[:, None, :] == np.arange(4)[None, :, None]).astype(np.float64)
