"""The scores of contexts, of the two effects of tiles, and of the two strands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from creme.scorecards.scores import ByLocus, ScoreKind

if TYPE_CHECKING:
    import xarray as xr

ACTS = 0.2
"""Share of the wild type's activity from which on a context matters: the paper's bound of neutral
contexts."""


def context_scores(context: xr.Dataset) -> list[ScoreKind]:
    """Scores of the context dependence test, for one activity."""

    def effect(replicates: list[int]) -> ByLocus:
        values = context["effect_replicates"].isel(replicate=replicates).mean("replicate")
        return _named(context, values.values)

    def matters(replicates: list[int]) -> ByLocus:
        return {name: float(abs(value) > ACTS) for name, value in effect(replicates).items()}

    return [
        ScoreKind(
            "context",
            "context effect",
            "share of the wild type",
            "The share of a TSS's activity that is lost when all but its own tile is shuffled.",
            effect,
        ),
        ScoreKind(
            "context",
            "contexts that matter",
            "share of loci",
            f"The loci whose activity changes by more than {ACTS:.0%} without their context.",
            matters,
        ),
    ]


def agreement_scores(necessity: xr.Dataset, sufficiency: xr.Dataset, over: str) -> list[ScoreKind]:
    """Scores of the necessity and the sufficiency test, for one activity and the same tiles."""
    distance = np.abs(_of_tiles(necessity, "distance"))

    def mean(dataset: xr.Dataset, replicates: list[int]) -> np.ndarray:
        part = dataset["effect_replicates"].transpose("locus", "tile", "replicate")
        return part.isel(replicate=replicates).mean("replicate").values.astype(np.float64)

    def agree(replicates: list[int]) -> ByLocus:
        return _correlations(necessity, mean(necessity, replicates), mean(sufficiency, replicates))

    def by_distance(replicates: list[int]) -> ByLocus:
        return _correlations(necessity, 1 / distance, mean(sufficiency, replicates))

    return [
        ScoreKind(
            "agreement",
            "necessity with sufficiency",
            "Spearman, within a locus",
            "Whether the tiles whose loss costs most are those that do most by themselves; the "
            "floor ranks them by 1/distance.",
            agree,
            over=over,
            floor=by_distance,
            floor_of="1/distance",
        )
    ]


def strand_scores(single: xr.Dataset, mean: xr.Dataset) -> list[ScoreKind]:
    """Scores of wild types on one strand and of the mean over both, for one activity."""
    names = single["locus"].values.tolist()
    plus = single["wild_type"].values.astype(np.float64)
    minus = 2 * mean["wild_type"].sel(locus=names).values.astype(np.float64) - plus

    def ratio(reverse: np.ndarray) -> ByLocus:
        valid = (plus > 0) & (reverse > 0)
        values = np.full(plus.shape, np.nan)
        values[valid] = np.abs(np.log2(reverse[valid] / plus[valid]))
        return _named(single, values)

    return [
        ScoreKind(
            "strands",
            "difference of the strands",
            "log2 fold change",
            "How far the prediction for a sequence is from that for its reverse complement; the "
            "floor compares each locus with the next one's.",
            lambda replicates: ratio(minus),
            better="lower",
            summary="median",
            floor=lambda replicates: ratio(np.roll(minus, 1)),
            floor_of="another locus",
            shuffled=False,
        )
    ]


def _named(dataset: xr.Dataset, values: np.ndarray) -> ByLocus:
    names = dataset["locus"].values.tolist()
    return {str(name): float(value) for name, value in zip(names, values, strict=True)}


def _of_tiles(dataset: xr.Dataset, name: str) -> np.ndarray:
    shape = dataset["effect_replicates"].isel(replicate=0, drop=True)
    values = dataset[name].broadcast_like(shape).transpose("locus", "tile").values
    return np.asarray(values, dtype=np.float64)


def _correlations(dataset: xr.Dataset, one: np.ndarray, other: np.ndarray) -> ByLocus:
    """Spearman's correlation of each row; NaN of fewer than four tiles, and of constant values."""
    from scipy.stats import rankdata

    values = []
    for x, y in zip(one, other, strict=True):
        both = np.isfinite(x) & np.isfinite(y)
        ranks = [rankdata(each[both]) for each in (x, y)]
        if both.sum() < 4 or any(np.ptp(each) == 0 for each in ranks):
            values.append(np.nan)
        else:
            values.append(float(np.corrcoef(*ranks)[0, 1]))
    return _named(dataset, np.array(values))
