"""The store over PostgreSQL beside the store over SQLite: rows added, and looked up.

    python benchmarks/indexes.py                    a server of its own, as the tests start it
    python benchmarks/indexes.py --index URL        a database that is there, and empty

Rows of 2 bins x 12 tracks under random digests, in batches of 256 as a run has them; both stores
have their arrays on the same disk, and are measured in turns. The best round is given, since
other processes make all slower.
"""

from __future__ import annotations

import argparse
import hashlib
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from creme.store import Store
from creme.store.arrays import Source

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from services.postgres import server  # type: ignore[import-not-found]

SHAPE = (2, 12)
BATCH = 256
SOME = 10_000
"""Rows that are added, and looked up, at each size."""

WRITERS = 4


def digests(start: int, end: int) -> list[bytes]:
    """Of the numbers from one to another."""
    return [hashlib.sha256(number.to_bytes(8, "big")).digest() for number in range(start, end)]


def add(store: Store, source: Source, start: int, end: int, rows: int = BATCH) -> None:
    """Rows in batches."""
    for at in range(start, end, rows):
        part = digests(at, min(end, at + rows))
        store.write(source, part, np.full((len(part), *SHAPE), at, dtype=np.float32))


def look_up(store: Store, source: Source, wanted: list[bytes]) -> int:
    """How many are there."""
    parts = (wanted[at : at + BATCH] for at in range(0, len(wanted), BATCH))
    return sum(len(store.lookup(source, part)) for part in parts)


def seconds(work: Callable[[], object]) -> float:
    """That it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def write(path: Path, url: str | None, start: int, ready: object, go: object) -> None:
    """A writer in a process of its own."""
    with Store(path, index_url=url) as store:
        source = store.source("benchmark", SHAPE, {})
        ready.release()  # type: ignore[attr-defined]
        go.wait()  # type: ignore[attr-defined]
        add(store, source, start, start + SOME)


def together(path: Path, url: str | None, start: int) -> float:
    """Seconds that several writers take for as many times the rows."""
    context = multiprocessing.get_context("spawn")
    ready, go = context.Semaphore(0), context.Event()
    writers = [
        context.Process(target=write, args=(path, url, start + k * SOME, ready, go))
        for k in range(WRITERS)
    ]
    for writer in writers:
        writer.start()
    for _ in writers:
        ready.acquire()
    began = time.perf_counter()
    go.set()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    return time.perf_counter() - began


def round_of(path: Path, url: str | None, store: Store, source: Source, at: int) -> list[float]:
    """Rates of one round, a second: added, known, unknown, added by all writers."""
    added = seconds(lambda: add(store, source, at, at + SOME))
    known = digests(at, at + SOME)
    order = np.random.default_rng(at).permutation(SOME)
    known = [known[k] for k in order]
    assert look_up(store, source, known) == SOME  # and their chunks are in memory
    again = seconds(lambda: look_up(store, source, known))
    unknown = digests(10**12 + at, 10**12 + at + SOME)
    none = seconds(lambda: look_up(store, source, unknown))
    writers = together(path, url, at + SOME)
    return [SOME / added, SOME / again, SOME / none, WRITERS * SOME / writers]


@contextmanager
def database(url: str | None) -> Iterator[str]:
    """One that is there, or of a server that is started for it."""
    if url is not None:
        yield url
        return
    with server(durable=True) as postgres:
        yield postgres.url()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--index", help="URL of an empty database in PostgreSQL")
    parser.add_argument("--rows", type=int, nargs="+", default=[10**5, 10**6])
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print("| index | rows before | added/s | known/s | unknown/s | added/s by four writers |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder, database(options.index) as url:
        places = {"SQLite": (Path(folder) / "one", None), "PostgreSQL": (Path(folder) / "two", url)}
        stores = {name: Store(path, index_url=index) for name, (path, index) in places.items()}
        sources = {name: one.source("benchmark", SHAPE, {}) for name, one in stores.items()}
        at = 0
        for size in options.rows:
            for name, store in stores.items():
                add(store, sources[name], at, size, rows=4096)
            at = size
            best: dict[str, np.ndarray] = {}
            for _ in range(options.rounds):
                for name, store in stores.items():
                    rates = np.array(round_of(*places[name], store, sources[name], at))
                    best[name] = np.maximum(best.get(name, rates), rates)
                at += (1 + WRITERS) * SOME
            for name, rates in best.items():
                print(f"| {name} | {size:,} | {' | '.join(f'{one:,.0f}' for one in rates)} |")
        for store in stores.values():
            store.close()


if __name__ == "__main__":
    main()
