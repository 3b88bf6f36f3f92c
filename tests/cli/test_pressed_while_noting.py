"""Ctrl-C and SIGTERM in the moment in which a run notes how far it is."""

from __future__ import annotations

import json
import signal
import subprocess

import pytest

import mini_study as mini
from command import CREME
from creme.interrupts import held_back
from small import text

HANG = 600

PRESS = """\
import signal, sys
import creme.results.state as state
writes, write_text = int(sys.argv.pop()), state.write_text

def write_and_press(*file):
    global writes
    write_text(*file)
    writes -= 1
    if not writes:
        print("pressed", file=sys.stderr)
        signal.raise_signal(signal.SIGTERM)

state.write_text = write_and_press
"""
"""The signal comes when a state was written for the n-th time: the last argument."""

STATUS = {"new": 130, "waiting": 130, "interrupted": 130, "finished": 0}
"""Of a command, by the states that it may leave; a run that was about to end ends."""


def pressed(writes: int, *arguments: object) -> subprocess.CompletedProcess[str]:
    program = [*CREME[:2], PRESS + CREME[2]]
    return subprocess.run(
        [*program, *map(str, arguments), str(writes)],
        capture_output=True,
        text=True,
        timeout=HANG,
        check=False,
    )


def test_a_run_is_never_left_running(genome, tmp_path):
    """Its first write claims the directory, the second says that it runs, the last how it ended."""
    states = []
    for writes in range(1, 20):
        folder = tmp_path / str(writes)
        folder.mkdir()
        (folder / "small.toml").write_text(text(genome))
        done = pressed(writes, "run", folder / "small.toml")
        assert "Traceback" not in done.stderr
        state = json.loads((folder / "small.results" / "run.json").read_text())["state"]
        assert done.returncode == STATUS[state], done.stderr
        if state != "finished":
            assert "Stopped before the end. To continue: creme resume" in done.stdout
        if "pressed" not in done.stderr:  # it wrote fewer times
            break
        states.append(state)
    assert states[:2] == ["new", "interrupted"]
    assert len(states) >= 4


def test_a_study_s_stage_is_never_left_running(tmp_path):
    mini.write(tmp_path, genes=2)
    study = mini.study(tmp_path)
    states = set()
    for writes in range(1, 60):
        done = pressed(writes, "study", study, "--stage", "loci")
        assert "Traceback" not in done.stderr
        file = tmp_path / "mini.study" / "study.json"
        stages = json.loads(file.read_text()).get("stages", {})
        state = stages.get("loci", {}).get("state", "waiting")
        # A finished stage may be the last that a stopped study has come to.
        assert state in STATUS
        assert done.returncode in {STATUS[state], 130}, done.stderr
        if done.returncode:
            assert "To continue: creme study" in done.stdout
        if "pressed" not in done.stderr:
            break
        states.add(state)
    assert {"waiting", "interrupted"} <= states


def test_signals_wait_for_the_end_of_a_write():
    kinds = signal.SIGTERM, signal.SIGINT
    before = [signal.getsignal(kind) for kind in kinds]
    written = []

    def write(mistake: Exception | None) -> None:
        with held_back():
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
            written.append(1)
            if mistake is not None:
                raise mistake

    for mistake in (None, ValueError("while it was written")):
        with pytest.raises(KeyboardInterrupt):
            write(mistake)
    assert written == [1, 1]
    assert [signal.getsignal(kind) for kind in kinds] == before
