"""The suite's tests on loci of a grammar, for its oracle or a network that was trained on it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from collections.abc import Sequence as SequenceOf
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from creme.analysis.noise import q_values
from creme.analysis.power import noise_of
from creme.analysis.thresholds import Classes
from creme.benchmark.detections import Strengths, calibration, scores
from creme.benchmark.subject import Subject, windows_of
from creme.demo.loci import GrammarLocus
from creme.errors import ConfigError

if TYPE_CHECKING:
    import xarray as xr

TESTS = ("necessity", "sufficiency")
STRENGTHS = Strengths()
LEAST = 0.1
"""The effect from which a tile is called by its size."""
RULES: dict[str, dict[str, float]] = {
    "q": {"q": 0.05},
    "size": {"q": np.inf, "least": LEAST},
    "both": {"q": 0.05, "least": Classes().minimum_effect},
}
"""The rules by which a tile is called: by its q, by its effect alone, or, as ``[classes]`` with
``q_below`` does, by its q and a least effect."""


def benchmark_truth(
    subject: Subject,
    *,
    loci: int = 200,
    tiles: Iterable[int] = (1000,),
    replicates: SequenceOf[int] = (10,),
    rules: SequenceOf[str] = ("q", "size"),
    strengths: Strengths = STRENGTHS,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """How well necessity and sufficiency tell the tiles that do something from those that do not.

    Parameters
    ----------
    subject : Subject
        The oracle of the grammar, or a network.
    loci : int
        Number of held-out loci.
    tiles : iterable of int
        Sizes of tiles, bp.
    replicates : sequence of int
        Numbers of shuffles that are compared; the largest is measured, and the others are the
        first of it. One shuffle has no q: its tiles are called by their size alone.
    rules : sequence of str
        Of `RULES`.
    strengths : Strengths

    Returns
    -------
    scores : DataFrame
        ``test``, ``tile``, ``replicates``, ``rule`` (of `RULES`), ``score``, ``value``, ``low``,
        ``high``, ``n``: those of `creme.benchmark.detections.scores`.
    calibration : DataFrame
        ``test``, ``tile``, ``replicates``, ``q``, ``calls``, ``false``, ``share``.
    noise : DataFrame
        ``test``, ``tile`` and the columns of `creme.analysis.power.Noise`, of all replicates; of
        context dependence too.

    Raises
    ------
    ConfigError
        If the largest number of replicates is below two.
    """
    if max(replicates) < 2:
        raise ConfigError("replicates: a q needs two or more")
    held_out = subject.loci(loci)
    windows = windows_of(held_out)
    scored: list[pd.DataFrame] = []
    calibrated: list[pd.DataFrame] = []
    noises: list[pd.DataFrame] = []
    for tile in tiles:
        contexts = subject.ask("context_dependence", windows, tile=tile, replicates=max(replicates))
        noises.append(_noise_row(contexts, "context_dependence", tile))
        for test in TESTS:
            dataset = subject.ask(test, windows, tile=tile, replicates=max(replicates))
            truth = true_effects(held_out, dataset, test, subject.cell_type)
            noises.append(_noise_row(dataset, test, tile))
            for number in replicates:
                effects = effect_table(dataset, truth, number)
                parts = [(calibration(effects, strengths), calibrated)] if number > 1 else []
                for rule in rules:
                    if number == 1 and rule != "size":
                        continue
                    bounds = RULES[rule]
                    called = effects.assign(q=0.0) if rule == "size" else effects
                    table = scores(called, strengths, seed=subject.seed, **bounds).reset_index()
                    parts.append((table.assign(rule=rule), scored))
                for table, into in parts:
                    into.append(table.assign(test=test, tile=tile, replicates=number))
    first = ["test", "tile", "replicates", "rule"]
    return (
        _joined(scored, first),
        _joined(calibrated, first[:3]),
        _joined(noises, first[:2]),
    )


def _noise_row(dataset: xr.Dataset, test: str, tile: int) -> pd.DataFrame:
    return pd.DataFrame([{"test": test, "tile": tile, **asdict(noise_of(dataset))}])


def _joined(parts: list[pd.DataFrame], first: list[str]) -> pd.DataFrame:
    table = pd.concat(parts, ignore_index=True)
    return table[[*first, *(name for name in table if name not in first)]]


def true_effects(
    loci: SequenceOf[GrammarLocus], dataset: xr.Dataset, test: str, cell_type: str
) -> np.ndarray:
    """The effect that each tile has by the grammar, (locus, tile) float64, as the test defines it.

    Necessity: the share of the activity that goes with the sites which the tile touches.
    Sufficiency: what the sites within the tile add to the promoter's own activity, as a share of
    the wild type's.
    """
    cell = loci[0].truth.oracle.grammar.cell_types.index(cell_type)
    intervals = list(
        zip(dataset["tile_start"].values.tolist(), dataset["tile_end"].values.tolist(), strict=True)
    )
    out = np.empty((len(loci), len(intervals)))
    for row, locus in zip(out, loci, strict=True):
        truth = locus.truth
        own = _tss_tile(dataset, len(locus.codes))
        alone = truth.only([own])
        for place, interval in enumerate(intervals):
            if test == "necessity":
                effect = truth.necessity(interval)
            else:
                effect = (truth.only([own, interval]) - alone) / truth.wild_type
            row[place] = effect[cell]
    return out


def _tss_tile(dataset: xr.Dataset, length: int) -> tuple[int, int]:
    """The gap that the tiles leave in the middle."""
    starts, ends = dataset["tile_start"].values, dataset["tile_end"].values
    middle = length // 2
    return int(ends[ends <= middle].max()), int(starts[starts > middle].min())


def effect_table(dataset: xr.Dataset, truth: np.ndarray, replicates: int) -> pd.DataFrame:
    """A row for each tile of each locus, from the first so many replicates of one track.

    Columns ``locus``, ``distance``, ``effect``, ``q`` (NaN of one replicate) and ``truth``.
    """
    part = dataset.isel(replicate=slice(0, replicates), track=slice(0, 1))
    part = part.drop_vars(["q"], errors="ignore")
    part = part.assign(effect=part["effect_replicates"].mean("replicate"))
    effect = part["effect"].isel(track=0)
    q = q_values(part)
    each = np.full(effect.shape, np.nan) if q is None else q.isel(track=0).values
    return pd.DataFrame(list(_rows(part, effect.values, each, truth)))


def _rows(
    dataset: xr.Dataset, effect: np.ndarray, q: np.ndarray, truth: np.ndarray
) -> Iterator[dict[str, object]]:
    distances = dataset["distance"].values.tolist()
    for row, locus in enumerate(dataset["locus"].values.tolist()):
        for place, distance in enumerate(distances):
            yield {
                "locus": locus,
                "distance": distance,
                "effect": effect[row, place],
                "q": q[row, place],
                "truth": truth[row, place],
            }
