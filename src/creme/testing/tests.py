"""Checks of a test, run on random loci with a small model that is sensitive to every base."""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
from creme.testing.parameters import parameters

if TYPE_CHECKING:
    import xarray as xr

    from creme.runner.plan import Plan
    from creme.runner.tasks import Progress
    from creme.store import Store

Make = Callable[[], Test]

LENGTH = 24_576


class RandomModel(Model):
    """A random network of two layers: every base at every position matters."""

    name: ClassVar[str] = "random"
    version: ClassVar[str] = "1"
    batch_size: ClassVar[int] = 4

    length: int = Field(LENGTH, ge=64, multiple_of=64)
    n_tracks: int = Field(2, ge=1, le=3)

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
        """Two, unless it was given another number."""
        return TrackTable(tuple(Track(name) for name in ("one", "two", "three")[: self.n_tracks]))

    def identity(self) -> dict[str, Any]:
        """Its length, and what tracks it has."""
        return {"length": self.length, "n_tracks": self.n_tracks}

    @cached_property
    def _weights(self) -> tuple[np.ndarray, np.ndarray]:
        random = np.random.default_rng(0)
        return random.normal(size=(self.length, 4)), random.normal(size=(64, 4 * self.n_tracks))

    def predict(self, onehot: np.ndarray) -> np.ndarray:
        """Predict; see `creme.model.Model.predict`."""
        if onehot.ndim != 3 or onehot.shape[1:] != (self.length, 4):
            raise ModelError(f"the input has shape {onehot.shape}, not (B, {self.length}, 4)")
        out = np.empty((len(onehot), 4, self.n_tracks), np.float32)
        bases, mixing = self._weights
        for row, one in zip(out, onehot, strict=True):
            drive = (one * bases).sum(axis=1).reshape(64, -1).sum(axis=1)
            hidden = np.tanh(drive / np.sqrt(self.length / 64))
            row[:] = np.exp(0.3 * hidden @ mixing).reshape(4, -1)
        return out


def _loci(n: int) -> list[Locus]:
    random = np.random.default_rng(9)
    draws = [random.integers(0, 4, LENGTH, dtype=np.uint8) for _ in range(n)]
    return [Locus.from_sequence(Sequence(codes), f"locus{k}") for k, codes in enumerate(draws)]


def _plan(test: Test, n: int, batch_size: int | None = None, n_tracks: int = 2) -> Plan:
    from dataclasses import replace

    from creme.runner.plan import prepare

    plan = prepare({"test": test}, RandomModel(n_tracks=n_tracks), _loci(n))
    return replace(plan, batch_size=batch_size)


@contextmanager
def _store() -> Iterator[Store]:
    from creme.store import Store

    with tempfile.TemporaryDirectory() as folder, Store(Path(folder) / "store") as store:
        yield store


def _run(plan: Plan, store: Store) -> tuple[xr.Dataset, Progress]:
    from creme.runner.run import measure

    report = measure(plan, store)
    ensure(not report.failures, f"it failed: {report.failures}")
    return report.datasets["test"].drop_attrs(), report.progress


def _measure(plan: Plan) -> xr.Dataset:
    with _store() as store:
        return _run(plan, store)[0]


def runs(make: Make) -> None:
    """It gives a Dataset with numbers along `locus`, and activities along `track`."""
    dataset = _measure(_plan(make(), 2))
    ensure(len(dataset.data_vars) > 0, "the results have no variables")
    ensure("track" in dataset.dims, "no variable of the results has the dimension 'track'")
    for name, values in dataset.variables.items():
        ensure(
            values.dtype.kind in "biufU" or all(isinstance(v, str) for v in values.values.flat),
            f"variable {name} holds {values.dtype}: numbers and text can be stored",
        )


def any_number_of_tracks(make: Make) -> None:
    """It runs with one activity and with several, and its results have as many tracks."""
    for n_tracks in (1, 3):
        dataset = _measure(_plan(make(), 1, n_tracks=n_tracks))
        size = dataset.sizes.get("track")
        ensure(size in (None, n_tracks), f"with {n_tracks} tracks it gave results of {size}")


def named_dimensions(make: Make) -> None:
    """Dimensions have names that say what they are."""
    dims = [str(dim) for dim in _measure(_plan(make(), 1)).dims]
    unnamed = [dim for dim in dims if dim.startswith("dim_")]
    ensure(not unnamed, f"the results have the dimensions {', '.join(unnamed)}: name them")


def saved(make: Make) -> None:
    """Its results can be written to a results directory, and read back as they were."""
    from creme.results.directory import Results

    dataset = _measure(_plan(make(), 2))
    with tempfile.TemporaryDirectory() as folder:
        results = Results(folder)
        results.save("test", dataset)
        again = results.load("test").load()
    for name, values in dataset.variables.items():
        ensure(name in again.variables, f"variable {name} is not among what was read back")
        same = again[name].variable.astype(values.dtype)
        ensure(
            values.equals(same.transpose(*values.dims)),
            f"variable {name} is another one when it is read back",
        )


def deterministic(make: Make) -> None:
    """Running it again, from a pickle and in other batches, gives the same numbers."""
    test = make()
    first = _measure(_plan(test, 2))
    again = _measure(_plan(pickle.loads(pickle.dumps(test)), 2, batch_size=7))
    ensure(first.identical(again), "a second run, in other batches, gave other results")


def resumes_by_replay(make: Make) -> None:
    """Running it again asks for the same sequences: all of them are in the store."""
    with _store() as store:
        _, before = _run(_plan(make(), 2), store)
        _, after = _run(_plan(make(), 2), store)
    ensure(
        after.predicted == 0 and after.asked == before.asked,
        f"a second run asked for {after.asked} sequences, {after.predicted} of them new, and the "
        f"first one for {before.asked}",
    )


def loci_do_not_matter_to_each_other(make: Make) -> None:
    """The order of loci changes no numbers."""
    from dataclasses import replace

    plan = _plan(make(), 2)
    first, turned = _measure(plan), _measure(replace(plan, loci=plan.loci[::-1]))
    for unit in first["locus"].values:
        ensure(
            first.sel(locus=unit).identical(turned.sel(locus=unit)),
            f"{unit}: other numbers when the loci come in another order",
        )


def asks_as_many_as_it_says(make: Make) -> None:
    """If `size` gives a number, it is that of the sequences that the test asks for."""
    plan = _plan(make(), 2)
    expected = plan.size()
    with _store() as store:
        requested = _run(plan, store)[1].asked
    ensure(expected in (None, requested), f"size() says {expected}, and {requested} were asked for")


_CHECKS = (
    *(runs, any_number_of_tracks, named_dimensions, saved, deterministic, resumes_by_replay),
    *(loci_do_not_matter_to_each_other, asks_as_many_as_it_says, parameters),
)


def test_checks() -> list[Check]:
    """All checks of a test that fits loci of 24,576 bp."""
    return [Check(function) for function in _CHECKS]


# pytest collects what is called test_*; this one is not a test of code.
test_checks.__test__ = False  # type: ignore[attr-defined]


def check_test(make: Make) -> None:
    """Run all checks of a test; see `test_checks`."""
    run_all(test_checks(), make)
