"""A genome of a few kb a gene, with planted contexts, and a study of it that takes seconds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from creme.demo.genome import element_end, plant
from creme.models.synthetic import SyntheticModel
from creme.sequence import Sequence

LENGTH, TILE, SEGMENT, DECAY = 12_288, 1000, 16_384, 6000.0
PLANS = {
    "enhancing": ("weak_promoter", [("enhancer", -3, 8), ("enhancer", 4, 8)]),
    "neutral": ("strong_promoter", [("enhancer", 3, 2)]),
    "silencing": ("medium_promoter", [("silencer", 2, 6), ("silencer", -4, 6)]),
}
MODEL = SyntheticModel(length=LENGTH, decay=DECAY)


@dataclass(frozen=True)
class Gene:
    """A gene with its TSS, and its elements as [start, end) on the genome."""

    name: str
    context: str
    contig: str
    position: int
    strand: str
    elements: tuple[tuple[str, int, int], ...]


def transcript(gene: Gene, number: int = 1, away: int = 0, contig: str | None = None) -> str:
    """A GTF line; its TSS lies `away` bp downstream of the gene's."""
    at = gene.position + (away if gene.strand == "+" else -away)
    start, end = (at + 1, at + 900) if gene.strand == "+" else (at + 1 - 899, at + 1)
    ids = f'gene_id "{gene.name}"; gene_name "{gene.name}"; transcript_id "{gene.name}.{number}";'
    return (
        f"{contig or gene.contig}\tmini\ttranscript\t{start}\t{end}\t.\t{gene.strand}\t.\t{ids}\n"
    )


def write(folder: Path, names: list[str] | None = None, genes: int = 6) -> list[Gene]:
    """Write ``genome.fa`` and ``annotation.gtf``; contexts and strands take turns."""
    names = names or [f"GENE{k + 1}" for k in range(genes)]
    made, parts = [], []
    for number, name in enumerate(names):
        context = list(PLANS)[number % 3]
        strand = "+-"[number % 2]
        promoter, plan = PLANS[context]
        middle = SEGMENT // 2
        elements = [(kind, middle + away * TILE - n * 20, n) for kind, away, n in plan]
        sequence = plant(promoter, elements, length=SEGMENT, name=f"mini{number}")
        offset = number * SEGMENT
        spans = [(kind, start, element_end(start, n)) for kind, start, n in elements]
        if strand == "-":
            sequence = sequence.complemented
            spans = [(kind, SEGMENT - end, SEGMENT - start) for kind, start, end in spans]
        at = middle if strand == "+" else SEGMENT - 1 - middle
        placed = tuple((kind, offset + start, offset + end) for kind, start, end in spans)
        made.append(Gene(name, context, "mini1", offset + at, strand, placed))
        parts.append(str(sequence))
    write_fasta(folder / "genome.fa", {"mini1": "".join(parts)})
    (folder / "annotation.gtf").write_text("".join(map(transcript, made)))
    return made


def write_fasta(path: Path, contigs: dict[str, str], end: str = "\n") -> None:
    """Lines of 60 letters."""
    lines = []
    for name, text in contigs.items():
        lines += [f">{name}", *(text[k : k + 60] for k in range(0, len(text), 60))]
    path.write_bytes((end.join(lines) + end).encode())


STUDY = f"""\
name = "mini"
seed = 7

[model]
plugin = "synthetic"
length = {LENGTH}
decay = {DECAY}
tracks = ["alpha"]
bins = "all"

[loci]
fasta = "genome.fa"
gtf = "annotation.gtf"

[selection]
activity = 5.0

[common]
tile = {TILE}
replicates = 2

[higher_order]
rounds = 3

[multiplicity]
copies = 3

[fine_tile]
windows = [200, 50]
"""


def study(folder: Path, *changes: tuple[str, str], name: str = "study.toml") -> Path:
    """Write the study file, with parts of its text exchanged."""
    text = STUDY
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    path = folder / name
    path.write_text(text)
    return path


def tables(folder: Path) -> dict[str, bytes]:
    """Every table of a study's folder, by its path."""
    files = [folder / "loci.tsv", folder / "selected.tsv", *(folder / "tables").glob("*.csv")]
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


def reverse_complement(text: str) -> str:
    """Of letters."""
    return str(Sequence.from_string(text).complemented)
