"""The conformance kit: what is built in passes, and each defect is found by the check for it."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
import xarray as xr
from pydantic import Field

from creme import registry
from creme.model import Track, TrackTable
from creme.models.synthetic import SyntheticModel
from creme.perturbations.dinucleotide_shuffle import DinucleotideShuffle
from creme.sequence import Edit, Mutant, Sequence
from creme.test import Test
from creme.testing import (
    ConformanceError,
    check_model,
    check_perturbation,
    check_test,
    model_checks,
    perturbation_checks,
    test_checks,
)
from creme.testing.models import batch_difference, check_fingerprints
from creme.testing.tests import RandomModel

SUITE: dict[str, dict[str, Any]] = {
    "distance": {"tiles": [(2000, 3000)]},
    "higher_order": {"tiles": [(2000, 3000), (9000, 10_000), (20_000, 21_000)]},
    "multiplicity": {"tiles": [(2000, 3000)], "copies": 2},
    "fine_tile": {"tiles": [(2000, 3000)], "removed": [1, 5]},
    "saturation_mutagenesis": {"regions": [(100, 103)]},
    "motif_embedding": {"motifs": ["TGACTCA"], "positions": [3000]},
}
OWN_TESTS = sorted(
    name for name, p in registry.plugins("tests").items() if p.target.startswith("creme.suite.")
)
PERTURBATIONS: dict[str, dict[str, Any]] = {
    "embed": {"insert": "TGACTCA", "start": 100},
    "swap": {"first": [0, 100], "second": [2000, 2100]},
    "mask": {"start": 10, "end": 20},
    "compose": {"steps": ["dinucleotide_shuffle", {"name": "mask", "start": 5, "end": 9}]},
}


@pytest.mark.parametrize("check", model_checks(), ids=str)
@pytest.mark.parametrize(
    "make", [lambda: SyntheticModel(length=24_576), lambda: RandomModel(length=2048)]
)
def test_built_in_models_conform(check, make):
    check(make)


@pytest.mark.parametrize("check", test_checks(), ids=str)
@pytest.mark.parametrize("name", OWN_TESTS)
def test_the_suite_conforms(check, name):
    common = {} if name == "saturation_mutagenesis" else {"tile": 1000, "replicates": 2}
    check(lambda: registry.create("tests", {"name": name, **common, **SUITE.get(name, {})}))


@pytest.mark.parametrize("check", perturbation_checks(), ids=str)
@pytest.mark.parametrize(
    "name",
    sorted(
        n for n, p in registry.plugins("perturbations").items() if p.target.startswith("creme.")
    ),
)
def test_built_in_perturbations_conform(check, name):
    check(lambda: registry.create("perturbations", {"name": name, **PERTURBATIONS.get(name, {})}))


def test_checks_have_names_and_sentences():
    for check in (*model_checks(), *test_checks(), *perturbation_checks()):
        assert str(check).isidentifier()
        assert check.about.endswith(".")


class Broken(RandomModel):
    """A model with one defect."""

    defect: str = ""
    length: int = Field(1024, ge=64, multiple_of=64)

    @property
    def bin_size(self) -> int:
        return 999 if self.defect == "grid" else 128

    @property
    def tracks(self) -> TrackTable:
        second = Track("one" if self.defect == "names" else "two", pair=0)
        return TrackTable((Track("one", pair=0 if self.defect == "pairs" else 1), second))

    def identity(self):
        if self.defect == "identity":
            return {"tuple": (1, 2)}
        return {"id": id(self)} if self.defect == "fingerprint" else {}

    def predict(self, onehot):
        if self.defect == "modifies":
            onehot[0, 0] = 0
        if self.defect == "length" and onehot.shape[1] != self.length:
            onehot = onehot[:, : self.length]
        out = super().predict(onehot)
        if self.defect == "shape":
            return out[:, :-1]
        if self.defect == "dtype":
            return out.astype(np.float64)
        if self.defect == "nan":
            out[0, 0, 0] = np.nan
        if self.defect == "noise":
            out += np.random.default_rng().normal(size=out.shape).astype(np.float32)
        if self.defect == "batch":
            out -= out.mean(axis=0)
        if self.defect == "buffer":
            buffer = _BUFFERS.setdefault(out.shape, np.empty_like(out))
            buffer[:] = out
            return buffer
        if self.defect == "empty" and not len(onehot):
            return np.empty((0,), np.float32)
        return out

    def predict_selected(self, onehot, selection):
        out = super().predict_selected(onehot, selection)
        return out[:, ::-1] if self.defect == "selection" else out

    def __reduce__(self):
        if self.defect == "pickle":
            return RandomModel, ()
        return super().__reduce__()


_BUFFERS: dict = {}


@pytest.mark.parametrize(
    ("defect", "check"),
    [
        ("grid", "grid"),
        ("names", "tracks"),
        ("pairs", "tracks"),
        ("shape", "shape_and_dtype"),
        ("dtype", "shape_and_dtype"),
        ("nan", "shape_and_dtype"),
        ("modifies", "input_not_modified"),
        ("buffer", "output_not_reused"),
        ("noise", "deterministic"),
        ("batch", "batch_size"),
        ("empty", "empty_batch"),
        ("selection", "selection"),
        ("length", "wrong_length"),
        ("pickle", "pickles"),
        ("fingerprint", "fingerprint"),
        ("identity", "fingerprint"),
    ],
)
def test_each_defect_of_a_model_is_found(defect, check):
    (found,) = [one for one in model_checks() if str(one) == check]
    found(lambda: Broken())
    with pytest.raises(ConformanceError):
        found(lambda: Broken(defect=defect))
    with pytest.raises(ConformanceError, match=f"{check}: "):
        check_model(lambda: Broken(defect=defect))


def test_a_model_without_defect_passes_all():
    check_model(lambda: Broken())
    assert batch_difference(Broken()) == 0
    assert batch_difference(Broken(defect="batch")) > 0.1


def test_settings_change_the_fingerprint():
    check_fingerprints(SyntheticModel(), SyntheticModel(decay=1e4), SyntheticModel(hill=3))
    with pytest.raises(ConformanceError, match="same fingerprint"):
        check_fingerprints(Broken(defect="a"), Broken(defect="b"))


class BadShuffle(DinucleotideShuffle):
    defect: str = ""
    name: ClassVar[str] = "bad"

    def __call__(self, sequence, *, seed=0):
        if self.defect == "sequence":
            return sequence
        if self.defect == "base":
            return super().__call__(Sequence(sequence.codes[::-1].copy()), seed=seed)
        if self.defect == "seed":
            return super().__call__(sequence, seed=int(np.random.default_rng().integers(2**30)))
        return super().__call__(sequence, seed=seed)

    def many(self, sequence, seeds):
        if self.defect == "many":
            return [self(sequence, seed=0) for _ in seeds]
        return super().many(sequence, seeds)


@pytest.mark.parametrize(
    ("defect", "message"),
    [
        ("sequence", "gives_a_mutant: it returned Sequence"),
        ("base", "gives_a_mutant: the mutant's base"),
        ("seed", "pure: a second call"),
        ("many", "many_as_one_by_one"),
    ],
)
def test_each_defect_of_a_perturbation_is_found(defect, message):
    check_perturbation(lambda: BadShuffle())
    with pytest.raises(ConformanceError, match=message):
        check_perturbation(lambda: BadShuffle(defect=defect))


class BadTest(Test):
    name: ClassVar[str] = "bad"
    defect: str = ""
    asked: ClassVar[list] = []

    def size(self, unit):
        return 3 if self.defect == "size" else 2

    def run(self, unit):
        start = 100
        if self.defect == "noise":
            start = int(np.random.default_rng().integers(20_000))
        if self.defect == "order":
            self.asked.append(unit.name)
            start = len(self.asked)
        sequence = unit.sequence
        edit = Edit(start, 3 - sequence.codes[start : start + 5])
        activity = yield [sequence, Mutant(sequence, [edit])]
        if self.defect == "nothing":
            return xr.Dataset()
        return xr.Dataset({"activity": (("which", "track"), activity)})


@pytest.mark.parametrize(
    ("defect", "message"),
    [
        ("nothing", "runs: the results have no variables"),
        ("noise", "deterministic: a second run"),
        ("order", "loci_do_not_matter_to_each_other"),
        ("size", r"asks_as_many_as_it_says: size\(\) says 6, and 4"),
    ],
)
def test_each_defect_of_a_test_is_found(defect, message):
    check_test(lambda: BadTest())
    with pytest.raises(ConformanceError, match=message):
        check_test(lambda: BadTest(defect=defect))


class Raises(Broken):
    def predict_selected(self, onehot, selection):
        raise RuntimeError("no such layer")


def test_a_raised_error_fails_its_check_only():
    with pytest.raises(ConformanceError) as caught:
        check_model(lambda: Raises())
    lines = str(caught.value).splitlines()
    assert lines == ["selection: raised RuntimeError: no such layer"]
