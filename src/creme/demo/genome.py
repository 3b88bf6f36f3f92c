"""A small synthetic genome for the synthetic model, with annotation and planted truth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from creme.demo.bases import random_bases
from creme.demo.grammar import MOTIFS, WIDTH, find_motifs
from creme.errors import SequenceError
from creme.files.durable import write_text
from creme.seeds import derive
from creme.sequence import Sequence, encode

SEGMENT = 204_800
"""A gene's own stretch of genome, bp: longer than the model's input."""
_TILE = 5000
_PITCH = 40
_GENES_A_CONTIG = 4

# (kind, index of the tile outwards from the TSS tile, negative upstream; instances)
_PLANS = {
    "enhancing": (
        "weak_promoter",
        [("enhancer", -3, 6), ("enhancer", 5, 6), ("enhancer", -8, 5), ("silencer", 12, 3)],
    ),
    "neutral": ("strong_promoter", [("enhancer", 6, 2), ("silencer", -14, 2)]),
    "silencing": ("medium_promoter", [("silencer", 2, 6), ("silencer", -6, 6), ("enhancer", 9, 2)]),
}

# (kind, least and most elements, least and most instances of each, whether close to the TSS)
_RANGES = {
    "enhancing": [
        ("enhancer", (2, 4), (4, 7), True),
        ("enhancer", (0, 1), (2, 4), False),
        ("silencer", (0, 2), (2, 4), False),
    ],
    "neutral": [("enhancer", (1, 2), (2, 4), True), ("silencer", (0, 2), (2, 4), True)],
    "silencing": [("silencer", (2, 3), (4, 7), True), ("enhancer", (0, 1), (2, 3), False)],
}
_NEAR, _FAR = 6, 15
"""Tiles away from the TSS tile, at most, of elements that are close and of others."""
_OTHERS = ((2, 0), (3, 1200))
"""Number and position (bp downstream of the TSS) of a varied gene's other transcripts."""


@dataclass(frozen=True)
class Element:
    """A planted element, in genome coordinates (0-based, half-open)."""

    gene: str
    context: str
    kind: str
    contig: str
    start: int
    end: int
    strand: str
    distance: int
    instances: int


@dataclass(frozen=True)
class SyntheticGenome:
    """The files, and the planted elements."""

    fasta: Path
    gtf: Path
    bed: Path
    truth: Path
    genes: tuple[str, ...]
    elements: tuple[Element, ...]


def write_genome(
    folder: str | Path, seed: int = 0, genes: int = 6, *, varied: bool = False
) -> SyntheticGenome:
    """Write ``genome.fa``, ``annotation.gtf``, ``tss.bed`` and ``truth.tsv``.

    Genes of enhancing, neutral and silencing context take turns, on both strands. Each planted
    element lies inside one of the paper's 5,000-bp tiles around its gene's TSS.

    Parameters
    ----------
    folder : str or Path
        Made if needed; files of the same names are replaced, each in one step.
    seed : int
        Everything random comes from it.
    genes : int
        204,800 bp of genome each, four to a contig.
    varied : bool
        Whether each gene has elements of its own, in number, strength and place, instead of those
        that all genes of its context have; and two more transcripts, of which one starts at the
        same TSS and the other where there is no promoter.
    """
    contigs: dict[str, NDArray[np.uint8]] = {}
    elements: list[Element] = []
    sites: list[tuple[str, str, int, str]] = []
    for number in range(genes):
        contig = f"syn{number // _GENES_A_CONTIG + 1}"
        name = f"GENE{number + 1}"
        strand = "+" if number % 2 == 0 else "-"
        context = list(_PLANS)[number % len(_PLANS)]
        codes, planted = _segment(seed, name, context, varied)
        offset = len(contigs.get(contig, ()))
        codes_forward = codes if strand == "+" else Sequence(codes).complemented.codes
        contigs[contig] = np.concatenate(
            [contigs.get(contig, np.empty(0, np.uint8)), codes_forward]
        )
        tss = SEGMENT // 2 if strand == "+" else SEGMENT - 1 - SEGMENT // 2
        sites.append((name, contig, offset + tss, strand))
        for kind, start, end, instances in planted:
            low, high = (start, end) if strand == "+" else (SEGMENT - end, SEGMENT - start)
            elements.append(
                Element(
                    name,
                    context,
                    kind,
                    contig,
                    offset + low,
                    offset + high,
                    strand,
                    (start + end) // 2 - SEGMENT // 2,
                    instances,
                )
            )
    folder = Path(folder)
    texts = {
        "genome.fa": "".join(fasta_text(name, codes) for name, codes in contigs.items()),
        "annotation.gtf": "".join(gtf_text(*site, others=varied) for site in sites),
        "tss.bed": "".join(f"{c}\t{p}\t{p + 1}\t{g}\t0\t{s}\n" for g, c, p, s in sites),
        "truth.tsv": "gene\tcontext\tkind\tcontig\tstart\tend\tstrand\tdistance\tinstances\n"
        + "".join("\t".join(map(str, vars(element).values())) + "\n" for element in elements),
    }
    write_texts(folder, texts)
    return SyntheticGenome(
        fasta=folder / "genome.fa",
        gtf=folder / "annotation.gtf",
        bed=folder / "tss.bed",
        truth=folder / "truth.tsv",
        genes=tuple(site[0] for site in sites),
        elements=tuple(elements),
    )


