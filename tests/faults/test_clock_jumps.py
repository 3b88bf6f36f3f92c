"""Clocks that jump, or are another host's: locks hold, files that are in use stay."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from command import CREME
from creme.results.directory import Results
from creme.store import Store, store_lock
from creme.store.compact import compact
from creme.store.prune import Choice, prune
from creme.store.store_lock import StoreLock, holder, lock_of
from creme.store.verify import verify
from creme.testing.stores import SHAPE, digest, fill, forget, rows
from faulty import FORK, LONG, MODEL, Case, all_values, case, ending, met, tries
from small import text

JUMPS = (3600.0, -3600.0, 86_400.0, -86_400.0)
"""Seconds."""

_CLOCK = time.time


def jump(seconds: float) -> None:
    """Let the clock of this process show another time from now on."""
    time.time = lambda: _CLOCK() + seconds


def _keeps(index: Path, seconds: float, ready: Any, enough: Any) -> None:
    lock = StoreLock(index, "lustre")
    ready.set()
    jump(seconds)
    enough.wait(600)
    lock.check()
    lock.release()


def _wants(index: Path, seconds: float) -> None:
    jump(seconds)
    StoreLock(index, "lustre").release()


def test_a_store_for_one_process(tmp_path, monkeypatch):
    """Neither a jump of the holder's clock nor of another's gives it to two."""
    monkeypatch.setattr(store_lock, "BEAT", 0.2)
    monkeypatch.setattr(store_lock, "TAKEOVER", 20.0)
    index = tmp_path / "index.sqlite"
    with case("clock-lock") as cost:
        for seconds in JUMPS:
            ready, enough = FORK.Event(), FORK.Event()
            job = FORK.Process(target=_keeps, args=(index, seconds, ready, enough))
            job.start()
            assert ready.wait(60)
            for other in (0.0, seconds, -seconds):
                cost.tries += 1
                assert met(cost, ending(_wants, index, other))
                owner = holder(lock_of(index))
                assert owner is not None
                assert owner.pid == job.pid
            enough.set()
            job.join()
            assert job.exitcode == 0
            assert not lock_of(index).exists()
            # Who is gone is no hindrance, whatever the clock shows.
            assert ending(_wants, index, seconds).well


def _written(path: Path, begun: Any, enough: Any) -> None:
    """Write a chunk, whose line is committed when that is asked for."""
    with Store(path) as store:
        write, waits = store.arrays.write, True

        def slow(*arguments: Any) -> None:
            nonlocal waits
            write(*arguments)
            if waits:
                waits = False
                begun.set()
                enough.wait(600)

        store.arrays.write = slow  # type: ignore[method-assign,assignment]
        fill(store, range(100, 107))


def _verbs(path: Path, seconds: float) -> None:
    jump(seconds)
    with Store(path) as store:
        compact(store)
        verify(store, repair=True)
        prune(store, Choice(before=time.time() - 30 * 86_400), delete=True)


def _reads(path: Path, looked_up: Any, enough: Any) -> None:
    """Read what was looked up before the files were moved."""
    with Store(path) as store:
        source = store.source(MODEL, SHAPE)
        whole = store.reader._whole

        def slow(*arguments: Any) -> Any:
            looked_up.set()
            enough.wait(600)
            return whole(*arguments)

        store.reader._whole = slow  # type: ignore[method-assign,assignment]
        there = store.read(source, map(digest, range(100)))
        assert len(there) == 100
        assert all(np.array_equal(there[digest(n)], rows([n])[0]) for n in range(100))


def test_verbs_beside_a_writer_and_a_reader(tmp_path):
    """A grace period that is over by a wrong clock costs nobody a row."""
    with case("clock-verbs") as cost:
        for seconds in JUMPS[: tries(1, 4)]:
            _beside(cost, tmp_path / str(seconds), seconds)


def _beside(cost: Case, path: Path, seconds: float) -> None:
    with Store(path) as store:
        fill(store, range(100), 3)
    events = [FORK.Event() for _ in range(4)]
    writer = FORK.Process(target=_written, args=(path, events[0], events[1]))
    reader = FORK.Process(target=_reads, args=(path, events[2], events[3]))
    for job, ready in ((writer, events[0]), (reader, events[2])):
        job.start()
        assert ready.wait(60)
    cost.tries += 1
    met(cost, ending(_verbs, path, seconds))
    met(cost, ending(_verbs, path, 2 * seconds))
    events[1].set()
    events[3].set()
    for job in (writer, reader):
        job.join()
        assert job.exitcode == 0
    with Store(path) as store:
        forget(store)
        cost.holds(store, range(107))
        cost.once(store)


JUMPING = """
import sys, threading, time
clock, began = time.time, time.monotonic()
def jumping():
    # To and fro, by a day, a few times a second.
    return clock() + 86_400 * (int(5 * (time.monotonic() - began)) % 3 - 1)
time.time = jumping
from creme.cli import main
main()
"""


@pytest.mark.skipif(not LONG, reason="two whole runs: make test-faults")
def test_a_run(genome, tmp_path):
    files = {}
    with case("clock-run") as cost:
        for name, command in (("quiet", CREME), ("jumping", [sys.executable, "-c", JUMPING])):
            folder = tmp_path / name
            folder.mkdir()
            files[name] = folder / "small.toml"
            files[name].write_text(text(genome))
            done = subprocess.run(
                [*command, "run", str(files[name])], capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stderr
        cost.tries += 1
        expected, there = (all_values(files[name].parent / "predictions") for name in files)
        cost.rows += len(there)
        cost.lost += len(expected.keys() - there.keys())
        cost.wrong += sum(not np.array_equal(row, expected[key]) for key, row in there.items())
        whole, other = (Results.existing(files[name].parent / "small.results") for name in files)
        cost.wrong += sum(
            not other.load(label).identical(whole.load(label)) for label in whole.labels()
        )
        with Store(tmp_path / "jumping" / "predictions") as store:
            cost.once(store)
