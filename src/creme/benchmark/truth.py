"""The suite's tests on loci of a grammar, for its oracle or a network that was trained on it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from collections.abc import Sequence as SequenceOf
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from creme.analysis.noise import q_values
from creme.api import measure
from creme.benchmark.detections import Strengths, calibration, scores
from creme.demo.loci import GrammarLocus, random_loci
from creme.demo.rules import Grammar
from creme.errors import ConfigError
from creme.genome import Locus
from creme.model import Model
from creme.sequence import Sequence

if TYPE_CHECKING:
    import xarray as xr

TESTS = ("necessity", "sufficiency")
STRENGTHS = Strengths()
HELD_OUT = "held out"
"""Names of loci begin with it: no network may be trained on them."""


def held_out_loci(
    grammar: Grammar, number: int, length: int, seed: int
) -> tuple[GrammarLocus, ...]:
    """Loci that no network was trained on: the names that they come from are theirs alone."""
    return random_loci(grammar, number, length, seed, HELD_OUT)


def benchmark_truth(
    model: Model,
    grammar: Grammar,
    *,
    track: int | str,
    cell_type: str,
    loci: int = 200,
    tiles: Iterable[int] = (1000,),
    replicates: SequenceOf[int] = (10,),
    strengths: Strengths = STRENGTHS,
    store: str | Path | None = None,
    seed: int = 0,
    progress: bool | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """How well necessity and sufficiency tell the tiles that do something from those that do not.

    Parameters
    ----------
    model : Model
        The oracle of the grammar, or a network.
    grammar : Grammar
    track : int or str
        The model's track of the cell type.
    cell_type : str
        Of the grammar.
    loci : int
        Number of held-out loci, as long as the model's input.
    tiles : iterable of int
        Sizes of tiles, bp.
    replicates : sequence of int
        Numbers of shuffles that are compared; the largest is measured, and the others are the
        first of it.
    strengths : Strengths
    store : str or Path, optional
        Keeps predictions.
    seed : int
        Of loci, shuffles and bootstrap.
    progress : bool, optional
        Whether to show how far it is.

    Returns
    -------
    scores : DataFrame
        ``test``, ``tile``, ``replicates``, ``score``, ``value``, ``low``, ``high``, ``n``: those
        of `creme.benchmark.detections.scores`.
    calibration : DataFrame
        ``test``, ``tile``, ``replicates``, ``q``, ``calls``, ``false``, ``share``.

    Raises
    ------
    ConfigError
        If the grammar has no such cell type, or fewer than two replicates are asked for.
    """
    if cell_type not in grammar.cell_types:
        raise ConfigError(
            f"cell type {cell_type!r} is none of grammar {grammar.name}: "
            f"{', '.join(grammar.cell_types)}"
        )
    if min(replicates) < 2:
        raise ConfigError("replicates: a q needs two or more")
    held_out = held_out_loci(grammar, loci, model.input_length, seed)
    windows = [Locus.from_sequence(Sequence(one.codes), one.gene) for one in held_out]
    scored: list[pd.DataFrame] = []
    calibrated: list[pd.DataFrame] = []
    for tile in tiles:
        for test in TESTS:
            dataset = measure(
                test,
                model,
                windows,
                tracks=track,
                tile=tile,
                replicates=max(replicates),
                store=store,
                seed=seed,
                progress=progress,
            )
            truth = true_effects(held_out, dataset, test, cell_type)
            for number in replicates:
                effects = effect_table(dataset, truth, number)
                for table, parts in (
                    (scores(effects, strengths, seed=seed).reset_index(), scored),
                    (calibration(effects, strengths), calibrated),
                ):
                    parts.append(table.assign(test=test, tile=tile, replicates=number))
    first = ["test", "tile", "replicates"]
    tables = []
    for parts in (scored, calibrated):
        table = pd.concat(parts, ignore_index=True)
        tables.append(table[[*first, *(name for name in table if name not in first)]])
    return tables[0], tables[1]


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

    Columns ``locus``, ``distance``, ``effect``, ``q`` and ``truth``.
    """
    part = dataset.isel(replicate=slice(0, replicates), track=slice(0, 1))
    part = part.drop_vars(["q"], errors="ignore")
    part = part.assign(effect=part["effect_replicates"].mean("replicate"))
    effect = part["effect"].isel(track=0)
    q = q_values(part)
    assert q is not None
    return pd.DataFrame(list(_rows(part, effect.values, q.isel(track=0).values, truth)))


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
