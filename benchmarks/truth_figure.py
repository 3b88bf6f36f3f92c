"""The figure of docs/known_truth.md, with the digest of the tables that it was drawn from."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from truth_page import DOCS, TABLES, read

from creme.benchmark.experiments import TILES as SIZES

FIGURE = DOCS / "images" / "known_truth.svg"
_DRAWN = ("calls", "calibration", "curves", "learned")


def digest_of_tables(folder: Path = TABLES) -> str:
    """Of the bytes of the tables that are drawn."""
    whole = hashlib.sha256()
    for name in _DRAWN:
        whole.update((folder / f"{name}.csv").read_bytes())
    return whole.hexdigest()


def draw() -> None:
    """Draw the figure from the tables."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot as plt

    mpl.rcParams["svg.hashsalt"] = "known truth"
    figure, axes = plt.subplots(2, 2, figsize=(9, 7), layout="constrained")
    calls = read("calls")
    calls = calls[calls["rule"] == "q"]
    noisy = [name for name in dict.fromkeys(calls["model"]) if name != "oracle"]
    for model in noisy:
        rows = calls[(calls["model"] == model) & (calls["score"] == "enhancer recall")]
        for test, part in rows.groupby("test"):
            more = part[part["experiment"] == "replicates"]
            _line(axes[0, 0], more, "replicates", f"{model}, {test}")
            sizes = part[(part["experiment"] == "tiles") & (part["replicates"] == 10)]
            _line(axes[0, 1], sizes, "tile", f"{model}, {test}")
    axes[0, 0].set(xlabel="replicates", ylabel="enhancers found, q < 0.05", xscale="log")
    axes[0, 1].set(xlabel="tile, bp", ylabel="enhancers found, q < 0.05", xscale="log")
    for axis, ticks in ((axes[0, 0], (2, 3, 5, 10, 20, 30)), (axes[0, 1], SIZES)):
        axis.set_xticks(ticks, labels=[f"{tick:,}" for tick in ticks])
        axis.set_xticks([], minor=True)
    counts = read("calibration")
    counts = counts[counts["experiment"] == "calls"]
    for (model, replicates), part in counts.groupby(["model", "replicates"], sort=False):
        sums = part.groupby("q")[["calls", "false"]].sum()
        share = sums["false"] / sums["calls"]
        axes[1, 0].plot(share.index, share, marker=".", label=f"{model}, {replicates} shuffles")
    axes[1, 0].plot([0, 0.2], [0, 0.2], color="black", lw=0.5)
    axes[1, 0].set(xlabel="q below", ylabel="share of calls that is false")
    curves = read("curves")
    curves = curves[(curves["test"] == "distance") & curves["score"].str.startswith("error")]
    for model, part in curves.groupby("model", sort=False):
        part = part.assign(band=part["score"].str.removeprefix("error "))
        _line(axes[1, 1], part, "band", str(model))
    axes[1, 1].set(xlabel="distance", ylabel="error of the distance curve, log2")
    for axis in axes.flat:
        axis.legend(fontsize=6)
    figure.savefig(FIGURE, metadata={"Date": None, "Description": digest_of_tables()})


def _line(axis: Any, rows: Any, x: str, label: str) -> None:
    low, high = rows["value"] - rows["low"], rows["high"] - rows["value"]
    errors = [low.clip(lower=0), high.clip(lower=0)]
    axis.errorbar(rows[x], rows["value"], yerr=errors, marker="o", ms=3, capsize=2, label=label)
