"""SIGKILL of whatever writes a store, at any moment: nothing is lost, wrong or left behind."""

from __future__ import annotations

import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from creme.store import Store
from creme.store.compact import compact
from creme.store.merge import merge
from creme.store.prune import Choice, prune
from creme.store.verify import verify
from creme.testing.stores import SHAPE, digest, fill, forget, rows
from faulty import FORK, MODEL, Case, case, killed, kills, seconds, tries

OTHER = "cd" * 32
"""A second model of a store."""


def kind(index: str | None) -> str:
    return "sqlite" if index is None else "postgresql"


def survives(cost: Case, path: Path, numbers: range, url: str | None = None) -> None:
    """These rows, and no others, are there, right, and once."""
    with Store(path, index_url=url) as store:
        cost.holds(store, numbers)
        assert store.count() == len(numbers)
        cost.once(store)


def _writes(path: Path, url: str | None, numbers: range, done: Path) -> None:
    with Store(path, index_url=url) as store, done.open("ab", buffering=0) as written:
        for n in range(numbers.start, numbers.stop, 3):
            fill(store, range(n, n + 3))
            written.write(b"x")


def test_a_writer_is_killed(tmp_path, index):
    """Rows that it was told to be stored stay; those of the moment may stay, too."""
    path, done, n = tmp_path / "s", tmp_path / "done", tries(2, 35 if index is None else 20)
    done.touch()
    stored = 120
    whole = seconds(_writes, path, index, range(stored), done)
    with case(f"kill-writer-{kind(index)}") as cost:
        for moment in kills("writer", n, whole):
            done.write_bytes(b"")
            endless = range(stored, 10**9)
            cost.tries += killed(_writes, path, index, endless, done, after=moment)
            with Store(path, index_url=index) as store:
                there = store.count()
            cost.lost += max(0, stored + 3 * done.stat().st_size - there)
            stored = there
            survives(cost, path, range(stored), index)
            if cost.tries == n:
                break


def _compact(path: Path, url: str | None) -> None:
    with Store(path, index_url=url) as store:
        compact(store, grace=0)


def test_a_compaction_is_killed(tmp_path, monkeypatch, index):
    # Many small shards, so that a kill falls between any two steps.
    monkeypatch.setattr("creme.store.packed.SHARD_ROWS", 20)
    monkeypatch.setattr("creme.store.store._MAX_CHUNK_ROWS", 4)
    path, n = tmp_path / "s", tries(3, 25 if index is None else 15)
    stored = 0

    def more() -> None:
        nonlocal stored
        with Store(path, index_url=index) as store:
            fill(store, range(stored, stored + 60), 3)
        stored += 60

    more()
    whole = seconds(_compact, path, index)
    with case(f"kill-compaction-{kind(index)}") as cost:
        for moment in kills("compaction", n, whole):
            more()
            cost.tries += killed(_compact, path, index, after=moment)
            survives(cost, path, range(stored), index)
            if cost.tries == n:
                break
        with Store(path, index_url=index) as store:
            compact(store, grace=0)
            findings = verify(store, grace=0)
            assert findings.predictions == stored
            assert not findings.damage
            assert not findings.orphans
            assert not findings.temporary
            shards = list((path / "predictions.zarr").glob("*-packed/c.*"))
            # Shards of 20 rows; those that are half full are not written anew.
            assert len(shards) <= stored / 10 + 1
        survives(cost, path, range(stored), index)


def _merge(path: Path, others: list[Path]) -> None:
    with Store(path) as into:
        for other in others:
            with Store(other) as store:
                merge(into, store)


def test_a_merge_is_killed(tmp_path):
    others, n = [tmp_path / "a", tmp_path / "b"], tries(2, 30)
    for k, other in enumerate(others):
        with Store(other) as store:
            fill(store, range(100 * k, 100 * k + 140), 3)
            if k:
                compact(store, grace=0)
    whole = seconds(_merge, tmp_path / "into", others)
    with case("kill-merge") as cost:
        for round_, moment in enumerate(kills("merge", n, whole)):
            path = tmp_path / f"into-{round_}"
            cost.tries += killed(_merge, path, others, after=moment)
            _merge(path, others)
            survives(cost, path, range(240))
            with Store(path) as store:
                assert not verify(store, grace=0).damage
            shutil.rmtree(path)
            if cost.tries == n:
                break
        for k, other in enumerate(others):
            survives(cost, other, range(100 * k, 100 * k + 140))


