"""Greedy searches that leave candidates out: the full search's answer, with less of its work."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import stats

from creme.errors import ConfigError
from creme.runner.plan import prepare
from creme.runner.run import measure
from creme.runner.scheduler import Scheduler
from creme.store import Store
from creme.suite import race
from creme.suite.adaptive import MINIMUM, looks
from creme.suite.higher_order import HigherOrder
from creme.suite.normality import about_normal
from creme.suite.race import Race
from creme.testing import check_test
from toy import MODEL, toy_loci

LOCI = toy_loci(3)
TILES = [(start, start + 100) for start in (*range(0, 1000, 125), *range(1350, 2350, 125))]
REPLICATES = 10
few = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def create(confidence=None, **changes):
    given = {"tile": 100, "tiles": TILES, "replicates": REPLICATES, "rounds": 3, "seed": 2}
    given["accept"] = "all"
    return HigherOrder(**{**given, "confidence": confidence, **changes})


def measured(test, loci=LOCI, *, tracks="all", batch_size=None, store=None):
    """The Dataset of a test, and the run's counts."""
    plan = replace(prepare([test], MODEL, loci, tracks=tracks), batch_size=batch_size)
    with tempfile.TemporaryDirectory() as folder, Store(store or Path(folder) / "store") as kept:
        report = measure(plan, kept)
    assert not report.failures, report.failures
    return report.datasets[test.name].drop_attrs(), report.progress


@cache
def full() -> xr.Dataset:
    return measured(create())[0]


@cache
def fewer(confidence=0.9) -> xr.Dataset:
    return measured(create(confidence))[0]


def raced(values, confidence, lowest):
    """Replicates that each row of `values` gets, and the winner, written as the page has it."""
    values = values if lowest else -values
    candidates, replicates = values.shape
    ends = looks(replicates)
    tail = (1 - confidence) / (candidates * max(1, len(ends) - 1))
    # A candidate without others is measured whole at once.
    used = [ends[0] if candidates > 1 else replicates] * candidates
    while True:
        best = min(values[k, : used[k]].mean(dtype=np.float64) for k in range(candidates))
        open_ = []
        for k in range(candidates):
            n = used[k]
            if n == replicates:
                continue
            row = values[k, :n].astype(np.float64)
            reach = stats.t(n - 1).isf(tail) * row.std(ddof=1)
            near = row.mean() - reach * np.sqrt(1 / n - 1 / replicates) <= best
            if near or not about_normal(values[:, : min(used), None], min(used) * candidates):
                open_.append(k)
        if not open_:
            break
        for k in open_:
            used[k] = replicates if len(open_) == 1 else min(e for e in ends if e > used[k])
    done = [k for k in range(candidates) if used[k] == replicates]
    return used, min(done, key=lambda k: values[k].mean(dtype=np.float64))


def run_race(values, confidence, lowest=True):
    """A race over given values: the replicates of each, and the winner."""
    candidates, replicates = values.shape
    one = Race(candidates, replicates, confidence, lowest)
    while pending := one.pending():
        one.record(np.concatenate([values[at, replicates] for at, replicates in pending]))
    used = np.isfinite(one.values).sum(axis=1)
    for row, n, all_ in zip(one.values, used, values, strict=True):
        np.testing.assert_array_equal(row[:n], all_[:n])
    return used, one.best()


# A race by itself.


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 20),
    st.integers(1, 20),
    st.floats(0.05, 0.999),
    st.booleans(),
    st.integers(0, 2**32 - 1),
    st.floats(0, 3),
)
def test_a_race_is_what_plain_loops_make(candidates, replicates, confidence, lowest, seed, apart):
    random = np.random.default_rng(seed)
    values = random.normal(size=(candidates, replicates)) * random.uniform(0, 1, (candidates, 1))
    values = (values + apart * random.normal(size=(candidates, 1))).astype(np.float32)
    used, (winner, mean) = run_race(values, confidence, lowest)
    expected, best = raced(values, confidence, lowest)
    assert used.tolist() == expected
    assert winner == best
    assert used[winner] == replicates
    assert mean == values[winner].mean(dtype=np.float64)


