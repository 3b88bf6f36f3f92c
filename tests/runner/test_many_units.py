"""More units than are in flight at once, all known to the store or asking for nothing."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import xarray as xr

from creme.genome import Locus
from creme.runner.run import measure, prepare
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
