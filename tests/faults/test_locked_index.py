"""An index that another connection keeps locked: waited for, and a sentence after a minute."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from creme.store import Store
from creme.testing.stores import fill
from faulty import FORK, LONG, case, ending, met


def _writes(path: Path, url: str | None, numbers: range) -> None:
    with Store(path, index_url=url) as store:
        fill(store, numbers)


def _holds(file: Path, locked, seconds: float) -> None:
    with closing(sqlite3.connect(file)) as other:
        other.execute("BEGIN IMMEDIATE")
        locked.set()
        time.sleep(seconds)
        other.rollback()


def test_in_sqlite(tmp_path):
    """Of less than a minute, nothing is seen; a longer one is a sentence, and a later run goes on.

    `tests/store/test_trouble.py` has the sentence in less than a minute.
    """
    path, stored = tmp_path / "s", 20
    _writes(path, None, range(stored))
    with case("locked-sqlite") as cost:
        for seconds in (40.0, 75.0) if LONG else (0.5,):
            locked = FORK.Event()
            job = FORK.Process(target=_holds, args=(path / "index.sqlite", locked, seconds))
            job.start()
            assert locked.wait(60)
            cost.tries += 1
            refused = met(cost, ending(_writes, path, None, range(stored, stored + 20)))
            assert refused == (seconds > 60)
            job.join()
            if refused:
                assert ending(_writes, path, None, range(stored, stored + 20)).well
            stored += 20
            with Store(path) as store:
                cost.holds(store, range(stored))
                cost.once(store)


@pytest.mark.parametrize("seconds", [65.0 if LONG else 0.5])
def test_in_postgresql(tmp_path, postgres, seconds):
    """The server lets a writer wait, however long."""
    url, path = postgres.url(), tmp_path / "s"
    _writes(path, url, range(20))
    with case("locked-postgresql") as cost:
        engine = sa.create_engine(url)
        context = FORK.Process(target=_writes, args=(path, url, range(20, 40)))
        with engine.begin() as other:
            other.exec_driver_sql("LOCK TABLE chunks IN EXCLUSIVE MODE")
            context.start()
            time.sleep(seconds)
            assert context.is_alive()
        engine.dispose()
        context.join()
        cost.tries += 1
        assert context.exitcode == 0
        with Store(path, index_url=url) as store:
            cost.holds(store, range(40))
            cost.once(store)
