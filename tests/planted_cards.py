"""Loci with planted motifs and models that count them, of which a card's true scores follow."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import creme
from creme.scorecards.card import Scorecard
from creme.scorecards.settings import ScorecardSettings
from creme.sequence import Sequence

MOTIF = "GATTACAGGCCTAA"
LENGTH, TSS, TILE = 2048, 1024, 100
DECAY = 400.0
BASE = 1.0
PLANTED = {
    # Index of the tile's place among those beside the TSS's, and motifs in it.
    "ONE": ((1, 3), (-3, 2), (5, 1)),
    "TWO": ((-2, 2), (4, 2), (7, 1)),
    "THREE": ((2, 1), (-1, 2), (-6, 2)),
    "FOUR": ((-4, 3), (3, 1), (8, 2)),
    "FIVE": ((1, 1), (2, 2), (-5, 3)),
}
"""By gene."""

MODEL = '''
import numpy as np

MOTIF = "{motif}"
PAIRS = str.maketrans("ACGT", "TGCA")
BACK = MOTIF.translate(PAIRS)[::-1]


def build(rule, both=True, factor=1.0, decay={decay}):
    """Activity from motifs, each less with its distance from the middle."""

    def activity(sequence):
        places = [(find(sequence, MOTIF), 0)]
        if both:
            # The base that a reverse complement turns onto the motif's first one.
            places.append((find(sequence, BACK), len(MOTIF) - 1))
        drives = [
            factor * np.exp(-abs(start + shift - {tss}) / decay)
            for starts, shift in places
            for start in starts
        ]
        if rule == "additive":
            return {base} + sum(drives)
        if rule == "multiplicative":
            return {base} * float(np.prod([1 + drive for drive in drives]))
        if rule == "saturating":
            return 0.1 + sum(drives) / (1 + sum(drives))
        raise ValueError(rule)

    def predict(onehot):
        letters = np.array(list("ACGT"))[onehot.argmax(axis=2)]
        values = [activity("".join(row)) for row in letters]
        return np.array(values, dtype=np.float32)[:, None, None]

    return predict


def find(sequence, word):
    starts, at = [], sequence.find(word)
    while at >= 0:
        starts.append(at)
        at = sequence.find(word, at + 1)
    return starts
'''

PANEL = """\
format = "creme scorecard panel"
name = "planted-1"
assembly = "planted"
tile = 100
reach = 950
replicates = 2
steps = [1, 2, 4, 8]
strongest = 3
loci = [
    { gene = "ONE" }, { gene = "TWO" }, { gene = "THREE" }, { gene = "FOUR" }, { gene = "FIVE" }
]
"""

FILE = """\
name = "{name}"
panel = "panel.toml"
store = "predictions"

[model]
plugin = "python"
object = "model.py:build"
arguments = {arguments}
tracks = "all"
bins = "all"

[model.grid]
input_length = {length}
tracks = [{{ name = "counts", strand = "." }}]

[genome]
fasta = "genome.fa"
table = "tss.tsv"
"""


def starts(gene: str) -> list[list[int]]:
    """Where the motifs of a gene stand in its locus sequence, tile by tile."""
    return [[tile + 20 * k + 5 for k in range(n)] for tile, n in tiles(gene)]


def tiles(gene: str) -> list[tuple[int, int]]:
    """Starts of the tiles with motifs, and how many are in each."""
    half = TILE // 2
    return [
        (TSS + half + (k - 1) * TILE if k > 0 else TSS - half + k * TILE, n)
        for k, n in PLANTED[gene]
    ]


def drive(places: list[int]) -> float:
    """The sum over motifs."""
    return float(sum(np.exp(-abs(place - TSS) / DECAY) for place in places))


def write(folder: Path, change: dict[str, str] | None = None) -> None:
    """The genome, its TSSs, the panel and the models; `change` are bases at some genes' TSSs."""
    random = np.random.default_rng(5)
    text, rows = "", ["gene\tcontig\ttss\tstrand"]
    for k, gene in enumerate(PLANTED):
        letters = list(np.array(list("ACGT"))[random.integers(0, 4, LENGTH)])
        for place in (place for its in starts(gene) for place in its):
            letters[place : place + len(MOTIF)] = MOTIF
        sequence = "".join(letters)
        if change and gene in change:
            sequence = sequence[:TSS] + change[gene] + sequence[TSS + len(change[gene]) :]
        forward = k % 2 == 0
        written = sequence if forward else str(Sequence.from_string(sequence).complemented)
        text += f">{gene.lower()}\n{written}\n"
        rows.append(
            f"{gene}\t{gene.lower()}\t{TSS if forward else LENGTH - 1 - TSS}\t{'-+'[forward]}"
        )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "genome.fa").write_text(text)
    (folder / "tss.tsv").write_text("\n".join(rows) + "\n")
    (folder / "panel.toml").write_text(PANEL)
    (folder / "model.py").write_text(MODEL.format(motif=MOTIF, tss=TSS, decay=DECAY, base=BASE))


def settings(folder: Path, name: str, more: str = "", **arguments: object) -> ScorecardSettings:
    """The file of a card, read."""
    words = ", ".join(
        f"{key} = {str(v).lower() if isinstance(v, bool) else repr(v)}"
        for key, v in arguments.items()
    )
    path = folder / f"{name}.toml"
    path.write_text(FILE.format(name=name, arguments=f"{{ {words} }}", length=LENGTH) + more)
    return ScorecardSettings.from_file(path)


def card(folder: Path, name: str, more: str = "", **arguments: object) -> Scorecard:
    """A card that is made."""
    file = settings(folder, name, more, **arguments)
    return creme.scorecard(file, to=folder / f"{name}.scorecard", progress=False)
