from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr

from creme.errors import ResultsError
from creme.results.directory import Results
from states import write_state

IDENTITY = {"seed": 1, "tests": {"a": 2}}


def test_belongs_to_one_experiment(tmp_path):
    results = Results(tmp_path / "r")
    results.claim("text", tmp_path, IDENTITY)
    results.claim("text", tmp_path, IDENTITY)
    results.save("t", xr.Dataset({"effect": ("locus", [1.0])}))
    with pytest.raises(ResultsError, match=r"differs in seed"):
        results.claim("text", tmp_path, {**IDENTITY, "seed": 2})
    assert results.state()["identity"] == IDENTITY
    assert results.state()["state"] == "new"


def test_the_file_is_the_one_that_was_run_last(tmp_path):
    """It may differ in what is no part of the identity, such as the store."""
    results = Results(tmp_path / "r")
    results.claim("one", tmp_path, IDENTITY)
    results.save("t", xr.Dataset({"effect": ("locus", [1.0])}))
    results.update({"state": "finished"})
    results.claim("two", tmp_path / "r", {**IDENTITY, "genome": ["digest"]})
    assert (results.path / "experiment.toml").read_text() == "two"
    state = results.state()
    assert (state["state"], state["folder"]) == ("finished", str(tmp_path / "r"))
    # A section that the earlier version had not was taken over, and is compared from now on.
    with pytest.raises(ResultsError, match="differs in genome"):
        results.claim("three", tmp_path, {**IDENTITY, "genome": ["another"]})
    assert (results.path / "experiment.toml").read_text() == "two"


def test_what_cannot_be_saved_leaves_the_results_before_it(tmp_path, monkeypatch):
    results = Results(tmp_path / "r")
    results.claim("text", tmp_path, IDENTITY)
    dataset = xr.Dataset({"effect": ("locus", [1.0])})
    results.save("t", dataset)
    (results.path / ".t.saved-killed" / "new").mkdir(parents=True)
    full = OSError(28, "No space left on device")

    def fails(*_, **__):
        raise full

    with monkeypatch.context() as patched:
        patched.setattr(xr.Dataset, "to_zarr", fails)
        with pytest.raises(ResultsError, match=r"No space left on device.*taken from the store"):
            results.save("t", 2 * dataset)
    replace = type(results.path).replace

    def moved(path, target):
        if path.name == "new":
            raise full
        return replace(path, target)

    with monkeypatch.context() as patched:
        patched.setattr(type(results.path), "replace", moved)
        with pytest.raises(ResultsError, match=r"No space left on device.*taken from the store"):
            results.save("t", 2 * dataset)
    assert results.load("t").equals(dataset)
    assert not [path for path in results.path.iterdir() if path.name.startswith(".")]


def test_a_beginning_that_was_cut_short_is_taken_up(tmp_path):
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / "experiment.toml").write_text("text")
    Results(tmp_path / "r").claim("text", tmp_path, IDENTITY)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").write_text("mine")
    with pytest.raises(ResultsError, match="not a results directory"):
        Results(tmp_path / "other").claim("text", tmp_path, IDENTITY)


def test_saved_whole_and_replaced(tmp_path):
    results = Results(tmp_path / "r")
    results.claim("text", tmp_path, IDENTITY)
    for value in (1.0, 2.0):
        names = np.array(["G\u00e9ne", "B"], dtype=object)
        dataset = xr.Dataset({"effect": ("locus", [value, np.nan])}, coords={"locus": names})
        results.save("t", dataset)
        assert results.load("t").equals(dataset)
    assert results.labels() == ["t"]
    assert not [p for p in results.path.iterdir() if p.name.startswith(".")]
    with pytest.raises(ResultsError, match="has no results of a test 'u'"):
        results.load("u")


def test_a_dead_run_is_called_stopped(tmp_path):
    results = Results(tmp_path / "r")
    results.claim("text", tmp_path, IDENTITY)
    results.update({"state": "running"})
    assert results.state()["state"] == "running"
    path = results.path / "run.json"
    text = path.read_text()
    write_state(path, {**json.loads(text), "pid": 2**22 + 1})
    assert results.state()["state"] == "stopped"
