"""Requests that are none, and tests and models that try to end the program: a unit's failures."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest
import xarray as xr
from pydantic import PrivateAttr

from creme.errors import ModelError
from creme.runner.plan import prepare
from creme.runner.run import measure
from creme.sequence import Edit, Mutant
from creme.store import Store
from creme.test import Profiles, Test
from toy import MODEL, Toy, toy_loci


class Yields(Test):
    """Yields what it is told to on the first locus, and a request on the others."""

    name: ClassVar[str] = "yields"

    _what: Any = PrivateAttr(default=None)

    def run(self, unit):
        if unit.name == "locus0":
            yield self._what(unit.sequence)
        values = yield [unit.sequence]
        return xr.Dataset({"value": ("k", values[0])})


def failures(test, folder, model=MODEL):
    with Store(folder / "store") as store:
        report = measure(prepare([test], model, toy_loci(2)), store)
    assert report.datasets[test.name].sizes["locus"] == 2 - len(report.failures)
    return report.failures


def mutated(sequence):
    return Mutant(sequence, [Edit(0, np.array([1]))])


@pytest.mark.parametrize(
    ("what", "message"),
    [
        (
            lambda s: s,
            r"a Sequence by itself: put it into a list, as in `yield \[locus.sequence\]`",
        ),
        (mutated, r"a Mutant by itself: put it into a list"),
        (Profiles, r"a Sequence by itself: .* as in `yield Profiles\(\[locus.sequence\]\)`"),
        (lambda s: None, r"yielded None: it has to yield a list, .* `yield \[locus.sequence\]`"),
        (lambda s: "ACGT", r"yielded an object of type str: it has to yield a list"),
        (lambda s: {"a": s}, r"yielded an object of type dict: it has to yield a list"),
        (lambda s: 3, r"yielded an object of type int: it has to yield a list"),
        (
            lambda s: Profiles(None),  # type: ignore[arg-type]
            r"yielded None: .* `yield Profiles\(\[locus.sequence\]\)`",
        ),
        (lambda s: ["ACGT"], r"a test yields Sequence or Mutant objects, not str"),
    ],
)
def test_what_is_no_request(what, message, tmp_path):
    test = Yields()
    test._what = what
    ((label, unit, why),) = failures(test, tmp_path)
    assert (label, unit) == ("yields", "locus0")
    assert re.search(message, why), why


def leave(sequence):
    sys.exit(3)


def stop(sequence):
    raise GeneratorExit


@pytest.mark.parametrize(
    ("what", "why"),
    [
        (leave, "SystemExit: 3"),
        (stop, "GeneratorExit: "),
        (lambda s: (leave(s) for _ in range(3)), "SystemExit: 3"),
    ],
)
def test_a_test_that_would_end_the_program(what, why, tmp_path):
    test = Yields()
    test._what = what
    assert failures(test, tmp_path) == [("yields", "locus0", why)]


class NoGenerator(Yields):
    name: ClassVar[str] = "no-generator"

    def run(self, unit):
        if unit.name == "locus0":
            sys.exit("not this one")
        return super().run(unit)


class EndsBadly(Yields):
    """Its clean-up would end the program as well."""

    name: ClassVar[str] = "ends-badly"

    def run(self, unit):
        if unit.name != "locus0":
            return (yield from super().run(unit))
        try:
            yield [unit.sequence, "ACGT"]
        finally:
            sys.exit(4)


@pytest.mark.parametrize(("make", "why"), [(NoGenerator, "not this one"), (EndsBadly, "not str")])
def test_before_the_first_request_and_after_the_last(make, why, tmp_path):
    ((_, unit, message),) = failures(make(), tmp_path)
    assert unit == "locus0"
    assert why in message


def test_units_that_would_end_the_program(tmp_path):
    class Leaves(Yields):
        name: ClassVar[str] = "leaves"

        def units(self, loci):
            yield loci[0]
            sys.exit(5)

    made = prepare([Leaves(), Yields()], MODEL, toy_loci(2))
    assert {task.label for task in made.tasks()} == {Yields.name}
    (error,) = made.units.errors.values()
    assert str(error) == "making its units failed: SystemExit: 5"


class Cancelled(BaseException):
    pass


@pytest.mark.parametrize("error", [SystemExit(3), Cancelled("by the service"), GeneratorExit()])
@pytest.mark.parametrize(("call", "size"), [(1, 2), (2, 1)])
def test_a_model_that_would_end_the_program(error, call, size, tmp_path):
    """At a batch, and at the sequence alone that the batch is compared with."""

    class Leaves(Toy):
        _calls: int = PrivateAttr(default=0)

        def predict(self, onehot):
            self._calls += 1
            if self._calls == call:
                raise error
            return super().predict(onehot)

    test = Yields()
    test._what = lambda sequence: [sequence] * 3
    made = replace(prepare([test], Leaves(), toy_loci(2)), batch_size=2)
    message = f"model toy failed on a batch of {size}: {type(error).__name__}: "
    with Store(tmp_path / "store") as store, pytest.raises(ModelError, match=message):
        measure(made, store)
