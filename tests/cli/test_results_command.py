"""`creme results` and `creme status` of any test, of studies, and of what is neither."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time

import numpy as np
import pandas as pd
import pytest

import any_tests
import exported
import in_process
import mini_study as mini
import small
from command import CREME
from creme.cli.strongest import strongest
from creme.results.directory import Results
from creme.results.presentation import presentation_of
from creme.results.words import duration
from creme.study import StudyResults, run_study
from states import write_state


@pytest.fixture
def creme(monkeypatch, capsys):
    return in_process.caller(monkeypatch, capsys)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    fasta, _ = exported.genome(tmp_path_factory.mktemp("genome"))
    loci = exported.loci(fasta)[:2]
    return any_tests.experiment(tmp_path_factory.mktemp("any"), loci)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A study of three stages, and its file."""
    folder = tmp_path_factory.mktemp("study")
    mini.write(folder, genes=3)
    file = mini.study(folder)
    run_study(file, stages=["loci", "context_dependence", "necessity"])
    return folder / "mini.study"


def test_any_test_is_printed(results, creme):
    shown = creme("results", results, "--top", 4)
    assert "Saturation mutagenesis (bases): How each single base changes the activity" in shown
    assert "bases: strongest first" in shown
    assert "Motif embedding (motifs): How a motif changes" in shown
    assert "Dose: How activity grows with copies of a motif" in shown
    assert "Sags: How much activity is left." in shown
    assert "sags: strongest first" in shown
    columns = re.search(r"sags: strongest first\n.*\n(.*)", shown)
    assert columns is not None
    named = ["locus", "interval", "track", "filling", "spot", "try"]
    assert all(name in columns[1] for name in [*named, "ratio", "ratio_se"])
    whole = creme("results", results, "--top", 4, "--verbose")
    assert "wild_type" in whole
    motifs = re.search(r"motifs: strongest first\n.*\n(.*)", shown)
    assert motifs is not None
    assert "motif " in motifs[1]
    assert "position_distance" in motifs[1]
    assert "position " not in motifs[1]


def test_rows_are_those_furthest_from_neutral(results):
    dataset = Results(results).load("sags")
    shown = presentation_of(dataset, "sags")
    columns, rows = strongest(dataset, shown, 5)
    away = np.sort(np.abs(dataset["ratio"].values.astype(float) - 1).ravel())[::-1][:5]
    got = [abs(row[columns.index("ratio")] - 1) for row in rows]
    np.testing.assert_allclose(got, away, rtol=1e-5)


def test_a_measure_without_a_neutral_value_is_printed_in_order(results):
    dataset = Results(results).load("dose").assign_attrs(test="unknown", measure="", neutral="x")
    shown = presentation_of(dataset, "dose")
    columns, rows = strongest(dataset, shown, 3)
    assert columns == ["locus", "copies", "track", "activity"]
    assert [row[columns.index("copies")] for row in rows] == [0, 0, 1]


@pytest.mark.parametrize("of", [".", "stages/context_dependence"])
def test_peaks_are_of_an_experiment(study, creme, of):
    shown = creme("results", study / of, "--peaks", status=2)
    assert "is of a study, and --peaks reads an experiment's results: 'creme run'" in shown


def test_status_and_results_of_a_study(study, creme):
    shown = creme("status", study)
    assert shown == creme("study", study, "--status")
    assert re.search(r"necessity +│ finished", shown)
    assert f"To continue: creme study {study}" in shown
    shown = creme("results", study, "--top", 2)
    assert "TSS activity (loci): The predicted activity" in shown
    assert "Necessity: How much activity is lost" in shown
    assert "Sufficiency" not in shown
    only = creme("results", study, "--test", "necessity", "--top", 1)
    assert "Context dependence" not in only
    table = StudyResults(study).table("necessity")
    strongest_effect = table["effect"].iloc[table["effect"].abs().argmax()]
    assert f"{strongest_effect:.3f}" in only
    shown = creme("results", study, "--test", "sufficiency", status=2)
    assert f"stage 'sufficiency' of {study} is waiting: go on with 'creme study" in shown
    assert "has no stage 'sags'" in creme("results", study, "--test", "sags", status=2)


def test_a_table_of_a_stage_is_exported(study, creme, tmp_path):
    creme("results", study, "--test", "necessity", "--export", tmp_path / "n.csv")
    frame = pd.read_csv(tmp_path / "n.csv")
    table = StudyResults(study).table("necessity")
    np.testing.assert_allclose(frame["effect"], table["effect"])
    assert list(frame["locus"]) == list(table["locus"])


