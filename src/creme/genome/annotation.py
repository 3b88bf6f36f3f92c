"""Annotations: the TSSs of genes, and the one that stands for a gene."""

from __future__ import annotations

import os
import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Sequence as SequenceOf
from functools import cached_property, partial
from pathlib import Path

from creme.errors import GenomeError, listing, nearest
from creme.genome.contigs import plain_contig
from creme.genome.exons import ExonTable, Intervals
from creme.genome.records import TSS, read_bed, read_gtf, read_table, tag_rank

_VERSIONED = re.compile(r"(ENS\w*\d{11}|[NX][MR]_\d+)\.\d+(_PAR_Y)?")


class Annotation:
    """The TSSs of an annotation, found by gene or transcript.

    Made by `from_gtf`, `from_bed` or `from_table`. In a GTF a gene has transcripts, of which one
    stands for it: the one tagged ``Ensembl_canonical``, else ``MANE_Select``, else
    ``appris_principal*`` (the lowest number), else the longest one (genomic span; ties by
    transcript id). In a BED file or a table a gene stands for all the distinct TSSs that bear its
    name.

    Parameters
    ----------
    records : iterable of TSS
        Repeated ones are dropped.
    source : str
        Name of the annotation in errors: its path.
    canonical : bool
        Whether one transcript stands for a gene.

    Attributes
    ----------
    records : tuple of TSS
        In the order of the file.
    """

    def __init__(self, records: Iterable[TSS], source: str, *, canonical: bool) -> None:
        self.records = tuple(dict.fromkeys(records))
        self.source = source
        self.canonical = canonical
        if not self.records:
            raise GenomeError(f"{source} holds no TSS")

    @classmethod
    def from_gtf(cls, path: str | os.PathLike[str]) -> Annotation:
        """Read a GTF file (GENCODE, Ensembl, RefSeq), plain or gzip; see `read_gtf`."""
        return cls._read(read_gtf, path, canonical=True)

    @classmethod
    def from_bed(cls, path: str | os.PathLike[str]) -> Annotation:
        """Read a BED file with a strand, plain or gzip; see `read_bed`."""
        return cls._read(read_bed, path, canonical=False)

    @classmethod
    def from_table(cls, path: str | os.PathLike[str], inputs: SequenceOf[str] = ()) -> Annotation:
        """Read a table (TSV or CSV) with a header, plain or gzip; see `read_table`."""
        return cls._read(partial(read_table, inputs=inputs), path, canonical=False)

    @classmethod
    def _read(
        cls,
        reader: Callable[[Path], Iterator[TSS]],
        path: str | os.PathLike[str],
        *,
        canonical: bool,
    ) -> Annotation:
        path = Path(path).expanduser()
        return cls(reader(path), str(path), canonical=canonical)

    def __repr__(self) -> str:
        return f"Annotation({self.source!r}, genes={len(self._by_gene)}, tss={len(self)})"

    def __len__(self) -> int:
        return len(self.records)

    def __contains__(self, query: str) -> bool:
        """Whether a gene or a transcript has this name or id; see `find`."""
        return bool(
            query in self._by_gene
            or _of_id(self._by_gene_id, query)
            or _of_id(self._by_transcript, query)
        )

    @property
    def genes(self) -> list[str]:
        """Names of the genes, in the order of the file."""
        return list(self._by_gene)

    def find(self, query: str) -> list[TSS]:
        """The TSSs that a gene or a transcript stands for.

        Parameters
        ----------
        query : str
            The name of a gene; or a gene id or a transcript id, with its version or without. A
            transcript stands for itself alone.

        Returns
        -------
        list of TSS
            One for a gene of a GTF; all distinct ones for a name of a BED file or a table.

        Raises
        ------
        GenomeError
            If nothing has that name (with the nearest one); or if in a GTF several genes, or one
            gene on several contigs, have it (with the ids to choose from).
        """
        matches = self._by_gene.get(query)
        if matches and not self.canonical:
            return _distinct(matches)
        matches = matches or _of_id(self._by_gene_id, query)
        if matches:
            return [self._one_gene(query, matches)]
        matches = _distinct(_of_id(self._by_transcript, query))
        if len(matches) > 1:
            places = listing(":".join(map(str, tss.place)) for tss in matches)
            raise GenomeError(
                f"{self.source}: transcript {query!r} starts at several TSSs: {places}"
            )
        if not matches:
            raise GenomeError(f"{self.source} has no gene {query!r}{self._nearest(query)}")
        return matches

    def starts(self, query: str) -> list[TSS]:
        """The TSSs of all transcripts of a gene; see `find`, which chooses among them.

        A name that several genes share stands for all of them.

        Raises
        ------
        GenomeError
            If nothing has that name.
        """
        matches = self._by_gene.get(query) or _of_id(self._by_gene_id, query)
        matches = matches or _of_id(self._by_transcript, query)
        if not matches:
            raise GenomeError(f"{self.source} has no gene {query!r}{self._nearest(query)}")
        return list(matches)

    def representatives(self) -> list[TSS]:
        """The TSSs of all genes, as of `find`; genes of one name are kept apart."""
        if not self.canonical:
            return [tss for sites in self._by_gene.values() for tss in _distinct(sites)]
        genes: dict[tuple[str, str], list[TSS]] = {}
        for tss in self.records:
            genes.setdefault((tss.gene_id, tss.contig), []).append(tss)
        return [min(sites, key=_preference) for sites in genes.values()]

    def within(
        self, contig: str, start: int, end: int, *, representative: bool = False
    ) -> list[TSS]:
        """The distinct TSSs in [start, end) of a contig, in ascending order of position.

        Of transcripts that start at one place, the one that is preferred stands for them.

        Parameters
        ----------
        contig : str
            With ``chr`` or without.
        start, end : int
        representative : bool
            Only those of `representatives`.
        """
        sites = (self._places_of_genes if representative else self._places).get(
            plain_contig(contig)
        )
        if sites is None:
            return []
        low, high = (bisect_left(sites, at, key=lambda tss: tss.position) for at in (start, end))
        return sites[low:high]

    def starts_of(self, transcript: str) -> list[TSS]:
        """The TSSs of a transcript; none where the annotation has no such id."""
        return list(_of_id(self._by_transcript, transcript))

    def exons(self, gene: str, transcript: str, contig: str, strand: str, of: str) -> Intervals:
        """The exons of the gene that starts at a locus: see `ExonTable.union`.

        Parameters
        ----------
        gene, transcript : str
            Those of the locus: the gene is that of the transcript, or else of the name.
        contig, strand : str
            Those of the locus.
        of : str
            ``"all"``, the union of all transcripts; ``"representative"``, those of the transcript
            that stands for the gene; or the id of a transcript.

        Raises
        ------
        GenomeError
            If there is no such gene or transcript at this contig and strand, or there are several
            genes of this name; or if the annotation is no GTF, or has no exons.
        """
        there = [
            tss
            for tss in _of_id(self._by_transcript, transcript) or self._by_gene.get(gene, [])
            if tss.strand == strand and plain_contig(tss.contig) == plain_contig(contig)
        ]
        ids = list(dict.fromkeys(tss.gene_id for tss in there))
        if not ids:
            raise GenomeError(
                f"{self.source} has no gene {gene!r} on strand {strand} of {contig}"
                f"{'' if gene in self._by_gene else self._nearest(gene)}"
            )
        if len(ids) > 1:
            raise GenomeError(
                f"{self.source}: {gene!r} stands for several genes on {contig}: {listing(ids)}; "
                f"load the locus by the id of one"
            )
        chosen: str | None = of
        if of == "all":
            chosen = None
        elif of == "representative":
            every = [tss for tss in self._by_gene_id[ids[0]] if tss.contig == there[0].contig]
            chosen = min(every, key=_preference).transcript
        return self._exons.union(ids[0], contig, chosen)

    @cached_property
    def _exons(self) -> ExonTable:
        if not self.canonical:
            raise GenomeError(
                f'{self.source} has TSSs and no exons: give the readout a GTF, gtf = "FILE"'
            )
        return ExonTable.read(Path(self.source))

    def _one_gene(self, query: str, matches: list[TSS]) -> TSS:
        genes = list(dict.fromkeys((tss.gene_id, tss.contig) for tss in matches))
        if len(genes) == 1:
            return min(matches, key=_preference)
        if len({gene_id for gene_id, _ in genes}) == len(genes):
            advice = "ask for one by its gene id"
        else:
            advice = "ask for one by the id of its transcript"
            genes = list(dict.fromkeys((tss.transcript, tss.contig) for tss in matches))
        choices = listing(f"{name} ({contig})" for name, contig in genes)
        raise GenomeError(f"{self.source}: {query!r} stands for several genes: {choices}; {advice}")

    def _nearest(self, query: str) -> str:
        folded = query.casefold()
        same = next((gene for gene in self._by_gene if gene.casefold() == folded), None)
        if same is not None:
            return f" (did you mean {same!r}?)"
        clause = nearest(query, self._by_gene) or nearest(query, self._by_gene_id)
        return clause or f"; its genes are {listing(self._by_gene)}"

    @cached_property
    def _places(self) -> dict[str, list[TSS]]:
        return _by_contig(self.records)

    @cached_property
    def _places_of_genes(self) -> dict[str, list[TSS]]:
        return _by_contig(self.representatives())

    @cached_property
    def _by_gene(self) -> dict[str, list[TSS]]:
        return _grouped((tss.gene, tss) for tss in self.records)

    @cached_property
    def _by_gene_id(self) -> dict[str, list[TSS]]:
        return _grouped((name, tss) for tss in self.records for name in _ids(tss.gene_id))

    @cached_property
    def _by_transcript(self) -> dict[str, list[TSS]]:
        return _grouped((name, tss) for tss in self.records for name in _ids(tss.transcript))


