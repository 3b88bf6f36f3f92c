"""The read-only view of an experiment and of a study, and what a path is said to be."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import exported
import mini_study as mini
from creme import registry
from creme.errors import CremeWarning, ResultsError
from creme.genome import Locus
from creme.models.synthetic import SyntheticModel
from creme.results.directory import Results
from creme.results.experiment_view import ExperimentResults
from creme.results.kind import Kind, kind_of, mistaken
from creme.results.presentation import presentation_of
from creme.results.tidy import tidy
from creme.results.view import ResultsView
from creme.runner.plan import prepare
from creme.runner.run import measure
from creme.sequence import Sequence
from creme.store import Store
from creme.study import Study, StudyResults, open_results, run_study
from creme.study.config import STAGES


@pytest.fixture(scope="module")
def experiment(tmp_path_factory) -> Path:
    fasta, _ = exported.genome(tmp_path_factory.mktemp("genome"))
    return exported.experiment(tmp_path_factory.mktemp("experiment"), exported.loci(fasta))


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    return exported.study(tmp_path_factory.mktemp("study"))


def dose(folder: Path) -> Path:
    """Results of a plugin's test on sequences that are on no genome."""
    random = np.random.default_rng(1)
    sequences = [Sequence(random.integers(0, 4, 8192, dtype=np.uint8)) for _ in range(2)]
    loci = [Locus.from_sequence(one, f"given{k}") for k, one in enumerate(sequences)]
    plan = prepare(
        [registry.create("test", {"name": "dose", "copies": 2})], SyntheticModel(length=8192), loci
    )
    with Store(folder / "predictions") as store:
        report = measure(plan, store)
    assert not report.failures
    results = Results(folder / "dose.results")
    results.claim("name = 'dose'", folder, plan.identity())
    results.save("dose", report.datasets["dose"])
    results.update({"state": "finished"})
    return results.path


def test_an_experiment(experiment):
    view = open_results(experiment)
    assert isinstance(view, ExperimentResults)
    assert (view.kind, view.name, view.state) == ("experiment", "odd", "finished")
    # In the order of the experiment, and not of the alphabet.
    assert view.tests == ("context_dependence", "necessity", "enough", "fine_tile", "bases")
    assert view.test_name("enough") == "sufficiency"
    assert view.labels_of("sufficiency") == ["enough"]
    assert view.tracks == ["synthetic:alpha", "synthetic:beta"]
    xr.testing.assert_identical(view.dataset("necessity"), Results(experiment).load("necessity"))
    assert "shuffled" not in view.open("necessity", ["shuffled"])
    table, plain = view.table("enough"), tidy(Results(experiment).load("enough"))
    assert table[plain.columns].equals(plain)
    # An experiment's table says how large an effect is among all of its track.
    assert set(table) - set(plain) == {"effect_percentile"}
    assert (
        view.calibrated("enough").drop_vars("effect_percentile").identical(view.dataset("enough"))
    )
    assert view.tables == view.tests
    assert view.failures == []
    assert view.configuration == "name = 'odd'"
    assert view.seed == 0
    assert view.model["name"] == "synthetic"
    assert view.readouts == view.raw["identity"]["readouts"]
    assert [limits.configuration() for limits in view.limits][1]["strong"] == 0.5
    assert len(view.loci) == len(exported.PLACES)
    assert view.loci["gene"].tolist() == [name for name, *_ in exported.PLACES]
    assert view.loci["activity"].notna().all()
    effects = view.dataset("context_dependence")["effect"].sel(track=view.track)
    enhancing = effects["locus"].values[effects.values > 0.95]
    assert {k for k, category in view.categories.items() if category == "enhancing"} == set(
        enhancing
    )
    assert view.progress.tests["fine_tile"].finished == 4
    assert view.progress.tests["fine_tile"].state == "finished"
    with pytest.raises(ResultsError, match=r"no results of a test 'necesity' \(did you mean"):
        view.open("necesity")


