"""PyTorch networks: what is asked of their outputs."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest

from creme.adapters.torch_model import TorchModel, parameters_digest
from creme.errors import ModelError
from creme.model import Selection, Track, TrackTable
from creme.testing.models import sequences

torch = pytest.importorskip("torch")


class Counts(TorchModel):
    """How many of each base a bin has."""

    name: ClassVar[str] = "counts"
    version: ClassVar[str] = "1"

    crop: int = 1
    whole: bool = True

    @property
    def input_length(self) -> int:
        return 64

    @property
    def bin_size(self) -> int:
        return 8

    @property
    def n_bins(self) -> int:
        return 6

    @property
    def tracks(self) -> TrackTable:
        return TrackTable(tuple(Track(base) for base in "ACGT"))

    def identity(self) -> dict[str, Any]:
        return {"crop": self.crop}

    def load(self) -> Any:
        return self.into_place(torch.nn.Linear(1, 1))

    def outputs(self, network: Any, batch: Any, selection: Selection | None) -> Any:
        counts = batch.reshape(-1, 8, 8, 4).sum(2)[:, self.crop : -1]
        return self.selected(counts, selection) if self.whole else counts


def test_a_selection_is_a_part_of_the_whole():
    model, selection = Counts(), Selection((0, 5), (1, 3))
    onehot = sequences(model, 3)
    whole = model.predict(onehot)
    np.testing.assert_array_equal(whole, onehot[:, 8:-8].reshape(-1, 6, 8, 4).sum(2))
    np.testing.assert_array_equal(model.predict_selected(onehot, selection), selection.take(whole))


def test_another_number_of_bins_than_the_model_says_is_an_error():
    onehot, message = sequences(Counts(), 3), r"counts: .* = \(7, 4\), and \(6, 4\) are expected"
    for model in (Counts(crop=0), Counts(crop=0, whole=False)):
        with pytest.raises(ModelError, match=message):
            model.predict(onehot)
    with pytest.raises(ModelError, match=message):
        Counts(crop=0).predict_selected(onehot, Selection((0, 5), (1, 3)))
    with pytest.raises(ModelError, match=r"\(6, 4\), and \(2, 2\) are expected"):
        Counts(whole=False).predict_selected(onehot, Selection((0, 5), (1, 3)))


def test_the_digest_of_a_module_covers_every_value_of_every_type():
    torch = pytest.importorskip("torch")

    def network(**changes):
        net = torch.nn.Module()
        for name, tensor in {
            "brain": torch.ones(3, dtype=torch.bfloat16),
            "number": torch.tensor(7),
            "mask": torch.tensor([True, False]),
            "turned": torch.arange(6.0).reshape(2, 3).T,
            "sparse": torch.eye(3).to_sparse(),
            "none": torch.empty(0),
            **changes,
        }.items():
            net.register_buffer(name, tensor, persistent=name != "brain")
        net.weight = torch.nn.Parameter(torch.ones(2))
        return net

    plain = parameters_digest(network())
    assert parameters_digest(network()) == plain
    assert parameters_digest(network().eval()) == plain
    others = [
        network(brain=torch.ones(3, dtype=torch.float16)),
        network(number=torch.tensor(8)),
        network(mask=torch.tensor([False, False])),
        network(turned=torch.arange(6.0).reshape(3, 2)),
        network(sparse=2 * torch.eye(3).to_sparse()),
        network(none=torch.empty(0, 2)),
    ]
    digests = {parameters_digest(one) for one in others}
    assert len({plain, *digests}) == 1 + len(others)
    lazy = torch.nn.LazyLinear(2)
    before = parameters_digest(lazy)
    lazy(torch.ones(1, 3))
    assert parameters_digest(lazy) != before
