"""A run that adds to stored predictions finds out whether its model is the one that made them."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest
import xarray as xr
from pydantic import PrivateAttr

from creme.errors import CremeWarning, ModelError
from creme.inference.processor import with_processor
from creme.runner import same_model
from creme.runner.plan import prepare
from creme.runner.report import Report
from creme.runner.run import measure
from creme.runner.same_model import PREDICTIONS, SWITCH, SameModel
from creme.runner.write_buffer import WriteBuffer, source_fingerprint
from creme.sequence import Edit, Mutant
from creme.store import Store
from creme.store.others import open_store
from creme.store.seal import seal
from creme.test import Test
from toy import MODEL, Toy, toy_loci


class Drifting(Toy):
    """A network whose weights its fingerprint does not cover: one that may be another one."""

    factor: float = 1.0
    """Of the values: another network's."""
    noise: float = 0.0
    """Of each forward pass, relative."""
    by_batch: float = 0.0
    """What a batch adds to values, for each further sequence."""
    machine: str = "GPU A"

    _given: list[int] = PrivateAttr(default_factory=list)
    _random: Any = PrivateAttr(default_factory=lambda: np.random.default_rng(5))

    def predict(self, onehot):
        self._given.append(len(onehot))
        noise = 1 + self.noise * self._random.normal()
        rounding = 1 + self.by_batch * (len(onehot) - 1)
        return super().predict(onehot) * np.float32(self.factor * noise * rounding)

    def environment(self):
        return {"device": self.machine}


class Scan(Test):
    """Mutants, the wild type at a place of the request."""

    name: ClassVar[str] = "scan"
    start: int = 0
    number: int = 10
    wild_type_at: int = 0

    def run(self, unit):
        codes = unit.sequence.codes
        sequences: list[Any] = [
            Mutant(unit.sequence, [Edit(k, np.array([(int(codes[k]) + 1) % 4]))])
            for k in range(self.start, self.start + self.number)
        ]
        sequences.insert(self.wild_type_at, unit.sequence)
        values = yield sequences
        return xr.Dataset({"value": (("k", "track"), values)})


def run(model, store, test=None, loci=1, batch_size=4, **more) -> Report:
    made = replace(prepare([test or Scan()], model, toy_loci(loci), **more), batch_size=batch_size)
    report = measure(made, store)
    assert not report.failures
    return report


def summary(report: Report) -> dict[str, Any]:
    return json.loads(report.datasets["scan"].attrs["compared_with_store"])


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "store") as opened:
        yield opened


def test_another_network_under_the_same_fingerprint_is_refused(store):
    run(Drifting(), store)
    stored = store.count()
    other = Drifting(factor=1.2)
    with pytest.raises(ModelError) as caught:
        run(other, store, Scan(number=30))
    message = str(caught.value)
    assert "although its fingerprint is the same" in message
    assert "differ by 1.7e-01" in message
    assert SWITCH in message
    assert store.count() == stored, "nothing was added"
    assert other._given == [1] * PREDICTIONS


def test_the_same_network_goes_on_and_results_say_so(store):
    first = run(Drifting(), store)
    assert "compared_with_store" not in first.datasets["scan"].attrs
    model = Drifting()
    second = run(model, store, Scan(number=30))
    assert summary(second) == {
        "stored_rows": 3,
        "largest_difference": 0.0,
        "allowed": 1e-5,
        "same_hardware": True,
    }
    assert (second.progress.stored, second.progress.predicted) == (11, 20)
    assert (first.predicted_again, second.predicted_again) == (1, PREDICTIONS)
    assert sum(model._given) == second.progress.predicted + PREDICTIONS
    expected = run(MODEL, store, Scan(number=30)).datasets["scan"]
    np.testing.assert_array_equal(second.datasets["scan"]["value"], expected["value"])


@pytest.fixture
def others(tmp_path):
    """A sealed store, made on another machine, and one that reads it first."""
    with Store(tmp_path / "others") as opened:
        run(Drifting(machine="GPU B"), opened)
    seal(tmp_path / "others")
    with open_store(tmp_path / "own", read_from=[(tmp_path / "others", None)]) as opened:
        yield opened


def test_another_network_is_told_by_what_others_have_stored(others):
    with pytest.raises(ModelError, match=r"predictions in .*/own or .*/others, although"):
        run(Drifting(factor=1.2), others, Scan(number=30))
    assert others.count() == 0


def test_another_machine_of_others_is_no_other_network(others):
    """Although the own store's predictions, all of this machine, allow less."""
    run(Drifting(), others, Scan(start=20, number=10))
    assert others.batches(others.sources()[0])
    with pytest.warns(CremeWarning, match="on other hardware"):
        report = run(Drifting(factor=1.001), others, Scan(number=19))
    assert report.progress.of_others == 11
    assert report.progress.predicted == 9


def test_nothing_is_predicted_where_everything_is_stored(store):
    run(Drifting(), store)
    other = Drifting(factor=2.0)
    again = run(other, store)
    assert other._given == []
    assert again.predicted_again == 0
    assert "compared_with_store" not in again.datasets["scan"].attrs


def test_the_switch(store, monkeypatch):
    run(Drifting(), store)
    monkeypatch.setenv(SWITCH, "off")
    other = Drifting(factor=1.2, noise=0.5)
    report = run(other, store, Scan(number=30))
    assert "is off" in summary(report)["note"]
    assert store.count() == 31


