"""The store's contract with an index in SQLite and in PostgreSQL, a real server of each test run.

CREME_TEST_LONG=1 makes more rounds of what is random: `make test-services`.
"""

from __future__ import annotations

import multiprocessing
import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from stored import FINGERPRINT, SHAPE, digest, fill, held, value

from creme.errors import CremeWarning, StoreError
from creme.store import Store
from creme.store.schema import chunks, predictions

LONG = "CREME_TEST_LONG" in os.environ
FORK = multiprocessing.get_context("fork")


def at_once(n: int, function: Callable[..., None], *arguments: object) -> None:
    """Call a function in so many processes, with their numbers; none of them may fail."""
    jobs = [FORK.Process(target=function, args=(k, *arguments)) for k in range(n)]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    assert [job.exitcode for job in jobs] == [0] * n


def test_written_once_and_read_back(tmp_path, index):
    for _ in range(2):
        with Store(tmp_path / "s", index_url=index) as store:
            source = fill(store, range(280))
            assert held(store) == set(range(280))
            assert store.count(source) == store.count() == 280
            assert store.holds_any(source)
            store.record_batch(source, 4, 1e-7)
            store.record_batch(source, 4, 2e-7)
            store.environments.record(source, {"device": "cpu"})
    with Store(tmp_path / "s", index_url=index) as store:
        (info,) = store.info()
        assert (info.predictions, info.batches) == (280, {4: 1e-7})
        assert store.environments.of(source) == [{"device": "cpu"}]
        with store._engine.connect() as connection:
            assert all(tag is not None for tag in connection.scalars(predictions.select()))
            written = connection.execute(chunks.select()).all()
        assert all(abs(line.written - time.time()) < 600 for line in written)


def test_a_chunk_says_what_it_was_written_for(tmp_path, index):
    with Store(tmp_path / "s", index_url=index, origin="k562") as store:
        fill(store, range(3))
        with store._engine.connect() as connection:
            assert [line.origin for line in connection.execute(chunks.select())] == ["k562"]


def test_damaged_chunks_and_lines_are_made_again(tmp_path, index):
    with Store(tmp_path / "s", index_url=index) as store:
        fill(store, range(10))
        fill(store, range(10, 20))
        file = next((tmp_path / "s").rglob("c/1/0/0"))
        file.write_bytes(file.read_bytes()[:40])
        with store._engine.begin() as connection:
            line = predictions.c.digest == digest(15)
            connection.execute(predictions.update().where(line).values(row=3))
    with Store(tmp_path / "s", index_url=index) as store:
        with pytest.warns(CremeWarning) as said:
            assert held(store) == set(range(10, 20)) - {15}
        assert sorted("10 predictions" in str(one.message) for one in said) == [False, True]
        fill(store, range(20))
        assert held(store) == set(range(20))
        assert store.count() == 20


def _open_and_fill(k: int, path: Path, index: str | None) -> None:
    with Store(path, index_url=index) as store:
        fill(store, range(10 * k, 10 * k + 10))


@pytest.mark.parametrize("round_", range(20 if LONG else 3))
def test_eight_processes_open_a_new_index_at_once(tmp_path, index, round_):
    at_once(8, _open_and_fill, tmp_path / "s", index)
    with Store(tmp_path / "s", index_url=index) as store:
        assert held(store) == set(range(80))


def test_an_index_of_version_2_is_brought_up_to_date(tmp_path, index, monkeypatch):
    """Its columns taken away again, as version 2 had none of them; a few lines at a time."""
    monkeypatch.setattr("creme.store.migration.LINES", 7)
    with Store(tmp_path / "s", index_url=index) as store:
        fill(store, range(20))
        with store._engine.begin() as connection:
            for table, column in (
                ("predictions", "tag"),
                *(("chunks", name) for name in ("written", "retired", "origin")),
            ):
                connection.exec_driver_sql(f"ALTER TABLE {table} DROP COLUMN {column}")
            connection.exec_driver_sql("DROP TABLE packed")
            connection.exec_driver_sql("UPDATE meta SET value='2' WHERE key='schema_version'")
    at_once(4, _held, tmp_path / "s", index)
    with Store(tmp_path / "s", index_url=index) as store, store._engine.begin() as connection:
        assert connection.exec_driver_sql("SELECT count(tag) FROM predictions").scalar() == 20


