"""Greedy searches that accept a set only on fresh shuffles: what they promise, and their power.

The loci are those of `tile_noise`: 38 tiles, shuffle noise 0.05, no model.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import xarray as xr
from scipy import stats
from scipy.special import comb

from creme import registry
from creme.analysis.additive import additive_comparison
from creme.analysis.evidence import Prior
from creme.analysis.order_agreement import order_agreement
from creme.analysis.traces import tiles_until, traces
from creme.errors import ConfigError
from creme.runner.plan import prepare
from creme.runner.run import measure
from creme.sequence import Sequence
from creme.store import Store
from creme.study.forecast.bounds import higher_order
from creme.suite.acceptance import SIGNIFICANCE, Acceptance, prior_of
from creme.suite.higher_order import HigherOrder
from creme.testing.parameters import parameters as made_again
from planted import FIRST, SECOND, additive, inert, redundant, strong
from tile_noise import TILE, TileNoise, answer, locus
from toy import LENGTH, MODEL, toy_loci

EMPTY_LOCI, PLANTED_LOCI = 60, 25


@cache
def searched(planted, number, *, middle=False, **changes) -> xr.Dataset:
    where = locus(number)
    test = HigherOrder(**{"tile": TILE, **dict(changes)})
    model = TileNoise(where, planted, middle=middle)
    found = answer(test, where, model).isel(track=0)
    return found.assign_attrs(requested=model.requested)


def sets(planted, loci, search="enhancers"):
    selected = [searched(planted, k).sel(search=search).selected.values for k in range(loci)]
    return [sorted(row[row >= 0].tolist()) for row in selected]


def interaction(found) -> str:
    whole = found.expand_dims(["locus", "track"])
    return str(additive_comparison(whole).interaction.sel(search="enhancers").item())


# What is promised.


def test_a_locus_without_any_effect_has_a_set_no_more_often_than_promised():
    """Of either search: at most 5 % of loci, within three standard deviations of the count."""
    both = zip(sets(inert, EMPTY_LOCI), sets(inert, EMPTY_LOCI, search="silencers"), strict=True)
    wrong = sum(bool(one or other) for one, other in both)
    allowed = SIGNIFICANCE * EMPTY_LOCI
    assert wrong <= allowed + 3 * np.sqrt(allowed)


def test_all_rounds_call_tiles_that_do_exactly_nothing_redundant():
    """The paper's way: each round keeps the luck of the best of many means."""
    chosen = {"middle": True, "searches": ("enhancers",)}
    classes = [interaction(searched(inert, k, accept="all", **chosen)) for k in range(8)]
    assert classes.count("redundant") >= 6
    for k in range(8):
        assert interaction(searched(inert, k, **chosen)) == ""
        assert (searched(inert, k, **chosen).selected == -1).all()


@pytest.mark.parametrize(
    ("planted", "expected", "power"),
    [
        (strong, [FIRST], 0.9),
        (additive, [FIRST, SECOND], 0.8),
        # Neither shows in the first round; luck decides whether one is tried in time.
        (redundant, [FIRST, SECOND], 0.6),
    ],
)
def test_the_set_that_is_there_is_found(planted, expected, power):
    found = sets(planted, PLANTED_LOCI)
    exact = np.mean([one == expected for one in found])
    assert exact >= power
    assert np.mean([bool(set(one) - set(expected)) for one in found]) <= 0.1
    for number, one in enumerate(found):
        if one == expected:
            names = {strong: "", additive: "additive", redundant: "redundant"}
            assert interaction(searched(planted, number)) == names[planted]


def test_redundant_tiles_come_in_together_and_passengers_stay_out():
    with_passengers = 0
    for number in range(PLANTED_LOCI):
        one = searched(redundant, number).sel(search="enhancers")
        if sets(redundant, PLANTED_LOCI)[number] != [FIRST, SECOND]:
            continue
        # One value for both: the first of them was not accepted by itself.
        change = one.fold_change.values[:2]
        assert np.isnan(change[0])
        assert abs(change[1] - 0.1) < 0.15
        np.testing.assert_allclose(sorted(one.alone.values[:2]), [0.9, 0.92], atol=0.2)
        attempts = int(np.flatnonzero(one.accepted == 1)[0]) + 1
        with_passengers += attempts > 2
    assert with_passengers > 2, "some pairs should have a passenger with them"


def test_a_search_without_a_set_ends_after_its_patience():
    for patience in (1, 3, 5):
        found = searched(inert, 0, patience=patience, searches=("enhancers",))
        assert found.sizes["attempt"] == patience
        replicates = sum(38 - k for k in range(patience)) * 10 + patience * 10
        assert found.attrs["requested"] == 1 + replicates
        assert found.sizes["round"] == 1
        assert (found.selected == -1).all()
        assert np.isnan(found.fold_change).all()


