"""The scores against CRISPRi: necessity effects that rank elements, by distance."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from creme.analysis.crispri import BASELINE, EDGES, check_build, evaluate, join, place, windows
from creme.analysis.crispri_table import read_pairs
from creme.analysis.ranking import auprc
from creme.scorecards.scores import Score, noise_of
from creme.scorecards.settings import CrispriTable

if TYPE_CHECKING:
    import xarray as xr

_SENTENCES = {
    "all": "How well necessity ranks the elements whose silencing lowers a gene's expression above "
    "others; the floor ranks them by 1/distance.",
    "gain": "Necessity's AUPRC less that of 1/distance, on the same pairs.",
}


def names_of_scores() -> list[str]:
    """The scores, whether a card has values for them or not."""
    bins = [f"{low}-{high}" for low, high in pairwise(EDGES)] + [f"{EDGES[-1]}+"]
    return ["AUPRC", "AUPRC less the floor", *(f"AUPRC, {each} bp" for each in bins)]


def crispri_scores(
    table: CrispriTable, necessity: xr.Dataset, track: str, tile: int, folder: Path, seed: int
) -> list[Score]:
    """AUPRC over all pairs and by distance, with that of 1/distance.

    Parameters
    ----------
    table : CrispriTable
    necessity : Dataset
        With the dimension ``track``.
    track : str
    tile : int
        Of the TSS, bp.
    folder : Path
        Where a relative path starts from.
    seed : int
        Of the bootstrap over genes.

    Raises
    ------
    ConfigError
        If the table cannot be read, or is of another genome build.
    """
    path = folder / table.table.expanduser()
    pairs = read_pairs(path, build=table.build, cell_type=table.cell_type)
    placed = place(pairs, windows([necessity]), tile)
    check_build(placed, pairs.build)
    joined = join([necessity], placed, track)
    scored = evaluate(joined, seed=seed)
    scored = scored[scored["metric"] == "auprc"]
    # Not where the table lies: cards travel.
    over = f"tiles of {tile:,} bp, {path.name}"
    by_name: dict[str, Score] = {}
    for distances, part in scored.groupby("distances", sort=False):
        own = part[part["score"] != BASELINE].iloc[0]
        other = part[part["score"] == BASELINE].iloc[0]
        name = "AUPRC" if distances == "all" else f"AUPRC, {distances} bp"
        about: dict[str, Any] = {"question": "crispri", "over": over, "n": int(own["pairs"])}
        why = str(own["why"])
        if why:
            by_name[name] = Score(score=name, why=why, **about)
            continue
        chosen = _of_distances(joined, str(distances))
        noise = _noise(necessity, placed, chosen, track, seed)
        about |= {"better": "higher", "unit": "AUPRC"}
        by_name[name] = Score(
            score=name,
            value=float(own["value"]),
            low=float(own["low"]),
            high=float(own["high"]),
            floor=float(other["value"]),
            floor_of=BASELINE,
            noise=noise,
            sentence=_SENTENCES["all"],
            **about,
        )
        if distances == "all":
            by_name["AUPRC less the floor"] = Score(
                score="AUPRC less the floor",
                value=float(other["gain"]),
                low=float(other["gain_low"]),
                high=float(other["gain_high"]),
                floor=0.0,
                floor_of=BASELINE,
                noise=noise,
                sentence=_SENTENCES["gain"],
                **about,
            )
    return [
        by_name.get(name, Score("crispri", name, why="no pair at these distances", over=over))
        for name in names_of_scores()
    ]


def _of_distances(joined: pd.DataFrame, distances: str) -> np.ndarray:
    """The rows of a bin of distances that are scored."""
    usable = (joined["missing"] == "").to_numpy()
    if distances == "all":
        return usable
    away = joined["distance"].abs().to_numpy(dtype=np.float64)
    low, _, high = distances.rstrip("+").partition("-")
    inside: np.ndarray = usable & (away >= float(low)) & (away < (float(high) if high else np.inf))
    return inside


def _noise(
    necessity: xr.Dataset, placed: pd.DataFrame, rows: np.ndarray, track: str, seed: int
) -> float:
    """How far another seed would move the AUPRC of some rows."""
    replicates = necessity.sizes["replicate"]
    cache: dict[tuple[int, ...], pd.DataFrame] = {}

    def area(chosen: list[int]) -> float:
        key = tuple(chosen)
        if key not in cache:
            part = necessity.assign(
                effect=necessity["effect_replicates"].isel(replicate=chosen).mean("replicate")
            )
            cache[key] = join([part], placed, track)
        table = cache[key]
        return auprc(table["regulated"][rows], table["effect"][rows])

    return noise_of(lambda one, other: area(one) - area(other), replicates, seed)
