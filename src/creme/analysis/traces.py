"""Cumulative traces of greedy searches."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from creme.analysis.statistics import mean_by, mean_over
from creme.errors import ConfigError


def traces(dataset: xr.Dataset) -> xr.DataArray:
    """Fold change over the wild type after each round, from 1 before the first one.

    Parameters
    ----------
    dataset : Dataset
        Of the higher-order test.

    Returns
    -------
    DataArray, (locus, search, tiles, track)
        ``tiles`` is the number of shuffled tiles, from 0. Of sets that were tested, NaN where a
        tile was accepted only together with the next, and after the set's last tile.

    Notes
    -----
    Section "How do CREs interact to regulate gene expression?", Figures 4b and 4c.
    """
    observed = dataset["fold_change"].astype(np.float64).rename(round="tiles")
    observed = observed.assign_coords(tiles=np.arange(1, observed.sizes["tiles"] + 1))
    start = xr.ones_like(observed.isel(tiles=0, drop=True)).where(observed.notnull().any("tiles"))
    return xr.concat([start.assign_coords(tiles=0), observed], dim="tiles").transpose(
        *observed.dims
    )


def mean_traces(
    dataset: xr.Dataset, categories: xr.DataArray | None = None, **options: Any
) -> xr.Dataset:
    """Mean trace over loci with its band; see `creme.analysis.statistics.mean_over`.

    Parameters
    ----------
    dataset : Dataset
        Of the higher-order test.
    categories : DataArray of text, optional
        Along ``locus``: one mean for each, along ``group``.
    **options
        Of `mean_over`.
    """
    values = traces(dataset)
    if categories is None:
        return mean_over(values, **options)
    return mean_by(values, categories, **options)


def tiles_until(dataset: xr.Dataset, share: float = 0.8) -> xr.DataArray:
    """The number of tiles that have to be shuffled until a share of the activity is lost.

    Parameters
    ----------
    dataset : Dataset
        Of the higher-order test.
    share : float
        Of the wild type's activity.

    Returns
    -------
    DataArray, (locus, search, track)
        NaN where the search ends before. For ``silencers``, until the share is gained.
    """
    if not share > 0:
        raise ConfigError(f"share = {share}: a share of the activity is positive")
    values = traces(dataset)
    lost = xr.where(values["search"] == "enhancers", 1 - values, values - 1)
    reached = (lost >= share).transpose(*values.dims)
    return reached["tiles"].where(reached).min("tiles")
