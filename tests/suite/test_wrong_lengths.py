"""A perturbation that does not keep the length of a tile writes over nothing, and is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import creme
from creme import registry
from creme.errors import MeasurementError, SequenceError
from creme.genome import Locus
from creme.perturbations.compose import Compose
from creme.sequence import Sequence
from toy import LENGTH, MODEL

CODE = """
from creme import Edit, Mutant, Perturbation, Sequence

class Longer(Perturbation):
    name = "longer"
    more: int = 5

    def __call__(self, sequence, *, seed=0):
        return Mutant(Sequence.from_string("A" * (len(sequence) + self.more)), [])
"""


@pytest.fixture
def longer(tmp_path: Path):
    (tmp_path / "longer.py").write_text(CODE)
    return {"name": "python", "object": f"{tmp_path}/longer.py:Longer"}


def locus() -> Locus:
    codes = np.random.default_rng(0).integers(0, 4, LENGTH)
    return Locus.from_sequence(Sequence(codes), "one")


@pytest.mark.parametrize("more", [5, -5])
@pytest.mark.parametrize("test", ["necessity", "sufficiency"])
def test_another_length_is_refused(longer, test, more):
    spec = {**longer, "more": more}
    with pytest.raises(MeasurementError, match=r"'longer' made \d+ bp of \d+ bp: .*keeps"):
        creme.measure(test, MODEL, [locus()], tile=200, replicates=1, perturbation=spec)


@pytest.mark.parametrize("more", [5, -5])
def test_a_step_of_another_length_is_refused(longer, more):
    step = registry.create("perturbation", {**longer, "more": more})
    with pytest.raises(SequenceError, match=r"'longer' made"):
        Compose(steps=[step])(Sequence.from_string("ACGT" * 10))
