from __future__ import annotations

import sqlite3
import warnings

import numpy as np
import pytest
from stored import SHAPE, digest, fill, value

from creme.errors import CremeWarning, StoreError
from creme.store import Store


def test_written_once_and_read_back(tmp_path):
    with Store(tmp_path / "s") as store:
        source = fill(store, range(600))
        fill(store, range(1))
    with Store(tmp_path / "s") as store:
        source = store.source("ab" * 32, SHAPE)
        found = store.read(source, [digest(i) for i in range(700)])
        assert len(found) == store.count(source) == 600
        assert all(np.array_equal(found[digest(i)], value(i)) for i in range(600))
        assert not found[digest(0)].flags.writeable
        assert store.read(source, []) == {}
        assert list(store.lookup(source, [digest(1), digest(600)])) == [digest(1)]


def test_chunks_are_named_by_number(tmp_path):
    """So that a writer knows its own rows again, whoever else writes."""
    with Store(tmp_path / "s") as store, Store(tmp_path / "s") as another:
        source = store.source("ab" * 32, SHAPE)
        rows = [np.stack([value(i) for i in range(n)]) for n in (600, 5)]
        mine = store.write(source, [digest(i) for i in range(600)], rows[0])
        theirs = another.write(source, [digest(i) for i in range(598, 603)], rows[1])
        assert len(set(mine)) == 3
        assert len(theirs) == 1
        assert not set(mine) & set(theirs)
        found = another.lookup(source, [digest(i) for i in range(603)])
        assert [found[digest(i)][1] for i in (0, 255, 256, 599)] == [*mine[:1], *mine]
        # The first writer of a prediction wins.
        assert [found[digest(i)][1] for i in (598, 599, 600, 602)] == [*mine[2:] * 2, *theirs * 2]
        assert store.write(source, [], np.empty((0, *SHAPE), np.float32)) == []


def test_sources_of_a_model(tmp_path):
    with Store(tmp_path / "s") as store:
        one = store.source("ab" * 32, SHAPE, {"model_fingerprint": "f_1%", "model": "one"})
        store.source("cd" * 32, SHAPE, {"model_fingerprint": "f_2%", "model": "f_1%"})
        store.source("ef" * 32, SHAPE)
        assert store.sources_of("f_1%") == [one]
        assert store.sources_of("f_") == []
        assert not store.holds_any(one)
        store.write(one, [digest(1)], value(1)[None])
        assert store.holds_any(one)


def test_sources_never_mix(tmp_path):
    with Store(tmp_path / "s") as store:
        fill(store, range(5))
        other = store.source("cd" * 32, SHAPE)
        assert store.read(other, [digest(1)]) == {}
        with pytest.raises(StoreError, match="shape"):
            store.source("cd" * 32, (1, 1))


def test_nan_is_refused(tmp_path):
    with Store(tmp_path / "s") as store:
        source = store.source("ab" * 32, SHAPE)
        with pytest.raises(StoreError, match="NaN"):
            store.write(source, [digest(1)], np.full((1, *SHAPE), np.nan, np.float32))
        assert store.count() == 0


def chunk_files(path):
    return sorted(p for p in path.rglob("c/*/0/0") if p.is_file())


