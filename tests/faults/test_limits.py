"""Limits of a process: each is a sentence that names it, and nothing that is whole is dropped."""

from __future__ import annotations

import os
import resource
import shutil
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from creme.results.directory import Results
from creme.store import Store
from creme.store.compact import compact
from creme.store.verify import verify
from creme.testing.stores import SHAPE, digest, fill, forget
from faulty import MODEL, case, ending, met, random, tries

ROWS = 120


def _uses(store: Path, results: Path) -> None:
    """Read, write, compact and verify a store, and save and read results."""
    with Store(store) as opened:
        source = opened.source(MODEL, SHAPE)
        opened.read(source, map(digest, range(ROWS)))
        for n in range(ROWS, 2 * ROWS, 8):
            if not opened.read(source, [digest(n)]):
                fill(opened, range(n, n + 8), 8)
        forget(opened)
        opened.read(source, map(digest, range(2 * ROWS)))
        compact(opened, grace=0)
        verify(opened, repair=True, grace=0)
    values = np.arange(60_000.0).reshape(2, -1)
    saved = Results(results)
    saved.claim("", results, {"seed": 7})
    saved.save("t", xr.Dataset({"effect": (("locus", "tile"), values)}, {"locus": ["A", "B"]}))
    assert saved.load("t")["effect"].values.tolist() == values.tolist()
    saved.update({"state": "finished"})


def _few_files(more: int) -> Callable[[], None]:
    def limit() -> None:
        free = os.open("/", os.O_RDONLY)
        os.close(free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (free + more, free + more))

    return limit


def _small_files(size: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def _little_memory(more: int) -> Callable[[], None]:
    def limit() -> None:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        size = pages * resource.getpagesize() + more
        resource.setrlimit(resource.RLIMIT_AS, (size, size))

    return limit


def _few_threads(more: int) -> Callable[[], None]:
    """As Python says it where the system gives no more: the limit of a user is none of root's."""
    left = [more]

    def limited(begin: Callable[..., Any]) -> Callable[..., Any]:
        def start(*arguments: Any, **options: Any) -> Any:
            left[0] -= 1
            if left[0] < 0:
                raise RuntimeError("can't start new thread")
            return begin(*arguments, **options)

        return start

    def limit() -> None:
        # The second from Python 3.13 on.
        for name in ("_start_new_thread", "_start_joinable_thread"):
            if hasattr(threading, name):
                setattr(threading, name, limited(getattr(threading, name)))

    return limit


LIMITS = {
    "few-files": (_few_files, 24),
    "small-files": (_small_files, 600_000),
    "little-memory": (_little_memory, 48 * 2**20),
    "few-threads": (_few_threads, 8),
}
"""By name: what sets the limit, and the most that it leaves."""


@pytest.mark.parametrize("name", LIMITS)
def test_a_limit(tmp_path, name):
    if name == "small-files" and "coverage" in sys.modules:
        pytest.skip("coverage writes a file of its own as each process ends")
    limited, most = LIMITS[name]
    before = tmp_path / "before"
    with Store(before) as store:
        fill(store, range(ROWS), 8)
    shutil.copytree(before, tmp_path / "warm")
    # All is imported that is when it is used: where there is too little memory to load OpenBLAS,
    # that waits for more, for good.
    _uses(tmp_path / "warm", tmp_path / "warm.results")
    n, places = tries(2, 20), random(name)
    with case(name) as cost:
        for round_ in range(8 * n):
            path, results = tmp_path / f"s-{round_}", tmp_path / f"{round_}.results"
            shutil.copytree(before, path)
            limit = limited(int(places.integers(0, most)))
            cost.tries += met(cost, ending(_uses, path, results, limit=limit))
            with Store(path) as store:
                cost.holds(store, range(ROWS))
                cost.once(store)
                assert not verify(store, grace=0).damage
            again = ending(_uses, path, results)
            assert again.well, again
            with Store(path) as store:
                cost.holds(store, range(2 * ROWS))
                cost.once(store)
            shutil.rmtree(path)
            if cost.tries == n:
                break
