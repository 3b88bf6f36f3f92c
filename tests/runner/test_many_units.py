"""More units than are in flight at once, all known to the store or asking for nothing."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
import xarray as xr
from pydantic import PrivateAttr

from creme import registry
from creme.errors import ConfigError, ResultsError
from creme.genome import LociConfig, Locus
from creme.results.directory import Results
from creme.runner import experiment as experiments
from creme.runner import plan as plans
from creme.runner.plan import prepare
from creme.runner.run import measure, run_experiment
from creme.sequence import Edit, Mutant, Sequence
from creme.store import Store
from creme.test import Test
from toy import LENGTH, MODEL


class Reads(Test):
    """The wild type; of some units nothing."""

    name: ClassVar[str] = "reads"

    def run(self, unit):
        if unit.name.startswith("nothing"):
            return xr.Dataset({"value": ((), 0.0)})
        (wild_type,) = yield [unit.sequence]
        return xr.Dataset({"value": ((), float(wild_type[0]))})


def loci(number, name):
    random = np.random.default_rng(2)
    draws = [random.integers(0, 4, LENGTH, dtype=np.uint8) for _ in range(number)]
    return [Locus.from_sequence(Sequence(d), f"{name}{k}") for k, d in enumerate(draws)]


class Odd(Test):
    """A test of somebody who has not read what a test is to give."""

    name: ClassVar[str] = "odd"
    how: str

    def run(self, unit):
        if self.how == "raises":
            raise ValueError("no generator yet")
        if self.how == "returns":
            return xr.Dataset()
        return self._steps(unit)

    def _steps(self, unit):
        (wild_type,) = yield [unit.sequence]
        return xr.Dataset({"start": ("track", wild_type)})


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("raises", "ValueError: no generator yet"),
        ("returns", "run of test odd returned Dataset: it has to be a generator"),
        ("clashes", "start"),
    ],
)
def test_a_test_that_is_none_ends_by_itself(how, said, tmp_path):
    with Store(tmp_path / "store") as store:
        plan = prepare([Odd(how=how), Reads()], MODEL, loci(3, "x"))
        report = measure(plan, store)
    assert [(test, unit) for test, unit, _ in report.failures] == [("odd", f"x{k}") for k in "012"]
    assert all(said in message for _, _, message in report.failures)
    assert report.datasets["reads"].sizes["locus"] == 3


def fails_late():
    yield Locus.from_sequence(Sequence.from_string("A" * LENGTH), "first")
    raise ValueError("in the middle")


class Stops:
    """Units of somebody who raises StopIteration for something else than the end."""

    def __init__(self, units):
        self.units = iter(units)

    def __iter__(self):
        return self

    def __next__(self):
        return next(self.units)


def stops_early():
    raise StopIteration("no more")


UNITS = {
    "raises late": (lambda loci: fails_late(), "ValueError: in the middle"),
    "raises at once": (lambda loci: 1 / 0, "ZeroDivisionError"),
    "raises late by a setting": (
        lambda loci: (_raise(ConfigError("too many")) if k else one for k, one in enumerate(loci)),
        "too many",
    ),
    "stops by StopIteration": (lambda loci: stops_early(), "StopIteration"),
    "stops within a generator": (
        lambda loci: (next(iter(())) if k else one for k, one in enumerate(loci)),
        "generator raised StopIteration",
    ),
    "twice": (lambda loci: [*loci, loci[0]], "two units have the name 'x0'"),
    "no units": (lambda loci: ["x0", "x1"], "units gave str"),
    "none among them": (lambda loci: [loci[0], None, loci[1]], "units gave NoneType"),
    "no iterable": (lambda loci: None, "TypeError"),
}


def _raise(error):
    raise error


class OddUnits(Reads):
    """Reads, of units that are none."""

    name: ClassVar[str] = "odd_units"
    how: str

    def units(self, loci):
        return UNITS[self.how][0](loci)


@pytest.mark.parametrize("how", UNITS)
def test_units_that_are_none_are_the_failure_of_their_test(how, tmp_path):
    """And are found before the first prediction."""
    plan = prepare([OddUnits(how=how), Reads()], MODEL, loci(3, "x"))
    assert plan.size() is None
    assert [*plan.units.errors] == ["odd_units"]
    assert plan.units.counts == {"reads": 3}
    with Store(tmp_path / "store") as store:
        report = measure(plan, store)
    ((test, unit, message),) = report.failures
    assert (test, unit) == ("odd_units", "all units")
    assert UNITS[how][1] in message
    assert report.progress.predicted == 3
    assert report.datasets["reads"].sizes["locus"] == 3
    assert list(report.datasets) == ["reads"]


def test_units_that_end_when_they_say_so(tmp_path):
    UNITS["an iterator"] = (Stops, "")
    with Store(tmp_path / "store") as store:
        report = measure(prepare([OddUnits(how="an iterator")], MODEL, loci(3, "x")), store)
    assert not report.failures
    assert report.datasets["odd_units"].sizes["locus"] == 3


class Moody(Reads):
    """Its units are other ones each time."""

    name: ClassVar[str] = "moody"
    _asked: int = PrivateAttr(0)

    def units(self, loci):
        self._asked += 1
        yield loci[0]
        if self._asked > 2:  # once to look at them, once for their size
            raise ValueError("not again")
        yield loci[1]


def test_units_that_fail_while_they_run(tmp_path):
    """What has been measured of them is kept."""
    with Store(tmp_path / "store") as store:
        report = measure(prepare([Moody(), Reads()], MODEL, loci(3, "x")), store)
    assert report.failures == [("moody", "all units", "ValueError: not again")]
    assert report.datasets["moody"]["locus"].values.tolist() == ["x0"]
    assert report.datasets["reads"].sizes["locus"] == 3


class Refuses(Reads):
    """Does not take a setting."""

    name: ClassVar[str] = "refuses"

    def units(self, loci):
        raise ConfigError("groups names what is not there")


def test_a_setting_that_is_refused_ends_it_before_the_first_prediction(tmp_path):
    with Store(tmp_path / "store") as store:
        with pytest.raises(ConfigError, match="groups names"):
            measure(prepare([Refuses(), Reads()], MODEL, loci(3, "x")), store)
        assert store.count() == 0


class Unlike(Reads):
    """Its units' Datasets do not fit together, or none of them can be stored."""

    name: ClassVar[str] = "unlike"
    how: str = "unlike"

    def run(self, unit):
        (wild_type,) = yield [unit.sequence]
        value: object = float(wild_type[0])
        if self.how == "unstored" or (self.how == "all but one" and unit.name != "x1"):
            value = np.array({1, 2}, dtype=object)
        elif self.how == "unlike" and unit.name == "x1":
            value = "text"
        return xr.Dataset({"value": ((), value)})


