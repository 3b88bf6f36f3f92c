"""What the tests make of activities: normalised values and their statistics over replicates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

Variables = Mapping[str, tuple[tuple[str, ...], np.ndarray]]
"""Arrays by name, each with its dimensions."""


def relative(values: np.ndarray, to: np.ndarray) -> np.ndarray:
    """`values` / `to` in float64; NaN where `to` is 0, since such an effect is not defined."""
    to = np.asarray(to, dtype=np.float64)
    return np.divide(values, np.where(to == 0, np.nan, to), dtype=np.float64)


def averaged(name: str, dims: tuple[str, ...], values: np.ndarray) -> xr.Dataset:
    """A quantity of each replicate with its mean and spread.

    Parameters
    ----------
    name : str
        Of the quantity: ``effect``, ``fold_change``.
    dims : tuple of str
        Dimensions of `values`; one of them is ``replicate``.
    values : array of float64

    Returns
    -------
    xarray.Dataset
        ``name`` (mean over replicates), ``name_std`` (ddof 1), ``name_se`` (of the mean) and
        ``name_replicates``. With a single replicate std and se are NaN.
    """
    replicates = xr.DataArray(values, dims=dims)
    n = replicates.sizes["replicate"]
    if n > 1:
        std = replicates.std("replicate", ddof=1, skipna=False)
    else:
        std = replicates.isel(replicate=0) * np.nan
    return xr.Dataset(
        {
            f"{name}_replicates": replicates,
            name: replicates.mean("replicate", skipna=False),
            f"{name}_std": std,
            f"{name}_se": std / np.sqrt(n),
        }
    )


def result(
    measured: xr.Dataset, activities: Variables, coords: Mapping[str, Any] | None = None
) -> xr.Dataset:
    """A test's Dataset: raw activities and what was computed from them."""
    raw = xr.Dataset({name: (dims, values) for name, (dims, values) in activities.items()}, coords)
    return raw.merge(measured)
