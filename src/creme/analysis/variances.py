"""Variances of measured values."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import xarray as xr


def variance(values: xr.DataArray, along: str) -> xr.DataArray:
    """The sample variance (ddof 1) along a dimension of what was measured, float64.

    NaN where fewer than two values were, of which earlier versions of xarray warn.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Degrees of freedom <= 0", RuntimeWarning)
        return values.var(along, ddof=1, skipna=True)
