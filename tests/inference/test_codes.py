"""Codes go to the model where it takes them, and the numbers are those of one-hot, bit for bit."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
import test_rows

from creme.adapters.torch_model import SplitTorchModel, looked_up
from creme.inference.device import Device
from creme.inference.windowed import Windowed
from creme.model import Model, Selection, Track, TrackTable
from creme.models.ensemble import ensemble
from creme.models.python_file import PythonModel
from creme.models.synthetic import SyntheticModel
from creme.sequence import Edit, Mutant, N, Sequence, Sequenceable, onehot_table

torch = pytest.importorskip("torch")

LENGTH = 1536


@pytest.fixture(autouse=True)
def _one_thread():
    """Small networks are no faster with several, and much slower beside other work."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


SELECTION = Selection((3, 4, 11), (0, 1))
SEEN: list[tuple[np.dtype, int]] = []
"""Type and dimensions of each batch that was given to a model."""


class Stranded(SplitTorchModel):
    """Two convolutions, the second over bins."""

    name: ClassVar[str] = "stranded"
    version: ClassVar[str] = "1"
    n_value: ClassVar[float] = 0.25
    input_length: ClassVar[int] = LENGTH  # type: ignore[misc]
    bin_size: ClassVar[int] = 64  # type: ignore[misc]
    n_bins: ClassVar[int] = LENGTH // 64  # type: ignore[misc]
    strides: ClassVar[tuple[int, ...]] = (64,)  # type: ignore[misc]
    radius: ClassVar[int] = 7  # type: ignore[misc]
    tracks: ClassVar[TrackTable] = TrackTable(  # type: ignore[misc]
        (Track("plus", strand="+", pair=1), Track("minus", strand="-", pair=0))
    )

    seed: int = 0

    def load(self) -> Any:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            return self.into_place(
                torch.nn.Sequential(
                    torch.nn.Conv1d(4, 8, 15, padding="same"),
                    torch.nn.GELU(),
                    torch.nn.MaxPool1d(64),
                    torch.nn.Conv1d(8, 2, 3, padding="same"),
                )
            )

    def trunk(self, network, batch):
        assert batch.dtype == torch.float32
        assert batch.shape[2] == 4
        return (network[:3](batch.transpose(1, 2)).transpose(1, 2).contiguous(),)

    def rest(self, network, features, selection):
        return self.selected(network[3:](features[0].transpose(1, 2)).transpose(1, 2), selection)

    def outputs(self, network, batch, selection):
        return self.rest(network, self.trunk(network, batch), selection)

    def _each(self, onehot, run):
        SEEN.append((onehot.dtype, onehot.ndim))
        return super()._each(onehot, run)


class OneHot(Stranded):
    """The slow twin."""

    takes_codes: ClassVar[bool] = False


class Overridden(Stranded):
    """Written for one-hot: its letters are turned around."""

    def predict_selected(self, onehot, selection):
        return super().predict_selected(np.ascontiguousarray(onehot[..., ::-1]), selection)


MODULE = """
import torch

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv = torch.nn.Conv1d(4, 6, 9, padding=4)

    def forward(self, x):
        assert x.is_contiguous()
        x = x.mul_(2.0)  # in place: its input is a copy
        x = x if x.shape[1] == 4 else x.transpose(1, 2)
        return self.conv(x).reshape(len(x), 2, 3, 24, -1).mean((2, 4))

def function(dtypes=[]):
    def predict(batch):
        assert batch.dtype == "float32"
        return batch.reshape(len(batch), 2, 24, -1).mean(-1)
    return predict
"""


def batches() -> list[list[Sequenceable]]:
    """Three of four: a base with N, mutants of it near the ends and in the middle, another base."""
    random = np.random.default_rng(8)
    bases = [Sequence(random.integers(0, 5, LENGTH).astype(np.uint8)) for _ in range(2)]
    made: list[Sequenceable] = [bases[0], bases[1], Sequence(np.full(LENGTH, N, np.uint8))]
    for k in range(9):
        start = int(random.integers(0, LENGTH - 50))
        codes = random.integers(0, 5, 50).astype(np.uint8)
        made.append(Mutant(bases[k % 2], [Edit(start, codes), Edit(0, codes[:9])]))
    return [made[at : at + 4] for at in range(0, 12, 4)]


def predicted(model: Model) -> np.ndarray:
    device = Device(model, SELECTION, 4)
    return np.concatenate([device.predict(batch) for batch in batches()])


