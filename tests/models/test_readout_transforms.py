"""Transforms of readouts: of each bin, before any mean."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import creme
import toy
from creme import Readout
from creme.errors import ConfigError, ModelError
from creme.selection import Selection

FUNCTIONS = {
    "exp": math.exp,
    "expm1": lambda x: math.exp(x) - 1,
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "log": lambda x: math.log(x + 0.5),
}
LOCUS = toy.toy_loci(1)[0]


def bound(**fields):
    readout = Readout(**fields)
    return toy.MODEL.bind(readout, Selection((0, 1), (0, 1)))


@pytest.mark.parametrize("over_tracks", ["each", "mean"])
@pytest.mark.parametrize("over_bins", ["mean", "sum"])
@pytest.mark.parametrize("transform", FUNCTIONS)
def test_transforms_are_those_of_plain_loops(transform, over_bins, over_tracks):
    more = {"pseudo_count": 0.5} if transform == "log" else {}
    apply = bound(transform=transform, over_bins=over_bins, over_tracks=over_tracks, **more)
    values = np.random.default_rng(0).normal(1, 3, (5, 2, 2)).astype(np.float32)
    if transform == "log":
        values = np.abs(values)
    got = apply(values)
    assert got.dtype == np.float32
    for row, own in zip(got, values, strict=True):
        activities = []
        for track in range(2):
            per_bin = [FUNCTIONS[transform](float(value)) for value in own[:, track]]
            total = sum(per_bin)
            activities.append(total / 2 if over_bins == "mean" else total)
        if over_tracks == "mean":
            activities = [sum(activities) / 2]
        np.testing.assert_allclose(row, activities, rtol=1e-6)


def test_the_order_matters():
    values = np.array([[[0.0], [4.0]]] * 1, dtype=np.float32).repeat(2, axis=2)
    ((first, _),) = bound(transform="exp")(values)
    assert first == pytest.approx((1 + math.exp(4)) / 2)
    assert first != pytest.approx(math.exp(2), rel=0.1)


def test_large_values_do_not_overflow_unsaid():
    values = np.full((1, 2, 2), 89, dtype=np.float32)
    for transform in ("exp", "expm1"):
        with pytest.raises(ModelError, match=f"transform = '{transform}' of the output 89"):
            bound(transform=transform)(values)
    assert (bound(transform="sigmoid")(values) == 1).all()
    assert (bound(transform="sigmoid")(-10 * values) == 0).all()


def test_a_row_that_is_not_finite_is_left_to_the_run():
    values = np.array([[[np.inf, 1], [np.nan, 1]]], dtype=np.float32)
    ((bad, good),) = bound(transform="exp")(values)
    assert np.isnan(bad)
    assert good == pytest.approx(math.e)


def test_logarithms_of_nothing_are_nan():
    values = np.array([[[0, 2], [0, 2]]], dtype=np.float32)
    ((none, two),) = bound(transform="log", pseudo_count=0)(values)
    assert np.isnan(none)
    assert two == pytest.approx(math.log(2))


def test_a_pseudo_count_belongs_to_the_logarithm():
    for fields in (
        {"transform": "log"},
        {"transform": "exp", "pseudo_count": 1},
        {"pseudo_count": 1},
    ):
        with pytest.raises(ConfigError, match="pseudo_count belongs to transform = 'log'"):
            Readout(**fields)
    with pytest.raises(ConfigError, match="pseudo_count = -1"):
        Readout(transform="log", pseudo_count=-1)
    with pytest.raises(ConfigError, match="transform = 'square'"):
        Readout(transform="square")


def test_only_a_transform_stands_in_the_identity():
    usual = Readout(name="a").identity()
    assert sorted(usual) == ["bins", "name", "over_bins", "over_tracks", "strand", "tracks"]
    assert Readout(transform="exp").identity()["transform"] == "exp"
    assert "pseudo_count" not in Readout(transform="exp").identity()
    logs = Readout(transform="log", pseudo_count=1).identity()
    assert Readout(**logs) == Readout(transform="log", pseudo_count=1)
    assert logs["pseudo_count"] == 1


class Logarithms(toy.Toy):
    """The logarithms of the toy's activities."""

    name = "logarithms"

    def predict(self, onehot):
        return np.log(super().predict(onehot))


def test_effects_of_a_log_model_are_those_of_its_activities():
    few: dict[str, Any] = {"tile": 400, "replicates": 3}
    plain = creme.measure("necessity", toy.MODEL, LOCUS, **few)
    logs = creme.measure("necessity", Logarithms(), LOCUS, readouts=Readout(transform="exp"), **few)
    np.testing.assert_allclose(logs.effect, plain.effect, rtol=1e-4, atol=1e-5)
    assert '"transform": "exp"' in logs.attrs["readouts"]
    assert '"transform": null' in plain.attrs["readouts"]
