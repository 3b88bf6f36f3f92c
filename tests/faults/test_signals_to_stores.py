"""Ctrl-C and SIGTERM in each moment in which the verbs of the cache have written something.

They run in this process, so that what they let go of, and do not, is seen: a lock of several
hosts' file systems, a lock of compactions, files beside their places.
"""

from __future__ import annotations

import itertools
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import xarray as xr

from creme.interrupts import remembered
from creme.store import Store
from creme.store.compact import compact
from creme.store.export import export_source
from creme.store.index import Index
from creme.store.merge import merge
from creme.store.place import LocalPlace
from creme.store.prune import Choice, prune
from creme.store.seal import seal, unseal
from creme.store.verify import verify
from creme.testing.stores import SHAPE, ensure_holds, fill
from pressing import Presses

MODEL = "ab" * 32

MOST = 400
"""More than the moments of any verb."""

FEW = {
    ("write", "several"): range(1, 11),
    ("compact", "one"): (6, 14),
    ("merge", "one"): (9,),
    ("merge into a new one", "one"): (3, 7),
    ("verify", "one"): (6,),
    ("prune", "one"): (70,),
    ("seal", "several"): (5,),
    ("export", "one"): (5,),
}
"""Those that are tried by the ordinary tests; make test-faults tries all."""

LONG = "CREME_TEST_LONG" in os.environ


@pytest.fixture
def presses(monkeypatch) -> Presses:
    """After the n-th step of any that changes what lies on the disk."""
    steps = [(Path, "unlink"), (Path, "replace"), (Path, "hardlink_to"), (shutil, "rmtree")]
    return Presses(monkeypatch, (os, "fsync"), *steps, (Index, "write"), (LocalPlace, "remove"))


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A store of 40 predictions in ten chunks, and one of others."""
    folder = tmp_path_factory.mktemp("made")
    with Store(folder / "s") as store:
        fill(store, range(40), 4)
    with Store(folder / "other") as store:
        fill(store, range(30, 50))
        fill(store, range(5), model="cd" * 32)
    return folder


def _chunk(folder: Path, number: int) -> Path:
    return folder / "s" / "predictions.zarr" / f"source-{MODEL[:16]}" / "c" / str(number)


def _compact(folder: Path) -> None:
    with Store(folder / "s") as store:
        compact(store, grace=0)


def _merge(folder: Path) -> None:
    with Store(folder / "s") as store, Store(folder / "other") as other:
        merge(store, other)


def _merge_into_new(folder: Path) -> None:
    with Store(folder / "new") as store, Store(folder / "s") as other:
        merge(store, other)


def _damage(folder: Path) -> None:
    shutil.rmtree(_chunk(folder, 3))
    shutil.copytree(_chunk(folder, 4), _chunk(folder, 99))


def _repair(folder: Path) -> None:
    with Store(folder / "s") as store:
        verify(store, repair=True, grace=0)


def _date(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "s" / "index.sqlite")) as index, index:
        index.execute("UPDATE chunks SET origin = 'old' WHERE id IN (4, 5)")


def _prune(folder: Path) -> None:
    with Store(folder / "s") as store:
        prune(store, Choice(experiment="old"), delete=True, grace=0)


def _seal(folder: Path) -> None:
    seal(folder / "s")
    unseal(folder / "s")


def _export(folder: Path) -> None:
    to = folder / "all.zarr"
    shutil.rmtree(to, ignore_errors=True)
    with Store(folder / "s") as store:
        export_source(store, store.source(MODEL, SHAPE), to)
    assert xr.open_zarr(to).sizes["prediction"] == 40


def _write(folder: Path) -> None:
    with Store(folder / "s") as store:
        fill(store, range(60, 70))


def _nothing(folder: Path) -> None:
    """Nothing has to be prepared."""


VERBS = {
    "write": (_nothing, _write, {*range(40), *range(60, 70)}),
    "compact": (_nothing, _compact, {*range(40)}),
    "merge": (_nothing, _merge, {*range(50)}),
    "merge into a new one": (_nothing, _merge_into_new, {*range(40)}),
    "verify": (_damage, _repair, {*range(8), *range(12, 40)}),
    "prune": (_date, _prune, {*range(12), *range(20, 40)}),
    "seal": (_nothing, _seal, {*range(40)}),
    "export": (_nothing, _export, {*range(40)}),
}
"""What is prepared, the verb, and the predictions that the store has afterwards."""


# On one host sealing is SQLite's own, in one step.
ALL = [each for each in itertools.product(VERBS, ("one", "several")) if each != ("seal", "one")]


@pytest.mark.parametrize(("name", "hosts"), ALL if LONG else FEW)
def test_a_store_is_left_whole_and_open_to_others(
    made, tmp_path, monkeypatch, presses, hosts, name
):
    prepare, verb, expected = VERBS[name]
    prepared = tmp_path / "prepared"
    shutil.copytree(made, prepared)
    prepare(prepared)
    if hosts == "several":
        for room in ("opening", "store_lock"):
            monkeypatch.setattr(f"creme.store.{room}.shared_between_hosts", lambda _: "lustre")
    for moment in range(1, MOST) if LONG else FEW[name, hosts]:
        folder = tmp_path / str(moment)
        shutil.copytree(prepared, folder)
        with remembered():
            try:
                with presses.at(moment):
                    verb(folder)
            except KeyboardInterrupt:
                stopped = True
            else:
                stopped = False
        # Nobody has it any more, though this process lives.
        assert list(folder.rglob("*.lock")) == [], moment
        if not stopped:  # it has fewer moments
            assert moment > 5
            break
        verb(folder)
        with Store(folder / ("new" if name == "merge into a new one" else "s")) as store:
            source = store.source(MODEL, SHAPE)
            ensure_holds(store, source, expected)
            assert store.count(source) == len(expected)
            assert not verify(store, grace=0).damage
        assert [each.name for each in folder.iterdir() if each.name.startswith(".")] == [], moment
