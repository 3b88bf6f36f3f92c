"""Four processes write into one store at once; two write the same, and the first one counts."""

from __future__ import annotations

from pathlib import Path

from creme.store import Store
from creme.testing.stores import digest, fill, rows
from faulty import FORK, MODEL, SHAPE, case, tries

ROWS = tries(300, 10_000)


def _writes(path: Path, url: str | None, number: int) -> None:
    with Store(path, index_url=url) as store:
        first = number * ROWS
        fill(store, range(first, first + ROWS), 20)


def test_four_processes_write_at_once(tmp_path, index):
    path = tmp_path / "s"
    with case(f"four-writers-{'sqlite' if index is None else 'postgresql'}") as cost:
        jobs = [FORK.Process(target=_writes, args=(path, index, k)) for k in range(4)]
        for job in jobs:
            job.start()
        for job in jobs:
            job.join()
        cost.tries += len(jobs)
        cost.unexpected += [f"exit status {job.exitcode}" for job in jobs if job.exitcode]
        with Store(path, index_url=index) as store:
            cost.holds(store, range(4 * ROWS))
            cost.once(store)
            assert store.count() == 4 * ROWS


def _same(path: Path, url: str | None) -> None:
    with Store(path, index_url=url) as store:
        fill(store, range(100), 5)


def test_of_two_who_write_the_same_the_first_one_counts(tmp_path, index):
    path = tmp_path / "s"
    jobs = [FORK.Process(target=_same, args=(path, index)) for _ in range(2)]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    assert [job.exitcode for job in jobs] == [0, 0]
    with Store(path, index_url=index) as store:
        there = store.read(store.source(MODEL, SHAPE), map(digest, range(100)))
        assert store.count() == 100
        assert all((there[digest(n)] == rows([n])[0]).all() for n in range(100))
