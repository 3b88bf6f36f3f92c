"""Ensembles over strands and shifts."""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import pytest

from creme.errors import ConfigError
from creme.model import Model, Track, TrackTable
from creme.models.ensemble import Ensemble
from creme.models.synthetic import SyntheticModel
from creme.runner.experiment import build_model
from creme.testing import model_checks
from creme.testing.models import check_fingerprints, sequences


class Stranded(Model):
    """Weights of each base near a bin; a pair of stranded tracks, and one of both strands."""

    name: ClassVar[str] = "stranded"
    version: ClassVar[str] = "1"
    start: int = 80
    paired: bool = True

    @property
    def input_length(self) -> int:
        return 640

    @property
    def bin_size(self) -> int:
        return 40

    @property
    def n_bins(self) -> int:
        return 12

    @property
    def output_start(self) -> int:
        return self.start

    @property
    def tracks(self) -> TrackTable:
        pair = (1, 0) if self.paired else (None, None)
        plus, minus = Track("p", strand="+", pair=pair[0]), Track("m", strand="-", pair=pair[1])
        return TrackTable((plus, minus, Track("both")))

    def identity(self) -> dict[str, Any]:
        return {"start": self.start}

    @cached_property
    def _weights(self) -> np.ndarray:
        return np.random.default_rng(0).normal(size=(3, 40, 4))

    def predict(self, onehot):
        if onehot.shape[1:] != (640, 4):
            from creme.errors import ModelError

            raise ModelError("640 bp are needed")
        bins = onehot[:, self.start : self.start + 480].reshape(-1, 12, 40, 4).astype(np.float64)
        return np.tanh(np.einsum("nbik,tik->nbt", bins, self._weights)).astype(np.float32)


@pytest.mark.parametrize("check", model_checks(), ids=str)
def test_conforms(check):
    check(lambda: Ensemble(of=Stranded(), reverse_complement=True, shifts=(-3, 0, 3)))


def test_the_mean_over_strands_is_that_of_both_strands():
    model, onehot = Stranded(), sequences(Stranded(), 2)
    both = Ensemble(of=model, reverse_complement=True)
    turned = onehot[:, ::-1, ::-1].copy()
    forward, backward = model.predict(onehot), model.predict(turned)
    got = both.predict(onehot)
    for bin_ in range(12):
        for track, other in ((0, 1), (1, 0), (2, 2)):
            expected = (forward[:, bin_, track] + backward[:, 11 - bin_, other]) / 2
            np.testing.assert_allclose(got[:, bin_, track], expected, rtol=1e-5, atol=1e-7)
    # The other strand's prediction is the same, seen from the other side.
    np.testing.assert_allclose(
        both.predict(turned), got[:, ::-1][:, :, [1, 0, 2]], rtol=1e-6, atol=1e-7
    )


def test_the_mean_over_shifts():
    model, onehot = Stranded(), sequences(Stranded(), 1)
    got = Ensemble(of=model, shifts=(2, 0, -1)).predict(onehot)
    fill = np.full((1, 2, 4), 0.25, np.float32)
    right = np.concatenate([fill, onehot[:, :-2]], axis=1)
    left = np.concatenate([onehot[:, 1:], fill[:, :1]], axis=1)
    expected = np.mean([model.predict(x) for x in (left, onehot, right)], axis=0)
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-7)


def test_one_variant_is_the_model():
    onehot = sequences(Stranded(), 1)
    np.testing.assert_array_equal(
        Ensemble(of=Stranded()).predict(onehot), Stranded().predict(onehot)
    )


def test_fingerprints():
    check_fingerprints(
        Stranded(),
        Ensemble(of=Stranded(), reverse_complement=True),
        Ensemble(of=Stranded(), shifts=(0, 1)),
        Ensemble(of=Stranded(), shifts=(0, 2)),
    )
    one, other = (Ensemble(of=Stranded(), shifts=s) for s in ((0, 1), (1, 0)))
    assert one.fingerprint == other.fingerprint


def test_what_cannot_be_turned_is_said():
    with pytest.raises(ConfigError, match=r"cover \[40, 520\) of 640 bp"):
        Ensemble(of=Stranded(start=40), reverse_complement=True)
    with pytest.raises(ConfigError, match=r"track p of strand \+ has no pair"):
        Ensemble(of=Stranded(paired=False), reverse_complement=True)
    with pytest.raises(ConfigError, match="each is given once"):
        Ensemble(of=Stranded(), shifts=(1, 1))
    with pytest.raises(ConfigError, match="leave nothing"):
        Ensemble(of=Stranded(), shifts=(640,))


def test_an_experiment_file_asks_for_it(tmp_path):
    table = {"plugin": "synthetic", "length": 24_576}
    model, selection = build_model({**table, "ensemble": {"shifts": [0, 5]}}, tmp_path)
    assert isinstance(model, Ensemble)
    assert isinstance(model.of, SyntheticModel)
    assert selection.bins == (model.tss_bin(),)
    assert model.configuration()["of"]["length"] == 24_576
    with pytest.raises(ConfigError, match=r"\[model\] ensemble: .*unknown key 'shift'"):
        build_model({**table, "ensemble": {"shift": [0, 5]}}, tmp_path)
    with pytest.raises(ConfigError, match="no pair"):
        build_model({**table, "ensemble": {"reverse_complement": True}}, tmp_path)
