"""Means over loci and their uncertainty."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from creme.analysis.statistics import mean_by, mean_over
from creme.errors import ConfigError


def values(array, dims=("locus",)):
    return xr.DataArray(np.asarray(array, float), dims=dims)


def test_mean_and_standard_error():
    got = mean_over(values([1, 2, 3, 6]))
    assert got["mean"] == 3
    np.testing.assert_allclose(got.se, np.std([1, 2, 3, 6], ddof=1) / 2)
    assert got.n == 4
    assert 1 < got.low < 3 < got.high < 6


def test_missing_values_are_left_out():
    got = mean_over(values([[1, np.nan], [3, np.nan], [np.nan, 4]], ("locus", "track")))
    np.testing.assert_array_equal(got["mean"], [2, 4])
    np.testing.assert_array_equal(got.n, [2, 1])
    np.testing.assert_array_equal(np.isnan(got.se), [False, True])
    np.testing.assert_array_equal(np.isnan(got.low), [False, True])
    none = mean_over(values([np.nan, np.nan]))
    assert np.isnan(none["mean"])
    assert none.n == 0


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-100, 100), min_size=2, max_size=12), st.integers(0, 5))
def test_the_interval_holds_the_mean_and_lies_in_the_range(numbers, seed):
    got = mean_over(values(numbers), resamples=200, seed=seed)
    assert min(numbers) - 1e-9 <= got.low <= got.high <= max(numbers) + 1e-9
    assert got.identical(mean_over(values(numbers), resamples=200, seed=seed))


def test_the_interval_covers_the_truth_as_often_as_it_says():
    random = np.random.default_rng(0)
    drawn = values(random.normal(size=(40, 400)), ("locus", "track"))
    got = mean_over(drawn, confidence=0.9, resamples=400)
    covered = ((got.low <= 0) & (got.high >= 0)).mean().item()
    # The percentile bootstrap of 40 values covers a little less than it says.
    assert 0.84 < covered < 0.94


def test_other_dimensions_and_coordinates_stay():
    array = values(np.arange(6).reshape(2, 3), ("locus", "tile"))
    array = array.assign_coords(distance=("tile", [-1, 0, 1]), gene=("locus", ["a", "b"]))
    got = mean_over(array)
    assert got["mean"].dims == ("tile",)
    assert got.distance.values.tolist() == [-1, 0, 1]
    assert "gene" not in got.coords


def test_means_by_group():
    groups = xr.DataArray(np.array(["b", "a", "", "b"], object), dims="locus")
    got = mean_by(values([1, 5, 100, 3]), groups, resamples=20)
    assert got.group.values.tolist() == ["a", "b"]
    np.testing.assert_array_equal(got["mean"], [5, 2])
    np.testing.assert_array_equal(got.n, [1, 2])


def test_groups_may_differ_by_track():
    groups = xr.DataArray(np.array([["a", "b"], ["b", "b"]], object), dims=("locus", "track"))
    got = mean_by(values([[1, 2], [3, 4]], ("locus", "track")), groups, resamples=20)
    np.testing.assert_array_equal(got.sel(group="a")["mean"], [1, np.nan])
    np.testing.assert_array_equal(got.sel(group="b")["mean"], [3, 3])


def test_no_group_at_all():
    got = mean_by(values([1, 2]), xr.DataArray(np.array(["", ""], object), dims="locus"))
    assert got.sizes["group"] == 0
    some = mean_by(values([1, 2]), xr.DataArray(np.array(["", "a"], object), dims="locus"))
    assert got.group.dtype.kind == some.group.dtype.kind == "U"
    assert got["mean"].dims == some["mean"].dims


def test_a_locus_without_a_group_is_in_none():
    """As where groups were made of other loci, and are aligned with these."""
    groups = xr.DataArray(np.array(["a", np.nan, None], object), dims="locus")
    got = mean_by(values([1, 5, 7]), groups, resamples=20)
    assert got.group.values.tolist() == ["a"]


def test_arguments_are_checked():
    with pytest.raises(ConfigError, match="no dimension 'gene'"):
        mean_over(values([1]), "gene")
    with pytest.raises(ConfigError, match="confidence = 95"):
        mean_over(values([1]), confidence=95)
