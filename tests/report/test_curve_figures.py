"""Distances, greedy searches, copies and fine tiles: lines are the analyses' values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr
from drawn import bars, finish, legend, lines, notes, remarks, ticks, tidy, with_gid
from toy_results import categories, results

from creme.analysis.additive import additive_comparison
from creme.analysis.distances import distance_curve, distance_histogram
from creme.analysis.saturation import saturation
from creme.analysis.traces import mean_traces
from creme.errors import ConfigError
from creme.report import (
    distance_bars,
    distance_curves,
    distance_profiles,
    fine_tile_map,
    fine_tile_search,
    greedy_traces,
    individual_effects,
    observed_and_additive,
    saturation_curves,
)

pytestmark = pytest.mark.filterwarnings("error")


def bands(ax):
    """Lower and upper edge of each band, by x."""
    found = []
    for one in ax.collections:
        corners = one.get_paths()[0].vertices
        x = np.unique(corners[:, 0])
        found.append(
            (
                [corners[corners[:, 0] == at, 1].min() for at in x],
                [corners[corners[:, 0] == at, 1].max() for at in x],
            )
        )
    return found


@pytest.mark.parametrize("signed", [False, True])
def test_bars_count_both_kinds_side_by_side(signed):
    histogram = distance_histogram(
        results()["sufficiency"], weak=0.05, bin_width=200, signed=signed, resamples=2
    )
    ax = distance_bars(histogram, track="one")
    one = histogram.sel(track="one")
    width = 0.42 * np.diff(one.distance).min() / 1000
    for kind, side in (("enhancer", -0.5), ("silencer", 0.5)):
        drawn = np.array(bars(ax, kind))
        np.testing.assert_allclose(drawn[:, 0], one.distance / 1000 + side * width)
        np.testing.assert_array_equal(drawn[:, 1], one["count"].sel(kind=kind))
    totals = [int(one["count"].sel(kind=kind).sum()) for kind in ("enhancer", "silencer")]
    assert min(totals) > 0
    assert legend(ax) == [f"enhancers ({totals[0]})", f"silencers ({totals[1]})"]
    assert ax.get_xlabel().startswith("distance from TSS (kb)")
    assert ("negative upstream" in ax.get_xlabel()) == signed
    assert ax.get_ylabel() == "tiles"
    tidy(ax)


def test_the_legend_of_bars_hides_none():
    """Few bins, the furthest of them the fullest."""
    counts = [[[1], [9]], [[2], [9]]]
    histogram = xr.Dataset(
        {"count": (("kind", "distance", "track"), counts)},
        {"kind": ["enhancer", "silencer"], "distance": [5_000, 10_000], "track": ["one"]},
    )
    ax = distance_bars(histogram)
    tidy(ax)
    box = ax.get_legend()
    assert box is not None
    assert box.get_window_extent().transformed(ax.transData.inverted()).y0 >= 9


def test_no_cre_at_the_threshold():
    histogram = distance_histogram(results()["sufficiency"], weak=1e9, resamples=2)
    notes_ = notes(distance_bars(histogram, track="one"))
    assert notes_ == ["no tile is an enhancer or a silencer at this threshold"]


def test_curves_are_means_with_their_standard_error():
    curve = distance_curve(results()["distance"], resamples=2)
    ax = distance_curves({"enhancers": curve, "mine": curve + 1}, track="two")
    one = curve.sel(track="two")
    first, second = lines(ax, marked=True)
    np.testing.assert_allclose(first, np.stack([one.distance / 1000, one["mean"]], axis=1))
    np.testing.assert_allclose(second[:, 1], one["mean"] + 1)
    low, high = bands(ax)[0]
    np.testing.assert_allclose(low, one["mean"] - one.se)
    np.testing.assert_allclose(high, one["mean"] + one.se)
    assert legend(ax) == ["enhancers (4 loci)", "mine (5 loci)"]
    assert ax.get_xlabel() == "distance from TSS (kb)"
    assert ax.get_ylabel() == "fold change over control"
    assert legend(distance_curves(curve, track="two")) == ["4 loci"]


def test_profiles_have_a_side_and_mark_the_own_position():
    data = results()["distance"]
    ax = distance_profiles(data, locus="locus2", track="one")
    one = data.sel(locus="locus2", track="one")
    drawn = lines(ax)
    for tile in range(2):
        expected = np.stack([one.position_distance / 1000, one.fold_change[tile]], axis=1)
        np.testing.assert_allclose(drawn[2 * tile], expected)
        own = float(one.distance[tile]) / 1000
        np.testing.assert_allclose(drawn[2 * tile + 1], [[own, 1.0]])
        low, _ = bands(ax)[tile]
        np.testing.assert_allclose(low, one.fold_change[tile] - one.fold_change_se[tile])
    assert legend(ax) == ["locus2, −0.8 kb", "locus2, +0.4 kb"]


def test_cres_that_are_not_drawn_are_counted():
    ax = distance_profiles(results()["distance"], track="one", most=3)
    assert len(legend(ax)) == 3
    assert remarks(ax) == ["not drawn: 5 more"]
    with pytest.raises(ConfigError, match="no locus 'nobody'"):
        distance_profiles(results()["distance"], locus="nobody", track="one")


@pytest.mark.parametrize("search", ["enhancers", "silencers"])
def test_traces_start_at_one_for_each_context(search):
    means = mean_traces(results()["higher_order"], categories(), resamples=2)
    ax = greedy_traces(means, search=search, track="two")
    drawn = lines(ax, marked=True)
    for line, group in zip(drawn, ("enhancing", "silencing"), strict=True):
        one = means.sel(group=group, search=search, track="two")
        np.testing.assert_allclose(line, np.stack([np.arange(6), one["mean"]], axis=1))
        assert tuple(line[0]) == (0, 1)
    assert legend(ax) == ["enhancing (n = 3)", "silencing (n = 1)"]
    assert ax.get_xlabel() == f"{search} shuffled"
    assert ax.get_ylabel() == "fold change over WT"
    assert len(bands(ax)) == 1, "a single locus has no band"


def test_traces_of_all_loci_and_a_search_that_has_to_be_chosen():
    means = mean_traces(results()["higher_order"], resamples=2)
    ax = greedy_traces(means, search="enhancers", track="one")
    assert legend(ax) == ["n = 4"]
    with pytest.raises(ConfigError, match="choose one of the 2 along 'search'"):
        greedy_traces(means, track="one")
    with pytest.raises(ConfigError, match=r"no search 'enhancer' \(did you mean 'enhancers'"):
        greedy_traces(means, search="enhancer", track="one")


@pytest.mark.parametrize("interaction", [None, "additive", "redundant", "cooperative"])
def test_observed_and_additive_of_each_class(interaction):
    comparison = additive_comparison(results()["higher_order"])
    one = comparison.sel(search="silencers", track="two")
    kept = one.interaction == interaction if interaction else one.mse.notnull()
    ax = observed_and_additive(comparison, search="silencers", track="two", interaction=interaction)
    n = int(kept.sum())
    assert ax.get_title() == f"{interaction or 'all sets'} (n = {n})"
    if not n:
        assert notes(ax) == [f"no {interaction} set to draw"]
        return
    for line, label in zip(lines(ax, marked=True), ("observed", "additive"), strict=True):
        expected = one[label].values[kept.values].mean(axis=0)
        np.testing.assert_allclose(line[:, 1], [1, *expected])
        np.testing.assert_array_equal(line[:, 0], np.arange(6))
    assert legend(ax) == ["observed", "additive"]
    if n > 1:
        values = one.observed.values[kept.values]
        spread = values.std(axis=0, ddof=1) / np.sqrt(n)
        np.testing.assert_allclose(bands(ax)[0][1], [1, *(values.mean(axis=0) + spread)])


def test_interactions_by_context_and_of_one_locus():
    comparison = additive_comparison(results()["higher_order"])
    chosen: dict[str, Any] = {"search": "enhancers", "track": "two"}
    ax = observed_and_additive(comparison, **chosen, categories=categories(), category="silencing")
    assert ax.get_title() == "all sets (n = 1)"
    lone = observed_and_additive(comparison, **chosen, locus="locus1")
    np.testing.assert_allclose(lines(ax, marked=True)[0], lines(lone, marked=True)[0])
    name = comparison.interaction.sel(locus="locus1", **chosen).item()
    assert lone.get_title() == f"locus1, {name}"
    none = observed_and_additive(comparison, **chosen, categories=categories(), category="neutral")
    assert notes(none) == ["no trace to draw"]
    with pytest.raises(ConfigError, match="interaction = 'odd': it is one of additive"):
        observed_and_additive(comparison, **chosen, interaction="odd")
    with pytest.raises(ConfigError, match="categories and category go together"):
        observed_and_additive(comparison, **chosen, category="neutral")


def test_individual_effects_stand_in_the_order_of_the_search():
    data = results()["higher_order"]
    ax = individual_effects(data, locus="locus3", search="silencers", track="one")
    one = data.sel(locus="locus3", search="silencers", track="one")
    alone = one.tile_fold_change.isel(round=0).values[one.selected.values.astype(int)]
    drawn = np.array(bars(ax))
    np.testing.assert_allclose(drawn, np.stack([np.arange(1, 6), alone - 1], axis=1))
    assert ax.get_ylabel() == "fold change over WT,\nthis tile alone"
    finish(ax)


@pytest.mark.parametrize("search", ["enhancers", "silencers"])
def test_curves_of_copies_start_with_the_tss_tile_alone(search):
    data = results()["multiplicity"]
    fitted = saturation(data, resamples=5)
    ax = saturation_curves(data, fitted, search=search, track="one")
    one = data.sel(search=search, track="one")
    start = (one.tss_control / one.control).mean("replicate")
    drawn = lines(ax)
    expected = [
        [float(start.isel(locus=locus, tile=tile)), *one.fold_change.isel(locus=locus, tile=tile)]
        for locus in range(4)
        for tile in range(2)
    ]
    np.testing.assert_allclose([line[:, 1] for line in drawn[:8]], expected, rtol=1e-6)
    mean = np.array(expected).reshape(4, 2, 5).mean(axis=1)
    np.testing.assert_allclose(drawn[8][:, 1], mean.mean(axis=0), rtol=1e-6)
    np.testing.assert_array_equal(drawn[8][:, 0], np.arange(5))
    spread = mean.std(axis=0, ddof=1) / 2
    np.testing.assert_allclose(bands(ax)[0][1], mean.mean(axis=0) + spread, rtol=1e-6)
    ends = fitted.sel(search=search, track="one")
    plateaus = ends.plateau.values[ends.saturates.values]
    drawn_plateaus = [line.get_ydata()[0] for line in with_gid(ax, "plateau")]
    np.testing.assert_allclose(drawn_plateaus, plateaus)
    expected_legend = ["a CRE (8)", "mean (4 loci)", "standard error"]
    assert legend(ax)[:3] == expected_legend
    assert legend(ax)[3:] == ([f"fitted plateau ({plateaus.size})"] if plateaus.size else [])
    assert ax.get_ylabel() == "fold change over control"
    assert ax.get_xlabel() == f"copies of the CRE, placed as {search}"


def test_a_curve_that_saturates_has_its_plateau():
    copies = np.arange(1, 8)
    y = 0.5 + 2.5 * copies / (copies + 1.0)
    noise = np.random.default_rng(0).normal(0, 0.01, (7, 5))
    data = xr.Dataset(
        {
            "fold_change_replicates": (
                ("locus", "tile", "search", "copy", "replicate", "track"),
                (y[:, None] + noise)[None, None, None, :, :, None],
            ),
            "tss_control": (("locus", "replicate", "track"), np.full((1, 5, 1), 0.5)),
            "control": (("locus", "tile", "replicate", "track"), np.ones((1, 1, 5, 1))),
        },
        {"copies": ("copy", copies), "locus": ["a"], "search": ["enhancers"], "track": ["t"]},
    )
    data["fold_change"] = data.fold_change_replicates.mean("replicate")
    ax = saturation_curves(data, saturation(data))
    (plateau,) = with_gid(ax, "plateau")
    assert plateau.get_ydata()[0] == pytest.approx(3.0, abs=0.1)
    tidy(ax)


def test_scores_of_a_fine_search_against_the_bases_left():
    data = results()["fine_tile"].sel(track="two")
    ax = fine_tile_search(results()["fine_tile"], track="two", most=2)
    assert remarks(ax) == ["not drawn: 6 more"]
    drawn = lines(ax)
    for tile in range(2):
        one = data.isel(locus=0, tile=tile)
        there = one.score.notnull()
        expected = np.stack([one.kept_bp[there], one.score[there]], axis=1)
        np.testing.assert_allclose(drawn[2 * tile], expected)
        assert tuple(drawn[2 * tile][0]) == (200, 1)
        np.testing.assert_allclose(drawn[2 * tile + 1], [[expected[-1, 0], one.final_score]])
    assert legend(ax) == ["locus0, −0.8 kb", "locus0, +0.4 kb"]
    assert ax.get_xlim()[0] > ax.get_xlim()[1], "the search goes from left to right"
    assert "200" in ticks(ax)


def test_parts_that_are_left_stand_in_their_tile():
    data = results()["fine_tile"].sel(track="one")
    ax = fine_tile_map(results()["fine_tile"], track="one", most=3)
    rows = [data.isel(locus=k // 2, tile=k % 2) for k in range(3)]
    boxes = [bar for container in ax.containers for bar in container]
    for row, one in enumerate(rows):
        whole, *parts = (box for box in boxes if abs(box.get_y() + 0.25 - row) < 0.1)
        assert (whole.get_x(), whole.get_width()) == (0, 0.2)
        lows = (one.sub_start - one.tile_start).dropna("sub_tile") / 1000
        highs = (one.sub_end - one.tile_start).dropna("sub_tile") / 1000
        np.testing.assert_allclose([part.get_x() for part in parts], lows, atol=1e-12)
        np.testing.assert_allclose([p.get_x() + p.get_width() for p in parts], highs)
        assert 1000 * sum(p.get_width() for p in parts) == pytest.approx(one.kept_bp.min().item())
    assert ticks(ax, "y") == ["locus0, −0.8 kb", "locus0, +0.4 kb", "locus1, −0.8 kb"]
    assert ax.get_xlabel() == "position in the tile (kb)"
    assert remarks(ax) == ["not drawn: 5 more"]
    assert not remarks(fine_tile_map(results()["fine_tile"], track="one"))
