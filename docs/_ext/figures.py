"""The figure of each test's output, on the synthetic model and its invented genome.

``python docs/_ext/figures.py`` draws them anew into docs/images/figures.
"""

from __future__ import annotations

import os
import tempfile
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import creme
from creme import report
from creme.analysis.categories import context_categories, cre_classes, members, tiles_of
from creme.analysis.compatibility import compatibility
from creme.analysis.distances import distance_curve
from creme.analysis.epistasis import pair_table
from creme.analysis.set_sufficiency import greedy_sets, mean_activity
from creme.analysis.traces import mean_traces
from creme.demo.genome import write_genome
from creme.demo.grammar import KINDS, WIDTH, find_motifs
from creme.demo.loci import random_loci, write_loci
from creme.demo.rules import Grammar, grammar
from creme.errors import CremeWarning
from creme.report.design_check import check_panel

DOCS = Path(__file__).resolve().parents[1]
GENES = 12


def promoter(locus: creme.Locus) -> tuple[int, int]:
    """The promoter's motif, with a few bases on both sides."""
    starts, kinds = find_motifs(locus.sequence.codes)
    near = [int(at) for at, kind in zip(starts, kinds, strict=True) if "promoter" in KINDS[kind]]
    start = min(near, key=lambda at: abs(at - locus.tss))
    return start - 8, start + WIDTH + 8


def save(name: str, width: float, height: float, function: Any, *values: Any, **more: Any) -> None:
    """Draw one figure into docs/images/figures."""
    figure, axes = report.panels(1, 1, width=width, height=height)
    function(*values, ax=axes[0, 0], **more)
    report.save(figure, DOCS / "images" / "figures" / name, ("svg",))


def draw_pairs(folder: Path) -> None:
    """The compatibility of planted elements and promoters of a grammar that has classes."""
    made = write_loci(folder, grammar("cis"), 15, 32_768, 3)
    model = creme.load_model("oracle")
    loci = creme.load_loci(model, fasta=made.fasta, gtf=made.gtf)
    rows = []
    for locus in made.loci:
        for one in locus.elements:
            if one.planted and one.kind in ("AXO", "BIR", "CUL"):
                start, end = locus.genomic(one.start, one.end)
                rows.append((locus.contig, start, end, f"{one.kind}{len(rows) + 1}"))
    bed = folder / "elements.bed"
    bed.write_text("".join("\t".join(map(str, row)) + "\n" for row in rows))
    loci = [
        replace(locus, name=f"{truth.truth.promoter} {k + 1}")
        for k, (locus, truth) in enumerate(zip(loci, made.loci, strict=True))
    ]
    pairs = creme.measure("compatibility", model, loci, tracks="alpha", seed=7, tile=1000,
                          enhancers=bed, distances=[-1500])  # fmt: skip
    save("compatibility", 130, 85, report.pair_map, compatibility(pairs))


def grammar_locus() -> creme.Locus:
    """A gene of the grammar, of 8,192 bp."""
    (one,) = random_loci(Grammar.read("cis"), 1, 8192, seed=1)
    return creme.Locus.from_sequence(creme.Sequence(one.codes), one.gene)


def draw(folder: Path) -> None:
    """Measure everything in a folder, and draw."""
    os.chdir(folder)
    draw_pairs(folder / "pairs")
    write_genome("genome", genes=GENES, varied=True)
    model = creme.load_model("synthetic")
    loci = creme.load_loci(model, fasta="genome/genome.fa", gtf="genome/annotation.gtf")
    loci = list({locus.gene: locus for locus in reversed(loci)}.values())[::-1]

    def measured(name: str, **parameters: Any) -> Any:
        return creme.measure(
            name, model, loci, tracks="alpha", store="predictions", seed=7, **parameters
        )

    contexts = measured("context_dependence")
    necessity, sufficiency = measured("necessity"), measured("sufficiency")
    categories = context_categories(contexts)
    tiles = tiles_of(cre_classes(sufficiency), ("enhancer", "strong enhancer", "weak enhancer"))
    few = {locus: chosen[:1] for locus, chosen in tiles.items()}
    greedy = measured("higher_order", rounds=4)
    sets = greedy_sets(greedy)
    swap = measured("context_swap", groups=members(categories), replicates=3)
    acting = measured("interactions", strongest=6, combine="all")
    letters = measured("saturation_mutagenesis", regions={loci[0].name: [promoter(loci[0])]})
    motif = measured("motif_embedding", motifs=["TGACTCAGCAGTTC"],
                     positions=list(range(48_304, 150_000, 10_000)))  # fmt: skip

    def grid(test: str, dataset: Any) -> Any:
        return report.measure_grid(dataset, creme.registry.load("test", test).presentation())

    save("context_dependence", 110, 65, report.context_histogram, contexts)
    save("context_swap", 110, 65, report.swap_boxes, swap, source="enhancing")
    save("necessity", 150, 55, report.tile_map, necessity, locus="GENE1")
    save("sufficiency", 150, 55, report.tile_map, None, sufficiency, locus="GENE1")
    moved = measured("distance", tiles=few)
    save("distance", 110, 65, report.distance_curves, distance_curve(moved))
    save("higher_order", 110, 65, report.greedy_traces, mean_traces(greedy), search="enhancers")
    together = measured("set_sufficiency", sets=sets)
    save("set_sufficiency", 110, 65, report.set_curves, mean_activity(together))
    save("interactions", 110, 85, report.pair_matrix, pair_table(acting), locus="GENE1")
    copies = measured("multiplicity", tiles=few, copies=5, searches=["enhancers"])
    save("multiplicity", 110, 65, report.saturation_curves, copies)
    fine = measured("fine_tile", tiles=few)
    save("fine_tile", 130, 65, report.fine_tile_map, fine)
    save("saturation_mutagenesis", 150, 55, report.measure_letters,
         grid("saturation_mutagenesis", letters))  # fmt: skip
    oracle = creme.load_model("oracle", length=8192)
    designed = creme.measure(
        "design", oracle, [grammar_locus()], tracks=[0], store="designs", seed=7, tile=1000,
        distance=-900, replicates=2, gc=[0.35, 0.65],
    )  # fmt: skip
    figure, axes = report.panels(2, 1, width=150, height=105)
    report.design_rounds(designed, ax=axes[0, 0])
    report.design_composition(designed, ax=axes[1, 0])
    report.save(figure, DOCS / "images" / "figures" / "design", ("svg",))
    best = str(designed["sequence"].sel(design="1").values[0])
    checked = creme.measure(
        "design_check", oracle, [grammar_locus()], tracks=[0], store="designs", seed=7, tile=1000,
        distance=-900, designs={grammar_locus().name: [best]}, distances=[-2500, -1700, 900, 1700],
    )  # fmt: skip
    figure, axes = report.panels(1, 3, width=170, height=60)
    for ax, kind in zip(axes[0], ("moved", "copies", "part"), strict=True):
        check_panel(checked, kind, ax=ax)
    report.save(figure, DOCS / "images" / "figures" / "design_check", ("svg",))
    save("motif_embedding", 110, 65, report.measure_curves, grid("motif_embedding", motif))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name, warnings.catch_warnings():
        warnings.simplefilter("ignore", CremeWarning)
        draw(Path(name))