def pairs() -> dict[str, tuple[Model, Model]]:
    """Models that take codes, and the same that are given one-hot."""
    variants = {"reverse_complement": True, "shifts": (7, -5)}
    several = [[kind(seed=k, exact="full") for k in range(2)] for kind in (Stranded, OneHot)]
    split = [[kind(seed=k) for k in range(2)] for kind in (Stranded, OneHot)]
    return {
        "in full": (Stranded(exact="full"), OneHot(exact="full")),
        "by windows": (Stranded(), OneHot()),
        "ensemble": (ensemble(several[0], **variants), ensemble(several[1], **variants)),
        "ensemble by windows": (ensemble(split[0], **variants), ensemble(split[1], **variants)),
    }


@pytest.mark.parametrize("name", pairs())
def test_codes_are_given_and_come_to_the_same(name):
    model, twin = pairs()[name]
    assert (model.takes_codes, twin.takes_codes) == (True, False)
    assert model.fingerprint == twin.fingerprint
    values = {}
    for each, seen in ((model, (np.dtype(np.uint8), 2)), (twin, (np.dtype(np.float32), 3))):
        SEEN.clear()
        values[each] = predicted(each)
        assert set(SEEN) == {seen}
    assert np.ptp(values[model], axis=0).min() > 0
    np.testing.assert_array_equal(values[model], values[twin])


@pytest.mark.parametrize("n_value", [0.0, 0.25])
def test_the_rows_that_a_gpu_looks_up_are_those_of_numpy(n_value):
    codes = np.random.default_rng(2).integers(0, 5, (3, 700), dtype=np.uint8)
    table = onehot_table(n_value)
    rows = looked_up(torch.tensor(codes), table)
    assert (rows.dtype, rows.stride()) == (torch.float32, (2800, 4, 1))
    np.testing.assert_array_equal(rows.numpy(), table.take(codes, axis=0))


def test_the_check_of_the_trunk_and_of_the_first_window_give_codes():
    SEEN.clear()
    windowed = Windowed(Stranded(), SELECTION)
    windowed.predict([one for batch in batches() for one in batch])
    assert set(SEEN) == {(np.dtype(np.uint8), 2)}


@pytest.mark.parametrize("layout", ["L4", "4L"])
def test_a_module_in_a_file_takes_codes_and_a_function_does_not(tmp_path, monkeypatch, layout):
    monkeypatch.setenv("CREME_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "net.py").write_text(MODULE)
    grid = {"input_length": LENGTH, "bin_size": 64, "n_bins": 24, "input_layout": layout}
    grid |= {"n_value": 0.5, "tracks": ["a", "b"], "output_layout": "tracks,bins"}

    def made(builder: str) -> PythonModel:
        return PythonModel(object=tmp_path / f"net.py:{builder}", grid=grid)

    module, twin = made("Net"), made("Net")
    values = predicted(twin)  # not built when it is first asked for: one-hot, perhaps
    assert module.fingerprint == twin.fingerprint
    assert module.takes_codes
    np.testing.assert_array_equal(predicted(module), values)
    onehot = np.stack([one.sequence.onehot(0.5) for batch in batches() for one in batch])
    np.testing.assert_array_equal(module.predict_selected(onehot, SELECTION), values)
    function = made("function")
    assert function.fingerprint
    assert not function.takes_codes
    assert np.isfinite(predicted(function)).all()


def test_a_class_that_was_written_for_one_hot_is_given_it():
    assert not Overridden.takes_codes
    values = predicted(Overridden(exact="full"))
    turned = [batch[0].sequence.onehot()[:, ::-1].copy() for batch in batches()]
    expected = Stranded(exact="full").predict_selected(np.stack(turned), SELECTION)
    np.testing.assert_array_equal(values[::4], expected)

    class Counted(SyntheticModel):
        def predict(self, onehot):
            assert onehot.dtype == np.float32
            return super().predict(onehot)

    class Named(SyntheticModel):
        name: ClassVar[str] = "named"

    assert Named(length=LENGTH).takes_codes
    assert not Counted(length=LENGTH).takes_codes


@pytest.mark.parametrize("n_value", [None, 0.25])
def test_rows_of_codes_are_written_and_checked_as_those_of_one_hot(n_value):
    given = test_rows.mutants()

    def expected(batch: list[Sequenceable]) -> np.ndarray:
        rows = [one.sequence.codes if n_value is None else one.sequence.onehot() for one in batch]
        return np.stack(rows)

    buffer = test_rows.Buffer(4, test_rows.LENGTH, n_value)
    for batch in (given, given[::-1], [*given[2:], *test_rows.BASES[1:3]], given):
        rows = buffer.write(batch)
        np.testing.assert_array_equal(rows, expected(batch))
        assert buffer.check(batch, whole=True)
        assert not rows.flags.writeable
    buffer._array[2, 55] = 3  # as a model that works in place
    assert not buffer.check(given, whole=True)
    np.testing.assert_array_equal(buffer.write(given), expected(given))
