"""Planted interactions that the test finds, with the error of their epistasis.

``python benchmarks/interactions.py`` prints the table of docs/suite/interactions.md; it takes some
minutes.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))

from creme.analysis.epistasis import MINIMUM_LOG, MINIMUM_SHARE
from creme.demo.rules import grammar
from planted_interactions import PAIRS, every, found_pairs

LOCI, REPLICATES = 20, 10


def main() -> None:
    """Measure and print."""
    kinds = [kind for kind in PAIRS if kind != "strong promoter"]
    with tempfile.TemporaryDirectory() as folder:
        planted = every(grammar("cis"), kinds, LOCI)
        table = found_pairs(planted, "cis", REPLICATES, Path(folder))
    here = table[table["planted"] != ""]
    print(here.groupby("planted")["kind"].value_counts().to_string())
    print(here.groupby("planted")["true_log"].mean().round(2).to_string())
    for scale, truth in (("epistasis", "true_log"), ("additive_epistasis", "true_share")):
        error = np.sqrt(((here[scale] - here[truth]) ** 2).mean())
        print(f"{scale}: root mean square error {error:.4f}")
    rest = table[table["planted"] == ""]
    acting = (abs(rest["true_log"]) > MINIMUM_LOG) | (abs(rest["true_share"]) > MINIMUM_SHARE)
    called = rest["kind"] != "none"
    print(f"{len(rest)} other pairs: {acting.sum()} act together by chance, {called.sum()} called")
    print(f"called of those that do not: {(called & ~acting).sum()}")


if __name__ == "__main__":
    main()
