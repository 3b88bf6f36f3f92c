"""Stores of earlier schema versions, kept as their code has left them, are brought up to date."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from stored import FINGERPRINT, SHAPE, changed, digest, fill, held, old_store, rows, value

from creme.errors import CremeWarning, StoreError
from creme.store import Store, migration
from creme.store.tags import seed_of, tag_of

UNTAGGED = "SELECT count(*) FROM predictions WHERE tag IS NULL"
UNDER_WAY = "SELECT value FROM meta WHERE key = 'untagged'"


def described(path):
    """Tables, and the names and types of their columns."""
    with closing(sqlite3.connect(path / "index.sqlite")) as db:
        names = sorted(db.execute("SELECT name, type FROM sqlite_master"))
        tables = [name for name, kind in names if kind == "table"]
        return names, {
            table: [line[1:3] for line in db.execute(f"PRAGMA table_info({table})")]
            for table in tables
        }


@pytest.mark.parametrize("version", [1, 2])
def test_a_store_of_an_earlier_version_is_brought_up_to_date(tmp_path, version):
    path = tmp_path / "s"
    old_store(path, version)
    for last in (20, 30):
        with Store(path) as store:
            source = store.source(FINGERPRINT, SHAPE)
            assert source.description == {"model": "m"}
            assert held(store) == set(range(last))
            assert store.count(source) == last
            fill(store, range(15, 30))
            store.record_batch(source, 8, 1e-7)
    with Store(tmp_path / "new"):
        pass
    assert described(path) == described(tmp_path / "new")
    assert rows(path, "SELECT value FROM meta WHERE key = 'schema_version'") == [("3",)]
    # Lines of a chunk that was found damaged before have nothing to be tied to.
    assert rows(path, UNTAGGED) == [(5 if version == 2 else 0,)]
    assert rows(path, UNDER_WAY) == []


def test_what_version_2_held_is_kept(tmp_path):
    old_store(tmp_path / "s", 2)
    with Store(tmp_path / "s") as store:
        source = store.source(FINGERPRINT, SHAPE)
        assert store.batches(source) == {4: 1e-7}
        assert store.environments.of(source) == [{"device": "cpu"}]
        other = store.source("cd" * 32, (1, 1))
        there = store.read(other, [digest(i) for i in range(5)])
        assert sorted(float(each[0, 0]) for each in there.values()) == [0, 1, 2]
        # Damaged before, and made again now.
        fill(store, range(100, 105))
        assert held(store) == {*range(20), *range(100, 105)}
    assert rows(tmp_path / "s", UNTAGGED) == [(0,)]


def test_the_lines_of_version_2_are_tied_to_their_sequences(tmp_path):
    old_store(tmp_path / "s", 2)
    Store(tmp_path / "s").close()
    changed(tmp_path / "s", 'UPDATE predictions SET "row" = 4 WHERE digest = ?', digest(3))
    with (
        Store(tmp_path / "s") as store,
        pytest.warns(CremeWarning, match="1 lines of its index are damaged"),
    ):
        assert held(store) == set(range(20)) - {3}


def test_lines_that_version_2_adds_meanwhile_are_unchecked(tmp_path):
    """By a process that has the store open since before; the statements are those of its code."""
    path = tmp_path / "s"
    old_store(path, 2)
    with closing(sqlite3.connect(path / "index.sqlite")) as older, Store(path) as store:
        source = store.source(FINGERPRINT, SHAPE)
        number = store.write(source, [digest(200)], value(200)[None])[0]
        with older:
            older.execute("DELETE FROM predictions WHERE digest = ?", (digest(200),))
            older.execute(
                'INSERT INTO predictions (source_id, digest, chunk_id, "row") VALUES (?, ?, ?, ?) '
                "ON CONFLICT (source_id, digest) DO UPDATE SET chunk_id = excluded.chunk_id",
                (source.id, digest(200), number, 0),
            )
        assert held(store) == {*range(20), 200}
        # Their row is looked at all the same.
        changed(path, 'UPDATE predictions SET "row" = 1 WHERE digest = ?', digest(200))
        with pytest.warns(CremeWarning, match="1 lines"):
            assert held(store) == set(range(20))


def _interrupted(path: Path, steps: int) -> None:
    """Bring a store up to date, three lines a transaction, and die after some of them."""
    migration.LINES = 3
    some, done = migration._some_tagged, iter(range(steps))

    def counted(connection, seeds):
        if next(done, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)
        return some(connection, seeds)

    migration._some_tagged = counted
    Store(path).close()


def test_a_migration_that_is_killed_is_finished_by_the_next(tmp_path, monkeypatch):
    path = tmp_path / "s"
    old_store(path, 2)
    left = [28]
    context = multiprocessing.get_context("fork")
    for steps in (0, 1, 3):
        job = context.Process(target=_interrupted, args=(path, steps))
        job.start()
        job.join()
        assert job.exitcode == -signal.SIGKILL
        left += rows(path, UNTAGGED)[0]
        assert rows(path, UNDER_WAY)
    # Of 28 lines, five have no chunk.
    assert left[:2] == [28, 28]
    assert left[1] > left[2] > left[3] > 5
    monkeypatch.setattr(migration, "LINES", 4)
    with Store(path) as store:
        assert held(store) == set(range(20))
    assert rows(path, UNTAGGED) == [(5,)]
    assert rows(path, UNDER_WAY) == []
    lines = rows(
        path,
        'SELECT fingerprint, chunk_id, checksum, digest, "row", tag FROM predictions '
        "JOIN chunks ON chunks.id = chunk_id JOIN sources ON sources.id = predictions.source_id "
        "WHERE rows IS NOT NULL",
    )
    assert len(lines) == 23
    assert all(tag == tag_of(seed_of(*of), name, row) for *of, name, row, tag in lines)


def test_a_line_that_was_damaged_before_stops_no_migration(tmp_path):
    old_store(tmp_path / "s", 2)
    changed(tmp_path / "s", 'UPDATE predictions SET "row" = -5 WHERE digest = ?', digest(3))
    changed(tmp_path / "s", "UPDATE predictions SET chunk_id = 'x' WHERE digest = ?", digest(4))
    with Store(tmp_path / "s") as store, pytest.warns(CremeWarning, match="2 lines"):
        assert held(store) == set(range(20)) - {3, 4}


def _opened(path):
    with Store(path) as store:
        assert held(store) == set(range(20))


@pytest.mark.parametrize("version", [1, 2])
def test_processes_that_bring_it_up_to_date_at_once(tmp_path, version):
    old_store(tmp_path / "s", version)
    context = multiprocessing.get_context("fork")
    jobs = [context.Process(target=_opened, args=(tmp_path / "s",)) for _ in range(4)]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
        assert job.exitcode == 0


def test_tables_that_version_2_began_to_make_are_completed(tmp_path):
    path = tmp_path / "s"
    path.mkdir()
    with closing(sqlite3.connect(path / "index.sqlite")) as db, db:
        db.executescript(
            'CREATE TABLE meta ("key" VARCHAR PRIMARY KEY, value VARCHAR NOT NULL);'
            "CREATE TABLE predictions (source_id INTEGER NOT NULL, digest BLOB NOT NULL, chunk_id "
            'INTEGER NOT NULL, "row" INTEGER NOT NULL, PRIMARY KEY (source_id, digest)) '
            "WITHOUT ROWID;"
        )
    with Store(path) as store:
        fill(store, range(3))
        assert held(store) == {0, 1, 2}
    with Store(tmp_path / "new"):
        pass
    assert described(path)[1]["predictions"] == described(tmp_path / "new")[1]["predictions"]


def test_a_later_version_is_refused_untouched(tmp_path):
    with Store(tmp_path / "s") as store:
        fill(store, range(3))
    changed(tmp_path / "s", "UPDATE meta SET value = '99' WHERE key = 'schema_version'")
    with pytest.raises(StoreError, match=r"version 99.*version 3"):
        Store(tmp_path / "s")


def test_a_million_lines_take_seconds(tmp_path):
    """Fifty thousand here, in processor time, which other programs do not lengthen."""
    path = tmp_path / "s"
    old_store(path, 2)
    n = 50_000
    with closing(sqlite3.connect(path / "index.sqlite")) as db, db:
        digests = sorted(digest(i) for i in range(1000, 1000 + n))
        db.executemany(
            "INSERT INTO predictions VALUES (1, ?, 1, ?)", ((each, 0) for each in digests)
        )
    began = time.process_time()
    Store(path).close()
    assert time.process_time() - began < 20 * n / 1e6
    assert rows(path, UNTAGGED) == [(5,)]
    assert np.ptp([line[0] for line in rows(path, "SELECT tag FROM predictions LIMIT 99")]) > 0
