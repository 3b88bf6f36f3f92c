"""Random windows of the genome."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from itertools import count
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
from pydantic import Field, PrivateAttr

from creme.codes import share_of_gc
from creme.errors import ConfigError, CremeWarning, SequenceError
from creme.perturbations.interval import IntervalPerturbation
from creme.seeds import MAX_SEED, derive
from creme.sequence import Codes, Edit, Mutant, N, Sequence, complement

if TYPE_CHECKING:
    from creme.genome import Locus

DRAWS = 1000
"""Windows that are looked at for one of the right GC."""

_NEAREST = (
    f"genomic_background: among {DRAWS} random windows of the genome none has the GC of the bases "
    f"that it is to replace, within gc_tolerance; the nearest one is taken, and so it is of others"
)


class GenomicBackground(IntervalPerturbation):
    """Replace an interval with a random window of the genome that has about the same GC.

    The genome is that of the locus: a test binds the perturbation to it (`bound`). A place, on
    either strand, is drawn uniformly from all of the FASTA's contigs, until its window has no N,
    does not overlap the locus's own, and its share of G and C is within `gc_tolerance`: so all such
    windows are equally likely. Of 1,000 windows without N of which none has the GC, the nearest is
    taken, with a warning. N of the interval stay where they are.

    Unlike a shuffle, it brings what a genome has: repeats, genes, promoters.
    """

    name: ClassVar[str] = "genomic_background"

    gc_tolerance: float = Field(
        0.02, ge=0, le=1, description="how far a window's share of G and C may be from the bases'"
    )

    _locus: Locus | None = PrivateAttr(None)

    def bound(self, locus: Locus) -> Self:
        """The perturbation with the genome of a locus.

        Raises
        ------
        ConfigError
            If the locus has none.
        """
        if locus.genome is None:
            raise ConfigError(
                f"{self.name}: locus {locus.name!r} has a sequence and no genome to draw windows "
                f"from: load loci from a FASTA, or take a shuffle"
            )
        one = self.model_copy()
        one._locus = locus
        return one

    def __call__(self, sequence: Sequence, *, seed: int = 0) -> Mutant:
        """Put a window there.

        Raises
        ------
        ConfigError
            If the perturbation is not bound to a locus.
        SequenceError
            If the genome has no window of the length without N, apart from the locus's own.
        """
        tile = self.interval(sequence)
        bases = tile.of(sequence).codes
        is_base = bases != N
        if not is_base.any():
            return Mutant(sequence, [])
        window = self._window(bases, seed)
        return Mutant(sequence, [Edit(tile.start, np.where(is_base, window, N).astype(np.uint8))])

    def _window(self, bases: Codes, seed: int) -> Codes:
        wanted = share_of_gc(bases)
        nearest, distance = None, np.inf
        for window in self._windows(len(bases), seed):
            away = abs(share_of_gc(window) - wanted)
            # A share of so many bases is one of their number: 1e-9 is for rounding.
            if away <= self.gc_tolerance + 1e-9:
                return window
            if away < distance:
                nearest, distance = window, away
        if nearest is None:
            raise SequenceError(
                f"{self.name}: none of {DRAWS} random windows of {len(bases)} bp is without N: is "
                f"the FASTA hard-masked? Take one that is soft-masked, in lower case"
            )
        warnings.warn(_NEAREST, CremeWarning, stacklevel=2)
        return nearest

    def _windows(self, length: int, seed: int) -> Iterator[Codes]:
        """Random windows without N outside the locus's own; they end after `DRAWS` draws."""
        locus = self._locus
        if locus is None or locus.genome is None:
            raise ConfigError(
                f"{self.name} needs a genome: a test binds it to a locus; do so with bound(locus)"
            )
        genome, drawn = locus.genome, 0
        contigs = list(genome.contigs)
        starts = np.array([max(0, size - length + 1) for size in genome.contigs.values()])
        ends = np.cumsum(starts)
        # Windows that overlap the locus's own start here.
        low, high = max(0, locus.start - length + 1), locus.end
        own = max(0, min(high, starts[contigs.index(locus.contig)]) - low)
        if ends[-1] <= own:
            raise SequenceError(
                f"{self.name}: {genome.path} has no window of {length} bp outside that of locus "
                f"{locus.name!r}: give a larger genome, or take a shuffle"
            )
        for trial in count():
            place, strand = divmod(_below(2 * int(ends[-1]), seed, trial), 2)
            number = int(np.searchsorted(ends, place, side="right"))
            contig, at = contigs[number], place - int(ends[number] - starts[number])
            if contig == locus.contig and low <= at < high:
                continue
            codes = genome.codes(contig, at, at + length)
            if not (codes == N).any():
                yield complement(codes[::-1]) if strand else codes
            drawn += 1
            if drawn == DRAWS:
                return


def _below(bound: int, seed: int, trial: int) -> int:
    """An exactly uniform integer in [0, bound)."""
    limit = (MAX_SEED + 1) // bound * bound
    for again in count():
        word = derive(seed, "window", trial, again)
        if word < limit:
            return word % bound
    raise AssertionError
