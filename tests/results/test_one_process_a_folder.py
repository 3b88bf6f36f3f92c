"""Of two processes that run into one folder the second is refused; reading stays possible."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time

import pytest

import mini_study as mini
from command import CREME
from creme.errors import ResultsError
from creme.results.directory import Results
from creme.study import StudyResults


def creme(*args: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*CREME, *map(str, args)], capture_output=True, text=True, check=False)


SLOW = """
import time
from creme.models.synthetic import SyntheticModel
predict = SyntheticModel.predict
def slow(self, onehot):
    time.sleep(0.2)
    return predict(self, onehot)
SyntheticModel.predict = slow
from creme.cli import main
main()
"""


def start(*args: object) -> subprocess.Popen[str]:
    """The command with a model that takes its time."""
    command = [sys.executable, "-c", SLOW, *map(str, args)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def until(process, condition):
    deadline = time.monotonic() + 600
    while process.poll() is None and time.monotonic() < deadline:
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError(process.communicate(timeout=5))


def running_run(path, process):
    file = path / "run.json"
    return lambda: (
        file.exists()
        and (
            (state := json.loads(file.read_text()))["state"] == "running"
            and state["pid"] == process.pid
        )
    )


def end(process):
    process.send_signal(signal.SIGKILL)
    process.communicate()


def interrupted(process):
    """Output of a process that Ctrl-C ends.

    Before the first batch Python raises it wherever the main thread is, and ignores it in the
    callback of a weak reference: then a user presses again.
    """
    for _ in range(3):
        process.send_signal(signal.SIGINT)
        try:
            return process.communicate(timeout=600)
        except subprocess.TimeoutExpired:
            continue
    process.kill()
    return process.communicate()


def test_two_runs(experiment):
    file = experiment(("replicates = 3", "replicates = 200"))
    path = file.parent / "small.results"
    first = start("run", file)
    try:
        until(first, running_run(path, first))
        refused = creme("run", file)
        assert refused.returncode == 2
        said = f"is being run by another process (pid {first.pid} on {socket.gethostname()})"
        assert said in refused.stderr
        assert "wait for its end, or stop it" in refused.stderr
        assert first.poll() is None
        assert json.loads((path / "run.json").read_text())["pid"] == first.pid
        assert Results(path).state()["state"] == "running"
        shown = creme("status", path)
        assert shown.returncode == 0
        assert "running" in shown.stdout
    finally:
        end(first)
    assert Results(path).state()["state"] == "stopped"
    assert (path / ".run.json.lock").exists()
    second = start("resume", path)
    try:
        until(second, running_run(path, second))
    finally:
        out, err = interrupted(second)
    assert second.returncode == 130, (out, err)
    assert not (path / ".run.json.lock").exists()


def test_two_studies(tmp_path):
    mini.write(tmp_path, genes=3)
    many = ("[higher_order]", "[necessity]\nreplicates = 400\n\n[higher_order]")
    file = mini.study(tmp_path, many)
    folder = tmp_path / "mini.study"
    necessity = folder / "stages" / "necessity"
    first = start("study", file)
    try:
        until(first, running_run(necessity, first))
        who = f"by another process (pid {first.pid} on {socket.gethostname()})"
        for command in (("study", file), ("study", folder, "--stage", "loci")):
            refused = creme(*command)
            assert refused.returncode == 2, command
            assert who in refused.stderr
        refused = creme("resume", necessity)
        assert refused.returncode == 2
        assert "is a stage of" in refused.stderr
        assert first.poll() is None
        for reading in (
            ("study", folder, "--status"),
            ("study", file, "--plan", "--seconds-per-prediction", 0.01),
            ("results", folder / "stages" / "context_dependence"),
        ):
            shown = creme(*reading)
            assert shown.returncode == 0, (reading, shown.stderr)
        assert StudyResults(folder).stages["necessity"]["state"] == "running"
        assert len(StudyResults(folder).dataset("context_dependence")["locus"]) == 3
    finally:
        end(first)
    assert StudyResults(folder).stages["necessity"]["state"] == "interrupted"
    second = start("study", folder)
    try:
        until(second, running_run(necessity, second))
    finally:
        second.send_signal(signal.SIGINT)
        out, err = second.communicate(timeout=600)
    assert second.returncode == 130, (out, err)
    assert not (folder / ".study.json.lock").exists()
    assert not (necessity / ".run.json.lock").exists()


def test_nothing_is_made_in_a_folder_of_others(tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    for path in (tmp_path, tmp_path / "thesis.tex"):
        with pytest.raises(ResultsError, match="is not a results directory"), Results(path).held():
            pass
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.tex"]
