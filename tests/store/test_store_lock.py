"""A lock file gives an index to one process, and to another one when that is gone."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
from sqlalchemy.pool import QueuePool

from creme.errors import StoreError
from creme.store import Store, store_lock
from creme.store.seal import seal
from creme.store.store_lock import Holder, StoreLock, holder, lock_of
from creme.testing.stores import fill


@pytest.fixture
def index(tmp_path):
    return tmp_path / "index.sqlite"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(store_lock, "BEAT", 0.05)
    monkeypatch.setattr(store_lock, "TAKEOVER", 2.0)


def _holds(index: Path) -> None:
    StoreLock(index, "lustre")
    time.sleep(600)


def started(index: Path) -> multiprocessing.process.BaseProcess:
    job = multiprocessing.get_context("fork").Process(target=_holds, args=(index,))
    job.start()
    while holder(lock_of(index)) is None:
        time.sleep(0.01)
    return job


def test_one_process_at_a_time_and_the_next_when_it_is_killed(index):
    job = started(index)
    with pytest.raises(StoreError, match=rf"process {job.pid} on .*lustre.*unlock.*PostgreSQL"):
        StoreLock(index, "lustre")
    assert job.pid
    os.kill(job.pid, signal.SIGKILL)
    job.join()
    lock = StoreLock(index, "lustre")
    with pytest.raises(StoreError, match="in this process already"):
        StoreLock(index, "lustre")
    lock.release()
    assert list(index.parent.iterdir()) == []


def of_another_host(index: Path, silent: float) -> Holder:
    """A lock file of another host, whose last sign of life is some seconds ago."""
    other = Holder("node7", 12, "345", "ab" * 8)
    lock_of(index).write_text(json.dumps(vars(other)))
    then = time.time() - silent
    os.utime(lock_of(index), (then, then))
    return other


def test_another_host_is_waited_for_and_then_taken_over(index):
    of_another_host(index, silent=1)
    with pytest.raises(StoreError, match="process 12 on node7"):
        StoreLock(index, "gpfs")
    of_another_host(index, silent=3)
    StoreLock(index, "gpfs").release()


def test_another_host_whose_clock_is_behind_is_not_taken_over(index, monkeypatch):
    """Its signs of life seem old, and still come."""
    monkeypatch.setattr(store_lock, "BEAT", 0.5)
    of_another_host(index, silent=3)
    beats = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import os, sys, time\n"
            "while True:\n"
            "    os.utime(sys.argv[1], (time.time() - 3,) * 2); time.sleep(0.01)",
            str(lock_of(index)),
        ]
    )
    try:
        first = lock_of(index).stat().st_mtime
        while lock_of(index).stat().st_mtime == first:
            time.sleep(0.01)
        with pytest.raises(StoreError, match="node7"):
            StoreLock(index, "gpfs")
    finally:
        beats.kill()
        beats.wait()


def test_who_was_taken_over_writes_no_more(index):
    lock = StoreLock(index, "gpfs")
    lock.check()
    other = of_another_host(index, silent=0)
    time.sleep(0.3)
    with pytest.raises(StoreError, match="no longer this process's"):
        lock.check()
    lock.release()
    assert holder(lock_of(index)) == other


def _tries(index: Path, results: multiprocessing.Queue, all_tried: Barrier) -> None:
    try:
        lock = StoreLock(index, "gpfs")
    except StoreError:
        all_tried.wait(120)
        results.put(False)
        return
    # Whoever lets go of it before the last one has tried leaves it to that one.
    all_tried.wait(120)
    try:
        lock.check()
        results.put(True)
    except StoreError:
        results.put(False)


@pytest.mark.parametrize("silent", [None, 3])
def test_of_several_at_once_one_has_it(index, silent):
    if silent:
        of_another_host(index, silent)
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    all_tried = context.Barrier(6)
    jobs = [context.Process(target=_tries, args=(index, results, all_tried)) for _ in range(6)]
    for job in jobs:
        job.start()
    assert sorted(results.get(timeout=120) for _ in jobs) == [False] * 5 + [True]
    for job in jobs:
        job.join()


def test_a_store_in_use_is_not_sealed(tmp_path, monkeypatch):
    monkeypatch.setattr(store_lock, "shared_between_hosts", lambda path: "gpfs")
    index = tmp_path / "s" / "index.sqlite"
    Store(tmp_path / "s").close()
    job = started(index)
    try:
        with pytest.raises(StoreError, match=rf"is open in process {job.pid}"):
            seal(tmp_path / "s")
    finally:
        job.kill()
        job.join()
    seal(tmp_path / "s")
    assert not lock_of(index).exists()
    with pytest.raises(StoreError, match="is sealed"):
        Store(tmp_path / "s")


def test_one_connection_and_no_thread_for_checkpoints(tmp_path, monkeypatch):
    monkeypatch.setattr("creme.store.opening.shared_between_hosts", lambda path: "gpfs")
    monkeypatch.setattr("creme.store.checkpoints._ROWS", 10)
    with Store(tmp_path / "s") as store:
        fill(store, range(200))
        assert store._checkpoints._running is None
        pool = store.index.engine.pool
        assert isinstance(pool, QueuePool)
        assert pool.size() == 1
        assert pool.overflow() <= 0
    for use in (store.count, lambda: fill(store, range(200, 210))):
        with pytest.raises(StoreError, match="no longer this process's"):
            use()


def test_the_folder_of_the_index_counts(tmp_path, monkeypatch):
    seen: list[Path] = []
    monkeypatch.setattr("creme.store.opening.shared_between_hosts", seen.append)
    (tmp_path / "elsewhere").mkdir()
    Store(tmp_path / "a").close()
    Store(tmp_path / "b", index_url=f"sqlite:///{tmp_path / 'elsewhere' / 'i.sqlite'}").close()
    assert seen == [tmp_path / "a", tmp_path / "elsewhere"]


def test_a_process_that_ends_without_closing_leaves_no_lock(index):
    code = (
        "import sys; from pathlib import Path; from creme.store.store_lock import StoreLock; "
        "lock = StoreLock(Path(sys.argv[1]), 'gpfs'); print(lock.path.exists())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(index)], capture_output=True, text=True, check=True
    )
    assert done.stdout == "True\n"
    assert not lock_of(index).exists()


@pytest.mark.parametrize(
    "text",
    [
        *("{", "[]", "[" * 5000, '{"pid": 1}'),
        '{"host": 1, "pid": "x", "started": "", "token": ""}',
        '{"host": "h", "pid": 99999999999999999999, "started": "", "token": ""}',
    ],
)
def test_a_damaged_lock_file_is_a_sentence(index, text):
    lock_of(index).write_text(text)
    with pytest.raises(StoreError, match=r"index.sqlite.lock is damaged: delete it"):
        StoreLock(index, "gpfs")
