"""Ctrl-C in the moments in which Python drops it: in a weak reference's callback."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest

import mini_study as mini
from command import CREME
from creme.cli.stores import shown_progress
from creme.interrupts import remembered, stop_if_pressed

HANG = 600

TEST = '''\
"""A test whose making is interrupted."""

import signal
import weakref

from creme.suite.necessity import Necessity


class Part:
    """Something that goes."""


def press(reference=None):
    signal.raise_signal(signal.SIGINT)


class Pressed(Necessity):
    name = "pressed"


part = Part()
reference = weakref.ref(part, press)
del part
print("went on", flush=True)
'''

EXPERIMENT = """\
name = "pressed"
seed = 1
store = "predictions"

[model]
plugin = "synthetic"
length = 12288
bins = "tss"

[loci]
fasta = "genome.fa"
gtf = "annotation.gtf"

[[tests]]
name = "python"
object = "mine.py:Pressed"
tile = 1000
"""


def ran(folder: Path, more: str = "") -> subprocess.CompletedProcess[str]:
    """A run whose test does more after a Ctrl-C that was dropped."""
    mini.write(folder, genes=1)
    (folder / "mine.py").write_text(TEST + more)
    (folder / "pressed.toml").write_text(EXPERIMENT)
    done = subprocess.run(
        [*CREME, "run", str(folder / "pressed.toml")],
        env={**os.environ, "CREME_STATE_DIR": str(folder / "state")},
        capture_output=True,
        text=True,
        timeout=HANG,
        check=False,
    )
    assert "went on" in done.stdout, done.stderr
    assert "Exception ignored in" in done.stderr  # it was dropped
    return done


def test_a_run_stops_before_its_first_batch(tmp_path):
    done = ran(tmp_path)
    assert done.returncode == 130, done.stderr
    state = json.loads((tmp_path / "pressed.results" / "run.json").read_text())
    assert state["state"] == "interrupted"
    assert "counts" not in state  # there was no batch


def test_who_imports_the_package_gets_no_handler():
    code = "import signal, creme, creme.cli, creme.interrupts, creme.runner.progress_bar\n"
    check = "assert signal.getsignal(signal.SIGINT) is signal.default_int_handler"
    subprocess.run([sys.executable, "-c", code + check], check=True, timeout=HANG)


def test_a_second_press_stops_at_once(tmp_path):
    done = ran(tmp_path, more="press()\nraise ValueError('not at once')\n")
    assert done.returncode == 130, done.stderr
    assert "not at once" not in done.stderr
    assert not (tmp_path / "pressed.results").exists()


@pytest.mark.parametrize("kind", ["SIGINT", "SIGTERM"])
def test_stopped_while_the_program_is_imported(kind):
    """A sentence, and the status of what is to go on: batch systems send SIGTERM at any moment."""
    before = (
        "import signal, sys\n"
        "class Press:\n"
        "    def find_spec(self, name, *_):\n"
        f"        name == 'creme.cli.app' and signal.raise_signal(signal.{kind})\n"
        "sys.meta_path.insert(0, Press())\n"
    )
    program = [*CREME[:2], before + CREME[2]]
    done = subprocess.run(
        [*program, "plugins"], capture_output=True, text=True, timeout=HANG, check=False
    )
    assert (done.returncode, done.stderr) == (130, "Stopped.\n")


def pressed_and_dropped() -> None:
    class Pressing:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGINT)

    Pressing()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_press_is_remembered_to_the_next_step_and_no_longer():
    with remembered():
        stop_if_pressed()
        pressed_and_dropped()
        with shown_progress("verified") as counted, pytest.raises(KeyboardInterrupt):
            counted(1, 2)
    stop_if_pressed()
    with suppress(KeyboardInterrupt), remembered():
        pressed_and_dropped()
        stop_if_pressed()
        raise AssertionError
    stop_if_pressed()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_another_handler_stays_and_so_does_another_thread_s():
    seen = []

    def inside() -> None:
        with remembered():
            seen.append(signal.getsignal(signal.SIGINT))
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    kinds = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(kind, signal.SIG_IGN) for kind in kinds]
    try:
        inside()
    finally:
        for kind, usual in zip(kinds, before, strict=True):
            signal.signal(kind, usual)
    assert seen == [signal.default_int_handler, signal.SIG_DFL, signal.SIG_IGN, signal.SIG_IGN]
