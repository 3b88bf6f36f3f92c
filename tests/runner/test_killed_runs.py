"""Runs that have ended, and those that Ctrl-C stops; `tests/faults` kills and resumes them."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from command import CREME
from creme.results.directory import Results
from creme.store import Store
from small import text


def creme(*args: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [*CREME, *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)


@pytest.fixture(scope="module")
def uninterrupted(genome, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    file = folder / "small.toml"
    file.write_text(text(genome))
    done = creme("run", file)
    assert done.returncode == 0, done.stderr
    return folder


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
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline:
        time.sleep(0.2)
        if index.exists():
            with Store(tmp_path / "predictions") as store:
                if store.count():
                    break
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=600)
    assert process.returncode == 130, (out, err)
    assert "creme resume" in out
    assert "Traceback" not in err
    assert Results.existing(tmp_path / "small.results").state()["state"] == "interrupted"
