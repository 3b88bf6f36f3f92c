"""A run that is killed or stopped, and resumed, gives what another one gives, and pays once."""

from __future__ import annotations

import json
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
from faulty import HANG, Case, all_values, case, kills, stored_twice, tries
from small import text


def load(directory: Path) -> dict[str, xr.Dataset]:
    results = Results.existing(directory)
    return {label: results.load(label) for label in results.labels()}


class Whole:
    """An experiment that was run without an interruption.

    Attributes
    ----------
    file : Path
    took : float
        Seconds.
    values : dict
        Each prediction, by digest.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        began = time.monotonic()
        done = subprocess.run([*CREME, "run", str(file)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        self.took = time.monotonic() - began
        self.values = all_values(file.parent / "predictions")

    def resumes(self, cost: Case, folder: Path) -> None:
        """Run it to its end in a folder where it was stopped; its results are the same."""
        results = folder / "small.results"
        arguments = ["resume", results] if results.exists() else ["run", folder / "small.toml"]
        done = subprocess.run(
            [*CREME, *map(str, arguments)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        for label, dataset in load(self.file.parent / "small.results").items():
            resumed = load(results)[label]
            # All that a resumed run adds: it has compared its model with what was stored.
            resumed.attrs.pop("compared_with_store", None)
            cost.wrong += not resumed.identical(dataset)
        self.compares(cost, folder, set(self.values))

    def compares(self, cost: Case, folder: Path, before: set[bytes]) -> set[bytes]:
        """Compare what is stored by now; what was stored before is there still."""
        there = all_values(folder / "predictions")
        cost.rows += len(there)
        cost.lost += len(before - there.keys())
        cost.wrong += sum(
            not np.array_equal(row, self.values[digest]) for digest, row in there.items()
        )
        with Store(folder / "predictions") as store:
            cost.twice += stored_twice(store)
        return set(there)


@pytest.fixture(scope="module")
def whole(genome, tmp_path_factory) -> Whole:
    file = tmp_path_factory.mktemp("whole") / "small.toml"
    file.write_text(text(genome))
    return Whole(file)


def stopped(file: Path, kind: signal.Signals, after: float) -> tuple[int, str]:
    """Exit status, and what was printed, of a run that a signal was sent to.

    It leaves nothing in the folder for temporary files: SIGKILL lets nobody remove them.
    """
    temporary = file.parent / "temporary"
    temporary.mkdir(exist_ok=True)
    process = subprocess.Popen(
        [*CREME, "run", str(file)],
        env={**os.environ, "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(after)
    process.send_signal(kind)
    out, err = process.communicate(timeout=HANG)
    assert not list(temporary.iterdir())
    return process.returncode, out + err


def test_killed_at_random_moments(whole, tmp_path):
    file = Path(shutil.copy(whole.file, tmp_path))
    n, before = tries(3, 20), set[bytes]()
    with case("kill-run") as cost:
        for moment in kills("run", n, 0.8 * whole.took):
            status, _ = stopped(file, signal.SIGKILL, 0.2 * whole.took + moment)
            cost.tries += status == -signal.SIGKILL
            if (tmp_path / "predictions").exists():
                before = whole.compares(cost, tmp_path, before)
            if cost.tries == n:
                break
            # Some start from nothing, some from what the last one left.
            if status == 0 or cost.tries % 5 == 0:
                shutil.rmtree(tmp_path / "predictions", ignore_errors=True)
                before = set()
        whole.resumes(cost, tmp_path)
        state = Results.existing(tmp_path / "small.results").state()
        cost.twice += state["counts"]["predicted"] - len(whole.values.keys() - before)


@pytest.mark.parametrize("kind", [signal.SIGTERM, signal.SIGINT])
def test_stopped_at_random_moments(whole, tmp_path, kind):
    """Each ends by itself, in a sentence; what was predicted is stored, to the last batch."""
    n, round_ = tries(1, 10), 0
    with case(f"{kind.name.lower()}-run") as cost:
        predicted: dict[int, int] = {}
        before = set[bytes]()
        folder = tmp_path
        for moment in kills(kind.name, n, 0.7 * whole.took):
            folder = tmp_path / str(round_)
            folder.mkdir(exist_ok=True)
            file = Path(shutil.copy(whole.file, folder))
            status, printed = stopped(file, kind, 0.3 * whole.took + moment)
            state_file = folder / "small.results" / "run.json"
            state = json.loads(state_file.read_text()) if state_file.exists() else {}
            if "Traceback" in printed or "fault of the program" in printed:
                cost.unexpected.append(f"{status}: {printed[-900:]}")
            if status == 130 and state.get("state", "new") != "new":  # else it had not begun
                cost.tries += 1
                cost.saw(" ".join(printed[printed.find("Stopped") :].split()))
                # One that is stopped as it leaves has its results.
                left = state["state"] == "finished" and "before the end" not in printed
                assert left or state["state"] == "interrupted", printed
            if state:
                # Each process's own count; one that was stopped early has written none.
                predicted[state["pid"]] = state.get("counts", {}).get("predicted", 0)
                before = whole.compares(cost, folder, before)
                cost.twice += sum(predicted.values()) - len(before)
            if cost.tries == n:
                break
            if status == 0:  # the next one begins anew
                round_, before, predicted = round_ + 1, set(), {}
        whole.resumes(cost, folder)
