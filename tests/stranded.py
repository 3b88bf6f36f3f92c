"""A model with tracks of both strands, and a genome whose genes have exons and overlap."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

import creme
from creme.genome import Locus
from creme.model import Model, Track, TrackTable

LENGTH, BIN, BINS = 2400, 50, 24
START = (LENGTH - BIN * BINS) // 2
CONTIG = 9000


class Stranded(Model):
    """Random weights of windows, for each bin and track."""

    name: ClassVar[str] = "stranded"
    version: ClassVar[str] = "1"
    batch_size: ClassVar[int] = 7

    @property
    def input_length(self) -> int:
        return LENGTH

    @property
    def bin_size(self) -> int:
        return BIN

    @property
    def n_bins(self) -> int:
        return BINS

    @property
    def tracks(self) -> TrackTable:
        return TrackTable(
            (
                Track("cage+", strand="+", pair=1),
                Track("cage-", strand="-", pair=0),
                Track("dnase"),
                Track("rna-", strand="-", pair=4),
                Track("rna+", strand="+", pair=3),
            )
        )

    def identity(self) -> dict[str, Any]:
        return {}

    @cached_property
    def _weights(self) -> tuple[np.ndarray, np.ndarray]:
        random = np.random.default_rng(5)
        return random.normal(size=(LENGTH, 4)), random.normal(size=(40, BINS * 5))

    def predict(self, onehot):
        drive, mixing = self._weights
        hidden = (onehot.astype(np.float64) * drive).reshape(len(onehot), 40, -1).sum(axis=2)
        out = np.exp(0.3 * np.tanh(hidden / 8) @ mixing)
        return out.reshape(-1, BINS, 5).astype(np.float32)


MODEL = Stranded()

# Start and end of each exon, 0-based, half-open; of `A` the second transcript shares an exon in
# part, and `E` starts where `A` does, on the other strand.
GENES: dict[str, tuple[str, dict[str, list[tuple[int, int]]]]] = {
    "A": (
        "+",
        {
            "A.1": [(3000, 3120), (3275, 3333), (3500, 3777), (5000, 5100)],
            "A.2": [(3040, 3120), (3300, 3410)],
        },
    ),
    "B": ("-", {"B.1": [(2513, 2577), (2700, 2931), (3201, 3267)]}),
    "C": ("+", {"C.1": [(3390, 3391), (3400, 3450)]}),
    "D": ("-", {"D.1": [(6000, 6200), (6450, 6501)]}),
    "E": ("-", {"E.1": [(2950, 3001)]}),
}


def tss(gene: str, transcript: str | None = None) -> int:
    """The TSS base of a transcript, 0-based; of a gene's first one unless given."""
    strand, transcripts = GENES[gene]
    exons = transcripts[transcript or next(iter(transcripts))]
    return exons[0][0] if strand == "+" else exons[-1][1] - 1


def write(folder: Path, contig: str = "chr1") -> dict[str, Path]:
    """A FASTA and a GTF, as `creme.load_loci` takes them."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(8)
    bases = "".join("ACGT"[code] for code in random.integers(0, 4, CONTIG))
    (folder / "genome.fa").write_text(f">{contig}\n{bases}\n")
    lines = ["#!genome-build none\n"]
    for gene, (strand, transcripts) in GENES.items():
        for transcript, exons in transcripts.items():
            rows = [("transcript", exons[0][0], exons[-1][1])]
            rows += [("exon", *exon) for exon in (exons if strand == "+" else exons[::-1])]
            tag = 'tag "Ensembl_canonical"; ' if transcript.endswith(".1") else ""
            for feature, start, end in rows:
                ids = f'gene_id "id{gene}"; transcript_id "{transcript}"; gene_name "{gene}"; {tag}'
                columns = (contig, "made", feature, start + 1, end, ".", strand, ".", ids)
                lines.append("\t".join(map(str, columns)) + "\n")
    (folder / "genes.gtf").write_text("".join(lines))
    return {"fasta": folder / "genome.fa", "gtf": folder / "genes.gtf"}


def loci(folder: Path, *genes: str) -> list[Locus]:
    """Loci of genes."""
    return creme.load_loci(MODEL, **write(folder), genes=genes or list(GENES))


def profile(locus: Locus) -> np.ndarray:
    """The wild type's whole output, (bins, tracks) float64."""
    return MODEL.predict(locus.sequence.onehot()[None])[0].astype(np.float64)


def bin_of(locus: Locus, position: int) -> int:
    """The output bin of a base of the genome, by counting bases from the TSS."""
    away = position - locus.position if locus.strand == "+" else locus.position - position
    return (LENGTH // 2 + away - START) // BIN
