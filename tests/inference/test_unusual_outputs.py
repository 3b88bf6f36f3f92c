"""Outputs of models that are no real numbers."""

from __future__ import annotations

import numpy as np
import pytest

import toy
from creme.errors import ModelError
from creme.runner.plan import prepare
from creme.runner.run import measure
from creme.store import Store
from creme.suite.necessity import Necessity


class Unusual(type(toy.MODEL)):  # type: ignore[misc]
    """Its output is turned into something else."""

    masked: bool = False

    def predict(self, onehot):
        values = super().predict(onehot)
        return np.ma.masked_less(values, 0) if self.masked else values + 1j


@pytest.mark.parametrize(("masked", "words"), [(True, "masked values"), (False, "complex numbers")])
def test_they_are_named(tmp_path, masked, words):
    plan = prepare([Necessity(tile=200, replicates=1)], Unusual(masked=masked), toy.toy_loci(1))
    with Store(tmp_path / "store") as store, pytest.raises(ModelError, match=words):
        measure(plan, store)
