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


def with_spread(results, spread=0.1, wild_type=10.0):
    """The same with replicates of the first round's shuffles, which have a standard error."""
    first = results["tile_fold_change"].values[:, :, 0]
    replicates = first[:, :, :, None] + np.array([-spread, 0, spread])[:, None]
    table = np.full((*results["tile_fold_change"].shape[:4], 3, 1), np.nan)
    table[:, :, 0] = replicates * wild_type
    dims = ("locus", "search", "round", "tile", "replicate", "track")
    return results.assign(shuffled=(dims, table), wild_type=(("locus", "track"), [[wild_type]]))


def test_the_multiplicative_trace_multiplies_single_effects():
    results = search([0.9, 0.5, 1.1], [1, 0, 2], [0.5, 0.45, 0.4])
    got = additive_comparison(results).squeeze()
    np.testing.assert_allclose(got.multiplicative, [0.5, 0.45, 0.495])
    np.testing.assert_allclose(got.mse_multiplicative, 0.095**2 / 3)
    np.testing.assert_allclose(got.difference_multiplicative, -0.095 / 3)
    np.testing.assert_allclose(got.additive, [0.5, 0.4, 0.5])
    assert got.explained_by == "multiplicative"
    assert additive_comparison(search([0.9, 0.5], [1, 0], [0.5, 0.4])).explained_by == "additive"
    assert additive_comparison(search([0.9], [0], [0.9])).explained_by == ""


def test_cooperative_on_one_scale_may_be_nothing_on_the_other():
    """Two tiles that keep a tenth of the activity each keep a hundredth together."""
    got = additive_comparison(search([0.1, 0.1], [0, 1], [0.1, 0.01]))
    assert got.interaction == "cooperative"
    assert got.interaction_multiplicative == "multiplicative"
    # The additive expectation is an activity of -0.8: it says nothing of what is possible.
    assert got.interaction_additive == "undetermined"
    assert got.explained_by == "multiplicative"
    # Silencers whose effects multiply are more than additive.
    got = additive_comparison(search([3.0, 3.0], [0, 1], [3.0, 9.0], "silencers"))
    assert got.interaction == got.interaction_additive == "redundant"
    assert got.interaction_multiplicative == "multiplicative"
    got = additive_comparison(search([3.0, 3.0], [0, 1], [3.0, 5.0], "silencers"))
    assert got.interaction == "additive"
    assert got.interaction_multiplicative == "cooperative"


def test_expectations_near_a_bound_decide_nothing():
    results = search([0.6, 0.5], [1, 0], [0.5, 0.9])
    exact = additive_comparison(results, threshold=0.1)
    # 0.1 is expected where effects add, and 0.3 where they multiply.
    assert exact.interaction_additive == "cooperative"
    assert exact.interaction_multiplicative == "cooperative"
    # Standard errors of 0.1 / sqrt(3) each: two of their sum are 0.16, two of the product 0.09.
    noisy = additive_comparison(with_spread(results), threshold=0.1)
    assert noisy.interaction_additive == "undetermined"
    assert noisy.interaction_multiplicative == "cooperative"
    xr.testing.assert_equal(noisy[["mse", "interaction"]], exact[["mse", "interaction"]])
    # Near the activity of the TSS tile alone.
    floor = xr.DataArray([[2.2]], dims=("locus", "track"))
    with_floor = additive_comparison(with_spread(results), threshold=0.1, floor=floor)
    assert with_floor.interaction_multiplicative == "undetermined"
    ceiling = xr.DataArray([[3.5]], dims=("locus", "track"))
    capped = additive_comparison(with_spread(results), threshold=0.1, ceiling=ceiling)
    assert capped.interaction_multiplicative == "undetermined"
    with pytest.raises(ConfigError, match="needs results with their wild_type"):
        additive_comparison(results, floor=floor)


def test_rounds_near_a_bound_are_left_out_of_the_class_alone():
    results = search([0.6, 0.5, 0.5], [1, 0, 2], [0.5, 0.1, 0.0])
    got = additive_comparison(results, threshold=0.01)
    # The third round's expectation is -0.4, and the second's is what is observed.
    assert got.interaction == "cooperative"
    assert got.interaction_additive == "additive"
    assert got.mse.item() == pytest.approx(0.4**2 / 3)


def test_above_the_floor_what_may_be_lost_is_multiplied():
    results = with_spread(search([0.6, 0.5, 0.1], [1, 0, 2], [0.5, 0.30, 0.2]))
    floor = xr.DataArray([[2.0]], dims=("locus", "track"), coords={"locus": ["a"]})
    got = additive_comparison(results, floor=floor).squeeze()
    # (0.5 - 0.2) / 0.8, then times (0.6 - 0.2) / 0.8, then nothing.
    expected = 0.2 + 0.8 * np.array([0.375, 0.375 * 0.5, 0])
    np.testing.assert_allclose(got.multiplicative_above_floor, expected)
    error = ((np.array([0.5, 0.30, 0.2]) - expected) ** 2).mean() / 0.64
    np.testing.assert_allclose(got.mse_multiplicative_above_floor, error)
    np.testing.assert_allclose(got.mse_above_floor, got.mse / 0.64)
    high = additive_comparison(results, floor=floor * 6).squeeze()
    assert np.isnan(high.mse_above_floor)
