"""Models whose network is loaded when it is first needed."""

from __future__ import annotations

import pickle
import sys
import types
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from creme.adapters.loaded import LoadedModel
from creme.errors import ConfigError, ModelError
from creme.files.digests import digest
from creme.model import Track, TrackTable
from creme.testing.models import sequences


class Scaled(LoadedModel):
    """A factor from a file times the number of A in a bin."""

    name: ClassVar[str] = "scaled"
    version: ClassVar[str] = "1"
    frameworks: ClassVar[tuple[str, ...]] = ("numpy", "no_such_framework", "nameless_framework")

    weights: Path
    gpus: int = 0

    @property
    def input_length(self) -> int:
        return 64

    @property
    def bin_size(self) -> int:
        return 16

    @property
    def n_bins(self) -> int:
        return 4

    @property
    def tracks(self) -> TrackTable:
        return TrackTable((Track("one"),))

    def identity(self) -> dict[str, Any]:
        return {"weights": digest(self.weights)}

    def load(self) -> Any:
        return float(self.weights.read_text()), self.place(self.gpus, "Numbers")

    def predict(self, onehot):
        self.check_shape(onehot)
        factor, _ = self.network
        return factor * onehot[:, :, :1].reshape(-1, 4, 16, 1).sum(2)


@pytest.fixture
def weights(tmp_path):
    file = tmp_path / "weights"
    file.write_text("2")
    return file


def test_weights_that_change_under_a_model_are_noticed(weights):
    model = Scaled(weights=weights)
    _ = model.fingerprint
    weights.write_text("3")
    with pytest.raises(ModelError, match="its weights have been changed since it was set up"):
        model.predict(sequences(model, 1))
    weights.write_text("2")
    before = model.predict(sequences(model, 1))
    # Once it is loaded, files no longer matter.
    weights.write_text("3")
    np.testing.assert_array_equal(model.predict(sequences(model, 1)), before)
    other = Scaled(weights=weights)
    assert other.fingerprint != model.fingerprint
    np.testing.assert_array_equal(other.predict(sequences(other, 1)), before * 1.5)


def test_a_worker_loads_a_network_of_its_own(weights):
    model = Scaled(weights=weights)
    model.predict(sequences(model, 1))
    sent = pickle.loads(pickle.dumps(model))
    assert sent._network is None
    assert sent.fingerprint == model.fingerprint


@pytest.mark.parametrize(
    ("device", "gpus", "expected"),
    [
        ("auto", 0, "cpu"),
        ("auto", 2, "cuda:0"),
        ("cpu", 2, "cpu"),
        ("cuda", 2, "cuda:0"),
        ("cuda:1", 2, "cuda:1"),
    ],
)
def test_devices(weights, device, gpus, expected):
    assert Scaled(weights=weights, device=device, gpus=gpus).network[1] == expected


@pytest.mark.parametrize(("device", "gpus"), [("cuda", 0), ("cuda:0", 0), ("cuda:2", 2)])
def test_a_device_that_is_not_there_is_said(weights, device, gpus):
    said = f"model scaled: there is no device {device!r}; Numbers finds {gpus} CUDA devices"
    with pytest.raises(ModelError, match=said):
        _ = Scaled(weights=weights, device=device, gpus=gpus).network


@pytest.mark.parametrize("device", ["gpu", "cuda:", "cuda:x", "CPU", "cuda:-1", ""])
def test_what_is_no_device_is_refused(weights, device):
    with pytest.raises(ConfigError, match="device"):
        Scaled(weights=weights, device=device)


def test_what_predictions_are_made_with(weights, monkeypatch):
    model = Scaled(weights=weights)
    assert model.environment() == {}
    monkeypatch.setitem(sys.modules, "nameless_framework", types.ModuleType("nameless_framework"))
    model.predict(sequences(model, 1))
    assert model.environment() == {
        "device": "auto",
        "numpy": np.__version__,
        "no_such_framework": "",
        "nameless_framework": "",
    }


def test_an_input_of_another_shape_is_said(weights):
    model = Scaled(weights=weights)
    for shape in ((1, 63, 4), (64, 4), (1, 4, 64)):
        with pytest.raises(ModelError, match=r"and \(B, 64, 4\) is needed"):
            model.predict(np.zeros(shape, np.float32))