def experiment(tests, folder, monkeypatch):
    """Run tests by name into a results directory, as an experiment file does."""
    classes = {cls.name: cls for cls in (Unlike, Reads, OddUnits, Odd)}
    monkeypatch.setattr(registry, "load", lambda kind, name: classes[name])
    monkeypatch.setattr(
        experiments, "build_model", lambda table, folder: (MODEL, experiments.select(MODEL))
    )
    monkeypatch.setattr(LociConfig, "load", lambda self, length, tss, folder, inputs: loci(3, "x"))
    monkeypatch.setattr(plans, "build_model", experiments.build_model)
    text = 'name = "e"\n[model]\nplugin = "toy"\n[loci]\nfasta = "x"\nbed = "y"\n' + "".join(
        "[[tests]]\n" + "".join(f"{key} = {value!r}\n" for key, value in test.items())
        for test in tests
    )
    return run_experiment(experiments.parse(text, "e.toml", folder))


@pytest.mark.parametrize("how", ["unlike", "all but one", "unstored"])
def test_a_test_of_unlike_datasets_beside_others(how, tmp_path, monkeypatch):
    tests = [{"name": "unlike", "how": how}, {"name": "odd_units", "how": "twice"}]
    report, results = experiment([*tests, {"name": "reads"}], tmp_path, monkeypatch)
    kept = ["reads", "unlike"] if how == "all but one" else ["reads"]
    assert results.labels() == kept == list(report.datasets)
    assert results.partial() == []
    assert report.datasets["reads"].sizes["locus"] == 3
    state = results.state()
    assert state["state"] == "finished"
    assert state["failures"] == [list(failure) for failure in report.failures]
    assert ["odd_units", "all units", "two units have the name 'x0': give each its own"] in state[
        "failures"
    ]
    failures = [failure[1:] for failure in state["failures"] if failure[0] == "unlike"]
    if how == "unlike":
        ((unit, message),) = failures
        assert unit == "all units"
        assert message.startswith("its units do not fit together: variable 'value' holds measured")
        assert state["units"]["unlike"] == {"finished": 3, "failed": 0, "of": 3}
    else:
        expected = ["x0", "x2"] if how == "all but one" else ["x0", "x1", "x2"]
        assert [unit for unit, _ in failures] == expected
        assert all("it returned set as variable 'value'" in why for _, why in failures)
        n = len(expected)
        assert state["units"]["unlike"] == {"finished": 3 - n, "failed": n, "of": 3}
    assert state["units"]["reads"] == {"finished": 3, "failed": 0, "of": 3}
    assert state["seconds_left"] == 0
    assert not (results.path / ".units").exists()


