"""Statistics over replicates and Datasets of a unit, beside those that xarray makes of the same."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from creme.suite.statistics import averaged, result

DIMS = ("tile", "replicate", "track")


def by_xarray(values: np.ndarray) -> xr.Dataset:
    replicates = xr.DataArray(values, dims=DIMS)
    n = values.shape[1]
    if n > 1:
        std = replicates.std("replicate", ddof=1, skipna=False)
    else:
        std = replicates.isel(replicate=0) * np.nan
    mean = replicates.mean("replicate", skipna=False)
    names = ("effect_replicates", "effect", "effect_std", "effect_se")
    return xr.Dataset(dict(zip(names, (replicates, mean, std, std / np.sqrt(n)), strict=True)))


@pytest.mark.parametrize("n", [1, 2, 9])
def test_bit_for_bit_those_of_xarray(n):
    values = np.random.default_rng(n).normal(size=(5, n, 3))
    values[1, -1, 2] = np.nan
    activities = {
        "wild_type": (("track",), np.ones(3, np.float32)),
        "shuffled": (DIMS, values.astype(np.float32)),
    }
    coords = {"tile": np.arange(5)}
    dataset = averaged("effect", DIMS, values)
    xr.testing.assert_identical(dataset, by_xarray(values))
    whole = result(dataset, activities, coords)
    slow = xr.Dataset(activities, coords).merge(by_xarray(values))
    xr.testing.assert_identical(whole, slow)
    assert list(whole.data_vars) == list(slow.data_vars)
    for name in whole.data_vars:
        assert whole[name].values.tobytes() == slow[name].values.tobytes()
