from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from creme import registry
from creme.errors import ConfigError, PluginError, SequenceError
from creme.sequence import Sequence

TEXT = "ACGTNACCGGTTAACGTGCA" * 10
SPECS: list[dict[str, Any]] = [
    {"name": "dinucleotide_shuffle", "start": 20, "end": 90},
    {"name": "mononucleotide_shuffle", "start": 20, "end": 90},
    {"name": "mask", "start": 20, "end": 90},
    {"name": "reverse_complement", "start": 20, "end": 90},
    {"name": "embed", "start": 20, "insert": "ACGT" * 5},
    {"name": "swap", "first": [20, 40], "second": [70, 90]},
    {"name": "compose", "steps": ["dinucleotide_shuffle", {"name": "mask", "start": 3, "end": 9}]},
]


def test_all_installed_are_covered():
    assert {spec["name"] for spec in SPECS} == set(registry.plugins("perturbations"))


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: str(spec["name"]))
@given(seed=st.integers(0, 2**64))
@settings(max_examples=15, deadline=None)
def test_pure_and_confined(spec, seed):
    perturbation = registry.create("perturbations", spec)
    sequence = Sequence.from_string(TEXT)
    mutant = perturbation(sequence, seed=seed)
    assert mutant.base is sequence
    assert len(mutant) == len(sequence)
    assert str(sequence) == TEXT
    assert perturbation(sequence, seed=seed).sequence == mutant.sequence
    assert pickle.loads(pickle.dumps(perturbation))(sequence, seed=seed).digest == mutant.digest
    assert [m.digest for m in perturbation.many(sequence, [seed])] == [mutant.digest]
    if spec["name"] != "compose":
        codes = mutant.sequence.codes
        outside = np.r_[0:20, 90:200]
        assert np.array_equal(codes[outside], sequence.codes[outside])


def test_what_each_does():
    sequence = Sequence.from_string("ACGTTGCA")

    def done(**spec):
        return str(registry.create("perturbations", spec)(sequence, seed=1).sequence)

    assert done(name="mask", start=2, end=4) == "ACNNTGCA"
    assert done(name="embed", start=6, insert="tt") == "ACGTTGTT"
    assert done(name="swap", first=[0, 2], second=[4, 6]) == "TGGTACCA"
    assert done(name="reverse_complement", start=0, end=3) == "CGTTTGCA"
    assert (
        done(
            name="compose",
            steps=[
                {"name": "mask", "start": 0, "end": 4},
                {"name": "embed", "start": 1, "insert": "A"},
            ],
        )
        == "NANNTGCA"
    )


def test_errors():
    sequence = Sequence.from_string("ACGT")
    with pytest.raises(SequenceError, match=r"\[0, 9\) does not fit into a sequence of 4 bp"):
        registry.create("perturbations", {"name": "mask", "end": 9})(sequence)
    with pytest.raises(SequenceError, match="does not fit"):
        registry.create("perturbations", {"name": "embed", "start": 3, "insert": "AA"})(sequence)
    with pytest.raises(ConfigError, match="equal lengths"):
        registry.create("perturbations", {"name": "swap", "first": [0, 1], "second": [2, 4]})
    with pytest.raises(ConfigError, match="overlap"):
        registry.create("perturbations", {"name": "swap", "first": [0, 2], "second": [1, 3]})
    with pytest.raises(ConfigError, match=r"did you mean 'start'"):
        registry.create("perturbations", {"name": "mask", "strat": 9})
    with pytest.raises(PluginError, match=r"did you mean 'mask'"):
        registry.create("perturbations", "maks")
