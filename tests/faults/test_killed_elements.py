"""SIGKILL of compatibility, interactions and design: the same results, nothing paid for twice."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import xarray as xr

from creme.runner.plan import Plan, prepare
from creme.runner.report import Report
from creme.runner.run import measure
from creme.sequence import Sequence
from creme.store import Store
from creme.suite.compatibility import Compatibility
from creme.suite.design import Design
from creme.suite.interactions import Interactions
from creme.test import Test
from faulty import FORK, HANG, digests, random, stored_twice, tries
from toy import Toy, toy_loci

LOCI = toy_loci(5)


def pairs() -> Test:
    tiles = {"locus0": [(1500, 1700), (0, 200)], "locus2": [(300, 450)]}
    return Compatibility(tile=200, seed=2, tiles=tiles, promoters=["locus0", "locus1", "locus2"])


def network() -> Test:
    return Interactions(tile=400, replicates=3, seed=2, strongest=4, combine="all")


def search() -> Test:
    return Design(
        length=50, tile=200, distance=-300, rounds=3, candidates=6, beam=2, replicates=2, choose=2,
        finalists=3, designs=2, seed=3,
    )  # fmt: skip


class Mortal(Toy):
    """Writes down what it predicts, and dies once it has predicted so many sequences."""

    def __init__(self, log: Path, dies_after: int | None = None) -> None:
        super().__init__()
        self.__dict__.update(log=log, dies_after=dies_after, seen=0)

    def predict(self, onehot: Any) -> Any:
        with self.__dict__["log"].open("ab", buffering=0) as log:
            for one in onehot:
                log.write(Sequence(one.argmax(axis=1).astype("uint8")).digest)
                self.__dict__["seen"] += 1
                if self.__dict__["seen"] == self.__dict__["dies_after"]:
                    os.kill(os.getpid(), signal.SIGKILL)
        return super().predict(onehot)


def plan_of(make: Callable[[], Test], model: Toy) -> Plan:
    test = make()
    return prepare([test], model, LOCI if isinstance(test, Compatibility) else LOCI[:2])


def run(make: Callable[[], Test], model: Toy, path: Path) -> Report:
    with Store(path) as store:
        return measure(plan_of(make, model), store)


def predicted(log: Path) -> list[bytes]:
    content = log.read_bytes() if log.exists() else b""
    return [content[k : k + 32] for k in range(0, len(content), 32)]


@pytest.mark.parametrize("make", [pairs, network, search])
def test_killed_and_resumed(make, tmp_path, monkeypatch):
    # What is compared with the store is predicted again on purpose.
    monkeypatch.setenv("CREME_COMPARE_STORED", "off")
    # To a slow model, whose batches are stored one by one, a second is nothing.
    clock = count(0.0, 2.0)
    monkeypatch.setattr("creme.runner.write_buffer.monotonic", lambda: next(clock))
    whole = run(make, Mortal(tmp_path / "whole"), tmp_path / "uninterrupted")
    total, moments = whole.progress.predicted, random(f"kill-{make.__name__}")
    path, log = tmp_path / "store", tmp_path / "log"
    kills, left = 0, 0
    for _ in range(tries(1, 12)):
        with Store(path) as store:
            before = set(digests(store))
        rest = total - len(before)
        if rest < 2:
            break
        log.unlink(missing_ok=True)
        # In the second half of what is left, so that there is something to resume.
        after = (
            int(moments.integers(rest // 2, rest)) if kills == 0 else int(moments.integers(1, rest))
        )
        job = FORK.Process(target=run, args=(make, Mortal(log, after), path))
        job.start()
        job.join(HANG)
        assert job.exitcode == -signal.SIGKILL
        kills += 1
        assert not before & set(predicted(log))
        with Store(path) as store:
            left = len(digests(store))
            assert before <= set(digests(store))
            assert stored_twice(store) == 0
    assert kills
    assert 0 < left < total
    log.unlink()
    again = run(make, Mortal(log), path)
    assert again.progress.predicted == len(predicted(log)) == total - left
    name = make().name
    resumed = again.datasets[name]
    del resumed.attrs["compared_with_store"]  # says that nothing was
    xr.testing.assert_identical(resumed, whole.datasets[name])
    with Store(path) as store:
        assert stored_twice(store) == 0
        assert len(digests(store)) == total
