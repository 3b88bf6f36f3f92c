"""Stores whose values show whose they are, and those that earlier versions have left."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np

from creme.store import Source, Store

SHAPE = (2, 3)
FINGERPRINT = "ab" * 32


def digest(i: int) -> bytes:
    return hashlib.sha256(str(i).encode()).digest()


def value(i: int) -> np.ndarray:
    return np.arange(6, dtype=np.float32).reshape(SHAPE) + np.float32(i)


def fill(store: Store, numbers: range, fingerprint: str = FINGERPRINT) -> Source:
    source = store.source(fingerprint, SHAPE, {"model": "m"})
    store.write(source, [digest(i) for i in numbers], np.stack([value(i) for i in numbers]))
    return source


def held(store: Store, most: int = 300) -> set[int]:
    """The numbers whose predictions are there; each of them has to be the right one."""
    source = store.source(FINGERPRINT, SHAPE)
    there = store.read(source, [digest(i) for i in range(most)])
    numbers = {i for i in range(most) if digest(i) in there}
    wrong = [i for i in numbers if not np.array_equal(there[digest(i)], value(i))]
    assert not wrong
    return numbers


def old_store(path: Path, version: int) -> None:
    """A store as the code of an earlier version of the schema wrote it."""
    shutil.copytree(Path(__file__).parent / "data" / f"version-{version}", path)
    with closing(sqlite3.connect(path / "index.sqlite")) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.executescript((path / "index.sql").read_text())
    (path / "index.sql").unlink()


def changed(path: Path, statement: str, *values: object) -> None:
    """Change an index behind the store's back."""
    with closing(sqlite3.connect(path / "index.sqlite")) as db, db:
        assert db.execute(statement, values).rowcount


def rows(path: Path, query: str) -> list[tuple]:
    """Rows of an index as SQLite reads them."""
    with closing(sqlite3.connect(path / "index.sqlite")) as db:
        return db.execute(query).fetchall()
