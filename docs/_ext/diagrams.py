"""The diagram of each test of the suite."""

from __future__ import annotations

from drawing import Row, diagram

WILD = "....eT....."
DIAGRAMS: dict[str, tuple[str, list[Row], str]] = {
    "context_dependence": (
        "Context dependence: everything but the TSS tile is shuffled",
        [
            Row("wild type", ".....T.....", "WT"),
            Row("context shuffled", "-----T-----", "MUTANT"),
        ],
        "effect = (WT - MUTANT) / WT",
    ),
    "context_swap": (
        "Context swap: the TSS tile of one locus in the context of another",
        [
            Row("source", ".....T.....", "WT"),
            Row("target, as it is", "fffffffffff", "UNPERTURBED"),
            Row("source in target", "fffffTfffff", "MUTANT"),
        ],
        "effect = (MUTANT - UNPERTURBED) / WT",
    ),
    "necessity": (
        "Necessity: one tile after another is shuffled",
        [
            Row("wild type", "..e..T.....", "WT"),
            Row("tile shuffled", "..-..T.....", "SHUFFLE"),
        ],
        "effect = (WT - SHUFFLE) / WT",
    ),
    "sufficiency": (
        "Sufficiency: one tile and the TSS tile in random sequence",
        [
            Row("wild type", "..e..T.....", "WT"),
            Row("TSS tile alone", "-----T-----", "CONTROL"),
            Row("with the tile", "--e--T-----", "MUTANT"),
        ],
        "effect = (MUTANT - CONTROL) / WT",
    ),
    "distance": (
        "Distance: the tile at other positions of random sequence",
        [
            Row("at its own place", "--e--T-----", "CONTROL"),
            Row("moved", "---e-T-----", "TEST", (2, 3)),
            Row("moved further", "-----T---e-", "TEST", (2, 9)),
        ],
        "fold change = TEST / CONTROL",
    ),
    "higher_order": (
        "Higher order: a greedy search for the tiles that act together",
        [
            Row("wild type", "..e..T..o..", "WT"),
            Row("round 1: the best tile", "..-..T..o..", "MUTANT 1"),
            Row("round 2: the next one", "..-..T..-..", "MUTANT 2"),
        ],
        "fold change = MUTANT / WT, after each round",
    ),
    "set_sufficiency": (
        "Set sufficiency: the tiles of a set, one after another, in random sequence",
        [
            Row("wild type", "..e..T..o..", "WT"),
            Row("TSS tile alone", "-----T-----", "MUTANT 0"),
            Row("with the first tile", "--e--T-----", "MUTANT 1"),
            Row("with the second", "--e--T--o--", "MUTANT 2"),
        ],
        "fold change = MUTANT / WT, after each tile",
    ),
    "multiplicity": (
        "Multiplicity: more and more copies of a tile in random sequence",
        [
            Row("one tile, its place", "--e--T-----", "CONTROL"),
            Row("one copy, best place", "----eT-----", "MUTANT 1"),
            Row("two copies", "----eTe----", "MUTANT 2"),
        ],
        "fold change = MUTANT / CONTROL, after each copy",
    ),
    "fine_tile": (
        "Fine tile: the smallest parts of a tile that keep its effect",
        [
            Row("TSS tile alone", "-----T-----", "CONTROL"),
            Row("the whole tile", "eeee-T-----", "WHOLE"),
            Row("some parts of it", "-e-e-T-----", "MUTANT"),
        ],
        "score = (MUTANT - CONTROL) / (WHOLE - CONTROL)",
    ),
    "interactions": (
        "Interactions: the strongest tiles lost one by one, in pairs, or in all subsets",
        [
            Row("wild type", "..e..T..o..", "WT"),
            Row("one tile lost", "..-..T..o..", "A"),
            Row("the other one lost", "..e..T..-..", "B"),
            Row("both lost", "..-..T..-..", "AB"),
        ],
        "epistasis = log2 WT - log2 A - log2 B + log2 AB",
    ),
    "compatibility": (
        "Compatibility: every promoter with every enhancer, in the same random sequences",
        [
            Row("a promoter alone", "-----T-----", "CONTROL 1"),
            Row("with an enhancer", "----eT-----", "MUTANT 1"),
            Row("another promoter", "-----f-----", "CONTROL 2"),
            Row("with that enhancer", "----ef-----", "MUTANT 2"),
        ],
        "effect = log2(MUTANT / CONTROL)",
    ),
    "saturation_mutagenesis": (
        "Saturation mutagenesis: each base of a region changed to the three others",
        [
            Row("wild type", "..e..T.....", "WT"),
            Row("one base changed", "..x..T.....", "MUTANT"),
        ],
        "effect = (WT - MUTANT) / WT",
    ),
    "motif_embedding": (
        "Motif embedding: a short sequence at each position of random sequence",
        [
            Row("TSS tile alone", "-----T-----", "CONTROL"),
            Row("motif upstream", "-m---T-----", "MUTANT"),
            Row("motif nearer", "----mT-----", "MUTANT"),
        ],
        "effect = (MUTANT - CONTROL) / WT",
    ),
    "design": (
        "Design: a synthetic CRE beside the TSS tile in random sequence",
        [
            Row("TSS tile alone", "-----T-----", "CONTROL"),
            Row("first sequences", "---m-T-----", "MUTANT 0"),
            Row("their descendants", "---e-T-----", "MUTANT n"),
            Row("unseen backgrounds", "fffefTfffff", "REPORT"),
        ],
        "score = weighted activities of MUTANT, or log2(MUTANT / CONTROL)",
    ),
    "design_check": (
        "Checks of designs: moved, copied, beside another TSS tile, and in parts",
        [
            Row("TSS tile alone", "-----T-----", "CONTROL"),
            Row("at its place", "---e-T-----", "MUTANT"),
            Row("moved", "e----T-----", "MUTANT"),
            Row("two copies", "--ee-T-----", "MUTANT"),
            Row("another TSS tile", "---e-f-----", "MUTANT"),
            Row("one part random", "---x-T-----", "MUTANT"),
        ],
        "effect = log2(MUTANT / CONTROL)",
    ),
}
"""By test: words for those who cannot see it, rows, and the formula.

Eleven tiles stand for the sequence; the TSS tile is the one in the middle.
"""


def diagrams() -> dict[str, str]:
    """The SVG files by their path from docs/."""
    return {f"images/diagrams/{name}.svg": diagram(*what) for name, what in DIAGRAMS.items()}
