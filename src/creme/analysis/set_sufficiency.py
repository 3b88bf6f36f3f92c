"""Sets of a greedy search put back into random context: the sets, and how many tiles are needed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from creme.analysis.categories import texts
from creme.analysis.statistics import mean_by, mean_over
from creme.errors import ConfigError, listing

SHARE = 0.8
"""Of the wild type's activity, which a set has to bring back: that of Figure 4b."""


def greedy_sets(
    dataset: xr.Dataset, *, search: str = "enhancers", track: str | None = None
) -> dict[str, list[tuple[int, int]]]:
    """The set of each locus in the order of a greedy search: `sets` of the set sufficiency test.

    Parameters
    ----------
    dataset : Dataset
        Of the higher-order test.
    search : {'enhancers', 'silencers'}
    track : str, optional
        Needed where there are several.

    Returns
    -------
    dict of str to list of (int, int)
        [start, end) in the locus sequence, by locus; loci without a set are left out.

    Raises
    ------
    ConfigError
        If there is no such search or track, or if the track has to be chosen.
    """
    for name, value in (("search", search), ("track", track)):
        names = [str(one) for one in dataset[name].values]
        if value is None and len(names) > 1:
            raise ConfigError(f"{name}: there are {listing(names)}; choose one")
        if value is not None and value not in names:
            raise ConfigError(f"{name} = {value!r}: there is {listing(names)}")
    chosen = dataset.sel(
        search=search, track=dataset["track"].values[0] if track is None else track
    )
    sets: dict[str, list[tuple[int, int]]] = {}
    for locus in dataset["locus"].values:
        one = chosen.sel(locus=locus)
        starts, ends = one["tile_start"].values, one["tile_end"].values
        end_of = {int(a): int(b) for a, b in zip(starts, ends, strict=True) if np.isfinite(a)}
        # After the last tile of a set: NaN, or -1 where sets are tested.
        order = [int(start) for start in one["selected_start"].values if start >= 0]
        if order:
            sets[str(locus)] = [(start, end_of[start]) for start in order]
    return sets


def mean_activity(
    dataset: xr.Dataset, categories: xr.DataArray | None = None, **options: Any
) -> xr.Dataset:
    """Mean fold change over loci as tiles of their sets are put back one by one; see `mean_over`.

    Parameters
    ----------
    dataset : Dataset
        Of the set sufficiency test. A set that has come to its end counts on as it is, so that the
        loci are the same for each number of tiles.
    categories : DataArray of text, optional
        Along ``locus``: one mean for each, along ``group``.
    **options
        Of `creme.analysis.statistics.mean_over`.
    """
    values = dataset["fold_change"].astype(np.float64)
    axis = values.get_axis_num("tiles")
    places = np.arange(values.sizes["tiles"]).reshape(
        [-1 if k == axis else 1 for k in range(values.ndim)]
    )
    last = np.maximum.accumulate(np.where(values.notnull(), places, 0), axis=axis)
    carried = values.copy(data=np.take_along_axis(values.values, last, axis=axis))
    if categories is None:
        return mean_over(carried, **options)
    return mean_by(carried, categories, **options)


def tiles_needed(dataset: xr.Dataset, share: float = SHARE) -> xr.DataArray:
    """The number of tiles that have to be put back until a share of the activity is there.

    Parameters
    ----------
    dataset : Dataset
        Of the set sufficiency test: ``fold_change`` along ``tiles``, from 0, the TSS tile alone.
    share : float
        Of the wild type's activity.

    Returns
    -------
    DataArray, (locus, track)
        NaN where the whole set does not reach it.
    """
    if not share > 0:
        raise ConfigError(f"share = {share}: a share of the activity is positive")
    reached = dataset["fold_change"] >= share
    return dataset["tiles"].where(reached).min("tiles").rename("tiles_needed")


def needed_by_class(needed: xr.DataArray, classes: xr.DataArray) -> pd.DataFrame:
    """How many tiles the loci of each class need.

    Parameters
    ----------
    needed : DataArray, (locus, track)
        Of `tiles_needed`.
    classes : DataArray of text
        Along ``locus``, such as context categories; empty text is no class.

    Returns
    -------
    DataFrame
        For each class and track ``loci``; ``reached``, the share of them that reach the share of
        the activity at all; ``median``, ``low`` and ``high``, the quartiles of the number of tiles
        over all loci of the class, those that do not reach it counting as more than any: infinite.
    """
    names = texts(classes)
    rows = []
    for name in sorted(set(names.tolist()) - {""}):
        for track in needed["track"].values:
            values = needed.sel(track=track).values[names == name]
            counts = np.sort(np.where(np.isfinite(values), values, np.inf))
            # Of the values themselves: halfway to infinity is no number of tiles.
            low, median, high = np.quantile(counts, [0.25, 0.5, 0.75], method="inverted_cdf")
            rows.append(
                (name, str(track), len(counts), np.isfinite(values).mean(), median, low, high)
            )
    columns = ["class", "track", "loci", "reached", "median", "low", "high"]
    return pd.DataFrame(rows, columns=columns)
