"""A genome of loci under a grammar: files for a study, and the truth about every element."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from creme.demo.genome import fasta_text, gtf_text, write_texts
from creme.demo.oracle import Oracle
from creme.demo.rules import Grammar
from creme.demo.truth import LocusTruth, TrueElement
from creme.demo.windows import RandomWindow, random_window
from creme.sequence import Codes, complement

_GENES_A_CONTIG = 8


@dataclass(frozen=True)
class GrammarLocus:
    """A gene, its sequence 5' to 3', and what is true about it.

    `start` is where its stretch of `contig` begins, whichever strand it is on.
    """

    gene: str
    contig: str
    start: int
    strand: str
    codes: Codes
    truth: LocusTruth
    elements: tuple[TrueElement, ...]

    @property
    def tss(self) -> int:
        """Position of the TSS on the contig, 0-based."""
        here = self.truth.tss
        return self.start + (here if self.strand == "+" else len(self.codes) - 1 - here)

    def genomic(self, start: int, end: int) -> tuple[int, int]:
        """An interval of the sequence on the contig."""
        if self.strand == "+":
            return self.start + start, self.start + end
        return self.start + len(self.codes) - end, self.start + len(self.codes) - start


@dataclass(frozen=True)
class GrammarGenome:
    """The files, and the loci."""

    fasta: Path
    gtf: Path
    truth: Path
    loci: tuple[GrammarLocus, ...]


def random_loci(
    grammar: Grammar, number: int, length: int, seed: int, name: str = "locus"
) -> tuple[GrammarLocus, ...]:
    """Genes in the middle of stretches of `length` bp, on both strands in turn.

    Parameters
    ----------
    grammar : Grammar
    number, length : int
    seed, name : int, str
        Everything random comes from them: another name gives other loci.
    """
    oracle = Oracle(grammar)
    return tuple(
        locus_of(
            oracle,
            random_window(grammar, length, seed, f"{name} {k}", tss=length // 2),
            length // 2,
            k,
        )
        for k in range(number)
    )


def locus_of(oracle: Oracle, window: RandomWindow, tss: int, number: int) -> GrammarLocus:
    """A window as the gene of a number: its name, its place in a genome, and its truth.

    Parameters
    ----------
    oracle : Oracle
    window : RandomWindow
    tss : int
        Where a promoter on the plus strand stands.
    number : int
        From 0 on.
    """
    name, length = oracle.grammar.name, len(window.codes)
    truth = LocusTruth(oracle, window.codes, tss)
    return GrammarLocus(
        gene=f"{name.upper()}{number + 1}",
        contig=f"{name}{number // _GENES_A_CONTIG + 1}",
        start=number % _GENES_A_CONTIG * length,
        strand="+-"[number % 2],
        codes=window.codes,
        truth=truth,
        elements=truth.elements(
            (one.kind, one.start, one.end, one.sites) for one in window.elements
        ),
    )


def write_loci(
    folder: str | Path,
    grammar: Grammar,
    number: int,
    length: int,
    seed: int,
    name: str = "locus",
) -> GrammarGenome:
    """Write ``genome.fa``, ``annotation.gtf`` and ``truth.tsv`` of `random_loci`.

    Parameters
    ----------
    folder : str or Path
        Made if needed; files of the same names are replaced, each in one step.
    grammar, number, length, seed, name
        As of `random_loci`.
    """
    loci = random_loci(grammar, number, length, seed, name)
    contigs: dict[str, list[NDArray[np.uint8]]] = {}
    for locus in loci:
        forward = locus.codes if locus.strand == "+" else complement(locus.codes[::-1])
        contigs.setdefault(locus.contig, []).append(forward)
    columns = ["gene", "promoter", "kind", "contig", "start", "end", "strand", "distance", "sites"]
    columns += ["planted", *(f"effect_{cell}" for cell in grammar.cell_types)]
    rows = ["\t".join(columns)]
    for locus in loci:
        for one in locus.elements:
            start, end = locus.genomic(one.start, one.end)
            distance = (one.start + one.end) // 2 - locus.truth.tss
            cells = [locus.gene, locus.truth.promoter, one.kind, locus.contig, start, end]
            cells += [locus.strand, distance, one.sites, int(one.planted)]
            rows.append("\t".join([*map(str, cells), *(f"{x:.6g}" for x in one.effect)]))
    folder = Path(folder)
    texts = {
        "genome.fa": "".join(
            fasta_text(name, np.concatenate(parts)) for name, parts in contigs.items()
        ),
        "annotation.gtf": "".join(
            gtf_text(one.gene, one.contig, one.tss, one.strand) for one in loci
        ),
        "truth.tsv": "\n".join(rows) + "\n",
    }
    write_texts(folder, texts)
    return GrammarGenome(
        folder / "genome.fa", folder / "annotation.gtf", folder / "truth.tsv", loci
    )