def _prune(path: Path) -> None:
    with Store(path) as store:
        prune(store, Choice(model=OTHER), delete=True, grace=0)


def test_a_prune_is_killed(tmp_path):
    """The other model's predictions stay; those that were chosen are all gone after the next."""
    whole_store, n = tmp_path / "whole", tries(2, 30)
    with Store(whole_store) as store:
        fill(store, range(90), 3)
        fill(store, range(90), 3, OTHER)
        compact(store, grace=0)
        fill(store, range(90, 150), 3)
        fill(store, range(90, 150), 3, OTHER)
    shutil.copytree(whole_store, tmp_path / "timed")
    whole = seconds(_prune, tmp_path / "timed")
    with case("kill-prune") as cost:
        for round_, moment in enumerate(kills("prune", n, whole)):
            path = Path(shutil.copytree(whole_store, tmp_path / f"s-{round_}"))
            cost.tries += killed(_prune, path, after=moment)
            with Store(path) as store:
                cost.holds(store, range(150))
                left = store.read(store.source(OTHER, SHAPE), map(digest, range(150)))
                cost.wrong += sum(
                    not np.array_equal(left[digest(number)], rows([number])[0])
                    for number in range(150)
                    if digest(number) in left
                )
                assert not verify(store, grace=0).damage
            _prune(path)
            survives(cost, path, range(150))
            shutil.rmtree(path)
            if cost.tries == n:
                break


def _repair(path: Path) -> None:
    with Store(path) as store:
        verify(store, repair=True, grace=0)


def test_a_repair_is_killed(tmp_path):
    """The rows that were whole stay, and the next one finds the damage that is left."""
    whole_store, n = tmp_path / "whole", tries(2, 30)
    with Store(whole_store) as store:
        fill(store, range(60), 3)
        compact(store, grace=0)
        fill(store, range(60, 180), 3)
    loose = sorted(whole_store.rglob("c/*/0/0"))
    for file in loose[:10]:
        file.write_bytes(file.read_bytes()[:-3])
    with closing(sqlite3.connect(whole_store / "index.sqlite")) as db, db:
        db.execute('UPDATE predictions SET "row" = "row" + 1 WHERE chunk_id % 9 = 0')
        db.execute("UPDATE predictions SET tag = NULL WHERE chunk_id % 9 = 1")
    shutil.copytree(whole_store, tmp_path / "timed")
    whole = seconds(_repair, tmp_path / "timed")
    with Store(tmp_path / "timed") as store:
        source = store.source(MODEL, SHAPE)
        right = {number for number in range(180) if store.read(source, [digest(number)])}
    assert 90 < len(right) < 160
    with case("kill-repair") as cost:
        for round_, moment in enumerate(kills("repair", n, whole)):
            path = Path(shutil.copytree(whole_store, tmp_path / f"s-{round_}"))
            cost.tries += killed(_repair, path, after=moment)
            _repair(path)
            with Store(path) as store:
                cost.holds(store, right)
                assert store.count() == len(right)
                assert not verify(store, grace=0).damage
                fill(store, range(180), 3)
                cost.holds(store, range(180))
            shutil.rmtree(path)
            if cost.tries == n:
                break


def _reads(path: Path, stop: Path, reads: Any, results: Any) -> None:
    wrong = 0
    with Store(path) as store:
        source = store.source(MODEL, SHAPE)
        while not stop.exists():
            forget(store)
            values = store.read(source, [digest(n) for n in range(100)])
            wrong += 100 - sum(
                digest(n) in values and np.array_equal(values[digest(n)], rows([n])[0])
                for n in range(100)
            )
            reads.value += 1
    results.put(wrong)


def test_another_process_reads_through_compactions(tmp_path):
    """The old files go at once: it has to look its chunks up again."""
    path, stop = tmp_path / "s", tmp_path / "stop"
    with Store(path) as store:
        fill(store, range(100), 3)
    results, reads = FORK.Queue(), FORK.Value("i", 0)
    job = FORK.Process(target=_reads, args=(path, stop, reads, results))
    job.start()
    end = time.monotonic() + 2.5
    stored = 100
    while time.monotonic() < end or (reads.value < 4 and job.is_alive()):
        with Store(path) as store:
            fill(store, range(stored, stored + 30), 3)
            stored += 30
            compact(store, grace=0)
    stop.touch()
    assert results.get(timeout=600) == 0
    job.join()
    assert reads.value > 3
    with Store(path) as store:
        source = store.source(MODEL, SHAPE)
        assert len(store.read(source, map(digest, range(stored)))) == stored
