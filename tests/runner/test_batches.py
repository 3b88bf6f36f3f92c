"""Batches: as large as is worth it and memory allows, and what they change is measured."""

from __future__ import annotations

import ctypes
import json
import time
import warnings
from collections.abc import Callable
from typing import ClassVar

import numpy as np
import pytest
from pydantic import Field, PrivateAttr

from creme.errors import CremeWarning, ModelError
from creme.inference.batching import Batching
from creme.inference.device import Device
from creme.model import Selection
from creme.runner.plan import Plan, prepare
from creme.runner.run import measure
from creme.runner.write_buffer import WriteBuffer
from creme.sequence import Edit, Mutant, Sequence, Sequenceable
from creme.store import Store
from creme.suite.necessity import Necessity
from toy import MODEL, Toy, toy_loci


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CREME_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache" / "batch-sizes"


class OutOfMemoryError(RuntimeError):
    """As PyTorch names its own."""


class Fail(Exception):
    pass


ERRORS: dict[str, Callable[[], Exception]] = {
    "python": MemoryError,
    "torch": OutOfMemoryError,
    "onnxruntime": lambda: Fail("BFCArena::AllocateRawInternal Failed to allocate memory for 9"),
}


class Tight(Toy):
    """Fails on more than `fits` sequences at a time, and notes what it was given."""

    fits: int = 5
    kind: str = "python"
    wrapped: bool = False
    seconds: float = Field(0.0, description="of each forward pass, whatever it has to do")
    rounding: float = Field(0.0, description="what a batch adds to values, for each sequence")

    _given: list[int] = PrivateAttr(default_factory=list)

    def predict(self, onehot):
        self._given.append(len(onehot))
        time.sleep(self.seconds)
        if len(onehot) > self.fits:
            if self.kind == "numpy":
                np.empty(2**62, dtype=np.uint8)
            try:
                raise ERRORS[self.kind]()
            except Exception as error:
                if self.wrapped:
                    raise ModelError("the network failed") from error
                raise
        return super().predict(onehot) * np.float32(1 + self.rounding * (len(onehot) - 1))


TESTS = [Necessity(tile=100, replicates=2)]


def run(model, folder, batch_size=None, tests=TESTS):
    plan = prepare(tests, model, toy_loci(1))
    plan = Plan(plan.model, plan.selection, plan.readouts, plan.tests, plan.loci, 0, batch_size)
    with Store(folder) as store:
        report = measure(plan, store)
    assert not report.failures
    return report


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("kind", ["numpy", *ERRORS])
def test_a_batch_that_does_not_fit_is_halved(kind, wrapped, tmp_path):
    expected = run(MODEL, tmp_path / "expected", 1)
    model = Tight(kind=kind, wrapped=wrapped)
    with pytest.warns(CremeWarning, match="batch_size = 16 does not fit.* with 4"):
        report = run(model, tmp_path / "store", 16)
    assert report.datasets["necessity"].equals(expected.datasets["necessity"])
    assert report.progress == expected.progress
    assert report.batch_size == 4
    # The batch that was ready meanwhile was of the first size too; no other one was.
    assert model._given.count(16) <= 2
    assert model._given.count(8) <= 4


