"""Traces, the additive comparison, and necessity against sufficiency."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from creme.analysis.additive import additive_comparison
from creme.analysis.comparison import correlation, necessity_and_sufficiency
from creme.analysis.traces import mean_traces, tiles_until, traces
from creme.errors import ConfigError


def search(first, selected, observed, direction="enhancers", locus="a"):
    """Results of one greedy search: fold changes of the first round, order, observed trace."""
    first, selected = np.array(first, float), np.array(selected)
    rounds = len(selected)
    table = np.full((rounds, len(first)), np.nan)
    table[0] = first
    dims = ("locus", "search", "round", "track")
    return xr.Dataset(
        {
            "fold_change": (dims, np.array(observed, float).reshape(1, 1, -1, 1)),
            "tile_fold_change": (
                ("locus", "search", "round", "tile", "track"),
                table[None, None, ..., None],
            ),
        },
        {
            "selected": (dims, selected.reshape(1, 1, -1, 1)),
            "locus": [locus],
            "search": [direction],
            "track": ["one"],
            "tile": np.arange(len(first)),
            "round": np.arange(rounds),
            "tile_start": ("tile", np.arange(len(first)) * 100),
        },
    )


def test_the_additive_trace_adds_single_effects_in_the_searchs_order():
    got = additive_comparison(search([0.9, 0.5, 1.1], [1, 0, 2], [0.5, 0.3, 0.35])).squeeze()
    np.testing.assert_allclose(got.additive, [0.5, 0.4, 0.5])
    np.testing.assert_allclose(got.mse, (0 + 0.1**2 + 0.15**2) / 3)
    np.testing.assert_allclose(got.difference, (0 - 0.1 - 0.15) / 3)
    assert got.interaction == "additive"


@pytest.mark.parametrize(
    ("direction", "first", "observed", "interaction"),
    [
        # Either of two cooperating enhancers costs all there is; together they cost no more.
        ("enhancers", [0.05, 0.0], [0.0, 0.0], "cooperative"),
        # Neither of two redundant ones costs much; together they do.
        ("enhancers", [0.95, 0.9], [0.9, 0.0], "redundant"),
        ("enhancers", [0.6, 0.5], [0.5, 0.1], "additive"),
        # Silencers: either of two cooperating ones lets the activity rise fully.
        ("silencers", [3.0, 3.2], [3.2, 3.2], "cooperative"),
        ("silencers", [1.1, 1.2], [1.2, 4.0], "redundant"),
        ("silencers", [2.0, 3.0], [3.0, 4.0], "additive"),
    ],
)
def test_interactions(direction, first, observed, interaction):
    order = [int(np.argmin(first) if direction == "enhancers" else np.argmax(first))]
    order.append(1 - order[0])
    got = additive_comparison(search(first, order, observed, direction)).squeeze()
    assert got.interaction == interaction
    if interaction == "cooperative" and direction == "enhancers":
        assert got.additive.values[-1] < 0 <= got.observed.values[-1]


def test_the_threshold_is_on_the_mean_squared_error():
    results = search([0.9, 0.9], [0, 1], [0.9, 0.0])
    mse = additive_comparison(results).mse.item()
    np.testing.assert_allclose(mse, 0.32)
    assert additive_comparison(results, threshold=mse).interaction == "additive"
    assert additive_comparison(results, threshold=mse - 1e-9).interaction == "redundant"
    with pytest.raises(ConfigError, match="threshold = -1"):
        additive_comparison(results, threshold=-1)


def test_searches_of_unequal_length_and_other_loci_do_not_mix():
    short, long = search([0.9, 0.5], [1], [0.5]), search([0.4, 0.7], [0, 1], [0.4, 0.0], locus="b")
    got = additive_comparison(xr.concat([short, long], "locus", join="outer"))
    np.testing.assert_allclose(got.additive.squeeze(), [[0.5, np.nan], [0.4, 0.1]])
    assert got.sel(locus="a").interaction == "additive"
    np.testing.assert_allclose(got.sel(locus="a").mse, 0)


def test_what_is_nan_has_no_interaction():
    got = additive_comparison(search([np.nan, np.nan], [0, 1], [np.nan, np.nan]))
    assert got.interaction.item() == ""


def test_traces_start_at_the_wild_type():
    results = search([0.9, 0.5], [1, 0], [0.5, 0.1])
    np.testing.assert_array_equal(traces(results).squeeze(), [1, 0.5, 0.1])
    assert traces(results).tiles.values.tolist() == [0, 1, 2]
    both = xr.concat([results, search([0.9, 0.7], [1, 0], [0.7, 0.3], locus="b")], "locus")
    got = mean_traces(both, resamples=50).squeeze()
    np.testing.assert_allclose(got["mean"], [1, 0.6, 0.2])
    np.testing.assert_allclose(got.se, [0, 0.1, 0.1], atol=1e-12)
    groups = xr.DataArray(np.array(["x", "y"], object), dims="locus")
    got = mean_traces(both, groups, resamples=50).squeeze()
    np.testing.assert_allclose(got["mean"], [[1, 0.5, 0.1], [1, 0.7, 0.3]])


def test_tiles_until_a_share_is_lost_or_gained():
    lost = search([0.9, 0.5, 1], [1, 0, 2], [0.5, 0.2, 0.3])
    assert tiles_until(lost, 0.5).item() == 1
    assert tiles_until(lost, 0.8).item() == 2
    assert np.isnan(tiles_until(lost, 0.81).item())
    gained = search([1.5, 1.9], [1, 0], [1.9, 2.5], "silencers")
    assert tiles_until(gained, 0.8).item() == 1
    assert tiles_until(gained, 1.5).item() == 2
    with pytest.raises(ConfigError, match="share = 0"):
        tiles_until(lost, 0)


def tiles(effects, starts, loci=("a", "b")):
    effect = np.array(effects, float)[..., None]
    return xr.Dataset(
        {
            "effect": (("locus", "tile", "track"), effect),
            "effect_se": (("locus", "tile", "track"), effect * 0 + 0.1),
        },
        {
            "locus": list(loci),
            "track": ["one"],
            "tile_start": ("tile", starts),
            "tile_end": ("tile", np.array(starts) + 100),
            "distance": ("tile", np.array(starts) - 500),
        },
    )


def test_tiles_are_matched_by_their_place():
    necessity = tiles([[1, 2, 3], [4, 5, np.nan]], [0, 100, 200])
    sufficiency = tiles([[20, 30], [50, 60]], [100, 200])
    got = necessity_and_sufficiency(necessity, sufficiency)
    assert got[["necessity", "sufficiency"]].to_numpy().tolist() == [[2, 20], [3, 30], [5, 50]]
    assert got["distance"].tolist() == [-400, -300, -400]
    with pytest.raises(ConfigError, match="no tile of a locus and a track in common"):
        necessity_and_sufficiency(necessity, tiles([[1], [2]], [900]))


def test_correlation_draws_loci():
    random = np.random.default_rng(1)
    x = random.normal(size=(30, 4))
    table = necessity_and_sufficiency(
        tiles(x, [0, 100, 200, 300], range(30)),
        tiles(x + random.normal(size=x.shape), [0, 100, 200, 300], range(30)),
    )
    got = correlation(table, resamples=300)
    assert got["low"] < got["correlation"] < got["high"]
    assert 0.5 < got["correlation"] < 0.9
    assert (got["loci"], got["n"]) == (30, 120)
    same = correlation(table, y="necessity", resamples=20)
    np.testing.assert_allclose([same["correlation"], same["low"]], 1)
    one = correlation(table[table.locus == 0], resamples=20)
    assert np.isnan(one["low"])
