"""Loci on which pairs of elements are planted that interact in known ways, and their truth."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from creme.analysis.epistasis import pair_table
from creme.demo.oracle import Oracle
from creme.demo.rules import Grammar
from creme.demo.truth import LocusTruth
from creme.genome import Locus
from creme.model import Readout
from creme.models.oracle import OracleModel
from creme.runner.plan import prepare
from creme.runner.run import measure
from creme.sequence import Sequence
from creme.store import Store
from creme.suite.interactions import Interactions

LENGTH, TILE = 8192, 400
TSS = LENGTH // 2

PAIRS: dict[str, tuple[str, list[tuple[int, str]], int]] = {
    # Promoter, elements as tile and motif, how often a motif stands in its tile.
    "AND": ("common", [(2, "GGGACTTTCCA"), (3, "TTCCAGGAATC")], 3),
    "OR": ("common", [(1, "ATTTGCATAACG"), (6, "ATTTGCATAACG")], 8),
    "multiplicative": ("tissue", [(2, "CAGGTGTTCGAA"), (5, "CAGGTGATCGAA")], 5),
    "additive": ("tissue", [(1, "TGACTCAGCAT"), (6, "TGACTCAGCAT")], 1),
    "insulator": ("common", [(0, "TGACTCAGCAT"), (2, "CCACTAGGGGGC")], 4),
    "nothing": ("common", [], 0),
    "strong promoter": ("strong_promoter", [], 0),
    "alone": ("common", [(4, "TGACTCAGCAT")], 4),
}
"""What is planted, by kind; tiles are numbered from 0 to 7, four on either side of the TSS."""


@dataclass(frozen=True)
class Planted:
    """A locus with its planted elements."""

    locus: Locus
    truth: LocusTruth
    tiles: list[tuple[int, int]]
    pair: tuple[int, int] | None

    def change(self, *tiles: int) -> np.ndarray:
        """Activities, (cell type,), without the sites of some tiles."""
        return self.truth.without([self.tiles[n] for n in tiles])

    def contrast(self, one: int, other: int) -> tuple[float, float]:
        """The true epistasis in the first cell type: log2, and by the wild type."""
        wild, a, b, both = (
            float(self.change(*lost)[0]) for lost in ((), (one,), (other,), (one, other))
        )
        logs = [float(np.log2(value + 0.01 * wild)) for value in (wild, a, b, both)]
        return logs[0] - logs[1] - logs[2] + logs[3], (wild - a - b + both) / wild


def tiles() -> list[tuple[int, int]]:
    """Eight tiles, four on either side of that of the TSS."""
    left = [TSS - TILE // 2 - (4 - n) * TILE for n in range(4)]
    right = [TSS + TILE // 2 + n * TILE for n in range(4)]
    return [(start, start + TILE) for start in (*left, *right)]


def planted(grammar: Grammar, kind: str, number: int) -> Planted:
    """A locus of one kind; the bases around its sites are random."""
    promoter, elements, copies = PAIRS[kind]
    random = np.random.default_rng([number, *kind.encode()])
    codes = random.integers(0, 4, LENGTH, dtype=np.uint8)
    places = tiles()

    def put(start: int, motif: str) -> None:
        codes[start : start + len(motif)] = Sequence.from_string(motif).codes

    put(TSS, grammar.promoters[promoter].motifs[0])
    for tile, motif in elements:
        start, end = places[tile]
        for copy in range(copies):
            # Those of a pair that has to be near stand beside their common border.
            at = end - 45 + 15 * copy if (kind, tile) == ("AND", 2) else start + 20 + 40 * copy
            if (kind, tile) == ("AND", 3):
                at = start + 5 + 15 * copy
            put(at, motif)
    oracle = Oracle(grammar)
    pair = (elements[0][0], elements[1][0]) if len(elements) > 1 else None
    locus = Locus.from_sequence(Sequence(codes), f"{kind} {number}")
    return Planted(locus, LocusTruth(oracle, codes, TSS), places, pair)


def every(grammar: Grammar, kinds: Iterable[str], number: int) -> list[Planted]:
    """So many loci of each kind."""
    return [planted(grammar, kind, n) for kind in kinds for n in range(1, number + 1)]


def found_pairs(planted: list[Planted], rules: str, replicates: int, folder: Path) -> pd.DataFrame:
    """The table of pairs of an interactions test on the oracle, with the truth beside it.

    ``true_log`` and ``true_share`` are the true epistasis; ``planted`` is the kind of a planted
    pair, empty for others.
    """
    test = Interactions(tile=TILE, replicates=replicates, seed=1, tiles=tiles())
    model, loci = OracleModel(length=LENGTH, grammar=rules), [one.locus for one in planted]
    readouts = [Readout(bins="tss", tracks=[0])]
    with Store(folder / "store") as store:
        report = measure(prepare([test], model, loci, readouts=readouts), store)
    assert report.progress.predicted <= len(loci) * (36 * replicates + 1)
    table = pair_table(report.datasets["interactions"])
    by_name = {one.locus.name: one for one in planted}
    starts = [start for start, _ in tiles()]
    truth, kinds = [], []
    for row in table.to_dict("records"):
        one = by_name[row["locus"]]
        numbers = starts.index(row["first_start"]), starts.index(row["second_start"])
        truth.append(one.contrast(*numbers))
        kinds.append(row["locus"].rpartition(" ")[0] if numbers == one.pair else "")
    table[["true_log", "true_share"]] = truth
    return table.assign(planted=kinds)