# Each attempt, as the page has it.


def corrected(found, number, before, candidates, tiles, patience=3):
    """The p of an attempt from its activities."""
    fresh = found.again[number].values.astype(float)
    singles = found.shuffled[number].values[:, :10].astype(float)
    singles = singles[np.isfinite(singles).all(axis=1)]
    prior = prior_of(singles.astype(np.float32))
    own, n = fresh.var(ddof=1), len(fresh)
    if np.isinf(prior.df):
        moderated, df = prior.variance * tiles, 1e9
    else:
        df = prior.df + n - 1
        moderated = (prior.df * prior.variance * tiles + (n - 1) * own) / df
    t = abs(fresh.mean() - before) / np.sqrt(max(own, moderated) * (1 + 1 / n))
    return min(1, 2 * stats.t(df).sf(t) * comb(candidates, tiles) * patience)


@pytest.mark.parametrize("planted", [strong, redundant])
def test_attempts_are_judged_by_the_prediction_of_a_draw(planted):
    for number in range(4):
        for search, sign in (("enhancers", 1), ("silencers", -1)):
            one = searched(planted, number).sel(search=search)
            before, candidates = float(one.wild_type), 38
            pending: list[int] = []
            dropped: set[int] = set()
            for attempt in range(int((one.tried >= 0).sum())):
                mean = one.shuffled[attempt].mean("replicate", skipna=True) * sign
                mean = mean.values
                tried = int(one.tried[attempt])
                assert tried == np.nanargmin(mean)
                assert np.isnan(mean[[*pending, *dropped]]).all()
                pending.append(tried)
                p = corrected(one, attempt, before, candidates, len(pending))
                np.testing.assert_allclose(one.p[attempt], p, rtol=1e-3, atol=1e-12)
                gain = sign * (before - one.again[attempt].values.astype(float).mean())
                gain /= float(one.wild_type)
                assert one.accepted[attempt] == (p <= SIGNIFICANCE and gain >= 0.05)
                kept = float(one.again[attempt, int(one.kept[attempt])])
                if one.accepted[attempt]:
                    if len(pending) > 1:
                        break  # what is dropped is measured once more
                    place = list(one.selected.values).index(tried)
                    fresh = one.again[attempt].astype(float).mean() / one.wild_type
                    np.testing.assert_allclose(one.fold_change[place], fresh, rtol=1e-6)
                    before, candidates = kept, candidates - len(pending)
                    dropped |= set(pending)
                    pending = []
                if attempt + 1 < one.sizes["attempt"] and one.tried[attempt + 1] >= 0:
                    assert one.initial[attempt + 1] == np.float32(kept)


def test_a_set_has_to_do_as_much_as_the_least_effect():
    strict = searched(strong, 0, minimum_effect=0.7, searches=("enhancers",))
    assert (strict.p <= SIGNIFICANCE).any()
    assert not (strict.accepted == 1).any()
    assert (strict.selected == -1).all()


def test_what_does_not_vary_is_judged_by_the_least_effect_alone():
    acceptance = Acceptance(10, 3, lowest=True, wild_type=2.0, minimum=0.05)
    nothing = Prior(0.0, 0.0)
    verdict = acceptance.judge(2.0, np.full(10, 1.8, np.float32), 1, nothing)
    assert verdict.accepted
    assert verdict.p == 0
    assert not acceptance.judge(2.0, np.full(10, 1.95, np.float32), 1, nothing).accepted
    assert not acceptance.judge(2.0, np.full(10, 2.2, np.float32), 1, nothing).accepted
    assert acceptance.judge(2.0, np.full(10, 2.0, np.float32), 1, nothing).p == 1
    # An activity of 0 has no share, and one that is not defined no p.
    silent = Acceptance(10, 3, lowest=False, wild_type=0.0, minimum=0.05)
    assert not silent.judge(0.0, np.full(10, 1.8, np.float32), 1, nothing).accepted
    assert not acceptance.judge(2.0, np.full(10, np.nan, np.float32), 1, nothing).accepted


def test_singles_are_measured_afresh():
    one = searched(additive, 1).sel(search="enhancers")
    place = int(np.flatnonzero(one.selected >= 0)[0])
    tile = int(one.selected[place])
    first = one.shuffled[0, tile].values / float(one.wild_type)
    assert not np.isin(first, one.alone_replicates[place].values.astype(np.float32)).any()
    np.testing.assert_allclose(one.alone[place], first.mean(), atol=0.1)


# Analyses of accepted sets.


