"""Replicates until an effect is known to a tolerance: a part of the full run, and which part."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import stats

from creme import registry
from creme.errors import ConfigError, ResultsError
from creme.genome import Locus
from creme.results.directory import Results
from creme.runner.plan import prepare
from creme.runner.run import measure
from creme.runner.scheduler import Scheduler
from creme.sequence import Sequence
from creme.store import Store
from creme.suite import adaptive
from creme.suite.adaptive import MINIMUM, looks, precise_enough
from creme.suite.necessity import Necessity
from creme.suite.normality import about_normal
from creme.suite.sufficiency import Sufficiency
from creme.testing import check_test
from toy import LENGTH, MODEL, Toy, toy_loci

LOCI = toy_loci(3)
TILES = [(100, 300), (700, 900), (1500, 1700), (2000, 2200)]
REPLICATES = 11
# By test: its parameters, what it averages, and a tolerance that some effects meet and some do not.
TESTS: dict[str, tuple[dict[str, Any], str, float]] = {
    "necessity": ({"name": "necessity", "tile": 100}, "effect", 0.05),
    "sufficiency": ({"name": "sufficiency", "tiles": TILES}, "effect", 0.4),
    "sufficiency_of_tiles": (
        {"name": "sufficiency", "tile": 100, "backgrounds_of": "tile"},
        "effect",
        0.4,
    ),
    "distance": (
        {"name": "distance", "tiles": TILES[:2], "positions": [0, 300, 1500]},
        "fold_change",
        0.25,
    ),
    "context_dependence": ({"name": "context_dependence"}, "effect", 1.4),
    "context_swap": ({"name": "context_swap"}, "dinuc_effect", 0.3),
    "motif_embedding": (
        {"name": "motif_embedding", "motifs": ["TGACTCA", "GATA"], "positions": [10, 1300, 1500]},
        "effect",
        0.05,
    ),
}
# Those whose effects have draws of their own, so that they are enough to be looked at.
OWN_DRAWS = ("necessity", "sufficiency_of_tiles")
BY_NAME = st.sampled_from(sorted(TESTS))
few = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def create(name, tolerance=None, **changes):
    given = {"tile": 200, "seed": 1, "replicates": REPLICATES, **TESTS[name][0], **changes}
    return registry.create("test", given | ({} if tolerance is None else {"tolerance": tolerance}))


def measured(test, loci=LOCI, *, model=MODEL, tracks="all", batch_size=None, store=None):
    """The Dataset of a test, and the run's counts."""
    plan = replace(prepare([test], model, loci, tracks=tracks), batch_size=batch_size)
    with tempfile.TemporaryDirectory() as folder, Store(store or Path(folder) / "store") as kept:
        report = measure(plan, kept)
    assert not report.failures, report.failures
    return report.datasets[test.name].drop_attrs(), report.progress


@cache
def full(name, tracks="all") -> xr.Dataset:
    return measured(create(name), tracks=tracks)[0]


@cache
def fewer(name, tracks="all") -> xr.Dataset:
    return measured(create(name, TESTS[name][2]), tracks=tracks)[0]


def counts_of(values, tolerance, own_draws):
    """Replicates of each effect, (effect, replicate, track), by the rule as the page has it."""
    values = values.copy()
    used = np.full(len(values), REPLICATES)
    n = MINIMUM
    while n < REPLICATES:
        seen = values[:, :n]
        normal = own_draws and about_normal(seen, n * len(values))
        interval = stats.t(n - 1).ppf(0.975) * stats.sem(seen, axis=1)
        done = normal & (used == REPLICATES)
        done &= (interval < stats.norm.ppf(0.975) * tolerance).all(axis=1)
        used[done], values[done] = n, np.nan
        n += (n + 1) // 2
    return used


