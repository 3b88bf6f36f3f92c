"""Files, bytes and seconds of a store of many small chunks, before and after compaction.

python benchmarks/compaction.py [ROWS [ROWS_A_CHUNK]]
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from creme.store import Store
from creme.store.compact import compact
from creme.store.verify import verify

SHAPE = (1, 2)


def digest(number: int) -> bytes:
    return hashlib.sha256(str(number).encode()).digest()


def on_disk(folder: Path) -> str:
    """Inodes, and bytes of the blocks that they take."""
    paths = [
        Path(place, name) for place, folders, files in os.walk(folder) for name in folders + files
    ]
    size = sum(512 * path.lstat().st_blocks for path in [folder, *paths])
    return f"{1 + len(paths):,} inodes, {size / 1e6:.2f} MB"


def timed(what: str, path: Path, work: Callable[[Store], object]) -> None:
    with Store(path) as store:
        began = time.perf_counter()
        outcome = work(store)
        print(f"{what}: {time.perf_counter() - began:.2f} s; {outcome}")


def main(rows: int = 10_000, a_chunk: int = 10) -> None:
    values = np.random.default_rng(0).normal(size=(rows, *SHAPE)).astype(np.float32)
    digests = [digest(number) for number in range(rows)]

    def write(store: Store) -> str:
        source = store.source("ab" * 32, SHAPE, {"model": "none"})
        for start in range(0, rows, a_chunk):
            part = slice(start, start + a_chunk)
            store.write(source, digests[part], values[part])
        return f"{values.nbytes / 1e6:.2f} MB of values"

    def read(store: Store) -> str:
        held = store.read(store.source("ab" * 32, SHAPE), digests)
        assert all(np.array_equal(held[one], row) for one, row in zip(digests, values, strict=True))
        return f"{len(held):,} predictions"

    def sizes() -> None:
        index = (path / "index.sqlite").stat().st_size
        print(f"arrays: {on_disk(path / 'predictions.zarr')}; index: {index / 1e6:.2f} MB")

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store"
        timed("written", path, write)
        sizes()
        timed("read", path, read)
        timed("copied", path, compact)
        timed("old files deleted", path, lambda store: compact(store, grace=0))
        sizes()
        timed("read", path, read)
        timed("verified", path, verify)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
