"""The scores of tiles that are moved, copied, and lost in pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from creme.scorecards.scores import ByLocus, ScoreKind

if TYPE_CHECKING:
    import xarray as xr

TELLING = 0.001
"""Share of the wild type by which the two predictions for a pair differ, at least, for it to say
which of them is nearer."""


def distance_scores(distance: xr.Dataset, multiplicity: xr.Dataset | None) -> list[ScoreKind]:
    """Scores of the distance test, for one activity and one tile of each locus.

    Parameters
    ----------
    distance : Dataset
    multiplicity : Dataset, optional
        Of the same loci and backgrounds: its ``tss_control`` is the activity without the tile.
    """
    away = np.abs(distance["position_distance"].values.astype(np.float64))
    rings = np.unique(away)
    names = distance["locus"].values.tolist()
    # (locus, position, replicate)
    by_place = _first_tile(distance["moved"]).transpose("locus", "position", "replicate")
    moved = by_place.values.astype(np.float64)
    over = f"{rings[0] / 1000:g} to {rings[-1] / 1000:g} kb"

    def folded(replicates: list[int]) -> np.ndarray:
        means = moved[:, :, replicates].mean(axis=2)
        return np.stack([means[:, away == ring].mean(axis=1) for ring in rings], axis=1)

    def slope(replicates: list[int]) -> ByLocus:
        x = np.log2(rings) - np.log2(rings).mean()
        activity = folded(replicates)
        with np.errstate(divide="ignore", invalid="ignore"):
            y = np.where(activity > 0, np.log2(activity), np.nan)
        return dict(zip(names, (y @ x) / (x @ x), strict=True))

    def left(replicates: list[int]) -> ByLocus:
        assert multiplicity is not None
        control = multiplicity["tss_control"].sel(locus=names).transpose("locus", "replicate")
        without = control.values.astype(np.float64)[:, replicates].mean(axis=1)
        activity = folded(replicates)
        near, far = activity[:, 0] - without, activity[:, -1] - without
        enough = near > 0.01 * without
        shares = np.divide(far, near, out=np.full(len(near), np.nan), where=enough)
        return dict(zip(names, shares, strict=True))

    kinds = [
        ScoreKind(
            "distance",
            "activity by distance",
            "log2, by doubling of the distance",
            "How fast activity falls when the tile that does most by itself is moved away from "
            "the TSS in random context.",
            slope,
            over=over,
        )
    ]
    if multiplicity is not None:
        kinds.append(
            ScoreKind(
                "distance",
                "effect left",
                "share of the effect",
                "The tile's effect at the largest distance, by that at the smallest.",
                left,
                summary="median",
                over=over,
            )
        )
    return kinds


def saturation_scores(multiplicity: xr.Dataset) -> list[ScoreKind]:
    """Scores of the multiplicity test, for one activity and one tile of each locus."""
    from creme.analysis.saturation import saturation

    names = multiplicity["locus"].values.tolist()
    copies = multiplicity["copies"].values.astype(np.float64)
    # (locus, copy, replicate)
    by_copy = _first_tile(multiplicity["fold_change_replicates"]).isel(search=0, drop=True)
    change = by_copy.transpose("locus", "copy", "replicate").values.astype(np.float64)
    over = f"1 to {int(copies[-1])} copies"

    def growth(replicates: list[int]) -> ByLocus:
        activity = change[:, :, replicates].mean(axis=2)
        first, last = activity[:, 0], activity[:, -1]
        valid = (first > 0) & (last > 0)
        values = np.full(len(first), np.nan)
        values[valid] = np.log2(last[valid] / first[valid]) / np.log2(copies[-1])
        return dict(zip(names, values, strict=True))

    def half(replicates: list[int]) -> ByLocus:
        part = multiplicity.isel(replicate=replicates).expand_dims(track=[""])
        fitted = saturation(part, resamples=0)["half"]
        values = fitted.isel(tile=0, search=0, track=0).sel(locus=names).values
        return dict(zip(names, values.astype(np.float64), strict=True))

    return [
        ScoreKind(
            "saturation",
            "growth with copies",
            "log2, by doubling of the copies",
            "How activity grows with copies of a tile, each where it does most: 1 in proportion, "
            "0 saturated.",
            growth,
            over=over,
        ),
        ScoreKind(
            "saturation",
            "copies to half the plateau",
            "copies",
            "Of the saturating curve through the copies; loci whose curve does not bend within "
            "them are not counted.",
            half,
            summary="median",
            over=over,
        ),
    ]


def additivity_scores(interactions: xr.Dataset) -> list[ScoreKind]:
    """Scores of the interactions test, for one activity."""
    names = interactions["locus"].values.tolist()
    parts = {
        key: interactions[f"{key}_replicates"].transpose("locus", "pair", "replicate").values
        for key in ("additive_epistasis", "epistasis")
    }
    wild = interactions["wild_type"].values.astype(np.float64)
    losses = _pairs(interactions)

    def departure(key: str, replicates: list[int]) -> ByLocus:
        values = np.abs(parts[key].astype(np.float64)[:, :, replicates].mean(axis=2))
        return dict(zip(names, _row_means(values), strict=True))

    def additive(replicates: list[int]) -> ByLocus:
        one, other, both = (part[:, :, replicates].mean(axis=2) for part in losses)
        with np.errstate(divide="ignore", invalid="ignore"):
            by_sum = (one + other - wild[:, None]) / wild[:, None]
            by_product = one * other / wild[:, None] ** 2
            true = both / wild[:, None]
        nearer = (np.abs(by_sum - true) < np.abs(by_product - true)).astype(np.float64)
        telling = np.abs(by_sum - by_product) >= TELLING
        return dict(zip(names, _row_means(np.where(telling, nearer, np.nan)), strict=True))

    most = interactions.sizes["member"]
    over = f"the {most} strongest tiles"
    return [
        ScoreKind(
            "additivity",
            "departure from the sum",
            "share of the wild type",
            "How far the loss of two tiles is from the sum of the losses one by one: 0 where "
            "effects add up.",
            lambda replicates: departure("additive_epistasis", replicates),
            over=over,
        ),
        ScoreKind(
            "additivity",
            "departure from the product",
            "log2 fold change",
            "How far the loss of two tiles is from the product of the fold changes one by one: 0 "
            "where effects multiply.",
            lambda replicates: departure("epistasis", replicates),
            over=over,
        ),
        ScoreKind(
            "additivity",
            "pairs nearer to the sum",
            "share of pairs",
            "Of the pairs for which the sum and the product differ, those for which the sum is "
            "nearer.",
            additive,
            over=over,
        ),
    ]


def _first_tile(values: xr.DataArray) -> xr.DataArray:
    return values.isel(tile=0, drop=True)


def _pairs(interactions: xr.Dataset) -> list[np.ndarray]:
    """Activities without one tile of each pair, without the other, without both.

    (locus, pair, replicate) each; NaN where a locus has fewer members.
    """
    combined = interactions["combined"].transpose("locus", "combination", "replicate").values
    combined = combined.astype(np.float64)
    masks = np.asarray(interactions["combination"].values, dtype=np.float64)
    first, second = (
        np.asarray(interactions[key].values, dtype=np.float64)
        for key in ("pair_first", "pair_second")
    )
    loci, pairs = len(combined), interactions.sizes["pair"]
    masks, first, second = (
        np.broadcast_to(each, (loci, each.shape[-1])) for each in (masks, first, second)
    )
    out = [np.full((loci, pairs, combined.shape[2]), np.nan) for _ in range(3)]
    for locus in range(loci):
        at = {int(m): k for k, m in enumerate(masks[locus]) if np.isfinite(m)}
        for pair in range(pairs):
            if not np.isfinite(first[locus, pair]):
                continue
            one, other = (1 << int(each[locus, pair]) for each in (first, second))
            for part, mask in zip(out, (one, other, one | other), strict=True):
                part[locus, pair] = combined[locus, at[mask]]
    return out


def _row_means(values: np.ndarray) -> np.ndarray:
    finite = np.isfinite(values)
    total = np.where(finite, values, 0).sum(axis=1)
    count = finite.sum(axis=1)
    return np.divide(total, count, out=np.full(len(values), np.nan), where=count > 0)
