"""A disk that is full at any moment: a sentence, nothing lost; with room again it goes on."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mini_study as mini
from command import CREME
from creme.results.directory import Results
from creme.store import Store
from creme.store.compact import compact
from creme.store.merge import merge
from creme.store.prune import Choice, prune
from creme.store.verify import verify
from creme.testing.stores import SHAPE, digest, fill
from faulty import MODEL, Case, all_values, case, command, ending, met, random, tries
from small import text

SIZE = 24 * 2**20
OTHER = "cd" * 32


@pytest.fixture
def disk(tmp_path) -> Iterator[Path]:
    """A small disk of its own; a user who is not root may mount none."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)]
    try:
        subprocess.run(mount, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no small disk can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def free(disk: Path) -> int:
    return shutil.disk_usage(disk).free


def leave(disk: Path, room: int) -> Path:
    """Fill a disk but for some bytes; returns the file, which gives the room back."""
    ballast = disk / "ballast"
    with ballast.open("wb") as file:
        file.truncate(0)
        left = max(0, free(disk) - room)
        for _ in range(left // 2**16):
            file.write(bytes(2**16))
        file.write(bytes(left % 2**16))
    return ballast


def _writes(path: Path) -> None:
    with Store(path) as store:
        source = store.source(MODEL, SHAPE)
        for n in range(0, 240, 4):
            # As a run, which makes what is not there.
            if not store.read(source, [digest(n)]):
                fill(store, range(n, n + 4))


def _compacts(path: Path) -> None:
    with Store(path) as store:
        compact(store, grace=0)


def _merges(path: Path) -> None:
    with Store(path.with_name("into")) as into, Store(path) as store:
        merge(into, store)


def _prunes(path: Path) -> None:
    with Store(path) as store:
        prune(store, Choice(model=OTHER), delete=True, grace=0)


def _repairs(path: Path) -> None:
    with Store(path) as store:
        verify(store, repair=True, grace=0)


VERBS: dict[str, tuple[Callable[[Path], None], bool]] = {
    "write": (_writes, False),
    "compaction": (_compacts, True),
    "merge": (_merges, True),
    "prune": (_prunes, True),
    "repair": (_repairs, True),
}
"""By name: the work, and whether it has a store to work on."""


@pytest.mark.parametrize("verb", VERBS)
def test_of_a_store(disk, tmp_path, verb):
    work, begun = VERBS[verb]
    before = tmp_path / "before"
    if begun:
        with Store(before) as store:
            fill(store, range(240), 4)
            if verb == "prune":
                fill(store, range(240), 4, OTHER)
        if verb == "repair":
            for file in (before / "predictions.zarr").glob("*/c/[1-8]/0/0"):
                file.write_bytes(b"damaged")
    path, places = disk / "s", random(f"full-disk-{verb}")
    right = range(32 if verb == "repair" else 0, 240)

    def prepare() -> None:
        for entry in disk.iterdir():
            entry.unlink() if entry.is_file() else shutil.rmtree(entry)
        if begun:
            shutil.copytree(before, path)

    prepare()
    at_first = free(disk)
    assert ending(work, path).well
    # SQLite's log and files beside it are gone by the end.
    needed = max(at_first - free(disk), 2**18) + 2**18
    n = tries(2, 12)
    with case(f"full-disk-{verb}") as cost:
        for _ in range(8 * n):
            prepare()
            ballast = leave(disk, int(places.integers(0, needed)))
            cost.tries += met(cost, ending(work, path))
            ballast.unlink()
            if begun:
                with Store(path) as store:
                    cost.holds(store, right)
            again = ending(work, path)
            assert again.well, again
            with Store(disk / "into" if verb == "merge" else path) as store:
                cost.holds(store, right)
                if verb not in ("prune", "repair"):
                    cost.once(store)
                assert not verify(store, grace=0).damage
            if cost.tries == n:
                break


def struck(
    cost: Case, disk: Path, arguments: list[str], needed: int, places: np.random.Generator
) -> None:
    """Run a command on a disk that becomes full, and then again with room."""
    ballast = leave(disk, int(places.integers(0, needed)))
    cost.tries += met(cost, command([*CREME, *arguments]))
    ballast.unlink()
    again = command([*CREME, *arguments])
    assert again.well, again


def test_of_a_run(disk, genome, tmp_path):
    file = tmp_path / "small.toml"
    file.write_text(text(genome))
    done = command([*CREME, "run", str(file)])
    assert done.well, done
    expected = all_values(tmp_path / "predictions")
    results = Results.existing(tmp_path / "small.results")
    size = sum(one.stat().st_size + 4096 for one in tmp_path.rglob("*") if one.is_file())
    n, places = tries(1, 6), random("full-disk-run")
    with case("full-disk-run") as cost:
        for _ in range(4 * n):
            shutil.copy(file, disk)
            struck(cost, disk, ["run", str(disk / "small.toml")], size // 2, places)
            there = all_values(disk / "predictions")
            cost.rows += len(there)
            cost.lost += len(expected.keys() - there.keys())
            cost.wrong += sum(not np.array_equal(row, expected[key]) for key, row in there.items())
            for label in results.labels():
                again = Results.existing(disk / "small.results").load(label)
                again.attrs.pop("compared_with_store", None)
                cost.wrong += not again.identical(results.load(label))
            for entry in disk.iterdir():
                entry.unlink() if entry.is_file() else shutil.rmtree(entry)
            if cost.tries == n:
                break


def _finished(folder: Path) -> dict[str, Any]:
    mini.write(folder, genes=3)
    done = command([*CREME, "study", str(mini.study(folder))])
    assert done.well, done
    return mini.tables(folder / "mini.study")


@pytest.mark.skipif(tries(1, 0) == 1, reason="a study takes a while: make test-faults")
def test_of_a_study(disk, tmp_path):
    tables = _finished(tmp_path)
    size = sum(one.stat().st_size + 4096 for one in tmp_path.rglob("*") if one.is_file())
    places = random("full-disk-study")
    with case("full-disk-study") as cost:
        for _ in range(16):
            for name in ("genome.fa", "annotation.gtf", "study.toml"):
                shutil.copy(tmp_path / name, disk)
            struck(cost, disk, ["study", str(disk / "study.toml")], size // 2, places)
            again = mini.tables(disk / "mini.study")
            cost.wrong += sum(again.get(name) != table for name, table in tables.items())
            there = all_values(disk / "predictions")
            expected = all_values(tmp_path / "predictions")
            cost.rows += len(there)
            cost.lost += len(expected.keys() - there.keys())
            cost.wrong += sum(not np.array_equal(row, expected[key]) for key, row in there.items())
            for entry in disk.iterdir():
                entry.unlink() if entry.is_file() else shutil.rmtree(entry)
            if cost.tries == 4:
                break
