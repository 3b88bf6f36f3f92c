"""Necessity and sufficiency on loci whose truth is known, and the page that says how they do.

    python benchmarks/truth.py --loci 20                          a minute or two
    python benchmarks/truth.py --store FOLDER --write docs/known_truth.md

Two models answer: the oracle, and the oracle times a random network, in which every base matters a
little, as it does in a trained one, and no tile without sites does more than its shuffles.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd

from creme.api import measure
from creme.benchmark.detections import Strengths
from creme.benchmark.searches import search_scores, search_table
from creme.benchmark.truth import benchmark_truth, held_out_loci
from creme.demo.rules import grammar
from creme.files.durable import write_text
from creme.genome import Locus
from creme.model import Model
from creme.models.oracle import OracleModel
from creme.sequence import Sequence
from creme.testing.tests import RandomModel

BEGIN, END = "<!-- written by benchmarks/truth.py -->", "<!-- end of what it wrote -->"
LENGTH, CELL = 32_768, "alpha"
TILES, REPLICATES = (1000, 2500, 5000), (2, 3, 5, 10)
SEARCHED = {"tile": 2500, "replicates": 5, "rounds": 5}


class NoisyOracle(OracleModel):
    """The oracle, where every base adds a little: a shuffle changes the activity."""

    name: ClassVar[str] = "noisy_oracle"
    noise: float = 0.05

    def predict(self, onehot: np.ndarray) -> np.ndarray:
        """Activities times a random network's output to a small power."""
        values = super().predict(onehot)
        random = RandomModel(length=self.length).predict(onehot)[:, :1, :1]
        return np.asarray(values * random**self.noise, dtype=np.float32)


MODELS: dict[str, Model] = {
    "oracle": OracleModel(length=LENGTH),
    "noisy oracle": NoisyOracle(length=LENGTH),
}


def measured(loci: int, store: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Scores and calibration of both models."""
    parts: list[tuple[pd.DataFrame, pd.DataFrame]] = []
    for name, model in MODELS.items():
        tables = benchmark_truth(
            model,
            grammar("cis"),
            track=f"cis:{CELL}",
            cell_type=CELL,
            loci=loci,
            tiles=TILES,
            replicates=REPLICATES,
            store=store,
            progress=False,
        )
        scored, calibrated = (table.assign(model=name) for table in tables)
        parts.append((scored, calibrated))
    scores, calibrations = zip(*parts, strict=True)
    return pd.concat(scores, ignore_index=True), pd.concat(calibrations, ignore_index=True)


def searched(loci: int, store: Path) -> pd.DataFrame:
    """Scores of the greedy searches of both models, by the rule that accepts tiles."""
    rules = grammar("cis")
    held_out = held_out_loci(rules, loci, LENGTH, 0)
    windows = [Locus.from_sequence(Sequence(one.codes), one.gene) for one in held_out]
    parts = []
    for name, model in MODELS.items():
        for accept in ("tested", "all"):
            dataset = measure(
                "higher_order",
                model,
                windows,
                tracks=f"cis:{CELL}",
                store=store,
                progress=False,
                accept=accept,
                **SEARCHED,
            )
            table = search_table(dataset, held_out, rules.cell_types.index(CELL))
            for kind, rows in table.groupby("search"):
                scores = search_scores(rows, Strengths(), seed=0).reset_index()
                parts.append(scores.assign(model=name, accept=accept, search=kind))
    return pd.concat(parts, ignore_index=True)


def search_page(scores: pd.DataFrame) -> str:
    """A table of Markdown."""
    lines = [
        f"Greedy searches (`higher_order`, tiles of {SEARCHED['tile']:,} bp, "
        f"{SEARCHED['replicates']} shuffles, {SEARCHED['rounds']} rounds) on the same loci:",
        "",
        "| model | accept | search | tiles named that act | of the true set, named | of its tiles "
        "that necessity does not tell, named |",
        "|---|---|---|---|---|---|",
    ]
    for key, rows in scores.groupby(["model", "accept", "search"], sort=False):
        by_score = rows.set_index("score")
        columns = ("named that act", "set named", "hidden named")
        cells = [_interval(by_score.loc[column]) for column in columns]
        lines.append("| " + " | ".join([*map(str, key), *cells]) + " |")
    return "\n".join(lines)


def page(scores: pd.DataFrame, calibration: pd.DataFrame, loci: int) -> str:
    """Two tables of Markdown."""
    lines = [
        f"{loci} held-out loci of grammar `cis`, {LENGTH:,} bp; cell type {CELL}; seed 0. Shares "
        f"with their 95 % intervals over loci. A call has q < 0.05.",
        "",
        "| model | test | tile, bp | shuffles | enhancers found | silencers found | calls that are "
        "right | calls of tiles that do nothing | correlation |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    columns = ["enhancer recall", "silencer recall", "precision", "false call rate", "correlation"]
    keys = ["model", "test", "tile", "replicates"]
    for key, rows in scores.groupby(keys, sort=False):
        by_score = rows.set_index("score")
        cells = [_interval(by_score.loc[column]) for column in columns]
        lines.append("| " + " | ".join([*map(str, key), *cells]) + " |")
    lines += [
        "",
        "The share of calls that is false at each q, all tiles and tests together:",
        "",
        "| model | shuffles | q < | calls | false | share |",
        "|---|---|---|---|---|---|",
    ]
    for key, rows in calibration.groupby(["model", "replicates", "q"], sort=False):
        calls, false = int(rows["calls"].sum()), int(rows["false"].sum())
        share = f"{false / calls:.3f}" if calls else "–"
        lines.append("| " + " | ".join([*map(str, key), f"{calls:,}", str(false), share]) + " |")
    return "\n".join(lines)


def _interval(row: pd.Series) -> str:
    if not np.isfinite(row["value"]):
        return "–"
    digits = 3 if row.name != "correlation" else 4
    low, high = (f"{row[name]:.{digits}f}" for name in ("low", "high"))
    return f"{row['value']:.{digits}f} ({low}–{high}; n {row['n']:,})"


def main() -> None:
    """Measure, print, and write into a page between its two marks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--loci", type=int, default=200)
    parser.add_argument("--store", type=Path, help="keeps predictions")
    parser.add_argument("--write", type=Path, help="a page with the marks")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = options.store or Path(folder) / "store"
        tables = page(*measured(options.loci, store), options.loci)
        tables += f"\n\n{search_page(searched(options.loci, store))}"
    print(tables)
    if options.write:
        text = options.write.read_text(encoding="utf-8")
        before, rest = text.split(BEGIN)
        after = rest.split(END)[1]
        write_text(options.write, f"{before}{BEGIN}\n\n{tables}\n\n{END}{after}")


if __name__ == "__main__":
    main()