def _held(_k: int, path: Path, index: str | None) -> None:
    with Store(path, index_url=index) as store:
        assert held(store) == set(range(20))


# Of PostgreSQL alone.


def database(url: str) -> str:
    return url.split("/")[3].partition("?")[0]


def test_a_connection_that_is_cut_costs_nothing(tmp_path, postgres):
    """Cut before each use, and while another thread writes."""
    url = postgres.url()
    with Store(tmp_path / "s", index_url=url) as store:
        for start in range(0, 30, 10):
            fill(store, range(start, start + 10))
            assert postgres.cut(database(url)) >= 1
            assert held(store) == set(range(start + 10))
            postgres.cut(database(url))
            assert store.count() == start + 10
            postgres.cut(database(url))
    enough = FORK.Event()
    job = FORK.Process(target=_until, args=(enough, tmp_path / "s", url))
    job.start()
    cuts = 0
    while job.is_alive():
        time.sleep(0.1)
        cuts += postgres.cut(database(url))
        if cuts >= 3:
            enough.set()
    assert job.exitcode == 0
    with Store(tmp_path / "s", index_url=url) as store:
        n = store.count()
        assert n > 30
        assert held(store, n + 10) == set(range(n))


def _until(enough, path: Path, index: str) -> None:
    """Write until the connection has been cut often enough, however fast the machine is."""
    with Store(path, index_url=index) as store:
        start = 30
        while True:  # once at least: the cuts may be those of its beginning
            fill(store, range(start, start + 7))
            start += 7
            if enough.is_set():
                break


def test_a_server_that_is_started_again_is_waited_for(tmp_path, postgres):
    url = postgres.url()
    with Store(tmp_path / "s", index_url=url) as store:
        fill(store, range(10))
        postgres.stop()
        job = FORK.Process(target=_later, args=(postgres,))
        job.start()
        fill(store, range(10, 20))
        job.join()
        assert held(store) == set(range(20))


def _later(postgres):
    time.sleep(1)
    postgres.resume()


def test_a_server_that_does_not_come_back_is_a_sentence(tmp_path, postgres, monkeypatch):
    url = postgres.url()
    with Store(tmp_path / "s", index_url=url) as store:
        source = fill(store, range(10))
        monkeypatch.setattr("creme.store.index.PAUSES", (0.1,))
        monkeypatch.setattr("creme.store.index._OPENING", (0.1,))
        postgres.stop()
        try:
            with pytest.raises(StoreError, match=r"cannot be read now: .*run again") as failure:
                store.read(source, [digest(1)])
            assert "SELECT" not in str(failure.value)
            with pytest.raises(StoreError, match="cannot be written now"):
                fill(store, range(10, 20))
            with pytest.raises(StoreError, match="cannot be opened now"):
                Store(tmp_path / "s", index_url=url)
        finally:
            postgres.resume()
        assert held(store) == set(range(10))
        # The chunk that nobody counts is not left behind for good.
        fill(store, range(10, 20))
        assert held(store) == set(range(20))


def test_a_store_is_read_without_being_written(tmp_path, postgres):
    url = postgres.url()
    with Store(tmp_path / "s", index_url=url) as store:
        source = fill(store, range(20))
        file = next((tmp_path / "s").rglob("c/1/0/0"))
        kept = file.read_bytes()
        file.write_bytes(b"damaged")
        with Store(tmp_path / "s", index_url=url, read_only=True) as reader:
            (same,) = [info.source for info in reader.info()]
            with pytest.warns(CremeWarning, match="are not used"):
                assert reader.read(same, [digest(1)]) == {}
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                assert reader.read(same, [digest(1)]) == {}
            with pytest.raises(StoreError, match="to be read alone"):
                reader.source(FINGERPRINT, SHAPE)
            with pytest.raises(StoreError, match="to be read alone"):
                reader.write(source, [digest(50)], value(50)[None])
        file.write_bytes(kept)
        assert held(store) == set(range(20))
