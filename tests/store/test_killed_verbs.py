"""SIGKILL of a compaction and of a merge, at any moment: nothing is lost, wrong or left behind.

``CREME_FAULTS`` is the number of kills of each; few unless it is given.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from creme.store import Store
from creme.store.compact import compact
from creme.store.merge import merge
from creme.store.verify import verify
from creme.testing.stores import SHAPE, digest, fill, forget, rows

KILLS = int(os.environ.get("CREME_FAULTS", "4"))
MODEL = "ab" * 32


def killed_after(seconds: float, work: Callable[..., None], *args: object) -> bool:
    """Whether a process was killed before its end."""
    job = multiprocessing.get_context("fork").Process(target=work, args=args)
    job.start()
    time.sleep(seconds)
    assert job.pid
    os.kill(job.pid, signal.SIGKILL)
    job.join()
    return job.exitcode != 0


def moments(seed: int) -> list[float]:
    """Shares of the time that the work takes when it is not killed, one in each part of it."""
    within = np.random.Generator(np.random.Philox(seed)).uniform(0.0, 1.0, KILLS)
    return ((np.arange(KILLS) + within) / KILLS).tolist()


def seconds(work: Callable[..., None], *args: object) -> float:
    """How long the work takes in a process of its own."""
    job = multiprocessing.get_context("fork").Process(target=work, args=args)
    began = time.monotonic()
    job.start()
    job.join()
    assert job.exitcode == 0
    return time.monotonic() - began


def holds(path: Path, numbers: range, url: str | None = None) -> None:
    with Store(path, index_url=url) as store:
        source = store.source(MODEL, SHAPE)
        values = store.read(source, [digest(n) for n in numbers])
        assert len(values) == len(numbers)
        assert all(np.array_equal(values[digest(n)], rows([n])[0]) for n in numbers)
        assert store.count() == len(numbers)


def _compact(path: Path, url: str | None) -> None:
    with Store(path, index_url=url) as store:
        compact(store, grace=0)


def test_a_compaction_is_killed(tmp_path, monkeypatch, index):
    # Many small shards, so that a kill falls between any two steps.
    monkeypatch.setattr("creme.store.packed.SHARD_ROWS", 20)
    monkeypatch.setattr("creme.store.store._MAX_CHUNK_ROWS", 4)
    path = tmp_path / "s"
    stored = killed = 0
    for share in (None, *moments(11)):
        with Store(path, index_url=index) as store:
            fill(store, range(stored, stored + 60), 3)
        stored += 60
        if share is None:
            whole = seconds(_compact, path, index)
        else:
            killed += killed_after(share * whole, _compact, path, index)
        holds(path, range(stored), index)
    assert killed
    with Store(path, index_url=index) as store:
        compact(store, grace=0)
        findings = verify(store, grace=0)
        assert findings.predictions == stored
        assert not findings.damage
        assert not findings.orphans
        assert not findings.temporary
        shards = list((path / "predictions.zarr").glob("*-packed/c.*"))
        # Whole chunks of up to 3 rows in shards of 20.
        assert len(shards) <= stored / 18 + 1
    holds(path, range(stored), index)


def _merge(path: Path, others: list[Path]) -> None:
    with Store(path) as into:
        for other in others:
            with Store(other) as store:
                merge(into, store)


def test_a_merge_is_killed(tmp_path):
    others = [tmp_path / "a", tmp_path / "b"]
    for k, other in enumerate(others):
        with Store(other) as store:
            fill(store, range(100 * k, 100 * k + 140), 3)
            if k:
                compact(store, grace=0)
    killed = 0
    whole = seconds(_merge, tmp_path / "into", others)
    for round_, share in enumerate(moments(12)):
        path = tmp_path / f"into-{round_}"
        killed += killed_after(share * whole, _merge, path, others)
        _merge(path, others)
        holds(path, range(240))
        with Store(path) as store:
            assert not verify(store, grace=0).damage
    assert killed
    for k, other in enumerate(others):
        holds(other, range(100 * k, 100 * k + 140))


def _reads(path: Path, stop: Path, results: multiprocessing.Queue) -> None:
    wrong = reads = 0
    with Store(path) as store:
        source = store.source(MODEL, SHAPE)
        while not stop.exists():
            forget(store)
            values = store.read(source, [digest(n) for n in range(100)])
            wrong += 100 - sum(
                digest(n) in values and np.array_equal(values[digest(n)], rows([n])[0])
                for n in range(100)
            )
            reads += 1
    results.put((reads, wrong))


def test_another_process_reads_through_compactions(tmp_path):
    """The old files go at once: it has to look its chunks up again."""
    path, stop = tmp_path / "s", tmp_path / "stop"
    with Store(path) as store:
        fill(store, range(100), 3)
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    job = context.Process(target=_reads, args=(path, stop, results))
    job.start()
    end = time.monotonic() + 2.5
    stored = 100
    while time.monotonic() < end:
        with Store(path) as store:
            fill(store, range(stored, stored + 30), 3)
            stored += 30
            compact(store, grace=0)
    stop.touch()
    reads, wrong = results.get(timeout=60)
    job.join()
    assert reads > 3
    assert wrong == 0
    holds(path, range(stored))