@pytest.mark.parametrize("confidence", [0.5, 0.8, 0.95])
@pytest.mark.parametrize("kind", ["alike", "one ahead", "spread out", "unlike"])
def test_a_race_is_wrong_no_more_often_than_it_says(kind, confidence):
    """Against all replicates; also where nothing sets the candidates apart."""
    random = np.random.default_rng(7)
    wrong = asked = 0
    races, candidates = 300, 15
    for _ in range(races):
        centre = {
            "alike": np.zeros(candidates),
            "one ahead": np.append(-1.0, np.zeros(candidates - 1)),
            "spread out": np.linspace(0, 5, candidates),
            "unlike": np.zeros(candidates),
        }[kind]
        spread = np.geomspace(0.05, 2, candidates) if kind == "unlike" else np.ones(candidates)
        noise = random.normal(size=(candidates, REPLICATES)) * spread[:, None]
        values = (centre[:, None] + noise).astype(np.float32)
        used, (winner, _) = run_race(values, confidence)
        asked += used.sum()
        wrong += winner != values.mean(axis=1, dtype=np.float64).argmin()
    # Three standard deviations of the count.
    allowed = (1 - confidence) * races
    assert wrong <= allowed + 3 * np.sqrt(allowed)
    if kind == "spread out":
        assert asked < 0.75 * races * candidates * REPLICATES


def test_equal_candidates_are_all_measured_and_the_first_wins():
    used, (winner, _) = run_race(np.ones((5, 10), np.float32), 0.5)
    assert used.tolist() == [10] * 5
    assert winner == 0


def test_what_does_not_vary_is_left_out_at_once():
    values = np.repeat(np.arange(15, dtype=np.float32)[:, None], 10, axis=1)
    used, (winner, _) = run_race(values, 0.999, lowest=False)
    assert used.tolist() == [MINIMUM] * 14 + [10]
    assert winner == 14


def test_few_candidates_are_measured_in_full():
    """They are too few to show whether their replicates are about normal."""
    values = np.repeat(np.arange(5, dtype=np.float32)[:, None], 10, axis=1)
    used, (winner, _) = run_race(values, 0.999, lowest=False)
    assert used.tolist() == [10] * 5
    assert winner == 4


def test_who_was_left_out_comes_back_when_the_best_one_falls_behind(monkeypatch):
    """A last shuffle that is unlike the others: the full search's winner is another."""
    monkeypatch.setattr(race, "about_normal", lambda rows, draws: True)
    first, second = np.full(10, 1.0), np.full(10, 2.0)
    first[9] = 30.0
    values = np.stack([first, second, np.full(10, 9.0)]).astype(np.float32)
    used, (winner, _) = run_race(values, 0.999)
    assert winner == 1
    assert used.tolist() == [10, 10, MINIMUM]


# The test.


@pytest.mark.parametrize("confidence", [0.3, 0.9])
def test_each_round_is_a_race(confidence):
    """Of each search and track; what is measured are the first of the full search's replicates."""
    got = fewer(confidence)
    left_out = 0
    for place in np.ndindex(3, 2, 2):
        one = got.isel(dict(zip(("locus", "search", "track"), place, strict=True)))
        whole = full().isel(dict(zip(("locus", "search", "track"), place, strict=True)))
        for number in range(3):
            if (one.selected[:number] != whole.selected[:number]).any():
                break  # the full search went another way
            shuffled = one.shuffled.isel(round=number).transpose("tile", "replicate").values
            values = whole.shuffled.isel(round=number).transpose("tile", "replicate").values
            left = [k for k in range(len(TILES)) if k not in one.selected.values[:number]]
            used, winner = raced(values[left], confidence, str(one.search.values) == "enhancers")
            assert one.selected[number] == left[winner]
            here = one.replicates_used.isel(round=number).values
            assert here[left].tolist() == used
            assert here.sum() == sum(used)
            for tile, n in enumerate(here):
                np.testing.assert_array_equal(shuffled[tile, :n], values[tile, :n])
                assert np.isnan(shuffled[tile, n:]).all()
                mean = values[tile, :n].mean(dtype=np.float64) if n else np.nan
                change = one.tile_fold_change.isel(round=number, tile=tile)
                np.testing.assert_allclose(change, mean / one.wild_type, rtol=1e-6)
            left_out += sum(n < REPLICATES for n in used)
    assert left_out > 20, "something should be left out"


