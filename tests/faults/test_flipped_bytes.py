"""One byte changed in any file of a store or of a running test: never another value."""

from __future__ import annotations

import os
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from creme.errors import CremeError, CremeWarning
from creme.results.units import UnitLog
from creme.store import Store
from creme.store.compact import compact
from creme.testing.stores import SHAPE, digest, fill, rows
from faulty import MODEL, Case, case, random, tries

ROWS = 240
PACKED = 120
"""Rows in shards; the others are in chunks of 12."""

FILES = {
    "flip-index": "index.sqlite",
    "flip-chunk": "predictions.zarr/source-*/c/*/0/0",
    "flip-shard": "predictions.zarr/source-*-packed/c.*",
    "flip-array": "predictions.zarr/**/zarr.json",
}


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("store") / "s"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("creme.store.packed.SHARD_ROWS", 30)
        patched.setattr("creme.store.store._MAX_CHUNK_ROWS", 12)
        with Store(path) as opened:
            fill(opened, range(PACKED), 12)
            compact(opened, grace=0)
            fill(opened, range(PACKED, ROWS), 12)
    return path


@pytest.fixture(autouse=True)
def _small_shards(monkeypatch):
    monkeypatch.setattr("creme.store.packed.SHARD_ROWS", 30)


def flip(file: Path, places: np.random.Generator) -> None:
    """Change one byte of a file, which may be another name of one that stays."""
    data = bytearray(file.read_bytes())
    data[int(places.integers(len(data)))] ^= int(places.integers(1, 256))
    replace(file, bytes(data))


def replace(file: Path, content: bytes) -> None:
    file.unlink()
    file.write_bytes(content)


def read(cost: Case, path: Path) -> set[int] | None:
    """The numbers of the rows that are served; None where the store is refused."""
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always", CremeWarning)
        try:
            with Store(path) as opened:
                source = opened.source(MODEL, SHAPE)
                there = opened.read(source, map(digest, range(ROWS)))
        except CremeError as error:
            cost.saw(error)
            return None
        finally:
            for warning in shown:
                cost.saw(warning.message)
    served = {n for n in range(ROWS) if digest(n) in there}
    cost.rows += len(served)
    cost.wrong += sum(not np.array_equal(there[digest(n)], rows([n])[0]) for n in served)
    return served


@pytest.mark.parametrize("name", FILES)
def test_of_a_store(store, tmp_path, name):
    """Rows of the bytes that were hit are made again; where it is refused, all of them stay."""
    places = random(name)
    with case(name, loses=name != "flip-array") as cost:
        for round_ in range(tries(12, {"flip-index": 150, "flip-array": 30}.get(name, 60))):
            path = tmp_path / str(round_)
            # Nothing else is changed: a second name of each file is enough.
            shutil.copytree(store, path, copy_function=os.link)
            replace(path / "index.sqlite", (store / "index.sqlite").read_bytes())
            files = sorted(path.glob(FILES[name]))
            file = files[int(places.integers(len(files)))]
            before = file.read_bytes()
            flip(file, places)
            cost.tries += 1
            served = read(cost, path)
            if served is None:
                # As it says: the byte put back, all is there.
                replace(file, before)
                served = read(cost, path)
            assert served is not None
            cost.lost += ROWS - len(served)
            shutil.rmtree(path)
        # At most a shard's rows, or those of a page's lines, at once.
        assert cost.lost <= 60 * cost.tries


def _unit(number: int) -> xr.Dataset:
    values = np.random.default_rng(number).normal(size=(5, 1))
    return xr.Dataset({"effect": (("tile", "track"), values)})


def test_of_a_unit_log(tmp_path):
    """What is read of it are its first units, whole."""
    log = UnitLog(tmp_path, "t")
    log.begin({"test": "t"}, ["one"])
    for number in range(8):
        log.append(number, _unit(number), f"x{number}", {"gene": f"gene {number}"})
    log.close()
    whole, places = log.path.read_bytes(), random("flip-unit-log")
    with case("flip-unit-log", loses=True) as cost:
        for _ in range(tries(20, 60)):
            flip(log.path, places)
            cost.tries += 1
            try:
                joined = UnitLog(tmp_path, "t").read_joined()
            except CremeError as error:
                cost.saw(error)
                joined = None
            n = 0 if joined is None else joined.sizes["locus"]
            cost.rows += n
            cost.lost += 8 - n
            for number in range(n):
                assert joined is not None
                unit = joined.isel(locus=number)
                right = unit["effect"].values.tolist() == _unit(number)["effect"].values.tolist()
                cost.wrong += not right or str(unit["gene"].values) != f"gene {number}"
            log.path.write_bytes(whole)
