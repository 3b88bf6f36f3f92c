"""Trouble is not damage: what cannot be read now is a sentence, and nothing is dropped."""

from __future__ import annotations

import errno
import multiprocessing
import os
import resource
import sqlite3
import warnings
from contextlib import closing
from pathlib import Path

import pytest
from stored import FINGERPRINT, SHAPE, digest, fill, held

from creme.errors import CremeWarning, StoreError
from creme.store import Store

FORK = multiprocessing.get_context("fork")


@pytest.fixture
def path(tmp_path):
    with Store(tmp_path / "s") as store:
        fill(store, range(12))
    return tmp_path / "s"


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (OSError(errno.EMFILE, os.strerror(errno.EMFILE)), "Too many open files"),
        (OSError(errno.EIO, os.strerror(errno.EIO)), "Input/output error"),
        (OSError(errno.EACCES, os.strerror(errno.EACCES)), "Permission denied"),
        (MemoryError(), "not enough memory"),
        (RuntimeError("can't start new thread"), "can't start new thread"),
    ],
)
def test_nothing_is_dropped_for_trouble(path, monkeypatch, error, sentence):
    def fail(*_args):
        raise error

    with Store(path) as store:
        source = store.source(FINGERPRINT, SHAPE)
        with monkeypatch.context() as patched, warnings.catch_warnings():
            warnings.simplefilter("error")
            patched.setattr("zarr.Array.__getitem__", fail)
            with pytest.raises(StoreError, match=rf"{sentence}; nothing was changed"):
                store.read(source, [digest(1)])
        assert held(store) == set(range(12))


def test_too_many_files_are_no_damage_when_it_is_opened(path, monkeypatch):
    def fail(*_args, **_settings):
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr("zarr.create_group", fail)
    with pytest.raises(StoreError, match=r"cannot be opened now: Too many open files$"):
        Store(path)


def _read_with_no_file_left(path: Path, answers: object) -> None:
    with Store(path) as store:
        source = fill(store, range(12, 14))
        free = os.open(path, os.O_RDONLY)
        os.close(free)
        # Its number is the lowest that is free.
        resource.setrlimit(resource.RLIMIT_NOFILE, (free, free))
        try:
            answers.put(len(store.read(source, [digest(i) for i in range(14)])))  # type: ignore[attr-defined]
        except StoreError as error:
            answers.put(str(error))  # type: ignore[attr-defined]


def test_all_rows_stay_where_no_file_can_be_opened(path):
    answers = FORK.SimpleQueue()
    job = FORK.Process(target=_read_with_no_file_left, args=(path, answers))
    job.start()
    assert "Too many open files" in answers.get()
    job.join()
    with Store(path) as store:
        assert held(store) == set(range(14))


def test_any_flipped_byte_of_a_chunk_is_damage(path):
    """Also one that claims a length that no memory has."""
    file = next(path.rglob("c/1/0/0"))
    whole = file.read_bytes()
    with Store(path) as store:
        source = store.source(FINGERPRINT, SHAPE)
        arrays, before = store.arrays, store.arrays.read(source, 1, 12)
        assert before is not None
        for place in range(len(whole)):
            for flip in (1, 0x80, 0xFF):
                data = bytearray(whole)
                data[place] ^= flip
                file.write_bytes(data)
                values = arrays.read(source, 1, 12)
                assert values is None or values.shape == before.shape
        file.write_bytes(whole)
        assert held(store) == set(range(12))


def test_a_length_that_no_memory_has_is_damage(path, monkeypatch):
    """As zarr's codec has it, which makes room for what a chunk claims to hold."""
    file = next(path.rglob("c/1/0/0"))
    file.write_bytes(b"damaged")

    def fail(*_args):
        raise MemoryError

    monkeypatch.setattr("zarr.Array.__getitem__", fail)
    with Store(path) as store, pytest.warns(CremeWarning, match="12 predictions"):
        assert held(store) == set()


@pytest.mark.parametrize(
    ("old", "new"),
    [('"separator": "/"', '"separator": "."'), ("256", "255"), ('"float32"', '"float64"')],
)
def test_a_damaged_description_of_an_array_drops_nothing(path, old, new):
    """With another grid, or other names, all chunks would look damaged."""
    file = next(path.glob("predictions.zarr/source-*/zarr.json"))
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    with Store(path) as store:
        source = store.source(FINGERPRINT, SHAPE)
        with pytest.raises(StoreError, match=r"zarr\.json is damaged.*Nothing was changed"):
            store.read(source, [digest(1)])
        with pytest.raises(StoreError, match=r"zarr\.json is damaged"):
            fill(store, range(12, 14))
    file.write_text(text)
    with Store(path) as store:
        assert held(store) == set(range(12))


def test_an_index_that_stays_locked_is_a_sentence(path):
    with Store(path) as store, closing(sqlite3.connect(path / "index.sqlite")) as other:
        source = store.source(FINGERPRINT, SHAPE)
        with store._engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA busy_timeout = 50")
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="another process has kept it locked"):
            store.record_batch(source, 4, 1e-7)
        other.rollback()
        assert held(store) == set(range(12))


def test_what_is_no_index_is_a_sentence(path):
    (path / "index.sqlite").write_bytes(b"no database at all " * 500)
    for name in ("-wal", "-shm"):
        (path / f"index.sqlite{name}").unlink(missing_ok=True)
    with pytest.raises(StoreError, match=r"damaged \(file is not a database\).*put back a copy"):
        Store(path)
