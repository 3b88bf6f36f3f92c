"""`creme.Experiment`: the object with the fields of its file."""

from __future__ import annotations

import json
import os
import signal
import tomllib
from math import inf
from pathlib import Path

import pytest

import creme
import in_process
import small
from creme.cli.template import TEMPLATE
from creme.errors import ConfigError, CremeWarning
from creme.results.directory import Results
from creme.runner.experiment import Experiment, parse

EXAMPLES = sorted((Path(__file__).resolve().parents[2] / "examples").glob("*.toml"))
SEARCH = """
[[tests]]
name = "higher_order"
tile = 1000
rounds = 2
replicates = 2
"""

UNREADABLE = """
import numpy as np


def build():
    def predict(onehot):
        values = onehot[:, :, 1].reshape(len(onehot), 6, 400).sum(2)[:, :, None]
        return np.where(onehot[:, 1200:1201, :1] == 1, np.nan, values)
    return predict
"""


def names(folder: Path) -> set[str]:
    return {entry.name for entry in folder.iterdir()}


@pytest.mark.parametrize(
    "text",
    [TEMPLATE, *(file.read_text() for file in EXAMPLES if "[[tests]]" in file.read_text())],
    ids=["template", *(file.stem for file in EXAMPLES if "[[tests]]" in file.read_text())],
)
def test_from_file_to_text_and_back(text, tmp_path):
    (tmp_path / "first.toml").write_text(text)
    first = Experiment.from_file(tmp_path / "first.toml")
    written = first.to_toml()
    again = parse(written, "again", tmp_path / "elsewhere")
    assert again == first
    assert again.to_toml() == written
    assert first.text == text
    assert tomllib.loads(written)["tests"] == tomllib.loads(text)["tests"]
    assert first.model_copy(update={"seed": first.seed + 1}) != first


def test_an_object_made_in_python_is_that_of_the_file(experiment, genome):
    table = tomllib.loads(small.text(genome))
    made = Experiment(**table)
    assert made == Experiment.from_file(str(experiment()))
    assert made.text == made.to_toml()
    assert parse(made.to_toml()) == made
    (tests, loci) = (made.tests, made.loci)
    path = Experiment(name="p", model={"plugin": "onnx", "file": Path("a") / "b"}, tests=tests,
                      loci=loci)  # fmt: skip
    assert parse(path.to_toml()).model["file"] == "a/b"
    wide = Experiment(name="wide", model={"plugin": "p", "limits": [float("-inf"), float("inf")]},
                      tests=tests, loci=loci)  # fmt: skip
    assert parse(wide.to_toml()).model == wide.model == {"plugin": "p", "limits": [-inf, inf]}
    odd = Experiment(name="odd", model={"plugin": object()}, tests=tests, loci=loci)
    with pytest.raises(ConfigError, match="experiment 'odd' cannot be written to a file"):
        odd.to_toml()


def test_errors_name_the_file(experiment, tmp_path):
    path = experiment(("tile = 1000\nreplicates = 3\n\n", "tile = 100000\n\n"))
    for does in (Experiment.plan, Experiment.run):
        with pytest.raises(ConfigError, match=f"^{path}: test 'context_dependence' on locus"):
            does(Experiment.from_file(path))
    assert names(tmp_path) == {"small.toml"}
    with pytest.raises(ConfigError, match=r"small.toml: unknown key 'sede' \(did you mean 'seed'"):
        Experiment.from_file(experiment(("seed", "sede")))
    with pytest.raises(ConfigError, match="no experiment file"):
        Experiment.from_file(tmp_path / "none.toml")


def test_run_is_creme_run(experiment, tmp_path, monkeypatch, capsys):
    path = experiment()
    in_process.caller(monkeypatch, capsys)("run", path)
    command = creme.open_results(tmp_path / "small.results")
    own = Experiment.from_file(path)
    view = own.model_copy(update={"store": "others"}).run(tmp_path / "own.results")
    assert view.state == "finished"
    assert view.tests == command.tests == ("context_dependence", "necessity")
    for label in view.tests:
        assert view.dataset(label).identical(command.dataset(label))
    assert view.raw["identity"] == command.raw["identity"]
    # A file's own text is kept, with its comments; that of an object is made.
    assert command.configuration == path.read_text()
    assert parse(view.configuration) == own.model_copy(update={"store": "others"})
    again = own.run()
    assert again.path == tmp_path / "small.results"
    assert again.raw["counts"]["predicted"] == 0
    # `creme resume` takes it on from the text and the folder that are recorded.
    in_process.caller(monkeypatch, capsys)("resume", tmp_path / "own.results")


def test_relative_paths_start_from_the_file_or_the_current_directory(genome, tmp_path, monkeypatch):
    text = small.text(genome).replace(str(genome.fasta), "genome.fa")
    (tmp_path / "genome.fa").write_bytes(Path(genome.fasta).read_bytes())
    (tmp_path / "small.toml").write_text(text)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    of_file = Experiment.from_file("../small.toml")
    assert of_file.model_copy(update={"seed": 8}).plan().requested > 0
    made = parse(text)
    with pytest.raises(Exception, match=r"genome\.fa"):
        made.plan()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Exception, match=r"genome\.fa"):
        made.plan()  # the directory is that where it was made
    parse(text).run()
    assert {"small.results", "predictions"} <= names(tmp_path)
    assert names(tmp_path / "here") == set()


