"""The command line as jobs call it, and an experiment whose predictions take time."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import xarray as xr

from command import CREME
from creme.results.directory import Results

HANG = 1800.0
"""Seconds after which something hangs: jobs share a machine that may have much else to do."""

SLOW = '''\
"""A network that takes as long as it is told by the environment, which changes no value."""

import os
import time

import numpy as np


def build():
    seconds = float(os.environ.get("SLOW_SECONDS", "0"))
    weights = np.random.default_rng(3).normal(size=(4, 2048)).astype(np.float32)

    def predict(x):
        time.sleep(seconds * len(x))
        value = np.abs((x * weights).sum(axis=(1, 2), keepdims=True))
        return np.broadcast_to(value, (len(x), 1, 16)).astype(np.float32)

    return predict
'''

EXPERIMENT = """\
name = "experiment"
seed = 3
batch_size = 1

[model]
plugin = "python"
object = "slow.py:build"

[model.grid]
input_length = 2048
input_layout = "4L"
n_value = 0.0
bin_size = 64
n_bins = 16
output_layout = "tracks,bins"
tracks = ["one"]

[loci]
fasta = "{fasta}"
bed = "{bed}"

[[tests]]
name = "necessity"
tile = 200
replicates = 5

[[tests]]
name = "higher_order"
tile = 500
rounds = 2
replicates = 2
"""


def write(folder: Path, genome) -> Path:
    """Write the experiment and its network."""
    folder.mkdir(exist_ok=True)
    (folder / "slow.py").write_text(SLOW)
    file = folder / "experiment.toml"
    file.write_text(EXPERIMENT.format(fasta=genome.fasta, bed=genome.bed))
    return file


def environment(folder: Path, **more: str) -> dict[str, str]:
    """Variables with which jobs find ``creme``, as it is here."""
    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    creme = programs / "creme"
    creme.write_text(f"#!/bin/sh\nexec '{CREME[0]}' -c '{CREME[2]}' \"$@\"\n")
    creme.chmod(0o755)
    import creme as package

    source = str(Path(package.__file__).parents[1])
    path = os.pathsep.join([str(programs), str(Path(sys.executable).parent), os.environ["PATH"]])
    return {"PATH": path, "PYTHONPATH": source, **more}


def datasets(directory: Path) -> dict[str, xr.Dataset]:
    """All results of a directory."""
    results = Results.existing(directory)
    return {label: results.load(label).load() for label in results.labels()}


def assert_same(directory: Path, expected: dict[str, xr.Dataset]) -> None:
    """The values, coordinates and names are those."""
    measured = datasets(directory)
    assert list(measured) == list(expected)
    for label, dataset in expected.items():
        xr.testing.assert_equal(measured[label], dataset)
