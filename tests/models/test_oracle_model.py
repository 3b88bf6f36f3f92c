"""The oracle as a model: its grid, its identity, and what it predicts."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from creme.demo.loci import random_loci
from creme.demo.rules import FOLDER, grammar
from creme.errors import ConfigError, ModelError
from creme.models.oracle import OracleModel
from creme.sequence import Sequence
from creme.testing import model_checks

LENGTH = 8192
MODEL = OracleModel(length=LENGTH)


@pytest.mark.parametrize("check", model_checks(), ids=str)
def test_it_conforms(check):
    check(lambda: OracleModel(length=LENGTH))


def test_it_predicts_the_true_activity():
    (locus,) = random_loci(grammar("cis"), 1, LENGTH, seed=0)
    out = MODEL.predict(Sequence(locus.codes).onehot()[None])[0]
    assert out.shape == (48, 5)
    there = (out[MODEL.tss_bin(), :4] - 0.02) / 0.5
    np.testing.assert_allclose(there, locus.truth.wild_type, rtol=1e-5)
    assert out[:, 4].max() <= 1


def test_the_identity_is_that_of_the_rules(tmp_path):
    copy = tmp_path / "own.toml"
    copy.write_text((FOLDER / "cis.toml").read_text())
    same = OracleModel(length=LENGTH, grammar=str(copy))
    assert same.fingerprint == MODEL.fingerprint
    copy.write_text(copy.read_text().replace("reach = 6000", "reach = 6001", 1))
    assert OracleModel(length=LENGTH, grammar=str(copy)).fingerprint != MODEL.fingerprint
    assert pickle.loads(pickle.dumps(MODEL)).fingerprint == MODEL.fingerprint


def test_refused():
    with pytest.raises(ConfigError, match="not a multiple of 1024"):
        OracleModel(length=3000)
    with pytest.raises(ModelError, match="is needed"):
        MODEL.predict(np.zeros((1, 100, 4), np.float32))
    with pytest.raises(ConfigError, match="cannot be read"):
        OracleModel(grammar="odd").predict(np.zeros((1, 32_768, 4), np.float32))