def effects(name, dataset):
    """Each effect's replicates, (replicate, track), with its place among the others."""
    values = dataset[f"{TESTS[name][1]}_replicates"]
    outer = [dim for dim in values.dims if dim not in ("replicate", "track")]
    for place in np.ndindex(*(values.sizes[dim] for dim in outer)):
        where = dict(zip(outer, place, strict=True))
        yield where, values.isel(where).transpose("replicate", "track").values


@pytest.mark.parametrize("tracks", ["all", "one"])
@pytest.mark.parametrize("name", sorted(TESTS))
def test_each_effect_has_as_many_replicates_as_it_takes(name, tracks):
    got, whole, (_, measure_, tolerance) = fewer(name, tracks), full(name, tracks), TESTS[name]
    counts = set()
    for locus in range(whole.sizes["locus"]):
        each = list(effects(name, whole.isel(locus=[locus])))
        expected = counts_of(np.array([v for _, v in each]), tolerance, name in OWN_DRAWS)
        for (where, values), n in zip(each, expected, strict=True):
            here, there = (one.isel(locus=[locus]).isel(where) for one in (got, whole))
            assert here.replicates_used == n
            counts.add(int(n))
            seen = here[f"{measure_}_replicates"].transpose("replicate", "track").values
            np.testing.assert_array_equal(seen[:n], values[:n])
            assert np.isnan(seen[n:]).all()
            np.testing.assert_allclose(here[measure_], values[:n].mean(axis=0), rtol=1e-12)
            spread = values[:n].std(axis=0, ddof=1)
            np.testing.assert_allclose(here[f"{measure_}_std"], spread, rtol=1e-12)
            np.testing.assert_allclose(here[f"{measure_}_se"], spread / np.sqrt(n), rtol=1e-12)
            if n == REPLICATES:
                for stat in (measure_, f"{measure_}_std", f"{measure_}_se"):
                    np.testing.assert_array_equal(here[stat], there[stat])
    if name == "necessity":
        assert len(counts) > 1, "some effects should take more replicates than others"
    else:
        # Shared draws are too few, and the toy's effects in shuffled backgrounds are skewed.
        assert counts == {REPLICATES}


@pytest.mark.parametrize("name", sorted(TESTS))
def test_raw_activities_are_the_first_of_the_full_run(name):
    got, whole = fewer(name), full(name)
    for variable in set(got.data_vars) & set(RAW):
        known = got[variable].notnull()
        there = known.values
        np.testing.assert_array_equal(got[variable].values[there], whole[variable].values[there])
        if "replicate" in known.dims:
            # Once a replicate is missing, so are all after it.
            steps = known.transpose("replicate", ...).values.astype(int)
            assert (np.diff(steps, axis=0) <= 0).all()
            assert known.isel(replicate=slice(MINIMUM)).all()
    if "control" in got and "tile" in got["control"].dims and "position" not in got.dims:
        np.testing.assert_array_equal(got.control.isnull(), got.mutant.isnull())


RAW = ("shuffled", "mutant", "control", "moved", "dinuc", "dinuc_mutant", "wild_type")


@pytest.mark.parametrize("name", sorted(TESTS))
def test_a_tolerance_that_is_never_met_gives_the_full_run(name):
    got, progress = measured(create(name, 0))
    assert (got.replicates_used == REPLICATES).all()
    assert got.drop_vars("replicates_used").identical(full(name))
    assert progress.asked == prepare([create(name)], MODEL, LOCI).size()


@pytest.mark.parametrize("name", OWN_DRAWS)
def test_a_large_tolerance_stops_at_the_least(name, monkeypatch):
    monkeypatch.setattr(adaptive, "about_normal", lambda rows, draws: True)
    got, progress = measured(create(name, 1e6))
    assert (got.replicates_used == MINIMUM).all()
    least = create(name, 1e6).at_least()
    assert progress.asked == prepare([least], MODEL, LOCI).size()
    assert (
        got.drop_vars("replicates_used")
        .isel(replicate=slice(MINIMUM))
        .identical(measured(least)[0])
    )