def test_a_study(study):
    view = open_results(study)
    assert isinstance(view, StudyResults)
    assert (view.kind, view.name, view.state) == ("study", "mini", "finished")
    assert view.tests == STAGES
    assert view.test_name("loci") == "tss_activity"
    assert list(view.stages) == list(STAGES)
    assert view.progress.tests["necessity"].finished == view.stages["necessity"]["units"]
    assert view.track == view.raw["track"]
    assert set(view.folder.tables()) < set(view.tables)
    assert len(view.table("loci")) == 6
    frame = view.table("categories")
    with_one = frame[frame["category"] != ""]
    assert view.categories == dict(zip(with_one["locus"], with_one["category"], strict=True))
    necessity = view.dataset("necessity")
    assert necessity["category"].values.tolist() == [
        view.categories.get(name, "") for name in necessity["locus"].values.tolist()
    ]
    assert view.loci["locus"].tolist() == necessity["locus"].values.tolist()
    assert view.seed == 7
    assert view.model == view.raw["model"]
    assert view.funnel[-1]["left"] == 6
    assert view.limits[0].enhancing == 0.95
    stage = open_results(study / "stages" / "necessity")
    assert (stage.kind, stage.tests) == ("experiment", ("necessity",))
    assert stage.further == f"creme study {study.resolve()}"
    with pytest.raises(ResultsError, match="has no stage 'necesity': it has loci, "):
        view.dataset("necesity")


def test_a_study_that_has_begun(tmp_path):
    mini.write(tmp_path, genes=3)
    file = mini.study(tmp_path)
    with pytest.raises(ResultsError, match="is a study file, not a results directory"):
        open_results(file)
    view = run_study(file, stages=["loci"])
    assert (view.state, view.tests) == ("stopped", ("loci",))
    assert view.progress.tests["loci"].finished == 3
    assert view.progress.tests["necessity"].state == "waiting"
    assert view.tracks
    assert len(view.loci) == 3
    with pytest.raises(ResultsError, match=r"'necessity' of .* is waiting: go on with"):
        view.dataset("necessity")
    with pytest.raises(ResultsError, match=f"; its results are in {tmp_path / 'mini.study'}"):
        open_results(file)


def test_thresholds_need_no_plugin_of_the_study_file(study, tmp_path):
    """A study made where more is installed is still read."""
    folder = Path(shutil.copytree(study, tmp_path / "copy"))
    text = (folder / "study.toml").read_text().replace('plugin = "synthetic"', 'plugin = "gone"')
    (folder / "study.toml").write_text(f"{text}\n[categories]\nenhancing = 0.7\n")
    with pytest.warns(CremeWarning, match="not as it was written"):
        assert StudyResults(folder).limits[0].enhancing == 0.7
    (folder / "study.toml").write_text("[categories]\nenhancing = -3\n")
    with (
        pytest.warns(CremeWarning, match="not as it was written"),
        pytest.raises(ResultsError, match=r"study.toml cannot be read: .* overlap"),
    ):
        _ = StudyResults(folder).limits


def test_the_former_name_warns_and_works(study):
    with pytest.warns(CremeWarning, match="is now creme.open_results"):
        old = Study(study)
    assert old.state()["track"] == "synthetic:alpha"
    assert list(old.stages()) == list(STAGES)
    assert old.dataset("necessity").sizes["locus"] == 6
    assert old.tests == STAGES


def test_a_presentation_is_the_results_own_first(experiment):
    dataset = open_results(experiment).open("necessity")
    own = presentation_of(dataset, "necessity")
    assert (own.test, own.measure, own.neutral, own.along) == ("necessity", "effect", 0.0, "tile")
    assert own.title == "Necessity"
    changed = dataset.assign_attrs(measure="wild_type", neutral="1.5", title="T", summary="S")
    given = presentation_of(changed.assign_attrs(along=""), "necessity")
    assert given == type(own)("necessity", "wild_type", 1.5, "T", "S", "")
    bases = open_results(experiment).presentation("bases")
    assert (bases.test, bases.along) == ("saturation_mutagenesis", "position")


