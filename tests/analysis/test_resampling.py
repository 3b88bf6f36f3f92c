"""Intervals over backgrounds that the tiles of a locus share."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from creme.analysis.resampling import shared_interval
from creme.errors import ConfigError

TILES = 38


def mean(effects):
    return effects.mean("tile")


def locus(random, replicates, share=0.5):
    """Effects of tiles that do nothing; `share` of their variance is that of the background."""
    noise = random.normal(size=(TILES, replicates)) * np.sqrt(1 - share)
    values = noise + random.normal(size=replicates) * np.sqrt(share)
    return xr.DataArray(values, dims=("tile", "replicate"))


def test_independent_backgrounds_give_too_small_an_interval_of_a_mean_over_tiles():
    random = np.random.default_rng(0)
    hits = {True: 0, False: 0}
    for trial in range(300):
        values = locus(random, 10)
        for jointly in hits:
            found = shared_interval(values, mean, jointly=jointly, resamples=400, seed=trial)
            hits[jointly] += bool(found["low"] <= 0 <= found["high"])
    assert hits[True] / 300 > 0.87
    assert hits[False] / 300 < 0.5


def test_draws_of_each_tile_are_right_for_draws_of_their_own():
    random = np.random.default_rng(1)
    hits = 0
    for trial in range(300):
        values = locus(random, 10, share=0.0)
        found = shared_interval(values, mean, jointly=False, resamples=400, seed=trial)
        hits += bool(found["low"] <= 0 <= found["high"])
    assert 0.9 < hits / 300 < 0.99


def test_the_width_of_a_mean_is_that_of_the_backgrounds():
    values = locus(np.random.default_rng(2), 10)
    found = shared_interval(values, mean, resamples=20_000)
    se = float(values.mean("tile").std("replicate", ddof=1)) / np.sqrt(10)
    assert float(found["value"]) == pytest.approx(float(values.mean()))
    assert float(found["high"] - found["low"]) == pytest.approx(2 * 1.96 * se, rel=0.06)


def test_counts_and_tiles_that_lack_replicates():
    values = locus(np.random.default_rng(3), 6) + np.linspace(-1, 2, TILES)[:, None]
    values = values.transpose("replicate", "tile").expand_dims(track=["one"])
    values = values.where(~((values["tile"] == 0) & (values["replicate"] > 1)))

    def count(effects):
        return (effects > 0.3).sum("tile")

    found = shared_interval(values, count, resamples=500)
    assert found["value"].dims == ("track",)
    assert int(found["value"][0]) == int((values.mean("replicate") > 0.3).sum())
    assert found["low"] < found["value"] < found["high"]
    xr.testing.assert_identical(found, shared_interval(values, count, resamples=500))
    # The slow way: each draw by itself.
    random = np.random.default_rng(0)
    times = random.multinomial(6, np.full(6, 1 / 6), size=500)
    draws = [
        count(values.isel(replicate=np.repeat(range(6), one)).mean("replicate")).item()
        for one in times
    ]
    value = found["value"].item()
    low, high = value + (np.quantile(draws, [0.025, 0.975]) - value) * np.sqrt(6 / 5)
    assert (found["low"].item(), found["high"].item()) == pytest.approx((low, high))


def test_one_background_has_no_interval():
    values = locus(np.random.default_rng(4), 1)
    found = shared_interval(values, mean)
    assert np.isfinite(found["value"])
    assert np.isnan(found["low"])
    with pytest.raises(ConfigError, match="no dimension 'fold'"):
        shared_interval(values, mean, dim="fold")
    with pytest.raises(ConfigError, match=r"confidence = 1\.5"):
        shared_interval(values, mean, confidence=1.5)