@pytest.mark.parametrize("replicates", [1, 3, 4])
def test_no_fewer_than_the_least_replicates(replicates):
    got, _ = measured(create("necessity", 1e6, replicates=replicates))
    whole, _ = measured(create("necessity", replicates=replicates))
    assert got.drop_vars("replicates_used").identical(whole)
    assert (got.replicates_used == replicates).all()


@few
@given(BY_NAME, st.permutations(range(3)), st.integers(1, 40))
def test_the_order_of_loci_and_the_batch_size_do_not_matter(name, order, batch_size):
    test = create(name, TESTS[name][2])
    got, _ = measured(test, [LOCI[k] for k in order], batch_size=batch_size)
    for locus in fewer(name).locus.values:
        assert got.sel(locus=locus).identical(fewer(name).sel(locus=locus))


@few
@given(st.sampled_from(["necessity", "sufficiency", "sufficiency_of_tiles"]), st.data())
def test_the_order_of_tiles_does_not_matter(name, data):
    tiling = create(name).tiling(LOCI[0])
    chosen = data.draw(st.permutations([(tile.start, tile.end) for tile in tiling]))
    got, _ = measured(create(name, TESTS[name][2], tiles=chosen))
    for variable in ("mutant" if name != "necessity" else "shuffled", "effect", "effect_se"):
        np.testing.assert_array_equal(got[variable], fewer(name)[variable])


def test_predictions_are_shared_with_the_full_run(tmp_path):
    name = "necessity"
    _, before = measured(create(name, TESTS[name][2]), store=tmp_path / "store")
    _, rest = measured(create(name), store=tmp_path / "store")
    _, alone = measured(create(name))
    assert before.predicted < alone.predicted
    assert before.predicted + rest.predicted == alone.predicted
    again, after = measured(create(name, TESTS[name][2]), store=tmp_path / "store")
    assert after.predicted == 0
    assert again.identical(fewer(name))


@few
@given(BY_NAME, st.integers(1, 80))
def test_a_stopped_run_goes_on_as_if_it_had_not_been(name, after):
    test = create(name, TESTS[name][2])
    stop: list[Scheduler] = []
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder) / "store") as store:
        plan = replace(prepare([test], MODEL, LOCI), batch_size=3)

        def on_progress(now):
            if now.predicted >= after:
                stop[0].stop()

        first = measure(plan, store, on_progress=on_progress, on_start=stop.append)
        second = measure(plan, store)
        assert second.datasets[test.name].drop_attrs().identical(fewer(name))
        _, whole = measured(test)
        assert first.progress.predicted + second.progress.predicted == whole.predicted
        assert first.interrupted or second.progress.predicted == 0


def test_what_does_not_vary_stops_at_the_least():
    locus = Locus.from_sequence(Sequence(np.full(LENGTH, 2, np.uint8)), "repeat")
    test = Necessity(tile=100, replicates=20, tolerance=1e-12, perturbation="mask")
    got, progress = measured(test, [locus])
    assert np.allclose(got.effect_se, 0, atol=1e-12)
    assert (got.replicates_used == MINIMUM).all()
    assert progress.asked == 1 + MINIMUM * got.sizes["tile"]


class Silent(Toy):
    """Whose first track is 0."""

    def predict(self, onehot):
        return super().predict(onehot) * np.array([0, 1], np.float32)


@pytest.mark.parametrize("name", sorted(set(TESTS) - {"context_swap"}))
def test_an_effect_that_is_not_defined_asks_for_no_more(name):
    measure_ = TESTS[name][1]
    got, _ = measured(create(name, 1e-9), model=Silent(), tracks="one")
    assert np.isnan(got[measure_]).all()
    assert (got.replicates_used == MINIMUM).all()
    # The other track decides alone.
    both, _ = measured(create(name, TESTS[name][2]), model=Silent())
    other, _ = measured(create(name, TESTS[name][2]), model=Silent(), tracks="two")
    assert np.isnan(both[measure_].sel(track="one")).all()
    np.testing.assert_array_equal(both.replicates_used, other.replicates_used)
    xr.testing.assert_allclose(both.sel(track=["two"]), other, rtol=1e-12)


