"""The store as it grows: adding rows, looking them up, and coming back to it."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import tempfile
from importlib.metadata import version
from pathlib import Path

import numpy as np
from common import Took, main, timed

import creme
from creme.store import Store
from creme.store.tags import seed_of, tag_of

SHAPE = (2, 12)
BATCH = 256
SOME = 10_000
"""Rows that are added, and looked up, at each size."""


def digest(number):
    return hashlib.sha256(number.to_bytes(8, "big")).digest()


def digests(start, end):
    return [digest(number) for number in range(start, end)]


def values(n):
    return np.random.default_rng(n).random((n, *SHAPE), np.float32)


def add(store, source, start, end):
    """Rows in batches, as a run writes them."""
    for at in range(start, end, BATCH):
        part = digests(at, min(end, at + BATCH))
        store.write(source, part, values(len(part)))


def look_up(store, source, wanted):
    """The number that is found, looked up in batches as the scheduler does."""
    return sum(
        len(store.lookup(source, wanted[at : at + BATCH])) for at in range(0, len(wanted), BATCH)
    )


def fill(store, source, start, end):
    """Rows up to `end`, fast: one chunk under many numbers, and index lines in sorted order."""
    with store._engine.begin() as connection:
        first = connection.exec_driver_sql("SELECT max(id) FROM chunks").scalar() or 0
    store.write(source, digests(start, start + BATCH), values(BATCH))
    array = store.path / "predictions.zarr" / source.array / "c"
    written = first + 1
    start += BATCH
    n = -(-(end - start) // BATCH)
    with sqlite3.connect(store.path / "index.sqlite") as index:
        rows, checksum = index.execute(
            "SELECT rows, checksum FROM chunks WHERE id = ?", (written,)
        ).fetchone()
        numbers = range(written + 1, written + 1 + n)
        index.executemany(
            "INSERT INTO chunks (id, source_id, rows, checksum) VALUES (?, ?, ?, ?)",
            ((number, source.id, rows, checksum) for number in numbers),
        )
        for number in numbers:
            folder = array / str(number) / "0"
            folder.mkdir(parents=True)
            os.link(array / str(written) / "0" / "0", folder / "0")
        seeds = {number: seed_of(source.fingerprint, number, checksum) for number in numbers}

        def line(k):
            name, number, row = digest(k), written + 1 + (k - start) // BATCH, (k - start) % BATCH
            return source.id, name, number, row, tag_of(seeds[number], name, row)

        index.executemany(
            "INSERT INTO predictions VALUES (?, ?, ?, ?, ?)",
            sorted(map(line, range(start, end)), key=lambda line: line[1]),
        )
    index.close()
    os.sync()  # a store grows over days: its growth is not what is timed


def growing(sizes):
    random = np.random.default_rng(0)

    def run():
        times = Took({"missed": 0})
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "store"
            store, at = Store(path), 0
            source = store.source("benchmark", SHAPE, {})
            for size in sizes:
                if size - SOME - at > 2 * BATCH:
                    fill(store, source, at, size - SOME)
                elif size - SOME > at:
                    add(store, source, at, size - SOME)
                at = size
                _, took = timed(add, store, source, size - SOME, size)
                times[f"{size}: 10,000 rows added"] = took
                unknown = digests(10**12 + size, 10**12 + size + SOME)
                n, took = timed(look_up, store, source, unknown)
                times[f"{size}: unknown looked up"] = took
                times.facts["missed"] += n
                # Known, and their chunks in memory: what the index takes.
                last = digests(size - SOME, size)
                wanted = [last[k] for k in random.permutation(SOME)]
                look_up(store, source, wanted)
                n, took = timed(look_up, store, source, wanted)
                times[f"{size}: known looked up"] = took
                times.facts["missed"] += SOME - n
                times.facts[f"{size} rate"] = SOME / took
                # A run that comes back: opened anew, looked up in the order of writing.
                store.close()
                wanted = digests(0, SOME)

                def come_back(wanted=wanted):
                    reopened = Store(path)
                    source = reopened.source("benchmark", SHAPE, {})
                    return reopened, look_up(reopened, source, wanted)

                (store, n), took = timed(come_back)
                source = store.source("benchmark", SHAPE, {})
                times[f"{size}: opened and 10,000 read"] = took
                times.facts["missed"] += SOME - n
                files = (path / name for name in ("index.sqlite", "index.sqlite-wal"))
                times.facts[f"{size} mib"] = (
                    sum(file.stat().st_size for file in files if file.exists()) / 2**20
                )
            store.close()
        return times

    return run


if __name__ == "__main__":
    main(
        {"growing": growing},
        {
            "creme-toolkit": creme.__version__,
            "zarr": version("zarr"),
            "sqlalchemy": version("sqlalchemy"),
            "sqlite": sqlite3.sqlite_version,
        },
    )
