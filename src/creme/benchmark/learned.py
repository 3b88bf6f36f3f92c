"""A network's errors: what it did not learn, and what the test failed to find."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from creme.benchmark.detections import Strengths, ratio_scores, statistic_scores
from creme.benchmark.subject import Subject, windows_of
from creme.benchmark.truth import TESTS, effect_table, true_effects

if TYPE_CHECKING:
    import xarray as xr

HALF = 0.5
"""Share of an effect below which it is not there."""
_ACTIVITIES = {"necessity": ("shuffled",), "sufficiency": ("control", "mutant")}
"""Activities of perturbed sequences by test."""


def learned_scores(
    subject: Subject, *, loci: int, tile: int = 1000, replicates: int = 5
) -> pd.DataFrame:
    """The errors of a model separated, with the help of the oracle on the same sequences.

    The oracle of the grammar is asked of the very sequences that the model is asked of: same loci,
    same shuffles. So ``measured - true = (measured - oracle's) + (oracle's - true)``: the first is
    what the model did not learn, the second what the test does to an exact model.

    Parameters
    ----------
    subject : Subject
    loci, tile, replicates : int

    Returns
    -------
    DataFrame
        ``test``, ``score``, ``value``, ``low``, ``high``, ``n``. Of perturbed sequences
        ``correlation``, of the logarithms of the model's and the oracle's activities. Of tiles
        ``slope``, of the model's effects on the oracle's; ``error not learned`` and ``error of the
        test``, mean squares of the two differences. Of true enhancers that the model's test misses
        at q < 0.05, ``missed``: ``not learned``, the share where the oracle's effect is no less
        than half of the true one and the model's effect is below half of the oracle's; ``not
        measured``, the share where the oracle's own effect is below half of the true one; the rest
        have an effect that is ``within noise``.
    """
    held_out = subject.loci(loci)
    windows = windows_of(held_out)
    parts = []
    for test in TESTS:
        datasets = [
            one.ask(test, windows, tile=tile, replicates=replicates)
            for one in (subject, subject.oracle)
        ]
        truth = true_effects(held_out, datasets[0], test, subject.cell_type)
        ours, its = (effect_table(dataset, truth, replicates) for dataset in datasets)
        table = ours.assign(oracle=its["effect"], learned=ours["effect"] - its["effect"])
        table["test"] = its["effect"] - ours["truth"]
        scores = [_activities(test, datasets, subject.seed), _errors(table, subject.seed)]
        parts.append(pd.concat(scores, ignore_index=True).assign(test=test))
    whole = pd.concat(parts, ignore_index=True)
    return whole[["test", *(name for name in whole if name != "test")]]


def _activities(test: str, datasets: list[xr.Dataset], seed: int) -> pd.DataFrame:
    rows = []
    names = datasets[0]["locus"].values.tolist()
    for place, locus in enumerate(names):
        for name in _ACTIVITIES[test]:
            one, other = (
                dataset[name].isel(locus=place, track=0).values.ravel() for dataset in datasets
            )
            rows.append(pd.DataFrame({"locus": locus, "a": one, "b": other}))
    table = pd.concat(rows, ignore_index=True)
    table[["a", "b"]] = np.log(table[["a", "b"]].clip(lower=1e-9))
    return statistic_scores({"correlation": (table, _correlation)}, seed)


def _correlation(rows: pd.DataFrame) -> float:
    return float(np.corrcoef(rows["a"], rows["b"])[0, 1])


def _slope(rows: pd.DataFrame) -> float:
    squares = float((rows["oracle"] ** 2).sum())
    return float((rows["oracle"] * rows["effect"]).sum()) / squares if squares else np.nan


def _errors(table: pd.DataFrame, seed: int) -> pd.DataFrame:
    of_tiles = statistic_scores(
        {
            "slope": (table, _slope),
            "error not learned": (table, lambda rows: (rows["learned"] ** 2).mean()),
            "error of the test": (table, lambda rows: (rows["test"] ** 2).mean()),
        },
        seed,
    )
    strong = table["truth"] >= Strengths().strong
    called = (table["q"] < 0.05) & (table["effect"] > 0)
    missed = strong & ~called
    measured = table["oracle"] >= HALF * table["truth"]
    learned = table["effect"] >= HALF * table["oracle"]
    counted = {
        "missed": (missed, strong),
        "not learned": (measured & ~learned, missed),
        "not measured": (~measured, missed),
        "within noise": (measured & learned, missed),
    }
    return pd.concat(
        [of_tiles, ratio_scores(table["locus"], counted, seed).reset_index()], ignore_index=True
    )