def write_texts(folder: Path, texts: Mapping[str, str]) -> None:
    """Write files by their names; an equal one stays, and so do indexes that were made from it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        path = folder / name
        if not path.exists() or path.read_text() != text:
            write_text(path, text)


def plant(
    promoter: str,
    elements: Iterable[tuple[str, int, int]],
    *,
    length: int = SEGMENT,
    seed: int = 0,
    name: str = "planted",
) -> Sequence:
    """A random sequence with a promoter in its middle and elements at given places.

    Parameters
    ----------
    promoter : str
        A promoter of `creme.demo.grammar`; it starts at the TSS base, ``length // 2``.
    elements : iterable of (kind, start, instances)
        Kind is ``enhancer`` or ``silencer``; an instance every 40 bp from `start` on.
    length : int
        Of the sequence, bp.
    seed, name : int, str
        The other bases come from them; they hold no motif by chance.

    Raises
    ------
    SequenceError
        If there is no such motif, or an element does not fit, or covers the promoter or another
        element.
    """
    motifs = [(promoter, length // 2)]
    for kind, start, instances in elements:
        motifs += [(kind, start + instance * _PITCH) for instance in range(instances)]
    for kind, start in motifs:
        if kind not in MOTIFS or ("promoter" in kind) != (start == length // 2):
            raise SequenceError(
                f"{name}: {kind!r} cannot stand at {start}: a promoter stands in the middle, "
                f"enhancer and silencer elsewhere; motifs are {', '.join(MOTIFS)}"
            )
        if not 0 <= start <= length - WIDTH:
            raise SequenceError(
                f"{name}: a motif of {WIDTH} bp at {start} does not fit into {length} bp"
            )
    bits = np.random.Philox(derive(seed, "synthetic genome", name) % 2**64)
    codes = random_bases(bits.random_raw(length) >> np.uint64(32))
    # Chance matches would be elements that are missing from the truth.
    while (chance := find_motifs(codes)[0]).size:
        middle = chance + WIDTH // 2
        codes[middle] = (codes[middle] + 1) % 4
        codes[middle + 1] = (codes[middle + 1] + 1) % 4
    for kind, start in motifs:
        codes[start : start + WIDTH] = encode(MOTIFS[kind])
    starts = find_motifs(codes)[0].tolist()
    if starts != sorted(start for _, start in motifs):
        raise SequenceError(
            f"{name}: elements cover one another or the promoter: motifs stand at {starts}"
        )
    return Sequence(codes)


def element_end(start: int, instances: int) -> int:
    """Position after an element's last motif."""
    return start + (instances - 1) * _PITCH + WIDTH


def _segment(
    seed: int, gene: str, context: str, varied: bool
) -> tuple[NDArray[np.uint8], list[tuple[str, int, int, int]]]:
    """Codes around a gene, 5' to 3', and its elements as (kind, start, end, instances)."""
    promoter, plan = _PLANS[context]
    if varied:
        plan = _random_plan(context, derive(seed, "synthetic elements", gene))
    elements = []
    for kind, outwards, instances in plan:
        # Tile k downstream starts at the TSS tile's end + (k - 1) tiles, and mirrored upstream.
        away = _TILE // 2 + (abs(outwards) - 1) * _TILE + _TILE // 2
        centre = SEGMENT // 2 + (away if outwards > 0 else -away)
        elements.append((kind, centre - instances * _PITCH // 2, instances))
    codes = plant(promoter, elements, seed=seed, name=gene).codes
    return codes, [(kind, start, element_end(start, n), n) for kind, start, n in elements]


def _random_plan(context: str, seed: int) -> list[tuple[str, int, int]]:
    """A gene's own plan: elements of the kinds that make its context, none in the same tile."""
    random = np.random.Generator(np.random.Philox(seed % 2**64))
    tiles = iter(random.permutation([k for k in range(-_FAR, _FAR + 1) if k]).tolist())
    near = iter(random.permutation([k for k in range(-_NEAR, _NEAR + 1) if k]).tolist())
    plan: list[tuple[str, int, int]] = []
    for kind, (least, most), (weakest, strongest), close in _RANGES[context]:
        for _ in range(random.integers(least, most + 1)):
            taken = {tile for _, tile, _ in plan}
            tile_index = next(tile for tile in (near if close else tiles) if tile not in taken)
            plan.append((kind, tile_index, int(random.integers(weakest, strongest + 1))))
    return plan


def fasta_text(name: str, codes: NDArray[np.uint8]) -> str:
    """A contig as FASTA, 80 letters a line."""
    text = str(Sequence(codes))
    return f">{name}\n" + "".join(f"{text[i : i + 80]}\n" for i in range(0, len(text), 80))


def gtf_text(gene: str, contig: str, tss: int, strand: str, others: bool = False) -> str:
    """A gene and its transcripts as GTF."""

    def line(feature: str, downstream: int, attributes: str) -> str:
        first, last = (tss + downstream, tss + 2999)
        if strand == "-":
            first, last = (tss - 2999, tss - downstream)
        columns = f"{first + 1}\t{last + 1}\t.\t{strand}\t."
        ids = f'gene_id "{gene}"; gene_name "{gene}";'
        return f"{contig}\tsynthetic\t{feature}\t{columns}\t{ids}{attributes}\n"

    lines = [
        line("gene", 0, ""),
        line("transcript", 0, f' transcript_id "{gene}.1"; tag "Ensembl_canonical";'),
    ]
    if others:
        lines += [line("transcript", at, f' transcript_id "{gene}.{n}";') for n, at in _OTHERS]
    return "".join(lines)
