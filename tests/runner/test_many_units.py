"""More units than are in flight at once, all known to the store or asking for nothing."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
import xarray as xr

from creme.errors import ConfigError
from creme.genome import Locus
from creme.runner.plan import prepare
from creme.runner.run import measure
from creme.sequence import Sequence
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
