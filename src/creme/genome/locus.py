"""Loci: a TSS, and the window of sequence around it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from creme.errors import ConfigError, GenomeError
from creme.sequence import Sequence
from creme.tiling import Tile

if TYPE_CHECKING:
    from creme.genome.annotation import Annotation
    from creme.genome.fasta import Genome


@dataclass(frozen=True)
class Locus:
    """A TSS and the sequence around it, always read 5' to 3' along the gene.

    The TSS base is at the same index on both strands. Index ``i`` is genome position
    ``position + (i - tss)`` on ``+``, and ``position - (i - tss)`` on ``-``.

    Attributes
    ----------
    name : str
        Unique in an experiment.
    contig : str
        As the FASTA calls it.
    position : int
        The TSS base on the genome, 0-based.
    strand : {'+', '-'}
    length : int
        Length of the sequence, bp.
    genome : Genome, optional
        The source of the bases; it does not count when loci are compared.
    tss : int
        Index of the TSS base in the sequence; ``length // 2`` unless given.
    gene, transcript : str
        Those whose TSS this is; may be empty.
    given : Sequence, optional
        The sequence of a locus without genome; see `from_sequence`.
    annotation : Annotation, optional
        Where its TSS comes from, with the exons of its gene and the TSSs around; it does not count
        when loci are compared.
    inputs : tuple of float
        What a model takes beside the sequence; those of a given sequence unless given.

    Raises
    ------
    ConfigError
        If the length, the TSS index or the strand is not possible.
    GenomeError
        If the genome has no such contig, or it ends before the TSS.
    """

    name: str
    contig: str
    position: int
    strand: str
    length: int
    genome: Genome | None = field(default=None, compare=False, repr=False)
    tss: int = None  # type: ignore[assignment]  # an int once the default is filled in
    gene: str = ""
    transcript: str = ""
    given: Sequence | None = field(default=None, repr=False)
    annotation: Annotation | None = field(default=None, compare=False, repr=False)
    inputs: tuple[float, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        if self.tss is None:
            object.__setattr__(self, "tss", self.length // 2)
        if not 0 <= self.tss < self.length:
            raise ConfigError(
                f"locus {self.name!r}: tss = {self.tss} is not an index of a sequence of "
                f"{self.length} bp"
            )
        if self.strand not in ("+", "-"):
            raise ConfigError(f"locus {self.name!r}: strand {self.strand!r} is not '+' or '-'")
        if (self.genome is None) == (self.given is None):
            raise ConfigError(
                f"locus {self.name!r} needs a genome or a given sequence, and not both"
            )
        if self.given is not None and len(self.given) != self.length:
            raise ConfigError(
                f"locus {self.name!r}: length = {self.length}, but the given sequence has "
                f"{len(self.given)} bp"
            )
        if self.given is not None and not self.inputs:
            object.__setattr__(self, "inputs", self.given.inputs)
        if self.genome is not None:
            self._place_on(self.genome)

    def _place_on(self, genome: Genome) -> None:
        try:
            contig = genome.resolve(self.contig)
        except GenomeError as error:
            raise GenomeError(f"locus {self.name!r}: {error}") from None
        if not 0 <= self.position < genome.contigs[contig]:
            raise GenomeError(
                f"locus {self.name!r}: its position {self.position} (0-based) lies outside contig "
                f"{contig} of {genome.contigs[contig]} bp in {genome.path}; are the annotation and "
                f"the FASTA of the same genome build?"
            )
        object.__setattr__(self, "contig", contig)

    @classmethod
    def from_sequence(cls, sequence: Sequence, name: str, tss: int | None = None) -> Locus:
        """A locus of a sequence that is on no genome, such as a synthetic one.

        Its contig is empty, its strand ``+``, and its position the TSS index.

        Parameters
        ----------
        sequence : Sequence
            Read 5' to 3' along the gene.
        name : str
        tss : int, optional
            Index of the TSS base; ``len(sequence) // 2`` unless given.
        """
        at = len(sequence) // 2 if tss is None else tss
        return cls(name, "", at, "+", len(sequence), tss=at, given=sequence)

    @property
    def sequence(self) -> Sequence:
        """The bases, with the TSS base at index `tss`; N outside the contig.

        Fetched when it is first read; the genome keeps the latest ones.
        """
        if self.given is not None:
            return self.given.with_inputs(self.inputs)
        assert self.genome is not None
        bases = self.genome.fetch(self.contig, self.start, self.end, self.strand)
        return _with_inputs(bases, self.inputs) if self.inputs else bases

    @property
    def start(self) -> int:
        """First position of the window on the genome; negative if the contig starts later."""
        if self.strand == "+":
            return self.position - self.tss
        return self.position - (self.length - 1 - self.tss)

    @property
    def end(self) -> int:
        """Position after the window; may lie past the contig's end."""
        return self.start + self.length

    @property
    def padding(self) -> tuple[int, int]:
        """Number of N added at the 5' end and at the 3' end, where the contig ends."""
        if self.genome is None:
            return (0, 0)
        low = max(0, -self.start)
        high = max(0, self.end - self.genome.contigs[self.contig])
        return (low, high) if self.strand == "+" else (high, low)

    @property
    def key(self) -> str:
        """The name that everything random at this locus derives from: ``contig:position:strand``.

        So neither the name, nor the length, nor the other loci of an experiment matter. For a
        sequence without genome, its name and the start of its digest.
        """
        if self.given is not None:
            return f"{self.name}:{self.given.with_inputs(()).digest.hex()[:16]}"
        return f"{self.contig}:{self.position}:{self.strand}"

    @property
    def labels(self) -> dict[str, str | int]:
        """Scalars that label the results of this locus."""
        left, right = self.padding
        return {
            "gene": self.gene,
            "transcript": self.transcript,
            "contig": self.contig,
            "tss_position": self.position,
            "strand": self.strand,
            "start": self.start,
            "end": self.end,
            "padding_left": left,
            "padding_right": right,
        }

    def interval(self, tile: Tile) -> tuple[int, int]:
        """The genomic interval of a tile of the sequence: [start, end), 0-based.

        Like the window, it may reach past the ends of the contig.
        """
        if self.strand == "+":
            return (self.start + tile.start, self.start + tile.end)
        return (self.end - tile.end, self.end - tile.start)

    def index_of(self, position: int) -> int:
        """Index in the sequence of a base of the contig; it may lie outside."""
        away = position - self.position
        return self.tss + (away if self.strand == "+" else -away)

    def span_of(self, start: int, end: int) -> tuple[int, int]:
        """Indices in the sequence of a genomic interval: [start, end), both 0-based.

        The inverse of `interval`; it may reach past the ends of the sequence.
        """
        if self.strand == "+":
            return (start - self.start, end - self.start)
        return (self.end - end, self.end - start)

    def distance(self, tile: Tile) -> int:
        """Distance of the tile's centre from the TSS, bp; negative upstream, on both strands.

        0 for a tile that is centred on the TSS as `Tiling.around` does it, of even or odd length.
        """
        return (tile.start + tile.end) // 2 - self.tss


@lru_cache(maxsize=64)
def _with_inputs(bases: Sequence, inputs: tuple[float, ...]) -> Sequence:
    """One object for as long as it is used: mutants of it share what was hashed."""
    return bases.with_inputs(inputs)