def _preference(tss: TSS) -> tuple[tuple[int, str], int, str]:
    """Key by which the least TSS stands for its gene."""
    return (tag_rank(tss.tag), -tss.span, tss.transcript)


def _ids(identifier: str) -> set[str]:
    """An id, and the id without its version; none for an empty one."""
    return {identifier, _unversioned(identifier)} - {""}


def _unversioned(identifier: str) -> str:
    match = _VERSIONED.fullmatch(identifier)
    return match[1] + (match[2] or "") if match else identifier


def _of_id(index: dict[str, list[TSS]], query: str) -> list[TSS]:
    """The TSSs of an id. An id with a version matches one without any, but no other version."""
    bare = _unversioned(query)
    if query in index or bare == query:
        return index.get(query, [])
    return [tss for tss in index.get(bare, []) if bare in (tss.gene_id, tss.transcript)]


def _grouped(pairs: Iterable[tuple[str, TSS]]) -> dict[str, list[TSS]]:
    groups: dict[str, list[TSS]] = {}
    for name, tss in pairs:
        groups.setdefault(name, []).append(tss)
    return groups


def _distinct(sites: Iterable[TSS]) -> list[TSS]:
    """The first TSS of each place."""
    places: dict[tuple[str, int, str], TSS] = {}
    for tss in sites:
        places.setdefault(tss.place, tss)
    return list(places.values())


def _by_contig(sites: Iterable[TSS]) -> dict[str, list[TSS]]:
    """Distinct TSSs by contig without ``chr``, in the order of their positions."""
    places: dict[tuple[str, int, str], TSS] = {}
    for tss in sites:
        key = (plain_contig(tss.contig), tss.position, tss.strand)
        if key not in places or _preference(tss) < _preference(places[key]):
            places[key] = tss
    contigs: dict[str, list[TSS]] = {}
    for key in sorted(places):
        contigs.setdefault(key[0], []).append(places[key])
    return contigs
