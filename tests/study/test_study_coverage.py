"""Predicted coverage of the most typical loci: what it holds, and that it costs no prediction."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

import mini_study as mini
from creme.store import Store
from creme.study import StudyResults, run_study
from creme.study.coverage import COLUMNS, ContextCoverage, examples
from creme.study.forecast.cost import forecast
from creme.study.run import prepare
from creme.suite import adaptive
from creme.suite.context_dependence import ContextDependence

SOME = ("[model]", 'stages = ["loci", "context_dependence"]\n\n[model]')


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The first two stages of six genes, three contexts and both strands; not to be changed."""
    folder = tmp_path_factory.mktemp("coverage")
    mini.write(folder)
    return run_study(mini.study(folder, SOME))


@pytest.fixture
def copied(whole, tmp_path):
    source = whole.path.parent
    for name in ("genome.fa", "annotation.gtf", "study.toml"):
        shutil.copy(source / name, tmp_path)
    for name in ("predictions", "mini.study"):
        shutil.copytree(source / name, tmp_path / name)
    return tmp_path


def expected(study, locus, *, track=(0,), replicates=2):
    """Profiles of a locus by the model itself: wild type, and each shuffled."""
    ready, folder = prepare(study.path)
    (one,) = [x for x in ready.selected(folder) if x.name == locus]
    test = ready.study.test("context_dependence")
    assert isinstance(test, ContextDependence)
    sequences = [one.sequence, *test.controls(one, replicates=range(replicates))]
    values = ready.plan.model.predict(np.stack([one.onehot() for one in sequences]))
    profiles = values[:, :, list(track)].astype(np.float64).mean(axis=2)
    return profiles[0], profiles[1:]


