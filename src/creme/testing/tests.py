"""Checks of a test, run on random loci with a small model that is sensitive to every base."""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field

from creme.errors import ModelError
from creme.genome import Locus
from creme.model import Model, Track, TrackTable
from creme.sequence import Sequence
from creme.test import Test
from creme.testing.checks import Check, ensure, run_all

if TYPE_CHECKING:
    import xarray as xr

Make = Callable[[], Test]

LENGTH = 24_576


class RandomModel(Model):
    """A random network of two layers: every base at every position matters."""

    name: ClassVar[str] = "random"
    version: ClassVar[str] = "1"
    batch_size: ClassVar[int] = 4

    length: int = Field(LENGTH, ge=64, multiple_of=64)

    @property
    def input_length(self) -> int:
        """Length of the input, bp."""
        return self.length

    @property
    def bin_size(self) -> int:
        """An eighth of the input."""
        return self.length // 8

    @property
    def n_bins(self) -> int:
        """Four."""
        return 4

    @property
    def tracks(self) -> TrackTable:
        """Two."""
        return TrackTable((Track("one"), Track("two")))

    def identity(self) -> dict[str, Any]:
        """Nothing but its length."""
        return {"length": self.length}

    @cached_property
    def _weights(self) -> tuple[np.ndarray, np.ndarray]:
        random = np.random.default_rng(0)
        return random.normal(size=(self.length, 4)), random.normal(size=(64, 8))

    def predict(self, onehot: np.ndarray) -> np.ndarray:
        """Predict; see `creme.model.Model.predict`."""
        if onehot.ndim != 3 or onehot.shape[1:] != (self.length, 4):
            raise ModelError(f"the input has shape {onehot.shape}, not (B, {self.length}, 4)")
        out = np.empty((len(onehot), 4, 2), np.float32)
        bases, mixing = self._weights
        for row, one in zip(out, onehot, strict=True):
            drive = (one * bases).sum(axis=1).reshape(64, -1).sum(axis=1)
            hidden = np.tanh(drive / np.sqrt(self.length / 64))
            row[:] = np.exp(0.3 * hidden @ mixing).reshape(4, 2)
        return out


def _loci(n: int) -> list[Locus]:
    random = np.random.default_rng(9)
    draws = [random.integers(0, 4, LENGTH, dtype=np.uint8) for _ in range(n)]
    return [Locus.from_sequence(Sequence(codes), f"locus{k}") for k, codes in enumerate(draws)]


def _measure(test: Test, loci: list[Locus], batch_size: int | None = None) -> xr.Dataset:
    from dataclasses import replace

    from creme.runner.run import measure, prepare
    from creme.store import Store

    plan = replace(prepare({"test": test}, RandomModel(), loci), batch_size=batch_size)
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder) / "store") as store:
        report = measure(plan, store)
    ensure(not report.failures, f"it failed: {report.failures}")
    return report.datasets["test"].drop_attrs()


def runs(make: Make) -> None:
    """It gives a Dataset along `locus`, with activities along `track`."""
    dataset = _measure(make(), _loci(2))
    ensure("locus" in dataset.dims, "the results have no dimension 'locus'")
    ensure(len(dataset.data_vars) > 0, "the results have no variables")


def deterministic(make: Make) -> None:
    """Running it again, from a pickle and in other batches, gives the same numbers."""
    test = make()
    first = _measure(test, _loci(2))
    again = _measure(pickle.loads(pickle.dumps(test)), _loci(2), batch_size=7)
    ensure(first.identical(again), "a second run, in other batches, gave other results")


def loci_do_not_matter_to_each_other(make: Make) -> None:
    """The order of loci changes no numbers."""
    first = _measure(make(), _loci(2))
    turned = _measure(make(), _loci(2)[::-1])
    for unit in first["locus"].values:
        ensure(
            first.sel(locus=unit).identical(turned.sel(locus=unit)),
            f"{unit}: other numbers when the loci come in another order",
        )


def asks_as_many_as_it_says(make: Make) -> None:
    """`size`, where it says something, is the number of sequences asked for."""
    from creme.runner.run import measure, prepare
    from creme.store import Store

    plan = prepare({"test": make()}, RandomModel(), _loci(2))
    expected = plan.size()
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder) / "store") as store:
        asked = measure(plan, store).progress.asked
    ensure(expected in (None, asked), f"size() says {expected}, and {asked} were asked for")


_CHECKS = (runs, deterministic, loci_do_not_matter_to_each_other, asks_as_many_as_it_says)


def test_checks() -> list[Check]:
    """All checks of a test that fits loci of 24,576 bp."""
    return [Check(function) for function in _CHECKS]


# pytest collects what is called test_*; this one is not a test of code.
test_checks.__test__ = False  # type: ignore[attr-defined]


def check_test(make: Make) -> None:
    """Run all checks of a test; see `test_checks`."""
    run_all(test_checks(), make)
