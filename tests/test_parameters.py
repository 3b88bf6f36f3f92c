"""Parameters: copies with other values are made as any other object is."""

from __future__ import annotations

import pytest

from creme.errors import ConfigError
from creme.suite.necessity import Necessity
from toy import Toy, toy_loci


def test_a_copy_computes_anew_what_depends_on_its_fields():
    class Scaled(Toy):
        scale: float = 1.0

        def identity(self):
            return {"scale": self.scale}

    model = Scaled()
    before = model.fingerprint
    copy = model.model_copy(update={"scale": 2.0})
    assert copy.scale == 2.0
    assert copy.fingerprint == Scaled(scale=2.0).fingerprint != before
    assert model.model_copy().fingerprint == before
    (locus,) = toy_loci(1)
    test = Necessity(tile=100)
    list(test.backgrounds(locus))
    masked = test.model_copy(update={"perturbation": "mask"})
    assert (masked.backgrounds(locus)[0].codes == 4).all()


def test_a_copy_is_checked():
    with pytest.raises(ConfigError, match="replicates = 0 is not allowed"):
        Necessity(tile=100).model_copy(update={"replicates": 0})
    with pytest.raises(ConfigError, match="unknown key 'tiel'"):
        Necessity(tile=100).model_copy(update={"tiel": 5})
