"""A finished experiment run again: all comes from the store, and no network is loaded."""

from __future__ import annotations

import hashlib
import json
import os

import pytest

from creme.runner.experiment import Experiment
from creme.runner.run import run_experiment
from in_process import caller

MODEL = """
import pathlib

import numpy as np

if pathlib.Path("{marker}").exists():
    raise RuntimeError("the network was loaded")


def build(weights):
    scale = float(weights.read_text())
    return lambda onehot: onehot[:, :, 1].reshape(len(onehot), 6, 400).sum(2)[:, :, None] * scale
"""

EXPERIMENT = """
name = "warm"
batch_size = 4

[model]
plugin = "python"
object = "model.py:build"
bins = [2, 3]

[model.files]
weights = "weights.txt"

[model.grid]
input_length = 2400
bin_size = 400
n_bins = 6

[loci]
fasta = "{fasta}"
bed = "{bed}"

[[tests]]
name = "necessity"
tile = 100
replicates = 3

[[tests]]
name = "higher_order"
tile = 200
rounds = 2
accept = "all"
replicates = 2
"""


@pytest.fixture
def folder(tmp_path, genome, monkeypatch):
    """An experiment on a model whose file says no once there is a file 'finished'."""
    monkeypatch.setenv("CREME_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "model.py").write_text(MODEL.format(marker=tmp_path / "finished"))
    (tmp_path / "weights.txt").write_text("0.5")
    (tmp_path / "warm.toml").write_text(EXPERIMENT.format(fasta=genome.fasta, bed=genome.bed))
    for path in (tmp_path / "model.py", tmp_path / "weights.txt", genome.fasta):
        os.utime(path, (1e9, 1e9))  # digests of files that change now are not kept
    return tmp_path


def test_no_forward_pass_and_no_network(folder, monkeypatch):
    experiment = Experiment.from_file(folder / "warm.toml")
    cold, results = run_experiment(experiment)
    assert cold.progress.predicted > 100
    datasets = {label: results.load(label) for label in results.labels()}

    (folder / "finished").touch()

    def refuse(*_args):
        raise AssertionError("weights were read again")

    with monkeypatch.context() as patched:
        patched.setattr(hashlib, "file_digest", refuse)
        warm, results = run_experiment(experiment)
    assert not warm.failures
    assert warm.progress.predicted == 0
    assert warm.progress.stored + warm.progress.repeated == cold.progress.asked
    assert warm.seconds["model"] == warm.seconds["one-hot"] == 0
    for label, dataset in datasets.items():
        assert results.load(label).identical(dataset)

    # That the model does say no, and that other weights are other predictions.
    (folder / "weights.txt").write_text("0.25")
    with pytest.raises(Exception, match="the network was loaded"):
        run_experiment(experiment, folder / "other.results")


def test_batches_are_shown(folder, monkeypatch, capsys):
    creme = caller(monkeypatch, capsys)
    creme("run", folder / "warm.toml")
    state = json.loads((folder / "warm.results" / "run.json").read_text())
    assert state["batch_size"] == 4
    assert state["batch_differences"] == {"4": 0.0}
    shown = creme("status", folder / "warm.results")
    assert "batch against alone" in shown
    assert "4: 0" in shown
    assert "4: 0" in creme("cache", "info", folder / "predictions")
