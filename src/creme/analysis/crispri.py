"""Necessity effects compared with regulation measured by CRISPRi."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence as SequenceOf
from typing import Any, Literal

import numpy as np
import pandas as pd
import xarray as xr

from creme.analysis.crispri_places import (
    NO_GENE,
    TSS_GAP,
    LocusWindow,
    check_build,
    element_tiles,
    place,
    tss_tile_of,
    windows,
)
from creme.analysis.crispri_table import called
from creme.analysis.ranking import compare_scores, undefined
from creme.analysis.resampling import FEW
from creme.errors import ConfigError
from creme.seeds import derive

__all__ = [
    "BASELINE",
    "EDGES",
    "TSS_GAP",
    "LocusWindow",
    "check_build",
    "element_tiles",
    "evaluate",
    "join",
    "missing_counts",
    "place",
    "tss_tile_of",
    "windows",
]

EDGES = (0, 10_000, 30_000, 100_000)
"""First distances of the evaluation's bins, bp; the last bin has no end."""
BASELINE = "1/distance"
_WHY = {
    "": "",
    "empty": "no pair",
    "nothing is true": "no pair is regulated",
    "nothing is false": "every pair is regulated",
}


def join(datasets: SequenceOf[xr.Dataset], placed: pd.DataFrame, track: str) -> pd.DataFrame:
    """The necessity effect of the tile that each element lies in.

    Parameters
    ----------
    datasets : list of Dataset
        Of the necessity test: all tiles, or chosen ones such as the elements themselves.
    placed : DataFrame
        Of `place`.
    track : str

    Returns
    -------
    DataFrame
        The pairs with ``track``; ``tile_start``, ``tile_end`` and ``overlap``, the share of the
        element that the tile holds; ``effect`` and ``effect_se``; and ``missing`` filled in for
        ``no tile holds half of it`` and ``effect not defined``.

    Notes
    -----
    An element that lies in two tiles is given the one that holds more of it; where several hold
    it whole, the shortest, so that a tile of its own is preferred.
    """
    tiles: dict[str, list[tuple[int, int, float, float]]] = {}
    for dataset in datasets:
        _collect(dataset, track, tiles)
    rows = []
    pair: Any
    for pair in placed.itertuples():
        of_tile: tuple[float, ...] = (np.nan, np.nan, np.nan, np.nan, np.nan)
        reason = str(pair.missing)
        if not reason:
            start, end = int(pair.element_start), int(pair.element_end)
            shares = [
                (max(0, min(end, tile[1]) - max(start, tile[0])) / (end - start), tile)
                for tile in tiles.get(str(pair.locus), [])
            ]
            share, tile = max(
                shares, key=lambda s: (s[0], s[1][0] - s[1][1]), default=(0.0, (0, 0, 0.0, 0.0))
            )
            if share < 0.5:
                reason = "no tile holds half of it"
            else:
                of_tile = (tile[0], tile[1], share, tile[2], tile[3])
                reason = "" if np.isfinite(tile[2]) else "effect not defined"
        rows.append((*of_tile, reason))
    columns = ["tile_start", "tile_end", "overlap", "effect", "effect_se", "missing"]
    joined = pd.DataFrame(rows, columns=columns, index=placed.index)
    return pd.concat([placed.drop(columns="missing"), joined], axis=1).assign(track=track)


def _collect(
    dataset: xr.Dataset, track: str, tiles: dict[str, list[tuple[int, int, float, float]]]
) -> None:
    chosen = dataset.sel(track=track)
    effect = chosen["effect"].transpose("locus", "tile")
    names = ("tile_start", "tile_end", "effect", "effect_se")
    values = [chosen[n].broadcast_like(effect).transpose("locus", "tile").values for n in names]
    for row, locus in enumerate(effect["locus"].values):
        of_locus = tiles.setdefault(str(locus), [])
        for start, end, value, error in zip(*(v[row] for v in values), strict=True):
            if np.isfinite(start):  # loci with fewer tiles than others are filled up with NaN
                of_locus.append((int(start), int(end), float(value), float(error)))


