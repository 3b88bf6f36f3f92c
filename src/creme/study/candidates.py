"""The TSSs that a study chooses among, as loci that are made when asked for."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from creme.errors import CremeWarning, GenomeError, listing
from creme.genome import TSS, Annotation, Genome, LociConfig, Locus
from creme.genome.loci import look_up
from creme.genome.records import tag_rank
from creme.study.config import LocusSelection

Numbers = NDArray[np.int64]
"""Sites by their place among the candidates; or bp, one for each of several sites."""


@dataclass(frozen=True)
class Candidates:
    """The distinct TSSs of an annotation, in its order.

    Attributes
    ----------
    genome : Genome
    sites : tuple of TSS
        One for each contig of the FASTA, position and strand; its contig is as the annotation calls
        it.
    starts : tuple of int
        How many transcripts start at each.
    transcripts : int
        Of the annotation, or of the genes asked for.
    kept : tuple of bool
        Whether a site is on a contig that the FASTA has and that is wanted.
    inputs : tuple of str
        Names of the numbers that each site has beside its sequence.
    """

    genome: Genome
    sites: tuple[TSS, ...]
    starts: tuple[int, ...]
    transcripts: int
    kept: tuple[bool, ...]
    inputs: tuple[str, ...] = ()

    @classmethod
    def load(
        cls,
        loci: LociConfig,
        selection: LocusSelection,
        folder: Path,
        inputs: SequenceOf[str] = (),
    ) -> Candidates:
        """Read the annotation and open the genome.

        Parameters
        ----------
        loci : LociConfig
        selection : LocusSelection
        folder : Path
            Where relative paths start from.
        inputs : sequence of str
            Columns of the table of loci that the model takes beside the sequence.

        Raises
        ------
        ConfigError
            If there are such columns, and no table.
        GenomeError
            If a file is missing or damaged, a gene is unknown, no contig of the annotation is in
            the FASTA, a TSS lies outside its contig, or two rows of one place have other inputs.
        """
        annotation = loci.annotation(folder, inputs)
        genome = Genome(folder / loci.fasta.expanduser())
        records = _records(annotation, loci.genes, selection)
        names = _contigs(records, genome)
        places: dict[tuple[str, int, str], list[TSS]] = {}
        for record in records:
            # An annotation put together from two may have 1 and chr1.
            contig = names[record.contig] or record.contig
            places.setdefault((contig, *record.place[1:]), []).append(record)
        _check_inputs(places, inputs)
        sites = tuple(min(records, key=_preference) for records in places.values())
        starts = tuple(len(records) for records in places.values())
        kept = _on_contigs(sites, names, genome, annotation, selection)
        return cls(genome, sites, starts, len(records), kept, tuple(inputs))

    def __len__(self) -> int:
        return len(self.sites)

    def locus(self, number: int, length: int, tss: int, moved: int = 0) -> Locus:
        """The locus of a site, with its TSS moved by a number of bp in gene orientation.

        Its name is that of the site as annotated: ``contig:position:strand``.
        """
        site = self.sites[number]
        position = site.position + (moved if site.strand == "+" else -moved)
        contig = self.genome.resolve(site.contig)
        return Locus(
            name=f"{contig}:{site.position}:{site.strand}",
            contig=contig,
            position=position,
            strand=site.strand,
            length=length,
            genome=self.genome,
            tss=tss,
            gene=gene_name(site),
            transcript=site.transcript,
            inputs=site.inputs,
        )

    def fits(self, number: int, moved: int) -> bool:
        """Whether a site, moved, is still on its contig."""
        site = self.sites[number]
        position = site.position + (moved if site.strand == "+" else -moved)
        return 0 <= position < self.genome.contigs[self.genome.resolve(site.contig)]

    def window(
        self, numbers: Numbers, length: int, tss: int, moved: Numbers | None = None
    ) -> SiteLoci:
        """The loci of the sites with these numbers, made one by one."""
        return SiteLoci(self, numbers, length, tss, moved)


class SiteLoci(SequenceOf[Locus]):
    """Loci that are made when asked for: hundreds of thousands need the room of few."""

    def __init__(
        self,
        candidates: Candidates,
        numbers: Numbers,
        length: int,
        tss: int,
        moved: Numbers | None = None,
    ) -> None:
        self.numbers = numbers
        self._candidates = candidates
        self._window = (length, tss)
        self._moved = moved

    def __len__(self) -> int:
        return len(self.numbers)

    @overload
    def __getitem__(self, place: int) -> Locus: ...

    @overload
    def __getitem__(self, place: slice) -> list[Locus]: ...

    def __getitem__(self, place: int | slice) -> Locus | list[Locus]:
        if isinstance(place, slice):
            return [self[k] for k in range(*place.indices(len(self)))]
        moved = 0 if self._moved is None else int(self._moved[place])
        return self._candidates.locus(int(self.numbers[place]), *self._window, moved)

    def __iter__(self) -> Iterator[Locus]:
        return (self[place] for place in range(len(self)))


def gene_name(site: TSS) -> str:
    """A gene's name as a table of loci can hold it; its place where it has none."""
    name = site.gene.strip()
    return name if name not in ("", ".") else f"{site.contig}:{site.position}:{site.strand}"