def test_a_plan_counts_what_a_run_takes_and_changes_nothing(experiment, tmp_path):
    planned = Experiment.from_file(experiment(name="planned.toml"))
    plan = planned.plan()
    assert names(tmp_path) == {"planned.toml"}
    assert plan.loci == ["GENE1", "GENE2", "GENE3"]
    assert [test.label for test in plan.tests] == ["context_dependence", "necessity"]
    assert {test.kind for test in plan.tests} == {"exact"}
    assert plan.stored == 0

    counts = planned.run().raw["counts"]
    assert (plan.requested, plan.to_predict) == (counts["asked"], counts["predicted"])

    stored = planned.plan()
    assert (stored.requested, stored.to_predict) == (plan.requested, 0)
    assert stored.stored == counts["predicted"]
    more = planned.model_copy(update={"tests": [{**planned.tests[1], "replicates": 4}]}).plan()
    assert more.to_predict == 3 * 22
    assert str(more).splitlines() == [
        "experiment 'small': 1 test on 3 loci (GENE1, GENE2, GENE3), seed 7",
        "model synthetic: 1 bin of 2 tracks kept; activities: synthetic:alpha, synthetic:beta",
        "test necessity: 267 sequences of 3 loci: 201 stored, 66 to predict",
        f"in all 267 sequences: 201 stored in {tmp_path / 'predictions'}, 66 to predict",
    ]


def test_a_search_is_planned_as_far_as_the_store_has_the_answers(experiment, tmp_path):
    path = experiment()
    path.write_text(path.read_text() + SEARCH)
    searched = Experiment.from_file(path)
    before = searched.plan()
    assert [test.kind for test in before.tests] == ["exact", "exact", "at least"]
    assert "at least" in str(before)
    counts = searched.run().raw["counts"]
    assert before.requested < counts["asked"]
    after = searched.plan()
    assert {test.kind for test in after.tests} == {"exact"}
    assert (after.requested, after.to_predict) == (counts["asked"], 0)


def test_a_large_test_is_judged_by_a_part_of_its_loci(experiment, monkeypatch):
    import creme.runner.planned_run as planned_run

    planned = Experiment.from_file(experiment())
    exact = planned.plan()
    monkeypatch.setattr(planned_run, "COUNTED", 100)
    about = planned.plan()
    assert [test.kind for test in about.tests] == ["exact", "estimate"]
    assert about.requested == exact.requested
    assert about.to_predict == pytest.approx(exact.to_predict, rel=0.02)
    assert "about" in str(about)


def test_a_plan_says_what_the_store_has_of_fewer_bins(experiment):
    narrow = Experiment.from_file(experiment())
    narrow.run()
    wide = narrow.model_copy(update={"model": {**narrow.model, "bins": "all"}})
    plan = wide.plan()
    assert plan.stored == 0
    (note,) = plan.notes
    assert note == (
        "The store has predictions of this model that lack bins or tracks (210 with 1 bin and 2 "
        "tracks). They cannot answer this run, which keeps 112 bins and 2 tracks: it will predict "
        "up to 213 sequences anew."
    )
    other = narrow.model_copy(update={"model": {**narrow.model, "half": 2.0}})
    assert other.plan().notes == ()
    # What a wider selection has answers a narrower one.
    wide.run(wide.folder / "wide.results")
    alpha = narrow.model_copy(update={"model": {**narrow.model, "tracks": ["alpha"]}}).plan()
    assert (alpha.stored, alpha.to_predict, alpha.notes) == (210, 0, ())


@pytest.fixture
def failing(genome, tmp_path):
    """An experiment whose model gives NaN where the TSS's base is an N, or an A."""
    (tmp_path / "model.py").write_text(UNREADABLE)
    return Experiment(
        name="failing",
        model={
            "plugin": "python",
            "object": str(tmp_path / "model.py:build"),
            "grid": {"input_length": 2400, "bin_size": 400, "n_bins": 6},
        },
        loci={"fasta": str(genome.fasta), "bed": str(genome.bed)},
        tests=[{"name": "necessity", "tile": 200, "replicates": 2}],
        store=str(tmp_path / "store"),
        results=str(tmp_path / "failing.results"),
    )


def test_what_fails_is_a_warning_and_stands_in_the_results(failing):
    with pytest.warns(CremeWarning, match="test 'necessity' failed on locus 'GENE") as caught:
        view = failing.run()
    assert {warning.filename for warning in caught} == {__file__}
    assert 1 <= len(view.failures) == len(caught)
    assert json.loads(json.dumps(view.failures[0]))[2].startswith("model python returned NaN")


def test_ctrl_c_ends_a_run_that_goes_on_later(experiment, tmp_path, monkeypatch):
    import creme.models.synthetic as synthetic

    predict = synthetic.SyntheticModel.predict
    batches = []

    def interrupted(self, onehot):
        batches.append(len(onehot))
        if len(batches) == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return predict(self, onehot)

    run = Experiment.from_file(experiment())
    with monkeypatch.context() as patched:
        patched.setattr(synthetic.SyntheticModel, "predict", interrupted)
        with pytest.raises(KeyboardInterrupt, match="another run goes on from there"):
            run.run()
    results = Results(tmp_path / "small.results")
    assert results.state()["state"] == "interrupted"
    with creme.Store(tmp_path / "predictions") as store:
        kept = store.count()
    assert kept > 0
    view = run.run()
    assert view.state == "finished"
    assert view.raw["counts"]["predicted"] == 210 - kept