def test_a_run_of_which_nothing_came_says_why(tmp_path, monkeypatch):
    odd = [{"name": "odd", "how": "raises"}, {"name": "odd_units", "how": "raises late"}]
    report, results = experiment(odd, tmp_path, monkeypatch)
    state = results.state()
    assert state["state"] == "failed"
    assert state["error"] == (
        "no test has results; the first failure, test 'odd_units' on all units: "
        "ValueError: in the middle"
    )
    assert len(state["failures"]) == 4
    assert not report.datasets
    # Nothing came out of it: another experiment may take its place.
    report, again = experiment([{"name": "reads"}], tmp_path, monkeypatch)
    assert again.path == results.path
    state = again.state()
    assert (state["state"], state["error"], state["failures"]) == ("finished", "", [])
    assert again.labels() == ["reads"]
    with pytest.raises(ResultsError, match="holds the results of another experiment"):
        experiment([{"name": "reads", "seed": 3}], tmp_path, monkeypatch)


def test_a_test_that_cannot_be_saved_beside_others(tmp_path, monkeypatch):
    """What there is of it can be read from the units."""
    save = Results.save

    def fails(self, label, dataset):
        if label == "odd_units":
            raise OSError(28, "No space left on device")
        save(self, label, dataset)

    monkeypatch.setattr(Results, "save", fails)
    UNITS["an iterator"] = (Stops, "")
    tests = [{"name": "odd_units", "how": "an iterator"}, {"name": "reads"}]
    report, results = experiment(tests, tmp_path, monkeypatch)
    ((test, unit, message),) = report.failures
    assert (test, unit) == ("odd_units", "all units")
    assert message.startswith("its results could not be saved: ")
    assert "No space left on device" in message
    assert results.labels() == ["reads"]
    assert results.partial() == ["odd_units"]
    assert results.load("odd_units").sizes["locus"] == 3


def test_a_finished_test_stands_when_the_model_fails_later(tmp_path):
    """It was saved when its last unit ended."""

    class Long(Reads):
        name: ClassVar[str] = "long"

        def run(self, unit):
            for k in range(40):
                codes = np.array([k % 4, k // 4 % 4, k // 16], np.uint8)
                yield [Mutant(unit.sequence, [Edit(0, codes)])]
            raise KeyboardInterrupt

    plan = prepare([Reads(), Long()], MODEL, loci(1, "x"))
    results = Results(tmp_path / "r")
    results.claim("", tmp_path, plan.identity())
    with Store(tmp_path / "store") as store, pytest.raises(KeyboardInterrupt):
        measure(plan, store, results=results)
    assert results.labels() == ["reads"]
    assert results.load("reads").sizes["locus"] == 1


class Stubborn(Test):
    """Asks for what cannot be, and does not want to end."""

    name: ClassVar[str] = "stubborn"

    def run(self, unit):
        try:
            yield [unit.sequence[:10]]
        finally:
            yield [unit.sequence]


def test_a_test_that_does_not_want_to_end_ends_alone(tmp_path):
    with Store(tmp_path / "store") as store:
        report = measure(prepare([Stubborn(), Reads()], MODEL, loci(3, "x")), store)
    assert [test for test, _, _ in report.failures] == 3 * ["stubborn"]
    assert report.datasets["reads"].sizes["locus"] == 3


def test_nothing_is_lost_under_a_name_that_stands_twice(tmp_path):
    with pytest.raises(ConfigError, match="there are two 'reads': give a dict"):
        prepare([Reads(), Reads(seed=1)], MODEL, loci(1, "x"))
    with pytest.raises(ConfigError, match="loci: there are two 'x0'"):
        prepare([Reads()], MODEL, [*loci(1, "x"), *loci(1, "x")])
    named = prepare({"a": Reads(), "b": Reads(seed=7)}, MODEL, loci(1, "x"))
    with Store(tmp_path / "store") as store:
        report = measure(named, store)
        assert [report.datasets[name].seed for name in "ab"] == ["0", "7"]


def test_all_units_are_measured_where_all_is_stored(tmp_path):
    plan = prepare([Reads()], MODEL, loci(150, "x"))
    found = []
    for predicted in (150, 0, 0):
        with Store(tmp_path / "store") as store:
            report = measure(plan, store)
        assert not report.interrupted
        assert report.progress.finished == 150
        assert report.progress.predicted == predicted
        found.append(report.datasets["reads"])
    assert found[0].identical(found[1])


def test_units_that_ask_for_nothing_do_not_end_the_run(tmp_path):
    plan = prepare([Reads()], MODEL, [*loci(150, "nothing"), *loci(3, "x")])
    with Store(tmp_path / "store") as store:
        report = measure(plan, store)
    assert report.progress.finished == 153
    assert report.datasets["reads"].sizes["locus"] == 153