def test_the_models_own_size_is_halved_without_a_word(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report = run(Tight(), tmp_path / "store")
    assert report.batch_size == 4


def test_no_room_for_a_single_sequence(tmp_path):
    with pytest.raises(ModelError, match="a single sequence of 2400 bp does not fit into memory"):
        run(Tight(fits=0), tmp_path / "store")


def test_another_error_is_not_tried_again(tmp_path):
    class Broken(Toy):
        def predict(self, onehot):
            raise RuntimeError("shapes differ")

    with pytest.raises(ModelError, match="failed on a batch of 1: RuntimeError: shapes differ"):
        run(Broken(), tmp_path / "store")


class Timed(Toy):
    """On a GPU with memory, which each sequence of a batch takes a part of."""

    batch_size: ClassVar[int] = 1
    memory: int | None = None
    each: int = 10

    def free_memory(self):
        return None if self.memory is None else self.memory - self.each * self.__dict__["size"]

    def environment(self):
        return {"device": "GPU" if self.memory else "cpu"}


def found(model, given, seconds):
    """The sizes that were tried, and where it settled."""
    batching, sizes = Batching(model, given), []
    for _ in range(100):
        size = batching.size
        sizes.append(size)
        model.__dict__["size"] = size
        batching.ran(size, seconds(size))
        if batching.settled:
            break
    return list(dict.fromkeys(sizes)), batching.size


def saturating(size):
    """Eight sequences cost as much as one; then each costs the same."""
    return 0.01 * max(1, size / 8)


def test_it_grows_while_that_pays(cache):
    assert found(Timed(memory=10**9), None, saturating) == ([1, 2, 4, 8, 16], 8)
    assert json.loads(next(cache.iterdir()).read_text()) == {"device": "GPU", "batch_size": 8}
    # Remembered, by model and device.
    assert found(Timed(memory=10**9), None, saturating) == ([1], 8)
    assert found(Timed(), "auto", lambda size: 0.01) != ([1], 8)


def test_a_first_batch_that_compiles_does_not_count():
    seen = []

    def seconds(size):
        seen.append(size)
        return 50.0 if seen.count(size) == 1 else saturating(size)

    assert found(Timed(memory=10**9), None, seconds)[1] == 8


@pytest.mark.parametrize(("memory", "size"), [(1000, 64), (600, 32)])
def test_it_ends_where_the_next_is_not_likely_to_fit(memory, size):
    # 32 sequences take 320: of 1000 that leaves 680, of 600 280, and 32 more would take 320.
    tried, ended = found(Timed(memory=memory), None, lambda size: 0.01)
    assert ended == tried[-1] == size


def test_a_long_batch_is_long_enough():
    model = Timed(memory=10**9)
    assert found(model, None, lambda size: 0.7 + 0.5 * size) == ([1, 2, 4], 4)


def test_on_a_cpu_only_who_asks_for_it():
    assert found(Timed(), None, saturating) == ([1], 1)
    assert found(Timed(), "auto", saturating)[1] == 8
    assert found(Timed(memory=10**9), 3, saturating) == ([3], 3)


def test_a_cache_that_is_damaged_is_no_hindrance(cache):
    found(Timed(memory=10**9), None, saturating)
    (note,) = cache.iterdir()
    for text in ("{", '{"batch_size": "8"}', '{"batch_size": -1}', "[]"):
        note.write_text(text)
        assert found(Timed(memory=10**9), None, saturating)[1] == 8


def test_found_by_trying_and_remembered(tmp_path, cache):
    """A forward pass takes 20 ms however many sequences it has, and 8 do not fit."""
    model = Tight(fits=7, seconds=0.02)
    type(model).batch_size = 1
    try:
        tests = [Necessity(tile=100, replicates=5)]
        expected = run(MODEL, tmp_path / "expected", 1, tests)
        report = run(model, tmp_path / "store", "auto", tests)
        assert report.datasets["necessity"].equals(expected.datasets["necessity"])
        assert report.batch_size == 4
        assert [json.loads(note.read_text())["batch_size"] for note in cache.iterdir()] == [4]
        again = Tight(fits=7, seconds=0.02)
        run(again, tmp_path / "other", "auto", tests)
        assert max(again._given) == 4
        assert again._given.count(1) <= 3
    finally:
        type(model).batch_size = Toy.batch_size


def test_which_sequences_are_asked_for_does_not_depend_on_it(tmp_path):
    stores = []
    for size in (1, 3, 16, "auto"):
        run(MODEL, tmp_path / str(size), size)
        with Store(tmp_path / str(size)) as store, store._engine.connect() as connection:
            lines = connection.exec_driver_sql("SELECT digest FROM predictions ORDER BY digest")
            stores.append(lines.fetchall())
    assert all(each == stores[0] for each in stores)


def test_what_a_batch_changes_is_recorded_once(tmp_path):
    model = Tight(fits=99, rounding=1e-4)
    first = run(model, tmp_path / "store", 8)
    assert first.batch_differences == {8: pytest.approx(7e-4, rel=1e-3)}
    # The wild type, and again; a batch, and its first sequence.
    assert model._given[:4] == [1, 1, 8, 1]
    with Store(tmp_path / "store") as store:
        (info,) = store.info()
        assert info.batches == first.batch_differences
    # Another size, with other sequences; and the first size again, which is known.
    more = [Necessity(tile=100, replicates=2, seed=1)]
    second = run(model, tmp_path / "store", 4, more)
    assert second.batch_differences == {**info.batches, 4: pytest.approx(3e-4, rel=1e-3)}
    model._given.clear()
    run(model, tmp_path / "store", 8, [Necessity(tile=100, replicates=2, seed=2)])
    assert model._given[0] == 1  # the wild type, which is stored
    assert 1 not in model._given[1:]
    exact = run(Tight(fits=99), tmp_path / "exact", 8)
    assert exact.batch_differences == {8: 0.0}


def test_a_batch_that_is_prepared_while_another_runs():
    """Buffers are used again, in turn, and never by two batches at once."""
    loci = [Sequence(np.full(2400, code, dtype=np.uint8)) for code in range(4)]
    device = Device(MODEL, Selection((0, 1), (0, 1)), rooms=2)
    ahead = [device.prepare([one]) for one in loci[:2]]
    got = [device.predict(batch) for batch in ahead]
    more = [device.prepare([one]) for one in loci[2:]]
    assert [id(batch.buffer) for batch in more] == [id(batch.buffer) for batch in ahead]
    # One more than there are rooms, as for stored rows that are predicted again, leaves no buffer.
    device.predict([loci[0]])
    for batch in more:
        device.predict(batch)
    again = [device.prepare([one]) for one in loci[2:]]
    assert [id(batch.buffer) for batch in again] == [id(batch.buffer) for batch in ahead]
    for one, values in zip(loci[:2], got, strict=True):
        np.testing.assert_array_equal(values, MODEL.predict(one.onehot()[None]))


def test_a_model_that_works_in_its_input_is_given_what_was_asked_for():
    """Such a one gets past the array's own protection, as PyTorch does."""

    class InPlace(Toy):
        def predict(self, onehot):
            values = super().predict(onehot)
            address = onehot.__array_interface__["data"][0]
            ctypes.memset(address + 4 * onehot[0].size // 2, 0, 4000)
            return values

    locus = toy_loci(1)[0].sequence
    mutants = [Mutant(locus, [Edit(10 * k, locus[100:150])]) for k in range(1, 7)]
    device = Device(InPlace(), Selection((0, 1), (0, 1)), 3)
    got = [device.predict(some) for some in ([locus], mutants[:3], mutants[3:])]
    asked: list[Sequenceable] = [locus, *mutants]
    expected = [MODEL.predict(one.sequence.onehot()[None]) for one in asked]
    np.testing.assert_array_equal(np.concatenate(got), np.concatenate(expected))


def test_batches_of_a_slow_model_are_not_held_back(tmp_path, monkeypatch):
    """What a kill costs is the batch in flight: each one is stored when it ends."""
    now = [100.0]
    monkeypatch.setattr("creme.runner.write_buffer.monotonic", lambda: now[0])
    with Store(tmp_path / "store") as store:
        cache = WriteBuffer(store, MODEL, Selection((0,), (0,)))
        for number in range(4):
            now[0] += 1.5
            cache.write([number.to_bytes(32, "big")], np.zeros((1, 1, 1), np.float32))
            assert store.count() == number + 1
        # Of a fast one at most those of the last second are.
        for number in range(4, 9):
            now[0] += 0.3
            cache.write([number.to_bytes(32, "big")], np.zeros((1, 1, 1), np.float32))
        assert store.count() == 8


def test_predictions_are_stored_in_whole_chunks(tmp_path):
    with Store(tmp_path / "store") as store:
        cache = WriteBuffer(store, MODEL, Selection((0,), (0,)))
        assert cache.source.chunk_rows == 256
        for start in (0, *range(1, 600, 8)):
            n = 1 if not start else 8
            digests = [number.to_bytes(32, "big") for number in range(start, start + n)]
            cache.write(digests, np.full((n, 1, 1), start, dtype=np.float32))
            known = cache.read(digests)
            assert [known[digest][0].item() for digest in digests] == [start] * n
        cache.flush()
        with store._engine.connect() as connection:
            rows = connection.exec_driver_sql("SELECT rows FROM chunks ORDER BY id").scalars()
            assert list(rows) == [256, 256, 601 - 512]
            assert store.count() == 601


def test_a_failed_batch_gives_its_buffer_back():
    class Broken(Toy):
        def predict(self, onehot):
            raise RuntimeError("shapes differ")

    device = Device(Broken(), Selection((0,), (0,)))
    for _ in range(3):
        with pytest.raises(ModelError):
            device.predict([toy_loci(1)[0].sequence])
    assert len(device._buffers) == 1