def missing_counts(joined: pd.DataFrame) -> dict[str, tuple[int, int]]:
    """Pairs without an effect by reason, and how many of them are regulated; most first."""
    reasons = joined[joined["missing"] != ""]
    regulated = Counter(reasons.loc[reasons["regulated"], "missing"])
    counts = Counter(reasons["missing"]).most_common()
    return {str(reason): (count, regulated[reason]) for reason, count in counts}


def evaluate(
    joined: pd.DataFrame,
    *,
    missing: Literal["left out", "lowest"] = "left out",
    by: str = "gene",
    edges: SequenceOf[int] = EDGES,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """Score how well the effect ranks regulated pairs above others, against distance alone.

    The score is the effect itself: what is lost without the element. So a silencer ranks lowest,
    as it should: CRISPRi of an enhancer lowers the gene's expression.

    Parameters
    ----------
    joined : DataFrame
        Of `join`.
    missing : {'left out', 'lowest'}
        Leave out the pairs with a reason in ``missing``; or score those lowest that have a valid
        call and whose gene is among the loci, as the ENCODE benchmark does for the genes of a
        predictor: a regulated element outside the window then counts as one that was not found.
    by : {'gene', 'element'}
        The groups that the bootstrap draws. Effects at a gene share its wild type, its promoter
        and whatever the model gets wrong there: genes are independent and their pairs are not.
    edges : list of int
        First distances of the bins, bp, ascending.
    confidence : float
    resamples, seed : int

    Returns
    -------
    DataFrame
        For all distances and for each bin that has a pair, a row for each score (``necessity``,
        ``1/distance``) and metric, as `creme.analysis.ranking.compare_scores`; with ``distances``,
        ``pairs``, ``regulated``, ``genes``, ``prevalence`` (AUPRC of a random score),
        ``why``, why there is no value, and ``few``, whether so few groups were drawn (fewer than
        `creme.analysis.resampling.FEW`) that the intervals are too narrow.
    """
    if missing not in ("left out", "lowest"):
        raise ConfigError(f"missing = {missing!r}: choose 'left out' or 'lowest'")
    if by not in ("gene", "element"):
        raise ConfigError(f"by = {by!r}: draw 'gene' or 'element'")
    if not edges or list(edges) != sorted(set(edges)) or edges[0] < 0:
        raise ConfigError(f"edges = {list(edges)}: ascending distances are needed, none negative")
    usable = joined[joined["missing"] == ""]
    if missing == "lowest":
        usable = joined[called(joined["missing"]) & (joined["missing"] != NO_GENE)]
        # Of several loci of a gene none was chosen: its pairs are drawn together all the same.
        usable = usable.assign(
            effect=usable["effect"].where(usable["missing"] == "", -np.inf),
            locus=usable["locus"].where(usable["locus"] != "", usable["gene"]),
        )
    separation = usable["distance"].abs()
    parts = [("all", usable)]
    for low, high in zip(edges, [*edges[1:], np.inf], strict=True):
        part = usable[(separation >= low) & (separation < high)]
        if len(part):
            parts.append((f"{low}+" if high == np.inf else f"{low}-{high}", part))
    tables = []
    for name, part in parts:
        element = part["contig"] + ":" + part["start"].astype(str) + "-" + part["end"].astype(str)
        scores = {
            "necessity": part["effect"].to_numpy(dtype=np.float64),
            # A pair without a distance is the furthest.
            BASELINE: 1 / np.maximum(separation[part.index].fillna(np.inf).to_numpy(float), 1),
        }
        groups = part["locus"] if by == "gene" else element
        comparison = compare_scores(
            part["regulated"],
            scores,
            groups,
            confidence=confidence,
            resamples=resamples,
            seed=derive(seed, "crispri", by, name),
        )
        counts: dict[str, Any] = {
            "distances": name,
            "pairs": len(part),
            "regulated": int(part["regulated"].sum()),
            "genes": part["locus"].nunique(),
            "prevalence": part["regulated"].mean() if len(part) else np.nan,
            "why": _WHY[undefined(part["regulated"])],
            "few": groups.nunique() < FEW,
        }
        tables.append(comparison.assign(**counts))
    return pd.concat(tables, ignore_index=True)