def test_rounding_on_the_same_hardware_and_on_another_one(store):
    """Within four times the recorded difference; a warning on another GPU; never a large one."""
    run(Drifting(by_batch=1e-4), store, Scan(number=20))
    (info,) = store.info()
    (recorded,) = info.batches.values()
    assert recorded == pytest.approx(3e-4, rel=1e-2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(Drifting(factor=1 + 8e-4, by_batch=1e-4), store, Scan(number=21))
    with pytest.raises(ModelError, match="is not the one that made the predictions"):
        run(Drifting(factor=1 + 3e-3), store, Scan(number=25))
    with pytest.warns(CremeWarning, match="on the same hardware, and 1e-02 on other"):
        report = run(Drifting(factor=1 + 3e-3, machine="GPU B"), store, Scan(number=25))
    assert not summary(report)["same_hardware"]
    with pytest.raises(ModelError, match="is not the one that made the predictions"):
        run(Drifting(factor=1.03, machine="GPU B"), store, Scan(number=30))


def test_without_a_recorded_difference_a_small_one_is_said(store):
    """A run too short to have a full batch says nothing of how batches round."""
    run(Drifting(), store, Scan(number=2))
    assert not store.info()[0].batches
    with pytest.warns(CremeWarning, match="stored predictions, made again, differ by"):
        run(Drifting(factor=1 + 2e-4), store, Scan(number=3))


def test_nan_is_no_other_network(store):
    """It fails the units that ask for it, as ever, and is never stored."""

    class Broken(Drifting):
        def predict(self, onehot):
            return super().predict(onehot) * np.float32(np.nan)

    run(Drifting(), store)
    report = measure(prepare([Scan(number=30)], Broken(), toy_loci(1)), store)
    ((_, _, message),) = report.failures
    assert "returned NaN or infinity" in message
    assert store.count() == 11


def test_rows_that_differ_most_are_compared(store):
    """A network that answers alike for most sequences is told by the others."""
    codes = toy_loci(1)[0].sequence.codes
    sequences = [
        Mutant(toy_loci(1)[0].sequence, [Edit(k, np.array([(int(codes[k]) + 1) % 4]))])
        for k in range(20)
    ]
    buffer = WriteBuffer(store, MODEL, prepare([Scan()], MODEL, toy_loci(1)).selection)
    rows = [np.full(buffer.source.shape, 1.0, np.float32) for _ in sequences]
    rows[7] *= 5
    rows[13] *= -5
    same = SameModel(store, buffer.source)
    for sequence, values in zip(sequences, rows, strict=True):
        same.take_note(sequence, sequence.digest, values)
        same.take_note(sequence, sequence.digest, values)
    due = same.due()
    digests = [row.sequence.digest for row in due]
    assert len(set(digests)) == PREDICTIONS
    assert {sequences[7].digest, sequences[13].digest} < set(digests)
    assert same.due() == []


def test_what_is_found_later_is_compared_before_anything_is_stored(store, monkeypatch):
    """The wild type, which is stored, comes after 500 sequences that are not."""
    run(Drifting(), store, Scan(number=0))
    late = Scan(number=500, wild_type_at=500)
    with pytest.raises(ModelError, match="is not the one that made the predictions"):
        run(Drifting(factor=1.2), store, late)
    assert store.count() == 1
    report = run(Drifting(), store, late)
    assert summary(report)["stored_rows"] == 1
    assert store.count() == 501


def test_only_so_much_is_held_back(store, monkeypatch):
    run(Drifting(), store, Scan(number=0))
    monkeypatch.setattr(same_model, "HELD_BYTES", 16 * 100)
    with pytest.raises(ModelError, match="is not the one that made the predictions"):
        run(Drifting(factor=1.2), store, Scan(number=900, wild_type_at=900))
    assert 100 < store.count() < 1000


def test_where_no_stored_sequence_is_requested_that_is_said(store):
    run(Drifting(), store, loci=1)
    made = replace(prepare([Scan()], Drifting(), toy_loci(2)[1:]), batch_size=4)
    report = measure(made, store)
    note = summary(report)
    assert note["stored_rows"] == 0
    assert "no sequence that was stored before" in note["note"]
    assert store.count() == 22


def test_a_random_model_is_found_at_its_first_batch(store):
    with pytest.raises(ModelError, match="other predictions of the same sequence each time"):
        run(Drifting(noise=0.1), store)
    assert store.count() == 0
    with pytest.warns(CremeWarning, match="two predictions of the same sequence differ by"):
        run(Drifting(noise=1e-4), store)


@pytest.mark.parametrize(("rounding", "warned"), [(2e-4, False), (0.05, True)])
def test_a_model_that_rounds_by_batch_is_not_random(rounding, warned, store):
    """That is recorded, and said where it is as large as effects are."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        # Four wild types are the first batch.
        report = run(Drifting(by_batch=rounding), store, Scan(number=0), loci=4)
    messages = [str(one.message) for one in caught]
    assert report.progress.predicted == 4
    if not warned:
        assert not messages
    else:
        (message,) = messages
        assert "in a batch of 4 differs from the one that it has alone by 1.5e-01" in message


def test_environments_are_kept_once_each(store):
    for machine in ("GPU A", "GPU A", "GPU B"):
        run(Drifting(machine=machine), store, Scan(number=len(machine) + store.count()))
    selection = prepare([Scan()], MODEL, toy_loci(1)).selection
    source = store.source(source_fingerprint(Drifting(), selection), selection.shape)
    kept = store.environments.of(source)
    assert sorted(one["device"] for one in kept) == ["GPU A", "GPU B"]
    assert "processor" in with_processor({"device": "cpu"})
