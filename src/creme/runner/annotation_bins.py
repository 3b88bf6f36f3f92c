"""The bins that the annotation decides: those of a gene's exons, and of the TSSs around."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

from creme.errors import ConfigError
from creme.genome import Annotation, Locus
from creme.genome.cache import identity
from creme.genome.neighbours import BinShares, Neighbour, bin_shares, neighbours
from creme.grid import OutputGrid
from creme.heads import PairGrid
from creme.model import BoundReadout, Model, Readout, Selection
from creme.tiling import Tile


class AnnotationBins:
    """The bins of a model's output that readouts of exons and of TSSs read at a locus.

    Parameters
    ----------
    model : Model
    selection : Selection
    """

    def __init__(self, model: Model, selection: Selection) -> None:
        self._model, self._selection = model, selection

    def grid(self, readout: Readout) -> OutputGrid:
        """The grid of a readout's head.

        Raises
        ------
        ConfigError
            If it is one of pairs of bins, and the readout is of exons or of TSSs.
        """
        grid = self._model.grid_of(readout.head)
        if readout.of != "bins" and isinstance(grid, PairGrid):
            raise ConfigError(f"of = {readout.of!r} reads bins, and {grid.title} has pairs of them")
        return grid

    def exons(self, readout: Readout, locus: Locus) -> BinShares:
        """The bins of a gene's exons, and the share of each that lies in them.

        Raises
        ------
        ConfigError
            If no exon lies in the model's output, or there is no annotation.
        GenomeError
            If the annotation lacks the gene.
        """
        grid = self.grid(readout)
        assert not isinstance(readout.transcripts, dict)
        exons = self._annotation(readout, locus).exons(
            locus.gene or locus.name,
            locus.transcript,
            locus.contig,
            locus.strand,
            readout.transcripts or "all",
        )
        spans = [locus.span_of(start, end) for start, end in exons]
        shares = bin_shares(spans, grid.output_start, grid.bin_size, grid.n_bins)
        if not shares.bins:
            raise ConfigError(
                f"none of the {shares.intervals} exons of its gene lies in the model's output"
            )
        return shares

    def neighbours(self, readout: Readout, locus: Locus) -> list[Neighbour]:
        """The TSSs of the annotation in the output window."""
        grid = self.grid(readout)
        start = grid.output_start
        window = Tile(start, start + grid.n_bins * grid.bin_size)
        annotation = self._annotation(readout, locus)
        representative = readout.transcripts == "representative"
        return neighbours(locus, annotation, window, representative=representative)

    def bins_around(self, readout: Readout, index: int) -> range:
        """The bins at a base of the sequence and its flank; they may leave the output."""
        grid = self._model.grid_of(readout.head)
        middle = (index - grid.output_start) // grid.bin_size
        return range(middle - readout.flank, middle + readout.flank + 1)

    def around(
        self, readout: Readout, of_gene: tuple[int, ...], index: int, strand: str
    ) -> BoundReadout:
        """The activities at a TSS on a strand of the sequence, by its own strand's tracks."""
        grid, kept, weights = self.grid(readout), self._selection, readout.weights
        bins = self.bins_around(readout, index)
        if strand == "+":
            return grid.bound(readout, kept, bins, of_gene, weights)
        tracks = tuple(map(grid.tracks.of_other_strand, of_gene))
        turned = None if weights is None else weights[::-1]
        labels = grid.bound(readout, kept, (), of_gene).labels
        return replace(grid.bound(readout, kept, bins, tracks, turned), labels=labels)

    def _annotation(self, readout: Readout, locus: Locus) -> Annotation:
        if readout.gtf is not None:
            return _read(identity(readout.gtf) if readout.gtf.is_file() else (readout.gtf,))
        if locus.annotation is None:
            raise ConfigError(
                f"of = {readout.of!r} needs an annotation, and the locus comes from none: give the "
                f"readout one, gtf = 'FILE'"
            )
        return locus.annotation


@lru_cache(maxsize=2)
def _read(file: tuple[Any, ...]) -> Annotation:
    """The annotation of a file as it is: a study makes a plan for each of its stages."""
    return Annotation.from_gtf(file[0])