@pytest.mark.parametrize("damage", ["flip", "cut", "remove"])
def test_damage_is_found_and_not_served(tmp_path, damage):
    with Store(tmp_path / "s") as store:
        fill(store, range(10))
        fill(store, range(10, 20))
    file = chunk_files(tmp_path / "s")[0]
    data = bytearray(file.read_bytes())
    if damage == "remove":
        file.unlink()
    elif damage == "cut":
        file.write_bytes(data[: len(data) // 2])
    else:
        data[len(data) // 2] ^= 0xFF
        file.write_bytes(data)
    with Store(tmp_path / "s") as store:
        source = store.source("ab" * 32, SHAPE)
        with pytest.warns(CremeWarning, match="10 predictions will be made again"):
            found = store.read(source, [digest(i) for i in range(20)])
        assert set(found) == {digest(i) for i in range(10, 20)}
        assert store.count() == store.count(source) == 10
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # it is said once
            assert store.read(source, [digest(1)]) == {}
        fill(store, range(10))
        found = store.read(source, [digest(i) for i in range(20)])
        assert all(np.array_equal(found[digest(i)], value(i)) for i in range(20))
        assert store.count() == 20


def test_what_may_be_whole_is_not_forgotten(tmp_path, monkeypatch):
    with Store(tmp_path / "s") as store:
        source = fill(store, range(10))
    described = next((tmp_path / "s").glob("predictions.zarr/source-*/zarr.json"))
    text = described.read_bytes()
    described.write_bytes(text[:40])
    with Store(tmp_path / "s") as store:
        with pytest.raises(StoreError, match="Nothing was changed"):
            store.read(source, [digest(1)])
        assert store.count() == 10
    described.write_bytes(text)
    with Store(tmp_path / "s") as store:

        def refuse(*_args):
            raise OSError(24, "Too many open files")

        with monkeypatch.context() as patched:
            patched.setattr("zarr.Array.__getitem__", refuse)
            with pytest.raises(StoreError, match="Too many open files"):
                store.read(source, [digest(1)])
        assert len(store.read(source, [digest(i) for i in range(10)])) == 10


def test_the_callers_array_may_change_afterwards(tmp_path):
    with Store(tmp_path / "s") as store:
        source = store.source("ab" * 32, SHAPE)
        values = value(3)[None].copy()
        store.write(source, [digest(3)], values)
        values[:] = 99
        assert np.array_equal(store.read(source, [digest(3)])[digest(3)], value(3))


def test_another_schema_version_is_refused_untouched(tmp_path):
    with Store(tmp_path / "s") as store:
        fill(store, range(3))
    with sqlite3.connect(tmp_path / "s" / "index.sqlite") as db:
        db.execute("UPDATE meta SET value = '99'")
    with pytest.raises(StoreError, match=r"version 99.*version 3"):
        Store(tmp_path / "s")


def test_batches_are_recorded_once_a_size(tmp_path):
    with Store(tmp_path / "s") as store:
        source, other = store.source("ab" * 32, SHAPE), store.source("cd" * 32, SHAPE)
        store.record_batch(source, 8, 2e-7)
        store.record_batch(source, 8, 3e-7)
        store.record_batch(source, 4, 0.0)
    with Store(tmp_path / "s") as store:
        assert store.batches(source) == {4: 0.0, 8: 2e-7}
        assert store.batches(other) == {}
        assert store.info()[0].batches == {4: 0.0, 8: 2e-7}


def test_more_look_ups_than_a_query_takes(tmp_path):
    """In any order, some twice, some not there; what is no digest is refused."""
    with Store(tmp_path / "s") as store:
        source = fill(store, range(2500))
        asked = np.random.default_rng(0).permutation(3000).tolist()
        found = store.read(source, [digest(i) for i in [*asked, *asked[:50]]])
        assert len(found) == 2500
        assert all(np.array_equal(found[digest(i)], value(i)) for i in range(2500))
        with pytest.raises(StoreError, match="32 bytes"):
            store.read(source, [digest(1), b"short"])
        with pytest.raises(StoreError, match="32 bytes"):
            store.write(source, [b"short"], value(1)[None])


def test_a_store_whose_making_was_cut_short(tmp_path):
    (tmp_path / "s").mkdir()
    with sqlite3.connect(tmp_path / "s" / "index.sqlite") as db:
        db.execute('CREATE TABLE meta ("key" VARCHAR PRIMARY KEY, value VARCHAR NOT NULL)')
    with Store(tmp_path / "s") as store:
        fill(store, range(3))
        assert store.count() == 3


def test_not_a_store(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(StoreError, match="not a store and not empty"):
        Store(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]
    with pytest.raises(StoreError, match="is a file"):
        Store(tmp_path / "notes.txt")
