"""Elements of several loci in one test: intervals of the genome, or tiles of the loci."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from creme.errors import ConfigError, GenomeError
from creme.genome import Locus
from creme.genome.files import text_lines
from creme.parameters import Parameters
from creme.sequence import Sequence
from creme.suite.intervals import ByLocus, chosen_loci, chosen_tiles

_NOT_DATA = ("#", "track", "browser")


class GenomicInterval(Parameters):
    """A row of the table of elements: a stretch of the genome, read along a strand."""

    name: ClassVar[str] = "interval"

    contig: str = Field(min_length=1, description="as the FASTA calls it, with chr or without")
    start: int = Field(ge=0, description="first base, 0-based")
    end: int = Field(ge=1, description="end, exclusive")
    strand: Literal["+", "-"] = Field("+", description="'-' for the reverse complement")
    label: str = Field("", description="contig:start-end:strand unless given")

    @property
    def title(self) -> str:
        """Its label, or its place."""
        return self.label or self.place

    @property
    def place(self) -> str:
        """``contig:start-end:strand``."""
        return f"{self.contig}:{self.start}-{self.end}:{self.strand}"


@dataclass(frozen=True)
class PlacedElement:
    """Bases that a test puts elsewhere, 5' to 3' in a direction of their own.

    Attributes
    ----------
    name : str
        Unique among the elements.
    sequence : Sequence
    contig, start, end, strand : str, int, int, str
        Where they stand on the genome; 0-based, half-open. A sequence that is on no genome has an
        empty contig, and the indices of the sequence.
    own : str
        The locus that they belong to; may be empty.
    """

    name: str
    sequence: Sequence
    contig: str
    start: int
    end: int
    strand: str
    own: str = ""


def read_intervals(path: Path) -> list[GenomicInterval]:
    """The intervals of a BED file, plain or gzip.

    A fourth column is the label, unless it is ``.``; a sixth one the strand, ``+`` unless given. A
    label of several rows, such as a gene's or a motif's, is followed by each row's place.

    Raises
    ------
    GenomeError
        For a line that is not BED, or a file without intervals.
    """
    out = []
    for number, line in text_lines(path):
        if not line.strip() or line.startswith(_NOT_DATA):
            continue
        columns = [cell.strip() for cell in (line.split("\t") if "\t" in line else line.split())]
        try:
            start, end = int(columns[1]), int(columns[2])
            label = columns[3] if len(columns) > 3 and columns[3] != "." else ""
            strand = columns[5] if len(columns) > 5 and columns[5] != "." else "+"
            if start >= end:
                raise ValueError
            out.append(
                GenomicInterval(contig=columns[0], start=start, end=end, strand=strand, label=label)
            )
        except (IndexError, ValueError, ConfigError):
            raise GenomeError(
                f"{path}, line {number}: {line.strip()[:60]!r} is no interval: give contig, start "
                f"and end (0 <= start < end), and perhaps name, score and strand (+ or -)"
            ) from None
    if not out:
        raise GenomeError(f"{path} holds no interval")
    rows = Counter(row.label for row in out)
    return [
        row.model_copy(update={"label": f"{row.label} {row.place}"})
        if row.label and rows[row.label] > 1
        else row
        for row in out
    ]


def elements_of_tiles(
    chosen: ByLocus, loci: SequenceOf[Locus], where: str
) -> Iterator[PlacedElement]:
    """The chosen tiles of loci, each read along its gene and owned by its locus.

    Raises
    ------
    ConfigError
        If a locus is not there, or a tile leaves its sequence; `where` is the field that names it.
    """
    for locus in chosen_loci(chosen, loci, where):
        for tile in chosen_tiles(chosen, locus):
            if tile.end > locus.length:
                raise ConfigError(
                    f"{where} has [{tile.start}, {tile.end}): locus {locus.name!r} has "
                    f"{locus.length} bp"
                )
            start, end = locus.interval(tile)
            yield PlacedElement(
                f"{locus.name}:{tile.start}-{tile.end}",
                tile.of(locus.sequence),
                locus.contig,
                start,
                end,
                locus.strand,
                locus.name,
            )


def elements_of_intervals(
    rows: SequenceOf[GenomicInterval], loci: SequenceOf[Locus], where: str
) -> Iterator[PlacedElement]:
    """Stretches of the loci's genome, each read in its own direction.

    An element belongs to the locus whose TSS is nearest to its centre, if it lies in that locus's
    window.

    Raises
    ------
    ConfigError
        If the loci have no genome.
    GenomeError
        If the genome has no such contig, or the contig ends before the element does.
    """
    genome = next((locus.genome for locus in loci if locus.genome is not None), None)
    if genome is None:
        raise ConfigError(
            f"{where} are intervals of a genome, and the loci have none: give tiles of the loci"
        )
    for row in rows:
        contig = genome.resolve(row.contig)
        if row.end > genome.contigs[contig] or row.start >= row.end:
            raise GenomeError(
                f"{where}: {row.title} is no interval of contig {contig} of "
                f"{genome.contigs[contig]} bp in {genome.path}"
            )
        sequence = genome.fetch(contig, row.start, row.end, row.strand)
        own = _owner(row, contig, loci)
        yield PlacedElement(row.title, sequence, contig, row.start, row.end, row.strand, own)


def _owner(row: GenomicInterval, contig: str, loci: SequenceOf[Locus]) -> str:
    """The locus of the nearest TSS, of equally near ones the first; empty beyond windows."""
    centre = (row.start + row.end) // 2
    near = [
        (abs(locus.position - centre), locus.name)
        for locus in loci
        if locus.contig == contig and locus.start <= row.start and row.end <= locus.end
    ]
    return min(near)[1] if near else ""


def distinct(elements: SequenceOf[PlacedElement], where: str) -> dict[str, PlacedElement]:
    """Elements by name, sorted, so that neither the loci's order nor the file's matters.

    Raises
    ------
    ConfigError
        If two have one name.
    """
    by_name: dict[str, PlacedElement] = {}
    for element in elements:
        if element.name in by_name:
            raise ConfigError(f"{where}: two are called {element.name!r}; names are unique")
        by_name[element.name] = element
    return dict(sorted(by_name.items()))


def coords(elements: Mapping[str, PlacedElement], dim: str) -> dict[str, tuple[str, list[object]]]:
    """Where elements come from, as coordinates of their dimension."""
    rows = elements.values()
    return {
        f"{dim}_contig": (dim, [one.contig for one in rows]),
        f"{dim}_start": (dim, [one.start for one in rows]),
        f"{dim}_end": (dim, [one.end for one in rows]),
        f"{dim}_strand": (dim, [one.strand for one in rows]),
        f"{dim}_locus": (dim, [one.own for one in rows]),
    }