def test_results_of_a_test_that_is_not_installed(tmp_path):
    path = dose(tmp_path)
    dataset = Results(path).load("dose")
    shown = open_results(path).presentation("dose")
    assert (shown.test, shown.measure, shown.along) == ("dose", "activity", "")
    foreign = dataset.drop_encoding().assign_attrs(test="of another machine")
    Results(path).save("dose", foreign)
    view = open_results(path)
    shown = view.presentation("dose")
    assert (shown.test, shown.measure, shown.title) == ("of another machine", "activity", "Dose")
    assert np.isnan(shown.neutral)
    assert view.loci["locus"].tolist() == ["given0", "given1"]
    assert view.loci["activity"].isna().all()
    foreign.attrs.pop("along")  # as of a former version
    tiled = foreign.rename(copies="spot").assign_coords(
        genomic_start=(("locus", "spot"), np.zeros((2, dataset.sizes["copies"]), int))
    )
    assert presentation_of(tiled, "x").along == "spot"
    tiled.attrs.pop("measure")
    effect = tiled.assign(effect=tiled["activity"])
    assert presentation_of(effect, "x").measure == "effect"
    assert presentation_of(effect, "x").neutral == 0


def test_wrong_attributes_are_passed_over(experiment, tmp_path):
    path = Path(shutil.copytree(experiment, tmp_path / "odd.results"))
    results = Results(path)
    wrong = {"measure": 3, "neutral": "x", "along": ["a"], "title": 1, "summary": 2.5}
    dataset = results.load("necessity").drop_encoding()
    results.save("necessity", dataset.assign_attrs(wrong, model="no JSON", seed="?"))
    own = open_results(experiment).presentation("necessity")
    assert open_results(path).presentation("necessity") == own
    foreign = presentation_of(dataset.assign_attrs(wrong, test="unknown"), "necessity")
    assert (foreign.measure, foreign.neutral, foreign.along) == ("effect", 0.0, "tile")
    assert (foreign.title, foreign.summary) == ("Necessity", "")
    view = open_results(path)
    assert "tables/necessity.csv" in view.export(tmp_path / "out")
    assert view.model["name"] == "synthetic"


def test_a_declared_measure_that_is_not_there_is_replaced(experiment):
    dataset = open_results(experiment).open("necessity").assign_attrs(measure="missing")
    assert presentation_of(dataset, "necessity").measure == "effect"


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("a.toml", "[model]\n[loci]\n[[tests]]\nname='necessity'\n", Kind.EXPERIMENT_FILE),
        ("a.toml", "[model]\n[loci]\n[selection]\n", Kind.STUDY_FILE),
        ("a.toml", "x = 1\n", Kind.OTHER),
        ("a.toml", "x = = 1\n", Kind.OTHER),
        ("a.csv", "[[tests]]\n", Kind.OTHER),
        ("report.html", "<html>", Kind.REPORT),
        ("results/run.json", "{}", Kind.RESULTS),
        ("study/study.json", "{}", Kind.STUDY),
        ("store/index.sqlite", "", Kind.STORE),
        ("other/file", "", Kind.OTHER),
    ],
)
def test_kinds_of_paths(tmp_path, name, text, kind):
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    path = file if file.parent == tmp_path else file.parent
    assert kind_of(path) is kind
    said = mistaken(path, "a thing")
    assert (said is None) == (kind in (Kind.OTHER, Kind.REPORT))
    assert said is None or said.startswith(f"{path} is {kind.value}, not a thing: 'creme ")
    assert kind_of(tmp_path / "absent") is Kind.NOTHING
    assert mistaken(tmp_path / "absent", "a thing") is None


def test_neither_is_said(tmp_path):
    with pytest.raises(ResultsError, match="neither the folder of a study nor a results directory"):
        open_results(tmp_path)
    with Store(tmp_path / "predictions"):
        pass
    with pytest.raises(ResultsError, match=r"is a store of predictions, not .*'creme cache info"):
        open_results(tmp_path / "predictions")


def test_a_view_is_imported_without_reports_and_exports(study):
    code = (
        "import sys; from creme.study import open_results; open_results(sys.argv[1]).state;"
        "print([m for m in ('matplotlib', 'creme.report', 'creme.export') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(study)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_export_and_report_of_a_view(experiment, study, tmp_path):
    view: ResultsView = open_results(experiment)
    files = view.export(tmp_path / "out", ["tables"])
    assert "tables/necessity.csv" in files
    assert view.report(tmp_path / "page.html").stat().st_size > 10_000
    assert json.loads((tmp_path / "out" / "export.json").read_text())["kind"] == "results"


def test_nothing_warns_when_a_view_is_used(study):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        view = open_results(study)
        _ = (view.loci, view.categories, view.progress, repr(view), view.versions, view.seed)
