"""The kit itself: each defect is found by the check that is for it, and by no other."""

from __future__ import annotations

import re
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pytest
from pydantic import Field
from twins import EVERYTHING, MODELS, PERTURBATIONS, TESTS, Local, Twin, edited, local, shuffle

from creme.parameters import Parameters
from creme.sequence import Sequence
from creme.testing import (
    Check,
    ConformanceError,
    check_example,
    check_model,
    check_perturbation,
    check_test,
    model_checks,
    perturbation_checks,
    test_checks,
)
from creme.testing.checks import NotChecked, outcomes
from creme.testing.models import batch_difference, check_fingerprints

KINDS: dict[str, tuple[Any, list[Twin], list[Check], Any]] = {
    "model": (local, MODELS, model_checks(), check_model),
    "perturbation": (shuffle, PERTURBATIONS, perturbation_checks(), check_perturbation),
    "test": (edited, TESTS, test_checks(), check_test),
}
ALL = [(kind, twin) for kind, (_, twins, _, _) in KINDS.items() for twin in twins]


@pytest.mark.parametrize(("kind", "twin"), ALL, ids=[f"{kind}-{twin}" for kind, twin in ALL])
def test_a_defect_is_found_by_its_check(kind, twin):
    make, _, checks, _ = KINDS[kind]
    found = {str(o.check) for o in outcomes(checks, make(twin.defect)) if o.state == "failed"}
    assert twin.check in found
    if twin.also != EVERYTHING:
        assert found == {twin.check} | set(twin.also)


@pytest.mark.parametrize("kind", KINDS)
def test_what_has_no_defect_passes_everything(kind):
    make, _, checks, check_all = KINDS[kind]
    assert {outcome.state for outcome in outcomes(checks, make())} == {"passed"}
    check_all(make())


def test_a_model_with_inputs_passes_everything():
    assert local("inputs")().inputs == ("age", "dose")
    assert {outcome.state for outcome in outcomes(model_checks(), local("inputs"))} == {"passed"}


@pytest.mark.parametrize(
    ("defect", "reason"),
    [
        ("ignores an input", "no prediction depends on input 'dose'"),
        ("inputs of others", "in a batch a sequence has inputs of another"),
        ("not taken for 0", "predict does not take the inputs for 0"),
    ],
)
def test_the_reason_names_the_input(defect, reason):
    (check,) = [check for check in model_checks() if str(check) == "inputs"]
    with pytest.raises(ConformanceError, match=reason):
        check(local(defect))


@pytest.mark.parametrize("kind", KINDS)
def test_every_check_has_a_twin(kind):
    _, twins, checks, _ = KINDS[kind]
    assert {str(check) for check in checks} == {twin.check for twin in twins}


@pytest.mark.parametrize("kind", KINDS)
def test_all_failures_are_named(kind):
    make, twins, _, check_all = KINDS[kind]
    twin = twins[-1]
    with pytest.raises(ConformanceError, match=rf"^{twin.check}: "):
        check_all(make(twin.defect))


def test_checks_have_names_and_sentences():
    for _, _, checks, _ in KINDS.values():
        for check in checks:
            assert str(check).isidentifier()
            assert check.about.endswith(".")


def test_what_is_not_said_is_not_checked():
    (position,) = [check for check in model_checks() if str(check) == "position"]
    with pytest.raises(NotChecked, match="gives no receptive_field"):
        position(local(reach=None))
    check_model(local("reversed", reach=None))


@pytest.mark.parametrize(
    ("defect", "message"),
    [
        ("reversed", r"an edit of \[80, 120\) changed bin 11, which sees \[511, 569\)"),
        ("shifted", r"changed bin \d+, which sees"),
        ("tight", r"with a receptive_field of 5 bp"),
        ("loose", r"with a receptive_field of 49 bp, changed it: it sees less far"),
    ],
)
def test_where_positions_are_wrong_is_said(defect, message):
    (position,) = [check for check in model_checks() if str(check) == "position"]
    with pytest.raises(ConformanceError, match=message):
        position(local(defect))


@pytest.fixture(scope="module")
def example():
    letters = np.array(list("ACGT"))[np.random.default_rng(2).integers(0, 4, 640)]
    letters[300:340] = "N"
    model = local()()
    sequence = Sequence.from_string("".join(letters))
    return sequence, model.predict(sequence.onehot(0.25)[None])


def test_an_example_that_agrees(example):
    sequence, expected = example
    check_example(local(), sequence, expected)
    check_example(local(), str(sequence), expected[0].tolist())


@pytest.mark.parametrize(
    ("defect", "said"),
    [
        ("reversed letters", "channels in the order T G C A"),
        ("reversed", "the sequence reversed"),
        ("shifted", "the sequence 40 bp earlier"),
        ("zero for N", ""),
    ],
)
def test_an_example_tells_what_is_wrong(example, defect, said):
    # None of these is found by the checks of a model that gives no receptive field.
    check_model(local(defect, reach=None))
    with pytest.raises(ConformanceError, match=rf"^the prediction differs .*{said}"):
        check_example(local(defect), *example)


