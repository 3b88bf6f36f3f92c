"""The TSSs around a locus, and the bins of a model's output that exons and TSSs lie in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from creme.genome.annotation import Annotation
from creme.genome.locus import Locus
from creme.tiling import Tile


@dataclass(frozen=True)
class Neighbour:
    """A TSS in the output window of a locus.

    Attributes
    ----------
    gene, transcript : str
    position : int
        The TSS base on the genome, 0-based.
    strand : {'+', '-'}
    index : int
        Of the TSS base in the sequence of the locus.
    distance : int
        From the locus's TSS, bp in the orientation of the locus, negative upstream.
    """

    gene: str
    transcript: str
    position: int
    strand: str
    index: int
    distance: int

    @property
    def place(self) -> tuple[int, str]:
        """Position and strand."""
        return (self.position, self.strand)

    @classmethod
    def itself(cls, locus: Locus) -> Neighbour:
        """The locus's own TSS."""
        gene = locus.gene or locus.name
        return cls(gene, locus.transcript, locus.position, locus.strand, locus.tss, 0)


def neighbours(
    locus: Locus, annotation: Annotation, window: Tile, *, representative: bool = False
) -> list[Neighbour]:
    """The locus's own TSS, then the annotated ones in a window of its sequence, the nearest first.

    A TSS at the same base and strand as the locus's is the locus's own; so is that of the locus's
    transcript, from which the locus may have been moved to a summit nearby.

    Parameters
    ----------
    locus : Locus
    annotation : Annotation
    window : Tile
        Of the locus's sequence.
    representative : bool
        One TSS a gene, as `Annotation.representatives`; all distinct ones otherwise.
    """
    start, end = locus.interval(window)
    own = Neighbour.itself(locus)
    others = [
        Neighbour(
            gene=tss.gene,
            transcript=tss.transcript,
            position=tss.position,
            strand=tss.strand,
            index=locus.index_of(tss.position),
            distance=locus.index_of(tss.position) - locus.tss,
        )
        for tss in annotation.within(locus.contig, start, end, representative=representative)
    ]
    same = {
        own.place,
        *((tss.position, tss.strand) for tss in annotation.starts_of(own.transcript)),
    }
    others = [other for other in others if other.place not in same]
    return [own, *sorted(others, key=lambda one: (abs(one.distance), one.distance, one.strand))]


@dataclass(frozen=True)
class BinShares:
    """The bins that intervals lie in, and how much of each.

    Attributes
    ----------
    bins : tuple of int
        Ascending.
    shares : tuple of float
        Of each bin's bases that lie in an interval, above 0 to 1.
    intervals, outside : int
        How many intervals there are, and how many of them are not wholly in the output.
    bp, bp_outside : int
        Of all intervals; and of what lies outside the output.
    """

    bins: tuple[int, ...]
    shares: tuple[float, ...]
    intervals: int
    outside: int
    bp: int
    bp_outside: int


def bin_shares(
    intervals: Iterable[tuple[int, int]], output_start: int, bin_size: int, n_bins: int
) -> BinShares:
    """The share of each output bin that lies in disjoint intervals of the input sequence.

    Parameters
    ----------
    intervals : iterable of (start, end)
        Half-open, in the sequence; they may reach outside.
    output_start : int
        Index in the sequence of the first base of bin 0.
    bin_size, n_bins : int
    """
    intervals = list(intervals)
    output_end = output_start + bin_size * n_bins
    covered: dict[int, int] = {}
    inside = partly = 0
    for start, end in intervals:
        first, last = max(start, output_start), min(end, output_end)
        partly += (first, last) != (start, end)
        if first >= last:
            continue
        inside += last - first
        for index in range(
            (first - output_start) // bin_size, (last - 1 - output_start) // bin_size + 1
        ):
            low = output_start + index * bin_size
            covered[index] = covered.get(index, 0) + min(last, low + bin_size) - max(first, low)
    bins = tuple(sorted(covered))
    bp = sum(end - start for start, end in intervals)
    shares = tuple(covered[index] / bin_size for index in bins)
    return BinShares(bins, shares, len(intervals), partly, bp, bp - inside)