def test_paths_of_another_kind_are_named(study, results, creme, tmp_path, genome):
    """Each command says what it was given, and which command takes that."""
    study_file = study.parent / "study.toml"
    for command in ("status", "results"):
        shown = creme(command, study_file, status=2)
        assert f"{study_file} is a study file, not a results directory or" in shown
        assert f"'creme study {study_file}' runs it" in shown
        assert f"its results are in {study}" in shown
    shown = creme("run", study_file, status=2)
    assert f"{study_file} is a study file, not an experiment file: 'creme study" in shown
    assert "unknown key" not in shown
    assert "is the folder of a study, not an experiment file" in creme("run", study, status=2)
    assert f"'creme resume {results}'" in creme("run", results, status=2)
    shown = creme("resume", study, status=2)
    assert f"{study} is the folder of a study, not a results directory" in shown
    assert f"'creme study {study}' continues it" in shown
    file = tmp_path / "small.toml"
    file.write_text(small.text(genome))
    shown = creme("status", file, status=2)
    assert f"{file} is an experiment file, not" in shown
    assert f"'creme run {file}' runs it" in shown
    store = study.parent / "predictions"
    shown = creme("status", store, status=2)
    assert f"{store} is a store of predictions, not" in shown
    assert f"'creme cache info {store}'" in shown
    assert "is a study file, not a store" in creme("cache", "info", study_file, status=2)
    assert "neither the folder of a study nor a results directory" in creme(
        "status", tmp_path, status=2
    )
    shown = creme("export", study_file, "--to", tmp_path / "out", status=2)
    assert "is a study file, not a results directory" in shown
    shown = creme("compare", study, file, status=2)
    assert "is an experiment file, not a results directory" in shown


def test_how_far_a_run_is(results, creme, tmp_path):
    path = tmp_path / "running.results"
    shutil.copytree(results, path)
    state = json.loads((path / "run.json").read_text())
    units = {label: {"finished": 2, "failed": 0, "of": 2} for label in ("bases", "dose", "sags")}
    units["motifs"] = {"finished": 5, "failed": 1, "of": 90}
    shutil.rmtree(path / "motifs.zarr")
    state |= {"state": "running", "units": units, "rate": 12.345, "seconds_left": 7300.0}
    write_state(path / "run.json", state | {"pid": os.getpid()})
    shown = creme("status", path)
    assert re.search(r"motifs +│ 5 of 90 units, 1 failed", shown)
    assert re.search(r"dose +│ 2 of 2 units", shown)
    assert re.search(r"predictions a second +│ 12\.3", shown)
    assert re.search(r"time left +│ about 2\.0 h", shown)
    # Results of an earlier version say nothing of units: they are counted.
    for key in ("units", "rate", "seconds_left"):
        del state[key]
    write_state(path / "run.json", {**state, "state": "finished"})
    shown = creme("status", path)
    assert re.search(r"dose +│ 2 of 2 units", shown)
    assert "predictions a second" not in shown


def test_a_run_that_was_killed_shows_what_it_has(genome, tmp_path, creme):
    """`results`, `status` and `export` of units in the log."""
    (tmp_path / "slow.py").write_text(_SLOW)
    text = small.text(genome).replace('plugin = "synthetic"\nlength = 24576', _SLOW_MODEL)
    text = text.replace('bins = "tss"\n', "").replace("tile = 1000", "tile = 100")
    (tmp_path / "small.toml").write_text(text)
    process = subprocess.Popen(
        [*CREME, "run", str(tmp_path / "small.toml")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    path = tmp_path / "small.results"
    try:
        deadline = time.monotonic() + 600
        while time.monotonic() < deadline and process.poll() is None:
            if path.is_dir() and Results(path).partial():
                break
            time.sleep(0.05)
    finally:
        process.kill()
        process.wait()
    (label, *_) = Results(path).partial()
    shown = creme("status", path)
    assert re.search(r"state +│ stopped", shown)
    assert f"To continue: creme resume {path}" in shown
    shown = creme("results", path)
    assert f"{label}: strongest first" in shown
    assert "GENE1" in shown
    files = creme("export", path, "--to", tmp_path / "out", "--only", "tables")
    assert f"tables/{label}.csv" in files
    report = creme("results", path, "--test", "nothing", status=2)
    assert f"the run is stopped: creme resume {path}" in report


_SLOW = """
import time
import numpy as np

def build():
    def predict(onehot):
        time.sleep(0.1)
        return np.ones((len(onehot), 1, 16), np.float32)
    return predict
"""
_SLOW_MODEL = """plugin = "python"
object = "slow.py:build"
bins = "tss"

[model.grid]
input_length = 2048
input_layout = "L4"
bin_size = 64
n_bins = 16
output_layout = "tracks,bins"
tracks = ["one"]"""


def test_durations_in_words():
    assert [duration(s) for s in (0, 0.04, 3.21, 45.4, 600, 9000, 400_000)] == [
        *("0 s", "0.0 s", "3.2 s", "45 s", "10 min", "2.5 h", "4.6 days"),
    ]