def test_an_example_of_another_n_value_is_told(example):
    class Zero(Local):
        n_value = 0.0

    with pytest.raises(ConformanceError, match=r"it expects an n_value of 0\.25$"):
        check_example(lambda: Zero(scale=2.0), *example)


def test_outputs_in_another_order_are_told(example):
    sequence, expected = example
    with pytest.raises(ConformanceError, match=r"it expects bins in the reverse order$"):
        check_example(local(), sequence, expected[:, ::-1])
    with pytest.raises(ConformanceError, match=r"it expects tracks in the reverse order$"):
        check_example(local(), sequence, expected[:, :, ::-1])
    with pytest.raises(ConformanceError, match=r"1e-04 is allowed$"):
        check_example(local(), sequence, expected + 1)


def test_an_example_that_does_not_fit_or_tells_nothing(example):
    sequence, expected = example
    with pytest.raises(ConformanceError, match="has 639 bp, and the model takes 640"):
        check_example(local(), sequence[:-1], expected)
    with pytest.raises(ConformanceError, match=r"shape \(11, 2\), and the model gives \(12, 2\)"):
        check_example(local(), sequence, expected[0, :-1])
    unknown = "N" * 640
    alike = local()().predict(np.full((1, 640, 4), 0.25, np.float32))
    with pytest.raises(ConformanceError, match="tells nothing"):
        check_example(local(), unknown, alike)


def test_the_difference_between_batches_is_measured():
    assert batch_difference(local()()) == 0
    assert batch_difference(local("row")()) > 1e-3


def test_settings_change_the_fingerprint():
    check_fingerprints(Local(scale=1), Local(scale=2))
    with pytest.raises(ConformanceError, match="same fingerprint"):
        check_fingerprints(Local(scale=1, rows=1), Local(scale=1, rows=2))


(SETTINGS,) = [check for check in model_checks() if str(check) == "settings"]


def test_the_forgotten_setting_is_named():
    with pytest.raises(ConformanceError, match=r"with scale = 3\.0 predictions are others"):
        SETTINGS(local("forgotten"))
    with pytest.raises(ConformanceError, match="with rounded = True predictions are others"):
        SETTINGS(local("marked"))


def test_settings_that_could_not_be_varied_are_named():
    assert SETTINGS(local()) == "not varied: defect"


class Kind(Enum):
    ONE = 1
    TWO = 2


class Inner(Parameters):
    factor: float = 1.0
    name: str = ""


class Varied(Local):
    """Its output is multiplied by a setting of each kind, which `hidden` leaves out."""

    hidden: str = ""
    yes: bool = False
    literal: Literal["a", "b"] = "a"
    kind: Kind = Kind.ONE
    number: int = Field(8, ge=8, multiple_of=8)
    maybe: int | None = None
    limited: Annotated[float, Field(le=1.0)] = 1.0
    inner: Inner = Inner()
    file: Path | None = None

    def identity(self):
        name, _, part = self.hidden.partition(".")
        settings = super().identity()
        if part:
            del settings[name][part]
        elif name:
            del settings[name]
        return settings

    def predict(self, onehot):
        factor = 1 + self.yes + ord(self.literal) + self.kind.value + self.number
        return super().predict(onehot) * np.float32(
            factor + (self.maybe or 0) + self.limited + self.inner.factor
        )


@pytest.mark.parametrize(
    ("hidden", "value"),
    [
        ("yes", "True"),
        ("literal", "'b'"),
        ("kind", "<Kind.TWO: 2>"),
        ("number", "16"),
        ("maybe", "1"),
        ("limited", "0.5"),
        ("inner.factor", "Inner"),
    ],
)
def test_settings_of_each_kind_are_varied(hidden, value):
    expected = rf"^with {re.escape(hidden)} = {re.escape(value)}.* predictions are others"
    with pytest.raises(ConformanceError, match=expected):
        SETTINGS(lambda: Varied(hidden=hidden))


def test_what_is_not_varied_is_named():
    assert SETTINGS(Varied) == "not varied: defect, hidden, inner.name, file"


class Free(Local):
    """None of its settings has another value that could be derived."""

    scale: Annotated[Any, Field()] = 1.0
    reach: Literal[9] = 9  # type: ignore[assignment]
    rows: Literal[16] = 16  # type: ignore[assignment]
    rounded: Literal[False] = False  # type: ignore[assignment]


def test_a_model_of_which_no_setting_can_be_varied_is_not_checked():
    with pytest.raises(NotChecked, match="no other value is known of any setting: defect, scale"):
        SETTINGS(Free)