def _records(
    annotation: Annotation, genes: Iterable[str] | None, selection: LocusSelection
) -> tuple[TSS, ...]:
    """Transcripts of the annotation: of all genes or of those given, all or one a gene."""
    if genes is None:
        if selection.transcripts == "representative":
            return tuple(annotation.representatives())
        return annotation.records
    every = selection.transcripts == "all"
    return tuple(dict.fromkeys(look_up(annotation, genes, all_starts=every)))


def _preference(site: TSS) -> tuple[tuple[int, str], int, str]:
    """Of transcripts that start at one place the least stands for them, as in an annotation."""
    return (tag_rank(site.tag), -site.span, site.transcript)


def _check_inputs(
    places: Mapping[tuple[str, int, str], SequenceOf[TSS]], inputs: SequenceOf[str]
) -> None:
    """One transcript stands for all that start at a place, and so do its numbers."""
    for place, records in places.items():
        columns = zip(*(each.inputs for each in records), strict=True)
        for column, values in zip(inputs, columns, strict=True):
            if len(set(values)) > 1:
                raise GenomeError(
                    f"the table of loci has {len(records)} rows of {':'.join(map(str, place))}, "
                    f"with {column} {listing(values, 3)}: a place has one locus, give it one row"
                )


def _contigs(records: Iterable[TSS], genome: Genome) -> dict[str, str | None]:
    """The FASTA's name for each contig of an annotation; None where it lacks it."""
    names: dict[str, str | None] = {}
    for contig in dict.fromkeys(record.contig for record in records):
        try:
            names[contig] = genome.resolve(contig)
        except GenomeError:
            names[contig] = None
    return names


def _on_contigs(
    sites: tuple[TSS, ...],
    names: dict[str, str | None],
    genome: Genome,
    annotation: Annotation,
    selection: LocusSelection,
) -> tuple[bool, ...]:
    if not any(names.values()):
        raise GenomeError(
            f"{genome.path} has none of the contigs of {annotation.source} "
            f"({listing(names, 5)}); it has {listing(genome.contigs, 5)}: are they of the same "
            f"genome build?"
        )
    wanted = set(names.values())
    if selection.contigs is not None:
        wanted = {genome.resolve(contig) for contig in selection.contigs}
    lacking = Counter(site.contig for site in sites if names[site.contig] is None)
    if lacking:
        warnings.warn(
            f"{genome.path} lacks {len(lacking)} of the {len(names)} contigs of "
            f"{annotation.source}: {listing(lacking, 5)}; their {lacking.total()} TSSs are left "
            f"out",
            CremeWarning,
            stacklevel=3,
        )
    kept = tuple(names[site.contig] is not None and names[site.contig] in wanted for site in sites)
    if not any(kept):
        raise GenomeError(
            f"{annotation.source} has no TSS on the contigs of [selection] contigs "
            f"({listing(selection.contigs or [], 5)})"
        )
    beyond = [
        site
        for site, on in zip(sites, kept, strict=True)
        if on and site.position >= genome.contigs[names[site.contig] or ""]
    ]
    if beyond:
        contig = names[beyond[0].contig] or ""
        raise GenomeError(
            f"{len(beyond)} TSSs of {annotation.source} lie past the end of their contig in "
            f"{genome.path}, the first one at {':'.join(map(str, beyond[0].place))} where "
            f"{contig} has {genome.contigs[contig]} bp: are they of the same genome build?"
        )
    return kept
