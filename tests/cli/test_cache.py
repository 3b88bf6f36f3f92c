"""The commands of the store: ``creme cache``."""

from __future__ import annotations

import json
import multiprocessing
import time
from pathlib import Path

import numpy as np
import pytest

import in_process
import mini_study
from creme.store import Store
from creme.testing.stores import SHAPE, digest, fill, rows

MODEL = "ab" * 32


@pytest.fixture
def creme(monkeypatch, capsys):
    return in_process.caller(monkeypatch, capsys)


@pytest.fixture
def path(tmp_path):
    with Store(tmp_path / "s", origin="k562") as store:
        fill(store, range(140))
    return tmp_path / "s"


def files(path: Path) -> int:
    return sum(path.is_file() for path in path.rglob("c*0"))


def test_info_compact_and_verify(creme, path):
    assert "mab" in creme("cache", "info", path)
    printed = creme("cache", "compact", path)
    assert "140 predictions of 20 chunks are in 1 new files" in printed
    assert "those of 20 stay for 10 minutes" in printed
    assert "the old files of 20 were deleted" in creme("cache", "compact", path, "--grace", 0)
    assert "140 predictions in 20 chunks are whole" in creme("cache", "verify", path)
    (shard,) = path.rglob("*-packed/c.*")
    shard.write_bytes(b"damaged")
    printed = creme("cache", "verify", path, status=1)
    assert "20 chunks are missing or damaged: --repair takes them out" in printed
    assert "taken out" in creme("cache", "verify", path, "--repair")
    assert "0 predictions in 0 chunks are whole" in creme("cache", "verify", path)


def test_prune_says_before_it_does(creme, path):
    for option in (["--model", "mab"], ["--experiment", "k562"], ["--older-than", 0]):
        time.sleep(0 if option[0] != "--older-than" else 1.1)
        printed = creme("cache", "prune", path, *option)
        assert "140" in printed
        assert "nothing was changed: --delete deletes them" in printed
    assert "nothing of that is stored" in creme("cache", "prune", path, "--older-than", 1)
    assert "say what to prune" in creme("cache", "prune", path, status=2)
    assert "deleted" in creme("cache", "prune", path, "--model", "mab", "--delete", "--grace", 0)
    assert files(path) == 0


def test_merge_says_conflicts(creme, path, tmp_path):
    with Store(tmp_path / "b") as store:
        source = fill(store, range(100, 200))
        store.write(source, [digest(1)], rows([2]))
    printed = creme("cache", "merge", path, "--into", tmp_path / "c")
    assert "140 added, 0 were there" in printed
    printed = creme("cache", "merge", tmp_path / "b", "--into", tmp_path / "c", status=1)
    assert "60 added, 40 were there" in printed
    assert "1 CONFLICTS" in printed
    assert digest(1).hex()[:16] in printed
    printed = creme("cache", "merge", path, "--into", path, status=2)
    assert "merged into itself" in printed
    assert "there is no store" in creme("cache", "merge", "x", "--into", tmp_path / "c", status=2)
    assert not (tmp_path / "x").exists()


def test_what_a_merge_refuses_to_go_into(creme, path, tmp_path):
    """It makes nothing of it, and nothing for stores that are not there."""
    mini_study.write(tmp_path)
    study = mini_study.study(tmp_path)
    printed = creme("cache", "merge", path, "--into", study, status=2)
    assert "is a study file" in printed
    assert "a store or an experiment file" in printed
    absent = tmp_path / "absent.toml"
    printed = creme("cache", "merge", path, "--into", absent, status=2)
    assert "there is no experiment file" in printed
    creme("cache", "merge", tmp_path / "nothing", "--into", tmp_path / "new", status=2)
    assert not absent.exists()
    assert not (tmp_path / "new").exists()


def test_export_of_one_model(creme, path, tmp_path):
    with Store(path) as store:
        fill(store, range(5), model="cd" * 32)
    printed = creme("cache", "export", path, "--to", tmp_path / "x.zarr", status=2)
    assert "say how the fingerprint begins: --model" in printed
    printed = creme("cache", "export", path, "--to", tmp_path / "x.zarr", "--model", "cd")
    assert "Wrote 5 predictions" in printed
    assert "nothing of a model 'x'" in creme(
        "cache", "export", path, "--to", tmp_path / "y.zarr", "--model", "x", status=2
    )


def test_seal_and_its_undoing(creme, path, tmp_path):
    assert "is sealed" in creme("cache", "seal", path)
    assert "mab" in creme("cache", "info", path)
    assert sorted(entry.name for entry in path.glob("index*")) == ["index.sqlite"]
    assert "is sealed" in creme("cache", "compact", path, status=2)
    assert "140 added" in creme("cache", "merge", path, "--into", tmp_path / "c")
    assert "can be added to again" in creme("cache", "seal", path, "--undo")
    creme("cache", "compact", path)


def test_an_experiments_file_names_its_store(creme, experiment):
    file = experiment()
    assert "there is no store" in creme("cache", "info", file, status=2)
    creme("run", file)
    assert "synthetic" in creme("cache", "info", file)
    assert "nothing was changed" in creme("cache", "prune", file, "--experiment", "small")


def _holds(path: Path, ready: Path) -> None:
    # A process that was forked has the file system of its test.
    with Store(path) as store:
        fill(store, range(200, 210))
        ready.touch()
        time.sleep(600)


def test_one_process_at_a_time_where_several_hosts_may_be(creme, path, tmp_path, monkeypatch):
    """On a file system of several hosts; killed, its lock is taken over at once on its own host."""
    monkeypatch.setattr("creme.store.opening.shared_between_hosts", lambda path: "lustre")
    assert "was not locked" in creme("cache", "unlock", path)
    job = multiprocessing.get_context("fork").Process(target=_holds, args=(path, tmp_path / "r"))
    job.start()
    while not (tmp_path / "r").exists():
        time.sleep(0.01)
    printed = creme("cache", "info", path, status=2)
    assert f"is open in process {job.pid} on " in printed
    assert "one process at a time" in printed
    assert "PostgreSQL" in printed
    assert "is running: end it first" in creme("cache", "unlock", path, status=2)
    job.kill()
    job.join()
    assert "mab" in creme("cache", "info", path)
    with Store(path) as store:
        source = store.source(MODEL, SHAPE)
        held = store.read(source, [digest(n) for n in (3, 205)])
        assert np.array_equal(held[digest(205)], rows([205])[0])
        with store.index.engine.connect() as connection:
            mode = connection.exec_driver_sql("PRAGMA locking_mode").scalar_one()
            journal = connection.exec_driver_sql("PRAGMA journal_mode").scalar_one()
        assert (mode, journal) == ("exclusive", "wal")
        assert not (path / "index.sqlite-shm").exists()
    assert not (path / "index.sqlite.lock").exists()


def test_the_lock_of_another_host_is_taken_away(creme, path, monkeypatch):
    monkeypatch.setattr("creme.store.opening.shared_between_hosts", lambda path: "gpfs")
    lock = path / "index.sqlite.lock"
    record = {"host": "node7", "pid": 12, "started": "3", "token": "ab"}
    lock.write_text(json.dumps(record))
    printed = creme("cache", "info", path, status=2)
    assert "is open in process 12 on node7" in printed
    assert f"creme cache unlock {path}" in printed
    assert "the lock of process 12 on node7 was taken away" in creme("cache", "unlock", path)
    assert not lock.exists()
    assert "mab" in creme("cache", "info", path)
    assert not lock.exists()
