"""What comes after the tests copes with replicates that were not needed: plans, tables, figures."""

from __future__ import annotations

import numpy as np
import pytest

import mini_study as mini
from creme.analysis.additive import additive_comparison
from creme.analysis.categories import cre_classes
from creme.analysis.distances import folded
from creme.analysis.normalise import effect_by_wild_type
from creme.report.context import swap_boxes
from creme.report.higher_order import observed_and_additive
from creme.report.map import tile_map
from creme.results.directory import Results
from creme.results.tidy import tidy
from creme.study import run_study
from creme.study.forecast.cost import forecast
from creme.study.run import prepare
from creme.suite import adaptive, race
from creme.suite.context_swap import ContextSwap
from creme.suite.distance import Distance
from creme.suite.higher_order import HigherOrder
from creme.suite.sufficiency import Sufficiency
from toy import run, toy_loci

TILES = [(0, 200), (300, 500), (800, 1000), (1500, 1700), (2200, 2400)]
COMMON = {"tile": 200, "replicates": 9, "seed": 4}
TESTS = {
    "sufficiency": Sufficiency(**COMMON, tiles=TILES, tolerance=0.3),
    "context_swap": ContextSwap(**COMMON, tolerance=0.3),
    "distance": Distance(**COMMON, tiles=TILES[1:3], tolerance=0.3),
    "higher_order": HigherOrder(**COMMON, tiles=TILES, rounds=3, confidence=0.8, accept="all"),
}


@pytest.fixture(scope="module")
def stops():
    """Early stops where there would be too few draws to allow them: how results show them."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (adaptive, race):
            patch.setattr(module, "about_normal", lambda rows, draws: True)
        yield


@pytest.fixture(scope="module")
def results(stops, tmp_path_factory):
    folder = tmp_path_factory.mktemp("adaptive")
    found = {name: run(test, toy_loci(3), folder)[0] for name, test in TESTS.items()}
    for name, data in found.items():
        part = data.replicates_used.values
        assert ((part > 0) & (part < 9)).any(), f"{name}: something should stop early"
        assert (part == 9).any()
    return found


@pytest.mark.parametrize("name", sorted(TESTS))
def test_results_are_saved_and_read_as_they_are(name, results, tmp_path):
    data = results[name]
    Results(tmp_path).save(name, data)
    (tmp_path / "run.json").write_text("{}")
    assert Results(tmp_path).load(name).drop_attrs().identical(data.drop_attrs())


@pytest.mark.parametrize("name", sorted(TESTS))
def test_tables_have_every_effect_and_how_many_replicates_it_took(name, results):
    data = results[name]
    measure = "effect" if "effect" in data else "fold_change"
    table = tidy(data)
    assert table[measure].notnull().all()
    assert table["replicates_used"].between(0, 9).all()
    each = tidy(data, replicates=True)
    # A replicate that was not measured is an empty row.
    raw = {"sufficiency": "mutant", "context_swap": "dinuc", "distance": "moved"}.get(
        name, "shuffled"
    )
    measured = each[raw].notnull()
    np.testing.assert_array_equal(measured, each["replicate"] < each["replicates_used"])


def test_means_over_replicates_are_of_those_that_were_measured(results):
    swap = results["context_swap"]
    again = effect_by_wild_type(swap, "dinuc_mutant", "dinuc").mean("replicate")
    np.testing.assert_allclose(again, swap.dinuc_effect, atol=1e-6)
    by_hand = results["sufficiency"]
    again = effect_by_wild_type(by_hand, "mutant", "control").mean("replicate")
    np.testing.assert_allclose(again.transpose(*by_hand.effect.dims), by_hand.effect, rtol=1e-5)


def test_analyses_have_no_gaps(results):
    assert (cre_classes(results["sufficiency"]) != "").any()
    assert folded(results["distance"]).notnull().all()
    compared = additive_comparison(results["higher_order"])
    assert compared.additive.notnull().all()
    assert (compared.interaction != "").all()


def test_figures_are_drawn_of_what_was_measured(results):
    ax = swap_boxes(results["context_swap"], measure="dinuc_activity", track="one")
    assert ax.has_data()
    assert tile_map(None, results["sufficiency"], locus="locus0", track="one").has_data()
    compared = additive_comparison(results["higher_order"])
    assert observed_and_additive(compared, search="enhancers", track="one").has_data()


def test_a_study_takes_no_more_than_its_plan_said(stops, tmp_path):
    mini.write(tmp_path)
    open_ = ("context_dependence", "context_swap", "necessity", "sufficiency", "distance")
    tables = "".join(f"\n[{stage}]\ntolerance = 0.02\n" for stage in open_)
    file = mini.study(
        tmp_path,
        ("replicates = 2", "replicates = 8"),
        ("rounds = 3\n", "rounds = 3\nconfidence = 0.9\n" + tables),
        ("[fine_tile]\nwindows = [200, 50]\n", ""),
        ('name = "mini"\n', f'name = "mini"\nstages = {["loci", *open_, "higher_order"]}\n'),
    )
    less = 0
    for stage in ("loci", *open_, "higher_order"):
        before = {one.stage: one for one in forecast(*prepare(file))}[stage]
        took = run_study(file, stages=[stage]).stages[stage]
        assert took["state"] == "finished"
        if stage == "loci":
            continue
        assert before.kind == "bound"
        assert any("at most" in note for note in before.notes)
        assert took["asked"] <= before.asked
        assert took["predicted"] <= before.needed
        less += took["asked"] < before.asked
    assert less == len(open_) + 1
