"""The loci of an experiment."""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Iterable
from collections.abc import Sequence as SequenceOf
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Self

from pydantic import Field, model_validator

from creme.errors import ConfigError, CremeWarning, GenomeError, listing
from creme.genome.annotation import Annotation
from creme.genome.fasta import Genome
from creme.genome.locus import Locus
from creme.genome.records import TSS
from creme.parameters import Parameters

_LISTED = 5


def select_loci(
    genome: Genome,
    annotation: Annotation,
    genes: Iterable[str] | None,
    length: int,
    tss: int | None = None,
) -> list[Locus]:
    """The loci of genes.

    No sequence is read: only the lengths of the contigs matter here.

    Parameters
    ----------
    genome : Genome
    annotation : Annotation
    genes : iterable of str, or None
        As `Annotation.find` takes them, in the order wanted; all genes of the annotation if None.
        A gene that is listed twice is taken once.
    length : int
        Length of the sequences, bp.
    tss : int, optional
        Index of the TSS base in them; ``length // 2`` unless given.

    Returns
    -------
    list of Locus
        A locus is called by its gene; where several loci have the same gene, each of them is
        called ``GENE@contig:position:strand``. A window that reaches past an end of its contig is
        padded with N, and a `CremeWarning` says by how much.

    Raises
    ------
    GenomeError
        For a gene that the annotation lacks or finds ambiguous; for a TSS on a contig that the
        FASTA lacks, or past the contig's end.
    """
    sites = annotation.representatives() if genes is None else look_up(annotation, genes)
    distinct: dict[tuple[str, str], Locus] = {}
    for site in sites:
        locus = Locus(
            name=site.gene,
            contig=site.contig,
            position=site.position,
            strand=site.strand,
            length=length,
            genome=genome,
            tss=length // 2 if tss is None else tss,
            gene=site.gene,
            transcript=site.transcript,
            annotation=annotation,
            inputs=site.inputs,
        )
        distinct.setdefault((locus.gene, locus.key), locus)
    shared = Counter(gene for gene, _ in distinct)
    loci = [
        locus if shared[gene] == 1 else replace(locus, name=f"{gene}@{key}")
        for (gene, key), locus in distinct.items()
    ]
    _warn_of_padding(loci)
    return loci


def look_up(annotation: Annotation, genes: Iterable[str], *, all_starts: bool = False) -> list[TSS]:
    """The TSSs of the genes, or of all their transcripts.

    Raises
    ------
    GenomeError
        If genes are not found; the message lists the first few of them.
    """
    find = annotation.starts if all_starts else annotation.find
    chosen: list[TSS] = []
    problems: list[str] = []
    unlisted = 0
    for gene in dict.fromkeys(genes):
        if len(problems) == _LISTED and gene not in annotation:
            unlisted += 1  # looking for the nearest name takes a second
            continue
        try:
            chosen.extend(find(gene))
        except GenomeError as error:
            if len(problems) < _LISTED:
                problems.append(str(error))
            else:
                unlisted += 1
    if problems:
        more = f"; and {unlisted} more genes" if unlisted else ""
        raise GenomeError("; ".join(problems) + more)
    return chosen


def _warn_of_padding(loci: list[Locus]) -> None:
    padded = [(locus, *locus.padding) for locus in loci if any(locus.padding)]
    if len(padded) > _LISTED:
        worst, left, right = max(padded, key=lambda item: item[1] + item[2])
        names = listing((locus.name for locus, _, _ in padded), _LISTED)
        warnings.warn(
            f"the windows of {len(padded)} loci reach past an end of their contig and are padded "
            f"with N: {names}; the most padded one, {worst.name}, by {left} bp at its 5' end and "
            f"{right} bp at its 3' end",
            CremeWarning,
            stacklevel=3,
        )
        return
    for locus, left, right in padded:
        warnings.warn(
            f"the window of {locus.name} reaches past an end of contig {locus.contig} and is "
            f"padded with N: {left} bp at its 5' end, {right} bp at its 3' end",
            CremeWarning,
            stacklevel=3,
        )


class LociConfig(Parameters):
    """The table ``[loci]`` of an experiment file: a FASTA, an annotation, and genes."""

    name: ClassVar[str] = "[loci]"

    fasta: Path = Field(description="the genome: FASTA, plain or compressed by gzip or bgzip")
    gtf: Path | None = Field(None, description="annotation whose transcripts give the TSSs")
    bed: Path | None = Field(None, description="BED file (6 columns) of TSSs, in place of gtf")
    table: Path | None = Field(
        None, description="TSV or CSV with columns gene, contig, tss, strand, in place of gtf"
    )
    genes: list[str] | None = Field(
        None,
        min_length=1,
        description="names, gene ids or transcript ids; all genes unless given",
    )

    @model_validator(mode="after")
    def _one_annotation(self) -> Self:
        sources = [name for name in ("gtf", "bed", "table") if getattr(self, name) is not None]
        if len(sources) != 1:
            raise ValueError(
                f"exactly one of gtf, bed and table is needed, not "
                f"{' and '.join(sources) or 'none'}"
            )
        return self

    def load(
        self,
        length: int,
        tss: int | None = None,
        base_dir: str | os.PathLike[str] = ".",
        inputs: SequenceOf[str] = (),
    ) -> list[Locus]:
        """The loci, for a model that takes sequences of `length` bp.

        Parameters
        ----------
        length : int
            bp.
        tss : int, optional
            Index of the TSS base; ``length // 2`` unless given.
        base_dir : str or Path
            The folder that relative paths start from: that of the experiment file.
        inputs : sequence of str
            Columns of the table that a model takes beside the sequence.

        Raises
        ------
        ConfigError
            If there are such columns, and no table.
        GenomeError
            As `Genome`, `Annotation` and `select_loci`.
        """
        annotation = self.annotation(base_dir, inputs)
        genome = Genome(Path(base_dir) / self.fasta.expanduser())
        return select_loci(genome, annotation, self.genes, length, tss)

    def annotation(
        self, base_dir: str | os.PathLike[str] = ".", inputs: SequenceOf[str] = ()
    ) -> Annotation:
        """The annotation alone; see `load`."""
        base = Path(base_dir)
        if inputs and self.table is None:
            raise ConfigError(
                f"[loci]: the model takes {listing(inputs)} beside the sequence: give a table of "
                f"loci, with a column for each"
            )
        if self.gtf is not None:
            return Annotation.from_gtf(base / self.gtf.expanduser())
        if self.bed is not None:
            return Annotation.from_bed(base / self.bed.expanduser())
        assert self.table is not None
        return Annotation.from_table(base / self.table.expanduser(), inputs)
