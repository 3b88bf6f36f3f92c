"""Runs that are stopped, and models that fail: what was predicted is kept."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from typing import ClassVar

import numpy as np
import pytest
import xarray as xr
from pydantic import PrivateAttr

from creme.errors import ModelError
from creme.inference.device import Device
from creme.runner.plan import Plan, prepare
from creme.runner.run import measure
from creme.runner.scheduler import Scheduler
from creme.sequence import Edit, Mutant
from creme.store import Store
from creme.test import Test
from toy import MODEL, Toy, toy_loci


class Scan(Test):
    """The wild type and then single-base mutants, as many as the sequence is long."""

    name: ClassVar[str] = "scan"

    def run(self, unit):
        (_wild_type,) = yield [unit.sequence]
        values = yield (self.mutant(unit.sequence, k) for k in range(2400))
        return xr.Dataset({"value": ("k", values[:, 0])})

    def mutant(self, sequence, k):
        self.pulled(k)
        return Mutant(sequence, [Edit(k, np.array([(int(sequence.codes[k]) + 1) % 4]))])

    def pulled(self, k):
        pass


class Counting(Toy):
    """Notes which sequences it predicted; a hook may fail at a batch."""

    _batches: int = PrivateAttr(default=0)
    _seen: set[bytes] = PrivateAttr(default_factory=set)
    _hook: Callable[[int], None] = PrivateAttr(default_factory=lambda: lambda batch: None)

    @property
    def rows(self):
        return len(self._seen)

    def predict(self, onehot):
        self._batches += 1
        self._hook(self._batches)
        values = super().predict(onehot)
        self._seen.update(row.tobytes() for row in onehot)
        return values


def plan(model, test, batch_size=4):
    made = prepare([test], model, toy_loci(1))
    return Plan(made.model, made.selection, made.readouts, made.tests, made.loci, 0, batch_size)


def test_stopped_while_a_request_is_pulled(tmp_path):
    schedulers: list[Scheduler] = []

    class Stops(Scan):
        def pulled(self, k):
            if k == 100:
                schedulers[0].stop()

    model = Counting()
    with Store(tmp_path / "store") as store:
        report = measure(plan(model, Stops()), store, on_start=schedulers.append)
        assert report.interrupted
        assert not report.datasets
        assert store.count() == report.progress.predicted == model.rows
    # Only the batches that the model was at.
    assert model.rows <= 1 + 2 * 4
    with Store(tmp_path / "store") as store:
        again = measure(plan(Counting(), Scan()), store)
    with Store(tmp_path / "other") as store:
        whole = measure(plan(MODEL, Scan()), store)
    assert again.progress.stored == model.rows
    assert again.datasets["scan"].identical(whole.datasets["scan"])


def test_a_batch_that_waits_is_not_predicted_after_a_stop(tmp_path):
    schedulers: list[Scheduler] = []
    model = Counting()

    def hook(batch):
        if batch == 3:
            schedulers[0].stop()

    model._hook = hook
    with Store(tmp_path / "store") as store:
        report = measure(plan(model, Scan()), store, on_start=schedulers.append)
        assert report.interrupted
        assert store.count() == report.progress.predicted == model.rows
    assert model._batches <= 5  # one is there to compare with


def test_a_model_that_fails_leaves_what_was_predicted(tmp_path):
    """Also the batch that was ready, and that its thread took up before it could be called off."""
    model = Counting()

    def hook(batch):
        if batch == 5:
            raise RuntimeError("the GPU fell off")

    model._hook = hook
    with Store(tmp_path / "store") as store:
        with pytest.raises(ModelError, match="the GPU fell off"):
            measure(plan(model, Scan()), store)
        assert store.count() == model.rows >= 1 + 2 * 4
    assert not any(thread.name.startswith("creme-model") for thread in threading.enumerate())


def test_an_error_outside_the_model_keeps_the_batch_in_flight(tmp_path):
    model, begun, interrupted = Counting(), threading.Event(), threading.Event()

    def hook(batch):
        time.sleep(0.05)  # so that two batches do not end before the first is seen to
        if batch == 6:  # the one after that: the third is there to compare with
            begun.set()
            assert interrupted.wait(60)

    def progress(counts):
        if counts.predicted >= 13:
            assert begun.wait(60)
            interrupted.set()
            raise KeyboardInterrupt

    model._hook = hook

    with Store(tmp_path / "store") as store:
        with pytest.raises(KeyboardInterrupt):
            measure(plan(model, Scan()), store, on_progress=progress)
        assert store.count() == model.rows == 17


def test_an_end_that_is_asked_for_before_the_first_batch(tmp_path):
    """While the rest of the program is imported, as it were."""
    from creme.cli.terminal import progress

    model = Counting()
    made = plan(model, Scan())
    before = signal.getsignal(signal.SIGINT)
    with Store(tmp_path / "store") as store, progress(made) as (on_progress, on_start):
        os.kill(os.getpid(), signal.SIGINT)
        report = measure(made, store, on_progress=on_progress, on_start=on_start)
    assert report.interrupted
    assert model.rows == 0
    assert signal.getsignal(signal.SIGINT) is before


def test_no_memory_for_a_batch_in_one_piece(monkeypatch):
    """That of the one-hot batch itself, which another thread makes than the model's."""
    empty = np.empty

    def tight(shape, *args, **kwargs):
        if isinstance(shape, tuple) and len(shape) == 3 and shape[0] > 3:
            raise MemoryError
        return empty(shape, *args, **kwargs)

    sequences = [locus.sequence for locus in toy_loci(8)]
    device = Device(MODEL, plan(MODEL, Scan()).selection, 8)
    expected = device.predict(sequences)
    device = Device(MODEL, device.selection, 8)
    monkeypatch.setattr("creme.inference.device.np.empty", tight)
    batch = device.prepare(sequences)
    monkeypatch.setattr("toy.np.empty", empty)
    monkeypatch.setattr("creme.inference.device.np.empty", tight)
    with pytest.warns(match="going on with 2"):
        got = device.predict(batch)
    np.testing.assert_array_equal(got, expected)
