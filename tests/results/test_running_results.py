"""What a results directory shows of a run that goes on, was killed, or lost its directory."""

from __future__ import annotations

import json
import shutil
import signal
import time

import pytest
from test_one_process_a_folder import creme, end, start, until

from creme.results.directory import Results
from creme.runner import run as running
from creme.runner.experiment import Experiment
from creme.runner.plan import prepare
from creme.runner.run import measure, run_experiment
from creme.store import Store
from creme.suite.necessity import Necessity
from toy import MODEL, toy_loci


def has_units(path, label="context_dependence"):
    return lambda: label in Results(path).partial()


def test_killed_in_the_middle(experiment):
    """Its finished units are there, as they are in the end."""
    file = experiment(("replicates = 3\n\n", "replicates = 40\n\n"))
    path = file.parent / "small.results"
    process = start("run", file)
    try:
        until(process, has_units(path))
        beside = Results(path).load("context_dependence")
        assert beside.sizes["locus"] >= 1
    finally:
        end(process)
    assert process.returncode == -signal.SIGKILL
    results = Results.existing(path)
    assert results.state()["state"] == "stopped"
    assert "context_dependence" in results.partial()
    part = results.load("context_dependence")
    assert part.sizes["locus"] >= beside.sizes["locus"]
    assert part.measure == "effect"
    assert json.loads(part.model)["name"] == "synthetic"
    done = creme("resume", path)
    assert done.returncode == 0, done.stderr
    whole = results.load("context_dependence")
    whole.attrs.pop("compared_with_store")  # a run that adds to the store looks at it first
    assert whole.sel(locus=part["locus"].values).identical(part)
    assert results.partial() == []
    assert results.labels() == ["context_dependence", "necessity"]
    assert not (path / ".units").exists()


def test_how_far_it_is(experiment):
    """``run.json`` has it every few seconds."""
    file = experiment(("replicates = 3\n\n", "replicates = 200\n\n"))
    path = file.parent / "small.results"
    process = start("run", file)

    def told():
        state = Results(path).read_state() if (path / "run.json").exists() else {}
        return state.get("units") and state.get("rate")

    try:
        until(process, told)
        state = Results(path).state()
    finally:
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, (out, err)
    assert state["state"] == "running"
    assert set(state["units"]) == {"context_dependence", "necessity"}
    assert all(of["of"] == 3 for of in state["units"].values())
    assert state["counts"]["predicted"] > 0
    assert 0 < state["rate"] < 1000
    assert 0 < state["seconds_left"] < 1e5
    after = Results(path).state()
    assert after["state"] == "interrupted"
    assert after["seconds_left"] is None
    assert after["counts"]["predicted"] >= state["counts"]["predicted"]


def test_a_directory_that_is_deleted_while_it_is_run_into(experiment):
    file = experiment(("replicates = 3\n\n", "replicates = 200\n\n"))
    path = file.parent / "small.results"
    process = start("run", file)
    try:
        until(process, lambda: (path / ".units").is_dir())
        time.sleep(1)
    finally:
        shutil.rmtree(path)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 2, (out, err)
    assert "small.results was removed, or its state was, while a run wrote into it" in err
    assert "fault of the program" not in err
    assert "is taken from the store" in err
    assert not path.exists()


def test_a_directory_that_is_deleted_before_the_end(genome, experiment, monkeypatch):
    """At the save it is a sentence, too."""
    file = experiment()
    save = Results.save

    def remove_first(self, label, dataset):
        shutil.rmtree(self.path)
        save(self, label, dataset)

    monkeypatch.setattr(Results, "save", remove_first)
    with pytest.raises(running.ResultsError, match="was removed, or its state was"):
        run_experiment(Experiment.from_file(file))


def test_the_first_attempt_failed(experiment):
    """A directory that no test has come out of is no obstacle to the corrected experiment."""
    broken = experiment(('plugin = "synthetic"\n', 'plugin = "synthetic"\ndecay = 1e-9\n'))
    path = broken.parent / "small.results"
    results = Results(path)
    with results.held():
        results.claim("broken", broken.parent, {"seed": 8})
        results.update({"state": "failed", "error": "ModelError: weights are missing"})
    done = creme("run", experiment())
    assert done.returncode == 0, done.stderr
    assert results.state()["error"] == ""
    assert results.labels() == ["context_dependence", "necessity"]
    # And from now on it is an obstacle to another one.
    done = creme("run", experiment(("seed = 7", "seed = 8")))
    assert done.returncode == 2
    assert "holds the results of another experiment" in done.stderr


def test_logs_of_a_run_before_are_none_of_this_one(tmp_path):
    results = Results(tmp_path / "r")
    plan = prepare([Necessity(tile=200, replicates=2)], MODEL, toy_loci(2))
    results.claim("", tmp_path, plan.identity())
    left = running.UnitLog(results.path, "once")
    left.begin({}, ["one"])
    with Store(tmp_path / "store") as store:
        measure(plan, store, results=results)
    assert not (results.path / ".units").exists()
