"""Files of killed writers go, and those of living ones stay."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest
from stored import fill, held

from creme.errors import StoreError
from creme.results.directory import Results
from creme.store import Store
from creme.store.arrays import Arrays

FORK = multiprocessing.get_context("fork")


def aged(path: Path) -> Path:
    """As of an hour ago."""
    then = path.stat().st_mtime - 3600
    os.utime(path, (then, then))
    return path


def _dies(path: Path) -> None:
    """Dies after its chunk is durable, and before that is in the index."""
    write = Arrays.write

    def last(self, *arguments):
        write(self, *arguments)
        os.kill(os.getpid(), signal.SIGKILL)

    Arrays.write = last  # type: ignore[method-assign]
    with Store(path) as store:
        fill(store, range(10, 20))


def orphan(path: Path) -> Path:
    job = FORK.Process(target=_dies, args=(path,))
    job.start()
    job.join()
    assert job.exitcode == -signal.SIGKILL
    with Store(path) as store:
        assert held(store) == set(range(10))
    (folder,) = [one for one in path.glob("predictions.zarr/source-*/c/*") if one.name != "1"]
    return folder


@pytest.fixture
def path(tmp_path):
    with Store(tmp_path / "s") as store:
        fill(store, range(10))
    return tmp_path / "s"


def test_the_chunk_of_a_killed_writer_goes(path):
    folder = orphan(path)
    # A writer of version 2 might be about to commit it.
    Store(path).close()
    assert folder.is_dir()
    aged(folder)
    Store(path).close()
    assert not folder.exists()
    with Store(path) as store:
        fill(store, range(20))
        assert held(store) == set(range(20))


def _holds(path: Path) -> None:
    with Store(path):
        (path.parent / "ready").touch()
        signal.pause()


def test_where_another_process_has_the_store_open_everything_stays(path):
    folder = orphan(path)
    ready = path.parent / "ready"
    other = FORK.Process(target=_holds, args=(path,))
    other.start()
    try:
        while not ready.exists():
            time.sleep(0.01)
        aged(folder)
        Store(path).close()
        assert folder.is_dir()
    finally:
        other.kill()
        other.join()
    with Store(path):
        assert not folder.exists()


def test_another_store_of_this_process_counts_as_well(path):
    folder = orphan(path)
    with Store(path) as first:
        aged(folder)
        Store(path).close()
        assert folder.is_dir()
        assert held(first) == set(range(10))
    Store(path).close()
    assert not folder.exists()


def test_files_that_were_to_be_moved_go(path):
    names = (".store.id.abcd1234", "predictions.zarr/zarr.json.0123.partial")
    new = path / ".store.id.new"
    for name in names:
        aged_file = path / name
        aged_file.write_text("x")
        aged(aged_file)
    new.write_text("x")
    Store(path).close()
    assert not any((path / name).exists() for name in names)
    assert new.exists()


def test_a_chunk_that_could_not_be_written_leaves_nothing(path, monkeypatch):
    """As on a full disk, after some of its files are there."""

    def full(_path):
        raise OSError(28, "No space left on device")

    with Store(path) as store:
        monkeypatch.setattr("creme.store.place.sync", full)
        with pytest.raises(StoreError, match="No space left on device; what was stored"):
            fill(store, range(10, 20))
        assert len(list(path.glob("predictions.zarr/source-*/c/*"))) == 1
        monkeypatch.undo()
        fill(store, range(10, 20))
        assert held(store) == set(range(20))


def test_what_a_killed_run_left_in_its_results_goes(tmp_path):
    results = Results(tmp_path / "r")
    with results.held():
        results.begin({"state": "new", "identity": {}})
    left = [".run.json.abcd1234", ".experiment.toml.x", ".necessity.saved-abc"]
    for name in left[:2]:
        (results.path / name).write_text("x")
    (results.path / left[2] / "new").mkdir(parents=True)
    others = [".report.html.abcd1234", ".units", "run.json", "notes.txt", ".saved-mine"]
    for name in others:
        (results.path / name).touch()
    before = (results.path / "run.json").read_bytes()
    with results.held():
        there = {entry.name for entry in results.path.iterdir()}
        assert there == {*others, ".run.json.lock"}
    assert (results.path / "run.json").read_bytes() == before
