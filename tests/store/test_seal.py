"""A sealed store is read where nothing can be written, and nothing is added to it."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing

import pytest
from stored import FINGERPRINT, SHAPE, changed, digest, fill, old_store, rows, value

from creme.errors import CremeWarning, StoreError
from creme.store import Store
from creme.store.seal import seal, unseal


def files(path):
    """All files of a store, and their bytes."""
    return {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}


def numbers(store, most=30):
    (source,) = [each.source for each in store.info() if each.source.fingerprint == FINGERPRINT]
    there = store.read(source, [digest(i) for i in range(most)])
    assert all((there[digest(i)] == value(i)).all() for i in range(most) if digest(i) in there)
    return {i for i in range(most) if digest(i) in there}


@pytest.mark.parametrize("version", [2, 3])
def test_a_sealed_store_is_read_and_stays_as_it_is(tmp_path, version):
    path = tmp_path / "s"
    if version == 2:
        old_store(path, 2)
    else:
        with Store(path) as store:
            fill(store, range(20))
    with pytest.raises(StoreError, match="is not sealed: 'creme cache seal"):
        Store(path, read_only=True)
    seal(path)
    before = files(path)
    for file in path.rglob("*"):
        file.chmod(0o500 if file.is_dir() else 0o400)
    with Store(path, read_only=True) as store:
        assert store.schema_version == version
        assert numbers(store) == set(range(20))
        with pytest.raises(StoreError, match="to be read alone"):
            store.source(FINGERPRINT, SHAPE)
    assert files(path) == before
    with pytest.raises(StoreError, match="is sealed, so that others can read it"):
        Store(path)
    assert files(path) == before
    for file in path.rglob("*"):
        file.chmod(0o700)
    unseal(path)
    with Store(path) as store:
        assert store.schema_version == 3
        fill(store, range(20, 25))
        assert numbers(store) == set(range(25))
    with pytest.raises(StoreError, match="is not sealed"):
        Store(path, read_only=True)


def test_damage_of_a_sealed_store_is_not_served_and_not_dropped(tmp_path):
    path = tmp_path / "s"
    with Store(path) as store:
        fill(store, range(10))
        fill(store, range(10, 20))
    changed(path, 'UPDATE predictions SET "row" = 4 WHERE digest = ?', digest(13))
    seal(path)
    file = next(path.rglob("c/1/0/0"))
    file.write_bytes(b"damaged")
    before = files(path)
    with (
        Store(path, read_only=True) as store,
        pytest.warns(CremeWarning, match="10 predictions are not used"),
    ):
        assert numbers(store) == set(range(10, 20)) - {13}
    assert files(path) == before


def test_an_open_store_is_not_sealed(tmp_path):
    with Store(tmp_path / "s") as store:
        fill(store, range(3))
        with store._engine.connect(), pytest.raises(StoreError, match="end all runs that use it"):
            seal(tmp_path / "s")
        fill(store, range(3, 6))
    seal(tmp_path / "s")
    assert rows(tmp_path / "s", "SELECT count(*) FROM predictions") == [(6,)]


def test_a_writer_of_version_2_breaks_the_seal(tmp_path):
    """It knows of none; then the file has a log again."""
    old_store(tmp_path / "s", 2)
    seal(tmp_path / "s")
    with closing(sqlite3.connect(tmp_path / "s" / "index.sqlite")) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("SELECT * FROM meta").fetchall()
    with pytest.raises(StoreError, match="is not sealed"):
        Store(tmp_path / "s", read_only=True)


def test_what_is_no_store_is_not_made_by_reading(tmp_path):
    with pytest.raises(StoreError, match="there is no store"):
        Store(tmp_path / "s", read_only=True)
    with pytest.raises(StoreError, match="there is no index"):
        seal(tmp_path / "s")
    assert list(tmp_path.iterdir()) == []
    with Store(tmp_path / "s") as store:
        fill(store, range(3))
    seal(tmp_path / "s")
    shutil.copytree(tmp_path / "s", tmp_path / "copy")
    (tmp_path / "copy" / "store.id").write_text("0" * 32)
    with pytest.raises(StoreError, match="do not belong together"):
        Store(tmp_path / "copy", read_only=True)
