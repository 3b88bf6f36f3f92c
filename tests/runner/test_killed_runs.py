"""A run that is killed and resumed gives what an uninterrupted one gives, and pays for it once."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from command import CREME
from creme.results.directory import Results
from creme.store import Store
from small import text


def creme(*args: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [*CREME, *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)


def load(directory: Path) -> dict[str, xr.Dataset]:
    results = Results.existing(directory)
    return {label: results.load(label) for label in results.labels()}


@pytest.fixture(scope="module")
def uninterrupted(genome, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    file = folder / "small.toml"
    file.write_text(text(genome))
    done = creme("run", file)
    assert done.returncode == 0, done.stderr
    return folder


def test_killed_at_random_moments(uninterrupted, tmp_path):
    expected = load(uninterrupted / "small.results")
    # How long a run takes depends on the machine: between starting and ending, at any moment.
    random = np.random.Generator(np.random.Philox(11))
    file = tmp_path / "small.toml"
    shutil.copy(uninterrupted / "small.toml", file)
    began = time.monotonic()
    assert creme("run", file).returncode == 0
    took = time.monotonic() - began
    shutil.rmtree(tmp_path / "predictions")
    shutil.rmtree(tmp_path / "small.results")
    killed = 0
    for moment in random.uniform(0.2 * took, 1.0 * took, 60):
        process = subprocess.Popen(
            [*CREME, "run", str(file)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(moment)
        process.send_signal(signal.SIGKILL)
        was_killed = process.wait() == -signal.SIGKILL
        killed += was_killed
        if killed == 20:
            break
        # Some start from nothing, some from what the last one left.
        if not was_killed or killed % 5 == 0:
            shutil.rmtree(tmp_path / "predictions", ignore_errors=True)
    assert killed == 20
    before = 0
    if (tmp_path / "predictions").exists():
        with Store(tmp_path / "predictions") as store:
            before = store.count()
    results = tmp_path / "small.results"
    done = creme("resume", results) if results.exists() else creme("run", file)
    assert done.returncode == 0, done.stderr
    state = Results.existing(results).state()
    with Store(tmp_path / "predictions") as store:
        total = store.count()
    assert state["counts"]["predicted"] == total - before
    for label, dataset in expected.items():
        resumed = load(results)[label]
        # All that a resumed run adds: it has compared its model with what was stored.
        resumed.attrs.pop("compared_with_store", None)
        assert resumed.identical(dataset)


def test_a_finished_run_predicts_nothing_and_a_second_test_reuses(uninterrupted, tmp_path):
    again = creme("run", uninterrupted / "small.toml")
    assert " 0 predicted" in again.stdout
    assert "predictions saved" in again.stdout
    more = uninterrupted / "more.toml"
    more.write_text(
        (uninterrupted / "small.toml").read_text().replace('"small"', '"more"')
        + '\n[[tests]]\nname = "sufficiency"\ntile = 1000\nreplicates = 3\n'
    )
    done = creme("run", more)
    assert done.returncode == 0, done.stderr
    counts = Results.existing(uninterrupted / "more.results").state()["counts"]
    # Three loci: the tiles of the sufficiency test are all that is new.
    assert counts["predicted"] <= 3 * 22 * 3
    assert counts["repeated"] + counts["stored"] == counts["asked"] - counts["predicted"]
    assert counts["stored"] >= 3 * (1 + 3 + 1 + 22 * 3)


def test_ctrl_c_stops_cleanly(uninterrupted, tmp_path):
    file = tmp_path / "small.toml"
    whole = (uninterrupted / "small.toml").read_text()
    file.write_text(whole.replace("replicates = 3", "replicates = 200"))
    process = subprocess.Popen(
        [*CREME, "run", str(file)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    index = tmp_path / "predictions" / "index.sqlite"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        time.sleep(0.2)
        if index.exists():
            with Store(tmp_path / "predictions") as store:
                if store.count():
                    break
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, (out, err)
    assert "creme resume" in out
    assert "Traceback" not in err
    assert Results.existing(tmp_path / "small.results").state()["state"] == "interrupted"