@pytest.mark.parametrize("name", ["necessity", "sufficiency", "context_swap"])
def test_conformance(name):
    tiles = {"tiles": [(1000, 2000), (20_000, 21_000)]} if "tiles" in TESTS[name][0] else {}
    given = {**TESTS[name][0], "tile": 1000, "replicates": 6, "tolerance": 0.02, **tiles}
    check_test(lambda: registry.create("test", given))


def test_results_say_how_they_were_measured(tmp_path):
    with Store(tmp_path / "store") as store:
        loci = LOCI[:1]
        plain = measure(prepare([create("necessity")], MODEL, loci), store).datasets["necessity"]
        open_ = measure(prepare([create("necessity", 0.1)], MODEL, loci), store)
    assert '"tolerance": null' in plain.attrs["configuration"]
    assert '"tolerance": 0.1' in open_.datasets["necessity"].attrs["configuration"]
    assert "replicates_used" not in plain.variables
    # A whole number along tiles: a coordinate, which tables show beside the effect.
    assert "replicates_used" in open_.datasets["necessity"].coords


def test_an_experiment_without_a_tolerance_is_what_it_was():
    assert list(Sufficiency().identity()) == [
        *("seed", "tile", "tss_tile", "replicates", "perturbation", "tiles", "backgrounds_of")
    ]
    assert create("necessity", tile=200).size(LOCI[0]) == 1 + 10 * REPLICATES
    assert create("necessity", 0.1).size(LOCI[0]) is None


def test_results_of_an_earlier_rule_are_not_mixed_with_those_of_this_one(tmp_path):
    plan = prepare([create("necessity", 0.1)], MODEL, LOCI[:1])
    now = plan.identity()
    of_test = now["tests"]["necessity"]
    assert of_test == {"name": "necessity", **create("necessity", 0.1).identity()}
    before = {k: v for k, v in of_test.items() if k != "stopping_rule"}
    results = Results(tmp_path / "x.results")
    results.claim("", tmp_path, {**now, "tests": {"necessity": before}})
    results.save("necessity", xr.Dataset({"effect": ("tile", np.zeros(2))}))
    with pytest.raises(ResultsError, match="it differs in tests"):
        results.claim("", tmp_path, now)


@pytest.mark.parametrize("tolerance", [-0.1, float("nan"), float("inf")])
def test_a_tolerance_is_a_number_that_is_not_negative(tolerance):
    with pytest.raises(ConfigError, match="tolerance"):
        Necessity(tolerance=tolerance)


def test_looks_are_few():
    assert looks(3) == [3]
    assert looks(10) == [6, 9, 10]
    assert looks(40) == [6, 9, 14, 21, 32, 40]


@pytest.mark.parametrize(("replicates", "worst"), [(10, 0.915), (40, 0.905)])
def test_intervals_keep_their_coverage(replicates, worst):
    """Stopping when the spread looks small makes intervals too narrow, but not by much."""
    random = np.random.default_rng(5)
    draws = random.normal(size=(20_000, replicates, 1))
    for tolerance in (0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.7, 1.0):
        used = np.full(len(draws), replicates)
        for n in looks(replicates)[::-1]:
            used[precise_enough(draws[:, :n], tolerance)] = n
        there = np.arange(replicates) < used[:, None]
        values = np.where(there, draws[..., 0], np.nan)
        found = np.nanmean(values, axis=1)
        error = np.nanstd(values, axis=1, ddof=1) / np.sqrt(used)
        covered = np.abs(found) < stats.t(used - 1).ppf(0.975) * error
        assert covered.mean() > worst
        early = used < replicates
        if early.mean() > 0.5:  # where the tolerance can be met, it is
            assert np.sqrt(np.mean(found[early] ** 2)) < 1.1 * tolerance