def test_traces_and_additive_comparison_are_those_of_the_set():
    one = searched(additive, 1).expand_dims(["locus", "track"])
    assert (one.selected.sel(search="enhancers") >= 0).sum() == 2
    got = traces(one).sel(search="enhancers").squeeze()
    np.testing.assert_array_equal(got[0], 1)
    np.testing.assert_array_equal(got[1:], one.fold_change.sel(search="enhancers").squeeze())
    assert tiles_until(one, 0.5).sel(search="enhancers").item() == 2
    alone = one.alone.sel(search="enhancers").squeeze().values
    compared = additive_comparison(one).sel(search="enhancers").squeeze()
    expected = float(got[2]) - (alone.sum() - 1)
    np.testing.assert_allclose(compared.mse, expected**2)
    np.testing.assert_allclose(compared.difference, expected)
    # An empty set has no trace and no class.
    none = searched(inert, 0).expand_dims(["locus", "track"])
    assert np.isnan(traces(none)).all()
    assert (additive_comparison(none).interaction == "").all()


# Through the runner.


def toy(**changes):
    return HigherOrder(
        **{"tile": 200, "replicates": 3, "seed": 2, "minimum_effect": 0.01, **changes}
    )


def measured(test, loci, store):
    with Store(store) as kept:
        report = measure(prepare([test], MODEL, loci), kept)
    assert not report.failures, report.failures
    return report.datasets[test.name], report.progress


def test_running_again_asks_for_the_same_sequences(tmp_path):
    loci = toy_loci(3)
    got, progress = measured(toy(), loci, tmp_path / "store")
    again, after = measured(toy(), loci, tmp_path / "store")
    assert progress.predicted > 0
    assert after.predicted == 0
    assert after.asked == progress.asked
    assert got.identical(again)
    alone, _ = measured(toy(), loci[1:2], tmp_path / "other")
    here = got.sel(locus="locus1")
    for name in alone.data_vars:
        there = alone[name].sel(locus="locus1")
        cut = here[name].sel({dim: there[dim] for dim in there.dims})
        np.testing.assert_array_equal(cut, there, err_msg=name)
    most = sum(higher_order(toy(), one, 2, shared=False)[0] for one in loci)
    assert progress.asked <= most
    orders, _ = order_agreement(got, got, [("one", "one")])
    assert (orders["overlap"] == 1).all()


def test_the_first_attempt_is_the_necessity_test_with_a_confidence_too(tmp_path):
    loci = toy_loci(2)
    given = {"tile": 100, "replicates": 12}
    whole, _ = measured(toy(**given), loci, tmp_path / "store")
    fewer, _ = measured(toy(**given, confidence=0.8), loci, tmp_path / "other")
    used = fewer.replicates_used.isel(attempt=0)
    assert ((used > 0) & (used < 12)).any()
    first = fewer.shuffled.isel(attempt=0)
    known = np.isfinite(first.values)
    np.testing.assert_array_equal(first.values[known], whole.shuffled.isel(attempt=0).values[known])
    assert fewer.sizes["replicate"] == 12


def test_a_gap_is_no_candidate(tmp_path):
    codes = toy_loci(1)[0].sequence.codes.copy()
    codes[500:900] = 4
    where = type(toy_loci(1)[0]).from_sequence(Sequence(codes), "gap")
    got, _ = measured(toy(), [where], tmp_path)
    assert LENGTH == 2400
    gaps = got.share_of_bases.squeeze() < 0.5
    assert gaps.any()
    assert np.isnan(got.tile_fold_change.isel(tile=np.flatnonzero(gaps))).all()
    starts = got.tile_start.values
    tried = got.tried.values[got.tried.values >= 0].astype(int)
    assert set(starts[tried]) == set(got.tried_start.values[got.tried_start.values >= 0])
    assert not gaps.values[tried].any()


# The paper's way is the experiment that it was.


def test_the_papers_way_is_the_experiment_that_it_was():
    before = [
        *("seed", "tile", "tss_tile", "replicates", "perturbation", "tiles", "rounds", "searches")
    ]
    assert sorted(HigherOrder(accept="all").identity()) == sorted(before)
    tested = HigherOrder().identity()
    assert set(tested) - set(before) == {"accept", "patience", "minimum_effect"}
    assert tested["accept"] == "tested"


@pytest.mark.parametrize("accept", ["all", "tested"])
def test_a_configuration_makes_the_same_search_again(accept):
    test = HigherOrder(accept=accept, patience=2, confidence=0.9)
    made_again(lambda: test)
    assert registry.create("test", registry.specification(test)) == test


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"accept": "some"}, "accept"),
        ({"patience": 0}, "patience"),
        ({"minimum_effect": -0.1}, "minimum_effect"),
    ],
)
def test_parameters_are_checked(given, message):
    with pytest.raises(ConfigError, match=message):
        HigherOrder(**given)
