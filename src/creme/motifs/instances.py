"""Instances of motifs in intervals of a genome, which tests take as their elements."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from creme.errors import ConfigError
from creme.genome import Genome
from creme.motifs.matches import P, matches
from creme.motifs.meme import Matrices

AT_ONCE = 4_000_000
"""Bases that are scanned at once."""


@dataclass(frozen=True)
class ScannedInterval:
    """A stretch of the genome that is scanned.

    Attributes
    ----------
    contig : str
        As the FASTA calls it, with ``chr`` or without.
    start, end : int
        0-based, half-open. A part that lies outside the contig is left out.
    name : str
    at : int
        The base that instances are near or far from: the TSS of a locus, the middle of others.
    """

    contig: str
    start: int
    end: int
    name: str
    at: int


@dataclass(frozen=True)
class Instances:
    """The instances of motifs.

    Attributes
    ----------
    table : DataFrame
        A row for each, in the order of the genome: ``contig``, ``start``, ``end`` (0-based,
        half-open), ``motif``, ``strand`` of the genome, ``score`` (bits), ``p``, ``q``, and
        ``within``, the name of the interval that holds it; of several that whose base `at` is
        nearest.
    tests : int
        Places that were looked at, on both strands and over all motifs; ``p * tests`` matches are
        expected by chance in random sequence.
    motifs : int
    matches : int
        Before overlaps were resolved.
    p : float
        The threshold.
    overlapping : bool
        Whether overlapping matches were kept.
    """

    table: pd.DataFrame
    tests: int
    motifs: int
    matches: int
    p: float
    overlapping: bool

    @property
    def summary(self) -> str:
        """The numbers of instances, matches and tests, and the rule, in a sentence."""
        chance = self.p * self.tests
        rule = "all are kept" if self.overlapping else "of those that overlap the smallest p stays"
        return (
            f"{len(self.table):,} instances of {self.matches:,} matches with p below {self.p:g} "
            f"({rule}); {self.tests:,} places of {self.motifs:,} motifs were looked at, where "
            f"chance gives {chance:{',.0f' if chance >= 10 else '.2g'}} matches"
        )


def find_instances(
    motifs: Matrices,
    genome: Genome,
    intervals: Iterable[ScannedInterval],
    p: float = P,
    *,
    overlapping: bool = False,
) -> Instances:
    """Scan intervals of a genome on both strands.

    Each place is looked at once, in however many intervals it lies. A match lies in an interval as
    a whole, and holds no N; see `creme.motifs.matches.matches`. q is that of Benjamini and
    Hochberg over all places of the same motif, as FIMO has it; since p above the threshold are not
    known, it may be too large, and is never too small.

    Of matches that share a base, of one motif or of several, the one with the smallest p stays; of
    equal p the one with the higher score, then the first on the genome, then the first in the file
    of motifs, then that of the forward strand.

    Parameters
    ----------
    motifs : dict of str to array (4, width)
        As `creme.motifs.meme.read_motifs` gives them.
    genome : Genome
    intervals : iterable of ScannedInterval
    p : float
        Matches have a smaller one; above 0, at most 0.01.
    overlapping : bool
        Whether matches that overlap all stay.

    Raises
    ------
    ConfigError
        If `p` is not possible, or there are no intervals.
    GenomeError
        If the genome has no such contig.
    """
    if not 0 < p <= 0.01:
        raise ConfigError(f"p = {p:g}: give a threshold above 0, and at most 0.01")
    blocks = list(_blocks(genome, intervals))
    if not blocks:
        raise ConfigError("there are no intervals to scan")
    parts, tests = [], dict.fromkeys(motifs, 0)
    longest = max(matrix.shape[1] for matrix in motifs.values())
    for pieces in _at_once(blocks, longest - 1):
        frame, of_width = _scan(motifs, genome, pieces, p)
        parts.append(frame)
        for name, matrix in motifs.items():
            tests[name] += of_width[matrix.shape[1]]
    order = {name: k for k, name in enumerate(motifs)}
    whole = pd.concat(parts, ignore_index=True)
    whole = whole.assign(q=_q(whole, tests), order=whole["motif"].map(order))
    kept = whole if overlapping else whole[_apart(whole)]
    by = ["contig", "start", "end", "order", "strand"]
    contigs = {contig: k for k, contig in enumerate(genome.contigs)}
    table = kept.sort_values(by, key=lambda of: of.map(contigs) if of.name == "contig" else of)
    names = ["contig", "start", "end", "motif", "strand", "score", "p", "q", "within"]
    return Instances(
        table[names].reset_index(drop=True),
        sum(tests.values()),
        len(motifs),
        len(whole),
        p,
        overlapping,
    )


@dataclass(frozen=True)
class _Block:
    """Intervals that overlap, and what they cover."""

    contig: str
    start: int
    end: int
    rows: list[ScannedInterval]


@dataclass(frozen=True)
class _Piece:
    """A part of a block: places begin in [start, stop), and their bases end at `end`."""

    block: _Block
    start: int
    stop: int
    end: int


def _blocks(genome: Genome, intervals: Iterable[ScannedInterval]) -> Iterator[_Block]:
    """The intervals as far as they lie on their contigs, those that overlap together."""
    rows = []
    for row in intervals:
        contig = genome.resolve(row.contig)
        start, end = max(0, row.start), min(row.end, genome.contigs[contig])
        if start < end:
            rows.append(replace(row, contig=contig, start=start, end=end))
    rows.sort(key=lambda row: (row.contig, row.start, row.end))
    together: list[ScannedInterval] = []
    end = 0
    for row in rows:
        if together and (row.contig != together[0].contig or row.start >= end):
            yield _Block(together[0].contig, together[0].start, end, together)
            together = []
        end = max(end, row.end) if together else row.end
        together.append(row)
    if together:
        yield _Block(together[0].contig, together[0].start, end, together)


def _at_once(blocks: Iterable[_Block], reach: int) -> Iterator[list[_Piece]]:
    """Pieces of blocks that are scanned together, about `AT_ONCE` bases."""
    pieces: list[_Piece] = []
    room = AT_ONCE
    for block in blocks:
        start = block.start
        while start < block.end:
            stop = min(start + room, block.end)
            pieces.append(_Piece(block, start, stop, min(stop + reach, block.end)))
            room -= stop - start
            start = stop
            if room <= 0:
                yield pieces
                pieces, room = [], AT_ONCE
    if pieces:
        yield pieces


def _scan(
    motifs: Matrices, genome: Genome, pieces: list[_Piece], p: float
) -> tuple[pd.DataFrame, dict[int, int]]:
    """Matches on the genome, and the number of places by width."""
    codes, spans = [], []
    offsets = np.cumsum([0, *(piece.end - piece.start for piece in pieces)])
    for piece, offset in zip(pieces, offsets[:-1].tolist(), strict=True):
        codes.append(genome.codes(piece.block.contig, piece.start, piece.end))
        shift = offset - piece.start
        for row in piece.block.rows:
            low, high = max(row.start, piece.start), min(row.end, piece.end)
            if low < high:
                spans.append((low + shift, high + shift, piece.stop + shift))
    frame, tests = matches(motifs, np.concatenate(codes), spans, p)
    starts = frame["start"].to_numpy(dtype=np.int64)
    of = np.searchsorted(offsets, starts, side="right") - 1
    shifts = np.array([piece.start for piece in pieces], dtype=np.int64) - offsets[:-1]
    starts = starts + shifts[of]
    ends = starts + (frame["end"] - frame["start"]).to_numpy(dtype=np.int64)
    blocks = [pieces[k].block for k in of.tolist()]
    frame = frame.assign(
        contig=[block.contig for block in blocks],
        start=starts,
        end=ends,
        within=[
            _holder(block, start, end)
            for block, start, end in zip(blocks, starts.tolist(), ends.tolist(), strict=True)
        ],
    )
    return frame, tests


def _holder(block: _Block, start: int, end: int) -> str:
    """The interval that holds a match; of several that whose base `at` is nearest, or the first."""
    if len(block.rows) == 1:
        return block.rows[0].name
    # Twice the distance from the middle, which may lie between two bases.
    near = [
        (abs(2 * row.at - (start + end - 1)), k)
        for k, row in enumerate(block.rows)
        if row.start <= start and end <= row.end
    ]
    return block.rows[min(near)[1]].name


def _q(frame: pd.DataFrame, tests: dict[str, int]) -> np.ndarray:
    """q of each match over all places of its motif, by Benjamini and Hochberg."""
    q = np.empty(len(frame))
    for name, rows in frame.groupby("motif", sort=False).indices.items():
        p = frame["p"].to_numpy(dtype=np.float64)[rows]
        order = np.argsort(p, kind="stable")
        ratio = p[order] * tests[str(name)] / np.arange(1, len(p) + 1)
        q[rows[order]] = np.minimum(1, np.minimum.accumulate(ratio[::-1])[::-1])
    return q


def _apart(frame: pd.DataFrame) -> np.ndarray:
    """Whether a match stays where no two may overlap."""
    kept = np.zeros(len(frame), dtype=bool)
    taken: dict[str, list[tuple[int, int]]] = {}
    ranked = frame.reset_index(drop=True).assign(worse=-frame["score"].to_numpy())
    ranked = ranked.sort_values(["p", "worse", "contig", "start", "order", "strand"])
    columns = (ranked[name].tolist() for name in ("contig", "start", "end"))
    for k, contig, start, end in zip(ranked.index.tolist(), *columns, strict=True):
        at = taken.setdefault(contig, [])
        place = bisect_left(at, (start, end))
        free = place == len(at) or at[place][0] >= end
        if free and (place == 0 or at[place - 1][1] <= start):
            at.insert(place, (start, end))
            kept[k] = True
    return kept
