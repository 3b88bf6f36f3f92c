"""The noise in the store is that of the results which were made of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from creme.analysis.power import noise_of, power
from creme.errors import ConfigError
from creme.genome import Locus
from creme.runner.plan import prepare
from creme.runner.planned_power import in_words, planned_powers
from creme.runner.run import measure
from creme.runner.stored_noise import stored_noise
from creme.runner.write_buffer import StoredPredictions
from creme.sequence import Sequence
from creme.store import Store
from creme.suite.distance import Distance
from creme.suite.necessity import Necessity
from creme.suite.sufficiency import Sufficiency
from creme.testing.tests import RandomModel

LENGTH = 1024
MODEL = RandomModel(length=LENGTH)
TESTS = {
    "n": Necessity(tile=128, replicates=3),
    "s": Sufficiency(tile=128, replicates=3),
    "d": Distance(tile=128, replicates=2),
}


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """A plan of four loci, of which three have been measured."""
    random = np.random.default_rng(2)
    codes = [random.integers(0, 4, LENGTH, dtype=np.uint8) for _ in range(4)]
    loci = [Locus.from_sequence(Sequence(each), f"l{k}") for k, each in enumerate(codes)]
    plan = prepare(TESTS, MODEL, loci)
    with Store(tmp_path_factory.mktemp("power") / "store") as store:
        report = measure(replace(plan, loci=loci[:3]), store)
        yield plan, StoredPredictions(store, MODEL, plan.selection), report.datasets


@pytest.mark.parametrize("label", ["n", "s"])
def test_noise_of_what_is_stored(measured, label):
    plan, stored, datasets = measured
    test = TESTS[label]
    its = stored_noise(test, plan.loci, plan.bound.of, stored, 1)
    assert its is not None
    noise, number = its
    assert number == 3
    assert noise == noise_of(datasets[label], 1)
    assert noise != noise_of(datasets[label], 0)
    more = test.model_copy(update={"replicates": 4})
    assert stored_noise(more, plan.loci, plan.bound.of, stored) is None
    assert stored_noise(test, plan.loci[:2], plan.bound.of, stored) is None
    assert stored_noise(TESTS["d"], plan.loci, plan.bound.of, stored) is None


def test_powers_of_a_plan(measured):
    plan, stored, datasets = measured
    tests = {
        **TESTS,
        "more": Necessity(tile=128, replicates=5),
        "one": Necessity(tile=128, replicates=1),
    }
    powers = planned_powers(tests, lambda test: plan.loci, plan, stored, 0.3)
    by_label = {one.label: one for one in powers}
    assert list(by_label) == ["n", "s", "more", "one"]
    assert by_label["n"].source == "the store (3 loci)"
    assert by_label["n"].chance == power(0.3, 3, noise_of(datasets["n"]))
    assert by_label["more"].source.startswith("the benchmark of known truth (")
    assert np.isnan(by_label["one"].chance)
    assert in_words(None) == "more than 100"
    assert in_words(4) == "4"
    with pytest.raises(ConfigError, match="no test has effects with a q: necessity, "):
        planned_powers({"d": TESTS["d"]}, lambda test: plan.loci, plan, stored, 0.3)
