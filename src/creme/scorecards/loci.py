"""The loci of a panel on somebody's genome: placed, checked, and known by their bases."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from creme.errors import ConfigError, GenomeError, listing
from creme.genome import Annotation, Genome, Locus
from creme.genome.contigs import plain_contig
from creme.model import Model
from creme.scorecards.panel_file import PanelLocus, ScorecardPanel
from creme.scorecards.settings import PanelGenome
from creme.sequence import N, Sequence
from creme.tiling import Tile

MOST_N = 0.5
"""Share of N in the TSS tile with which a locus is left out."""


@dataclass(frozen=True)
class PlacedLoci:
    """The loci of a card, with their places on the genome.

    Attributes
    ----------
    loci : tuple of Locus
        In the panel's order, each called by the panel's name of its gene.
    left_out : tuple of (gene, reason)
    """

    loci: tuple[Locus, ...]
    left_out: tuple[tuple[str, str], ...]

    def described(self, tile: int) -> list[dict[str, Any]]:
        """A row for each locus: ``gene``, its place, and digests of its bases.

        ``core`` is of the TSS tile, ``sequence`` of all that the model takes.
        """
        return [
            {
                "gene": locus.name,
                "contig": locus.contig,
                "tss": locus.position,
                "strand": locus.strand,
                "transcript": locus.transcript,
                "core": core_digest(locus, tile),
                "sequence": locus.sequence.digest.hex(),
            }
            for locus in self.loci
        ]


def core_digest(locus: Locus, tile: int) -> str:
    """SHA-256 of the letters of the TSS tile, 5' to 3' along the gene."""
    bases = Tile.centred(locus.tss, tile, locus.length).of(locus.sequence)
    return hashlib.sha256(str(bases).encode()).hexdigest()


def place_loci(
    panel: ScorecardPanel, genome: PanelGenome, model: Model, folder: Path
) -> PlacedLoci:
    """Place the loci of a panel on a genome, for a model.

    Parameters
    ----------
    panel : ScorecardPanel
    genome : PanelGenome
    model : Model
    folder : Path
        Where relative paths start from.

    Raises
    ------
    ConfigError
        If fewer than three loci are left, or genes have to be placed and no annotation is given.
    GenomeError
        If a file is missing or damaged, or a locus has other bases than the panel says.
    """
    sequence = Genome(folder / genome.fasta.expanduser())
    annotation = genome.annotation(folder)
    unplaced = [locus.gene for locus in panel.loci if locus.tss is None]
    if unplaced and annotation is None:
        raise ConfigError(
            f"panel {panel.name!r} has no TSS of {listing(unplaced)}: give [genome] gtf, bed or "
            f"table of assembly {panel.assembly}"
        )
    allowed = None
    if genome.contigs is not None:
        allowed = {plain_contig(contig) for contig in genome.contigs}
    loci, left_out = [], []
    for each in panel.loci:
        placed = _placed(each, sequence, annotation, model, panel.tile, allowed)
        if isinstance(placed, str):
            left_out.append((each.gene, placed))
        else:
            loci.append(placed)
    if len(loci) < 3:
        reasons = listing(f"{gene}: {why}" for gene, why in left_out)
        raise ConfigError(
            f"panel {panel.name!r} of {panel.assembly}: {len(loci)} of {len(panel.loci)} loci are "
            f"on this genome, and three are needed ({reasons})"
        )
    return PlacedLoci(tuple(loci), tuple(left_out))


def _placed(
    each: PanelLocus,
    genome: Genome,
    annotation: Annotation | None,
    model: Model,
    tile: int,
    allowed: set[str] | None,
) -> Locus | str:
    """A locus, or why it is left out."""
    transcript = ""
    if each.contig is None or each.tss is None or each.strand is None:
        assert annotation is not None
        try:
            sites = annotation.find(each.gene)
        except GenomeError as error:
            return f"not in the annotation ({error})"
        if len(sites) > 1:
            return f"the annotation has {len(sites)} TSSs of it, and none that stands for it"
        contig, position, strand = sites[0].contig, sites[0].position, sites[0].strand
        transcript = sites[0].transcript
    else:
        contig, position, strand = each.contig, each.tss, each.strand
    if allowed is not None and plain_contig(contig) not in allowed:
        return f"on contig {contig}, which [genome] contigs leaves out"
    try:
        genome.resolve(contig)
    except GenomeError:
        return f"the FASTA has no contig {contig}"
    locus = Locus(
        each.gene,
        contig,
        position,
        strand,
        model.input_length,
        genome,
        model.tss,
        gene=each.gene,
        transcript=transcript,
    )
    core: Sequence = Tile.centred(locus.tss, tile, locus.length).of(locus.sequence)
    if float((core.codes == N).mean()) > MOST_N:
        return "more than half of the bases around its TSS are N"
    if each.core is not None and each.core != core_digest(locus, tile):
        raise GenomeError(
            f"locus {each.gene} at {contig}:{position}: the bases around its TSS in {genome.path} "
            f"are not those that the panel was made of; is the FASTA of another assembly or build?"
        )
    return locus
