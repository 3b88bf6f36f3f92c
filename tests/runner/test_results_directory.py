from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr

from creme.errors import ResultsError
from creme.runner.results import Results

IDENTITY = {"seed": 1, "tests": {"a": 2}}


def test_belongs_to_one_experiment(tmp_path):
    results = Results(tmp_path / "r")
    results.claim("text", tmp_path, IDENTITY)
    results.claim("text", tmp_path, IDENTITY)
    with pytest.raises(ResultsError, match=r"differs in seed"):
        results.claim("text", tmp_path, {**IDENTITY, "seed": 2})
    assert results.state()["identity"] == IDENTITY


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
    path.write_text(json.dumps({**json.loads(text), "pid": 2**22 + 1}))
    assert results.state()["state"] == "stopped"