def test_the_same_winners_have_the_same_numbers():
    got, same = fewer(), 0
    for place in np.ndindex(3, 2, 2):
        one, whole = (
            data.isel(dict(zip(("locus", "search", "track"), place, strict=True)))
            for data in (got, full())
        )
        for number in range(3):
            if (one.selected[: number + 1] != whole.selected[: number + 1]).any():
                break
            same += 1
            for name in ("fold_change", "fold_change_std", "fold_change_se", "kept", "initial"):
                np.testing.assert_array_equal(one[name][number], whole[name][number], err_msg=name)
    assert same >= 0.9 * 36, "the answer should mostly be the full one"
    assert got.fold_change_replicates.notnull().all()


def test_a_confidence_that_leaves_nothing_out_gives_the_full_search():
    # With so little in the tail, t of the values of the first looks reaches beyond everything.
    got, _ = measured(create(1 - 1e-15, replicates=6))
    assert got.drop_vars("replicates_used").identical(measured(create(replicates=6))[0])
    assert np.isin(got.replicates_used, [0, 6]).all()


def test_no_more_is_predicted_than_by_the_full_search(tmp_path):
    _, whole = measured(create(), store=tmp_path / "store")
    again, after = measured(create(0.99), store=tmp_path / "store")
    _, alone = measured(create(0.99))
    assert alone.predicted < whole.predicted
    if (again.selected == full().selected).all():
        assert after.predicted == 0


@few
@given(st.permutations(range(3)), st.integers(1, 40), st.permutations(TILES))
def test_order_and_batches_do_not_matter(order, batch_size, tiles):
    test = create(0.9, tiles=tiles)
    got, _ = measured(test, [LOCI[k] for k in order], batch_size=batch_size)
    for locus in fewer().locus.values:
        assert got.sel(locus=locus).identical(fewer().sel(locus=locus))


@few
@given(st.integers(1, 150))
def test_a_stopped_search_goes_on_as_if_it_had_not_been(after):
    stop: list[Scheduler] = []
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder) / "store") as store:
        plan = prepare([create(0.9)], MODEL, LOCI)

        def on_progress(now):
            if now.predicted >= after:
                stop[0].stop()

        measure(plan, store, on_progress=on_progress, on_start=stop.append)
        second = measure(plan, store)
    assert second.datasets["higher_order"].drop_attrs().identical(fewer())


def test_one_track_is_searched_as_it_is_among_others():
    got, _ = measured(create(0.9), tracks="two")
    xr.testing.assert_allclose(got, fewer().sel(track=["two"]), rtol=1e-12)


def test_conformance():
    tiles = [(1000, 2000), (5000, 6000), (20_000, 21_000)]
    check_test(lambda: HigherOrder(tile=1000, tiles=tiles, replicates=6, rounds=2, confidence=0.8))


def test_results_say_the_confidence():
    assert "confidence" not in create().identity()
    assert create(0.9).configuration()["confidence"] == 0.9
    # With the rule, which has changed: under an earlier one rounds left out other tiles.
    assert create(0.9).identity() == {**create().identity(), "confidence": 0.9, "stopping_rule": 2}
    assert "replicates_used" not in full().variables
    assert "replicates_used" in fewer().coords


@pytest.mark.parametrize("confidence", [0, 1, -0.5, 95, float("nan")])
def test_a_confidence_lies_between_0_and_1(confidence):
    with pytest.raises(ConfigError, match="confidence"):
        HigherOrder(confidence=confidence)
