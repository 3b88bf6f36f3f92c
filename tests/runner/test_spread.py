"""Spread between an ensemble's members, and between positions of the TSS."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import pytest
import xarray as xr

import creme
import toy
from creme.errors import ConfigError
from creme.genome import Genome, Locus
from creme.models.ensemble import ensemble
from creme.results.tidy import tidy
from creme.runner.plan import prepare
from creme.runner.run import measure
from creme.runner.spread import ShiftedTest, Spread, moved
from creme.sequence import Edit, Mutant, N, Sequence
from creme.store import Store
from creme.suite.higher_order import HigherOrder
from creme.suite.necessity import Necessity
from creme.suite.sufficiency import Sufficiency

TESTS = [Necessity(tile=400, replicates=3), Sufficiency(tile=400, replicates=2)]


class Seeded(toy.Toy):
    """The toy network with other weights."""

    of: int = 0

    def identity(self):
        return {"of": self.of}

    @cached_property
    def _weights(self):
        random = np.random.default_rng(self.of)
        pairs = random.normal(size=(toy.LENGTH - 1, 25))
        return pairs, random.normal(size=(toy.LENGTH // toy.WINDOW, 4))


def report(folder, model, loci, tests=TESTS, **spread):
    plan = prepare(tests, model, loci)
    plan = replace(plan, spread=Spread(**spread))
    plan.check()
    with Store(folder) as store:
        made = measure(plan, store)
        assert not made.failures, made.failures
        return {label: data.load() for label, data in made.datasets.items()}, made.progress


def test_members_are_kept_and_the_ensemble_is_what_it_was(tmp_path):
    members = [Seeded(of=k) for k in (5, 6, 7)]
    loci = toy.toy_loci(2)
    plain, before = report(tmp_path / "plain", ensemble(members), loci)
    data, counts = report(tmp_path / "members", ensemble(members), loci, members=True)
    # Each member has predicted what the ensemble asks for, and the ensemble nothing more.
    assert counts.predicted == 3 * before.predicted
    for label, dataset in data.items():
        for name, values in plain[label].data_vars.items():
            np.testing.assert_array_equal(values, dataset[name], err_msg=name)
        every = dataset["effect_members"]
        assert every.dims == ("locus", "member", "tile", "track")
        ordered = sorted(members, key=lambda model: model.fingerprint)
        for k, member in enumerate(ordered):
            alone, _ = report(tmp_path / f"alone{k}", member, loci)
            np.testing.assert_array_equal(every.sel(member=k), alone[label]["effect"])
            np.testing.assert_array_equal(
                dataset["wild_type_members"].sel(member=k), alone[label]["wild_type"]
            )
        np.testing.assert_allclose(dataset["effect_std_members"], every.std("member", ddof=1))
        assert (dataset["effect_std_members"] > 0).all()
        frame = tidy(dataset)
        assert len(frame) == len(tidy(plain[label]))
        assert {"effect_std", "effect_std_members"} <= set(frame)
        assert "effect_members" not in frame


def test_stored_predictions_of_an_ensemble_stay_valid(tmp_path):
    members, loci = [Seeded(of=k) for k in (5, 6)], toy.toy_loci(1)
    _, before = report(tmp_path / "store", ensemble(members), loci)
    data, counts = report(tmp_path / "store", ensemble(members), loci, members=True)
    # The members are new; the ensemble's own rows are read.
    assert counts.predicted == 2 * before.predicted
    assert "predictions_of_members" not in data["necessity"].attrs
    _, again = report(tmp_path / "store", ensemble(members), loci, members=True)
    assert again.predicted == 0


def test_the_mean_of_strands_is_that_of_the_members(tmp_path):
    members, loci = [Seeded(of=k) for k in (5, 6)], toy.toy_loci(1)
    both = ensemble(members, shifts=(0, 1))
    plain, _ = report(tmp_path / "plain", both, loci)
    data, _ = report(tmp_path / "members", both, loci, members=True)
    assert int(data["necessity"].attrs["predictions_of_members"]) > 0
    for label in data:
        np.testing.assert_allclose(plain[label]["effect"], data[label]["effect"], atol=2e-6)


@pytest.fixture(scope="module")
def genomic(tmp_path_factory):
    """Makes a locus of a genome, by its strand and place."""
    path = tmp_path_factory.mktemp("genome") / "g.fa"
    letters = np.random.default_rng(2).choice(list("ACGT"), 9000)
    path.write_text(">a\n" + "".join(letters) + "\n")
    genome = Genome(path)
    return lambda strand, at=4000: Locus("here", "a", at, strand, toy.LENGTH, genome=genome)


def requested(request) -> list[Any]:
    """The sequences of a request."""
    return list(request)


@pytest.mark.parametrize("strand", "+-")
@pytest.mark.parametrize("shift", [-3, 2])
def test_the_moved_wild_type_is_that_of_the_moved_tss(genomic, strand, shift):
    locus = genomic(strand)
    there = genomic(strand, at=4000 + (shift if strand == "+" else -shift))
    test = ShiftedTest(of=Necessity(tile=400, replicates=2), shift=shift)
    steps = test.run(locus)
    (wild_type,) = requested(next(steps))
    assert wild_type.digest == there.sequence.digest
    # Every mutant is the original one, moved: the same bases in another place.
    plain = Necessity(tile=400, replicates=2).run(locus)
    next(plain)
    answer = np.ones((1, 2), np.float32)
    originals, shifted = (
        requested(plain.send(answer)),
        requested(steps.send(answer)),
    )
    assert len(originals) == len(shifted) > 5
    for original, other in zip(originals, shifted, strict=True):
        codes = original.sequence.codes
        same = slice(None, -shift) if shift > 0 else slice(-shift, None)
        its = codes[shift:] if shift > 0 else codes[:shift]
        np.testing.assert_array_equal(other.sequence.codes[same], its)
        end = slice(-shift, None) if shift > 0 else slice(None, -shift)
        came_in = other.sequence.codes[end]
        np.testing.assert_array_equal(came_in, there.sequence.codes[end])


def test_edits_that_leave_the_window_are_cut():
    base = Sequence(np.zeros(10, np.uint8))
    whole = Mutant(base, [Edit(0, [1, 2]), Edit(8, [3, 3])])
    none = np.full(1, N, np.uint8)

    class Asks(Necessity):
        def run(self, unit):
            yield [whole, base]

    for shift in (1, -1):
        edited, plain = requested(next(ShiftedTest(of=Asks(), shift=shift).run(None)))
        np.testing.assert_array_equal(
            edited.sequence.codes, moved(whole.sequence, shift, none).codes
        )
        np.testing.assert_array_equal(plain.sequence.codes, moved(base, shift, none).codes)


@pytest.mark.parametrize("test", [*TESTS, HigherOrder(tile=400, replicates=2, accept="all")])
def test_positions_are_kept_for_every_test(genomic, tmp_path, test):
    locus = genomic("+")
    data, _ = report(tmp_path / "store", toy.MODEL, [locus], [test], shift_tss=[-3, 0, 3])
    (dataset,) = data.values()
    measure_ = test.measure
    every = dataset[f"{measure_}_positions"]
    assert every["shift_tss"].values.tolist() == [-3, 0, 3]
    np.testing.assert_array_equal(every.sel(shift_tss=0), dataset[measure_])
    np.testing.assert_allclose(
        dataset[f"{measure_}_std_positions"], every.std("shift_tss", ddof=1), atol=1e-12
    )
    assert (dataset["wild_type_std_positions"] > 0).all()
    plain, _ = report(tmp_path / "plain", toy.MODEL, [locus], [test])
    for name, values in next(iter(plain.values())).data_vars.items():
        np.testing.assert_array_equal(values, dataset[name], err_msg=name)
    # A position by itself is the moved locus, where the test draws by the moved TSS's own name.
    (there,) = (genomic("+", at=4003),)
    onehot = there.sequence.onehot()[None]
    activity = toy.MODEL.predict(onehot)[0, toy.MODEL.tss_bin()]
    np.testing.assert_allclose(
        dataset["wild_type_positions"].sel(shift_tss=3).values[0], activity, rtol=1e-6
    )
    assert len(tidy(dataset)) == len(tidy(next(iter(plain.values()))))


class Nothing(Necessity):
    """Returns no Dataset."""

    def run(self, unit):
        yield [unit.sequence]
        return None


def test_a_test_that_returns_something_else_fails_alone(genomic, tmp_path):
    plan = prepare(
        [Nothing(tile=400), TESTS[1]], toy.MODEL, [genomic("+")], spread=Spread(shift_tss=[1])
    )
    with Store(tmp_path) as store:
        made = measure(plan, store)
    ((label, unit, why),) = made.failures
    assert (label, unit) == ("necessity", "here")
    assert "it returned nothing" in why
    assert list(made.datasets) == ["sufficiency"]


def test_python_measures_it_too(genomic, tmp_path):
    parameters: dict[str, Any] = {"tile": 400, "replicates": 3}
    got = creme.measure(
        "necessity", toy.MODEL, genomic("-"), spread={"shift_tss": [2]}, **parameters
    )
    data, _ = report(tmp_path, toy.MODEL, [genomic("-")], TESTS[:1], shift_tss=[2])
    xr.testing.assert_equal(got["effect_positions"], data["necessity"]["effect_positions"])
    with pytest.raises(ConfigError, match=r"\[spread\]: unknown key 'shifts'"):
        creme.measure("necessity", toy.MODEL, genomic("-"), spread={"shifts": [2]}, **parameters)


def test_impossible_kinds_are_refused():
    plan = prepare(TESTS, toy.MODEL, toy.toy_loci(1))
    with pytest.raises(ConfigError, match="is no ensemble of several"):
        replace(plan, spread=Spread(members=True)).check()
    with pytest.raises(ConfigError, match="leaves nothing of the window"):
        replace(plan, spread=Spread(shift_tss=[toy.LENGTH])).check()
    with pytest.raises(ConfigError, match="each is given once"):
        Spread(shift_tss=[3, 3])
