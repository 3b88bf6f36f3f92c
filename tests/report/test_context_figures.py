"""Histogram of contexts, coverage, swaps: what is drawn is what was measured."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from drawn import bars, ends, legend, notes, remarks, ticks, tidy
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.patches import StepPatch
from toy_results import GROUPS, results

from creme.errors import ConfigError
from creme.report import context_histogram, coverage_profile, swap_boxes
from creme.report.context import _edges, _heights

pytestmark = pytest.mark.filterwarnings("error")


def contexts(effects) -> xr.Dataset:
    names = [f"locus{k}" for k in range(len(effects))]
    return xr.Dataset(
        {"effect": (("locus", "track"), np.array(effects, float).reshape(-1, 1))},
        {"locus": np.array(names, dtype=object), "track": ["one"]},
    )


def counted(ax, label=None):
    """Bars that are not empty, by their place."""
    return {round(at, 3): height for at, height in bars(ax, label) if height}


def test_bins_are_multiples_of_a_twentieth():
    ax = context_histogram(contexts([0.97, 0.99, 0.12, 0.0, -0.52, -0.54, np.nan]), inset=False)
    assert counted(ax) == {0.975: 2, 0.125: 1, 0.025: 1, -0.525: 2}
    assert ax.get_xlabel() == "context effect on TSS, (WT − shuffled) / WT"
    assert ax.get_ylabel() == "loci"
    assert not ax.child_axes


def test_the_inset_has_the_loci_of_the_categories_alone():
    effects = [0.96, 0.97, 0.5, 0.1, -0.1, -0.3, -0.6, -0.7, -0.8]
    ax = context_histogram(contexts(effects))
    assert sum(counted(ax).values()) == len(effects)
    (inset,) = ax.child_axes
    totals = {c: sum(counted(inset, c).values()) for c in ("enhancing", "neutral", "silencing")}
    assert totals == {"enhancing": 2, "neutral": 2, "silencing": 3}
    assert legend(inset) == ["enhancing (2)", "neutral (2)", "silencing (3)"]
    tidy(ax)


def test_the_inset_hides_no_bar():
    random = np.random.default_rng(0)
    for effects in (
        *(random.normal(-0.5, 0.3, 300), random.normal(0.9, 0.1, 300), [-3, -3, 0.97]),
        *([0.0], [0.04] * 3, [0.01, 0.06, 0.06], [0.97], [-0.6] * 9, [-0.6, 0.99, 0.99]),
    ):
        ax = context_histogram(contexts(effects))
        tidy(ax)
        (inset,) = ax.child_axes
        tight = inset.get_tightbbox()
        assert tight is not None
        box = tight.transformed(ax.transData.inverted())
        for at, height in bars(ax):
            assert height <= box.y0 or not box.x0 < at < box.x1 or not height


def test_thresholds_are_the_callers():
    ax = context_histogram(contexts([0.5, 0.04, -0.4]), enhancing=0.4, neutral=0.05, silencing=-0.3)
    assert legend(ax.child_axes[0]) == ["enhancing (1)", "neutral (1)", "silencing (1)"]


def test_loci_of_no_category_and_a_wide_range_are_drawn():
    ax = context_histogram(contexts([0.3, 0.6]))
    assert remarks(ax) == ["no locus has a category"]
    assert not ax.child_axes
    ax = context_histogram(contexts([0.99, -250.0]))
    assert sum(counted(ax).values()) == 2
    assert len(bars(ax)) <= 81


_EFFECTS = st.floats(-1e6, 1e6) | st.integers(-60, 60).map(lambda k: k / 20) | st.just(1e16)
_NOISE = st.sampled_from([0.0, 1e-12, -1e-12, 4e-11, -4e-11])


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(_EFFECTS, _NOISE), min_size=1, max_size=12))
def test_no_effect_falls_out_of_the_bins(pairs):
    """The outermost ones least of all: rounding puts them just beyond an edge."""
    there = np.array([effect + noise for effect, noise in pairs])
    for most in (80, 40):
        edges = _edges(there, most)
        assert 2 <= len(edges) <= most + 3
        assert _heights(there, edges).sum() == len(there)


def test_effects_just_beyond_the_last_edge_are_drawn():
    ax = context_histogram(contexts([1.0 + 2e-11, 0.99, -0.55 - 2e-11, 0.0]))
    assert counted(ax) == {0.975: 2, -0.525: 1, 0.025: 1}
    (inset,) = ax.child_axes
    assert sum(counted(inset, "enhancing").values()) == 2
    assert sum(counted(inset, "silencing").values()) == 1


def stairs(ax):
    return [patch.get_data() for patch in ax.patches if isinstance(patch, StepPatch)]


def test_coverage_in_kb_from_the_tss():
    before, after = np.array([0.0, 1, 5, 2]), np.array([[0.0, 1, 2, 2], [0, 1, 4, 2]])
    ax = coverage_profile(before, after, bin_size=128, title="enhancing")
    first, second = stairs(ax)
    np.testing.assert_allclose(first.edges, np.array([-256, -128, 0, 128, 256]) / 1000)
    np.testing.assert_array_equal(first.values, before)
    np.testing.assert_array_equal(second.values, [0, 1, 3, 2])
    assert legend(ax) == ["wild type", "context shuffled"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("distance from TSS (kb)", "predicted coverage")
    assert ax.get_title() == "enhancing"
    ax = coverage_profile(before, before, bin_size=32, tss_bin=1, reach=64)
    assert ax.get_xlim() == (-0.064, 0.064)
    np.testing.assert_allclose(stairs(ax)[0].edges[1], 0)


def test_coverage_with_a_band_gaps_and_a_tss_within_a_bin():
    before, after = np.array([1.0, np.nan, 5, 2]), np.array([1.0, np.nan, 3, 2])
    spread = np.array([0.5, np.nan, 1, 0])
    ax = coverage_profile(before, after, bin_size=100, tss_bin=2.5, spread=spread)
    first, band, second = stairs(ax)
    np.testing.assert_allclose(first.edges * 1000, [-250, -150, -50, 50, 150])
    np.testing.assert_array_equal(first.values, before)
    np.testing.assert_array_equal(second.values, after)
    np.testing.assert_array_equal(band.values, after + spread)
    np.testing.assert_array_equal(band.baseline, after - spread)
    assert legend(ax) == ["wild type", "context shuffled"]
    # Of a single replicate there is no band.
    ax = coverage_profile(before, after, bin_size=100, spread=np.full(4, np.nan))
    assert len(stairs(ax)) == 2


def test_coverage_of_unequal_or_no_bins():
    with pytest.raises(ConfigError, match=r"before is \(3,\) and spread \(2,\)"):
        coverage_profile(np.zeros(3), np.zeros(3), bin_size=128, spread=np.zeros(2))
    with pytest.raises(ConfigError, match=r"before is \(3,\) and after \(2,\)"):
        coverage_profile(np.zeros(3), np.zeros(2), bin_size=128)
    with pytest.raises(ConfigError, match="bin_size = 0"):
        coverage_profile(np.zeros(3), np.zeros(3), bin_size=0)
    for nothing in (np.zeros(0), np.full(4, np.nan)):
        ax = coverage_profile(nothing, nothing, bin_size=128)
        assert notes(ax) == ["no coverage to draw"]


def swaps(**changes) -> xr.Dataset:
    return results()["context_swap"].sel(track="one").assign(**changes)


def drawn_points(ax):
    dots = [line.get_xydata() for line in ax.get_lines() if line.get_marker() == "o"]
    return np.concatenate(dots)


@pytest.mark.parametrize("measure", ["effect", "dinuc_effect", "activity", "dinuc_activity"])
def test_swaps_by_the_targets_category_without_a_tss_in_its_own_context(measure):
    data = swaps()
    ax = swap_boxes(data, source="enhancing", measure=measure)
    assert ticks(ax) == ["enhancing\nn = 2", "neutral\nn = 2", "silencing\nn = 2"]
    got = drawn_points(ax)
    expected = []
    for targets in GROUPS.values():
        for source in GROUPS["enhancing"]:
            for target in targets:
                if source != target:
                    one = data.sel(locus=f"{source} in {target}")
                    wild = float(one.wild_type)
                    expected.append(
                        {
                            "effect": (float(one.mutant) - float(one.unperturbed)) / wild,
                            "dinuc_effect": float((one.dinuc_mutant - one.dinuc).mean()) / wild,
                            "activity": float(one.mutant) / wild,
                            "dinuc_activity": float(one.dinuc_mutant.mean()) / wild,
                        }[measure]
                    )
    np.testing.assert_allclose(np.sort(got[:, 1]), np.sort(expected), rtol=1e-5)
    assert ax.get_title() == "TSSs of enhancing contexts"
    tidy(ax)


def test_own_contexts_are_drawn_if_asked_for():
    ax = swap_boxes(swaps(), source="enhancing", own=True)
    assert ticks(ax)[0] == "enhancing\nn = 4"
    own = drawn_points(ax)
    assert (np.sort(np.abs(own[own[:, 0] < 0.5][:, 1]))[:2] == 0).all()


def test_swap_boxes_have_quartiles_and_median():
    pairs = [(s, t) for s in range(8) for t in range(8)]
    effect = np.random.default_rng(3).normal(size=len(pairs))
    data = xr.Dataset(
        {"effect": ("locus", effect)},
        {
            "locus": [f"{s} in {t}" for s, t in pairs],
            "source": ("locus", [str(s) for s, _ in pairs]),
            "target": ("locus", [str(t) for _, t in pairs]),
            "source_category": ("locus", ["neutral"] * 64),
            "target_category": ("locus", ["neutral" if t < 4 else "silencing" for _, t in pairs]),
        },
    )
    ax = swap_boxes(data)
    foreign = np.array([s != t for s, t in pairs])
    low = np.array([t < 4 for _, t in pairs])
    for box, chosen in zip(ax.patches, (foreign & low, foreign & ~low), strict=True):
        expected = np.quantile(effect[chosen], [0.25, 0.75])
        np.testing.assert_allclose(ends(box), expected)
    assert ticks(ax) == ["enhancing\nn = 0", "neutral\nn = 28", "silencing\nn = 28"]


def test_swaps_ask_for_what_is_not_there():
    with pytest.raises(ConfigError, match="choose one of the source categories enhancing, neutral"):
        swap_boxes(swaps())
    with pytest.raises(ConfigError, match="no source category 'loud'"):
        swap_boxes(swaps(), source="loud")
    with pytest.raises(ConfigError, match="measure = 'colour': it is one of effect"):
        swap_boxes(swaps(), source="neutral", measure="colour")
    alone = swaps().isel(locus=[0])
    assert notes(swap_boxes(alone)) == ["no TSS in a context other than its own"]