def test_it_is_the_models_coverage_of_the_most_typical_loci(whole):
    table = whole.table("coverage")
    assert tuple(table) == COLUMNS
    categories = whole.table("categories").set_index("locus")
    rank = {"enhancing": "idxmax", "silencing": "idxmin"}
    assert table["category"].unique().tolist() == ["enhancing", "neutral", "silencing"]
    for category, rows in table.groupby("category"):
        (locus,) = rows["locus"].unique()
        effects = categories.loc[categories["category"] == category, "effect"]
        assert len(effects) == 2
        if category == "neutral":
            assert locus == effects.abs().idxmin()
        else:
            assert locus == getattr(effects, rank[category])()
        assert set(rows["track"]) == {"synthetic:alpha"}
        bins, size = mini.MODEL.n_bins, mini.MODEL.bin_size
        assert rows["position"].tolist() == [(k - bins // 2) * size for k in range(bins)]
        wild_type, shuffled = expected(whole, locus)
        np.testing.assert_allclose(rows["wild_type"], wild_type, rtol=1e-6)
        np.testing.assert_allclose(rows["shuffled"], shuffled.mean(axis=0), rtol=1e-6)
        np.testing.assert_allclose(
            rows["shuffled_std"], shuffled.std(axis=0, ddof=1), rtol=1e-4, atol=1e-6
        )
        # At the TSS it is the activity whose change is the effect.
        at_tss = rows.set_index("position").loc[0]
        effect = (at_tss["wild_type"] - at_tss["shuffled"]) / at_tss["wild_type"]
        np.testing.assert_allclose(effect, categories.loc[locus, "effect"], rtol=1e-5, atol=1e-6)


def test_it_costs_no_prediction(whole, tmp_path):
    mini.write(tmp_path)
    file = mini.study(tmp_path, SOME)
    run_study(file, stages=["loci"])
    (planned,) = [one for one in forecast(*prepare(file)) if one.stage == "context_dependence"]
    took = run_study(file).stages["context_dependence"]
    assert (took["asked"], took["predicted"]) == (planned.asked, planned.needed)
    with Store(tmp_path / "predictions") as store:
        assert store.count() == 6 + 6 * 2
    assert mini.tables(tmp_path / "mini.study") == mini.tables(whole.path)


def test_a_study_without_the_table_gets_it_from_the_store_alone(whole, copied, monkeypatch):
    (copied / "mini.study" / "tables" / "coverage.csv").unlink()
    monkeypatch.setattr("creme.inference.device.Device.predict", None)
    ran = []
    again = run_study(
        copied / "study.toml", on_stage=lambda stage, state, now: ran.append((stage, now))
    )
    assert ran == [("loci", False), ("context_dependence", True)]
    assert mini.tables(again.path) == mini.tables(whole.path)
    took, before = (x.stages["context_dependence"] for x in (again, whole))
    assert took["predicted"] == before["predicted"]


def test_what_the_store_has_lost_is_predicted_and_counted(whole, copied):
    (copied / "mini.study" / "tables" / "coverage.csv").unlink()
    shutil.rmtree(copied / "predictions")
    again = run_study(copied / "study.toml")
    assert mini.tables(again.path) == mini.tables(whole.path)
    took, before = (x.stages["context_dependence"] for x in (again, whole))
    assert took["predicted"] == before["predicted"] + 3 * (1 + 2)
    assert took["asked"] == took["predicted"] + took["stored"] + took["repeated"]


def test_stopped_while_it_is_made(whole, copied, monkeypatch):
    (copied / "mini.study" / "tables" / "coverage.csv").unlink()
    own, seen = ContextCoverage.run, []

    def interrupted(self, unit):
        seen.append(unit.name)
        if len(seen) == 2:
            raise KeyboardInterrupt
        return (yield from own(self, unit))

    with monkeypatch.context() as patched:
        patched.setattr(ContextCoverage, "run", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run_study(copied / "study.toml")
    state = StudyResults(copied / "mini.study").stages["context_dependence"]
    assert state["state"] == "interrupted"
    assert not (copied / "mini.study" / "tables" / "coverage.csv").exists()
    again = run_study(copied / "study.toml")
    assert mini.tables(again.path) == mini.tables(whole.path)


def test_replicates_that_were_not_needed_are_not_asked_for(tmp_path, monkeypatch):
    # Early stops where there would be too few draws to allow them.
    monkeypatch.setattr(adaptive, "about_normal", lambda rows, draws: True)
    mini.write(tmp_path, genes=3)
    file = mini.study(
        tmp_path,
        SOME,
        ("replicates = 2", "replicates = 9\n\n[context_dependence]\ntolerance = 9.0"),
    )
    study = run_study(file)
    used = study.dataset("context_dependence")["replicates_used"].values
    assert set(used.tolist()) == {6}
    with Store(tmp_path / "predictions") as store:
        assert store.count() == 3 * (1 + 6)
    table = study.table("coverage")
    for locus, rows in table.groupby("locus"):
        _, shuffled = expected(study, locus, replicates=6)
        np.testing.assert_allclose(rows["shuffled"], shuffled.mean(axis=0), rtol=1e-6)


def test_the_profile_is_that_of_the_deciding_activity(tmp_path):
    mini.write(tmp_path, genes=3)
    readouts = '[[readouts]]\nname = "both"\nbins = "tss"\nover_tracks = "mean"\n\n'
    file = mini.study(
        tmp_path, SOME, ('["alpha"]', '"all"'), ("[loci]", f"{readouts}[loci]"),
        ("replicates = 2", "replicates = 1"),
    )  # fmt: skip
    study = run_study(file)
    table = study.table("coverage")
    (track,) = table["track"].unique()
    assert track == study.raw["track"]
    assert table["shuffled_std"].isna().all()  # of a single replicate
    locus, rows = next(iter(table.groupby("locus")))
    wild_type, _ = expected(study, locus, track=(0, 1), replicates=1)
    np.testing.assert_allclose(rows["wild_type"], wild_type, rtol=1e-6)


def test_bins_that_are_kept_with_gaps_and_in_any_order(tmp_path):
    mini.write(tmp_path, genes=1)
    file = mini.study(tmp_path, SOME, ('"all"', "[40, 27, 28, 29]"))
    table = run_study(file).table("coverage")
    assert table["position"].tolist() == [-128, 0, 128, 12 * 128]
    wild_type, _ = expected(StudyResults(tmp_path / "mini.study"), "GENE1")
    np.testing.assert_allclose(table["wild_type"], wild_type[[27, 28, 29, 40]], rtol=1e-6)


def test_of_a_single_bin_there_is_nothing_to_draw(tmp_path):
    mini.write(tmp_path, genes=1)
    file = mini.study(tmp_path, SOME, ('"all"', '"tss"'), ("[common]", "summit = 'any'\n[common]"))
    table = run_study(file).table("coverage")
    assert table.empty
    assert tuple(table) == COLUMNS


def test_without_a_category_or_a_locus(tmp_path):
    mini.write(tmp_path, ["A"])
    none = "[categories]\nenhancing = 0.99999\n\n[common]"
    done = run_study(mini.study(tmp_path, SOME, ("[common]", none)))
    assert done.raw["categories"]["none"] == 1
    assert done.table("coverage").empty
    file = mini.study(tmp_path, SOME, ('"mini"', '"none"'), ("activity = 5.0", "activity = 1000"))
    assert run_study(file).table("coverage").empty


def test_examples_are_those_of_at_most_one(whole):
    dataset = whole.dataset("context_dependence")
    ready, _ = prepare(whole.path)
    found = examples(dataset, ready.study.categories, ready.label)
    table = whole.table("coverage")
    assert found == dict(zip(table["category"], table["locus"], strict=True))
