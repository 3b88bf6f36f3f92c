"""The log of an index is written back while it grows, and costs nothing that was committed."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import shutil
import signal
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import numpy as np

from creme.store import Store, checkpoints

SHAPE = (1, 1)
BATCH = 256


def digests(start: int) -> list[bytes]:
    return [hashlib.sha256(str(k).encode()).digest() for k in range(start, start + BATCH)]


def add(store: Store, batches: int, first: int = 0) -> None:
    source = store.source("ab" * 32, SHAPE)
    for start in range(first * BATCH, (first + batches) * BATCH, BATCH):
        values = np.arange(start, start + BATCH, dtype=np.float32).reshape(-1, 1, 1)
        store.write(source, digests(start), values)


def rows_of_the_file(path: Path, to: Path) -> int:
    """Rows that stand in the index without its log."""
    shutil.copy(path / "index.sqlite", to)
    with closing(sqlite3.connect(to)) as index:
        return int(index.execute("SELECT count(*) FROM predictions").fetchone()[0])


def test_the_log_is_written_back_while_rows_are_added(tmp_path):
    with Store(tmp_path / "s") as store:
        add(store, 8)  # as many as begin one
        store._checkpoints.close()
        assert rows_of_the_file(store.path, tmp_path / "alone") == 8 * BATCH
        assert store.count() == 8 * BATCH


def test_the_log_is_bounded_without_it(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "_ROWS", 10**9)
    Store(tmp_path / "s").close()  # its tables are written back
    with Store(tmp_path / "s") as store:
        add(store, 20)
        assert rows_of_the_file(store.path, tmp_path / "alone") == 0
        with store._engine.begin() as connection:
            bound = connection.exec_driver_sql("PRAGMA wal_autocheckpoint").scalar_one()
            connection.exec_driver_sql("PRAGMA wal_autocheckpoint = 500")
        log = store.path / "index.sqlite-wal"
        before = log.stat().st_size
        add(store, 60, first=20)
        assert bound * 4096 == 2**26
        # It grew by a commit at most, and was written over from its beginning.
        assert log.stat().st_size < before + 500 * 4096
        assert rows_of_the_file(store.path, tmp_path / "alone") > 20 * BATCH


def test_no_thread_remains_and_a_closed_store_may_be_used(tmp_path):
    store = Store(tmp_path / "s")
    for _ in range(2):
        add(store, 17)
        store.close()
        assert not [t for t in threading.enumerate() if t.name == "creme-checkpoint"]
        assert store.count() == 17 * BATCH
    store.close()


def test_a_write_is_whole_where_no_thread_can_be_started(tmp_path, monkeypatch):
    def refused(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refused)
    with Store(tmp_path / "s") as store:
        add(store, 17)
        assert store.count() == 17 * BATCH


def _endless(path: Path, ready: Path) -> None:
    store = Store(path)
    add(store, 8)
    ready.touch()
    add(store, 10_000)


def test_killed_while_the_log_is_written_back(tmp_path):
    context = multiprocessing.get_context("spawn")
    moments = np.random.Generator(np.random.Philox(5)).uniform(0.0, 0.8, 6)
    for round_, moment in enumerate(moments):
        path, ready = tmp_path / str(round_), tmp_path / f"{round_}.ready"
        job = context.Process(target=_endless, args=(path, ready))
        job.start()
        while not ready.exists():
            time.sleep(0.01)
        time.sleep(moment)
        assert job.pid
        os.kill(job.pid, signal.SIGKILL)
        job.join()
        with closing(sqlite3.connect(path / "index.sqlite")) as index:
            assert index.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        with Store(path) as store:
            n = store.count()
            assert n >= 8 * BATCH
            assert n % BATCH == 0
            source = store.source("ab" * 32, SHAPE)
            for start in range(0, n + BATCH, BATCH):
                found = store.read(source, digests(start))
                assert len(found) == (BATCH if start < n else 0)
                assert [float(found[d][0, 0]) for d in digests(start) if d in found] == list(
                    range(start, min(start + BATCH, n))
                )
