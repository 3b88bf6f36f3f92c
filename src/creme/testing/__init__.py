"""Checks that a plugin does what the toolkit expects of it, for its author's own tests.

    import pytest
    from creme.testing import model_checks

    @pytest.mark.parametrize("check", model_checks(), ids=str)
    def test_my_model(check):
        check(lambda: MyModel(weights="weights.h5"))

`check_model`, `check_perturbation`, `check_test` and `check_store` run all checks of a kind and
name those that fail. `check_example` compares a model with a prediction that is known from
elsewhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from creme.lazy import attach

__all__ = [
    "Check",
    "ConformanceError",
    "NotChecked",
    "batch_difference",
    "check_example",
    "check_fingerprints",
    "check_model",
    "check_perturbation",
    "check_split",
    "check_store",
    "check_test",
    "check_weights_run_nothing",
    "model_checks",
    "perturbation_checks",
    "sequences",
    "store_checks",
    "test_checks",
]

__getattr__, __dir__ = attach(
    __name__,
    {
        "Check": "creme.testing.checks",
        "ConformanceError": "creme.testing.checks",
        "NotChecked": "creme.testing.checks",
        "check_example": "creme.testing.example",
        "batch_difference": "creme.testing.models",
        "check_fingerprints": "creme.testing.models",
        "check_model": "creme.testing.models",
        "model_checks": "creme.testing.models",
        "sequences": "creme.testing.models",
        "check_perturbation": "creme.testing.perturbations",
        "perturbation_checks": "creme.testing.perturbations",
        "check_split": "creme.testing.split",
        "check_store": "creme.testing.stores",
        "store_checks": "creme.testing.stores",
        "check_test": "creme.testing.tests",
        "test_checks": "creme.testing.tests",
        "check_weights_run_nothing": "creme.testing.weights",
    },
)

if TYPE_CHECKING:
    from creme.testing.checks import Check, ConformanceError, NotChecked
    from creme.testing.example import check_example
    from creme.testing.models import (
        batch_difference,
        check_fingerprints,
        check_model,
        model_checks,
        sequences,
    )
    from creme.testing.perturbations import check_perturbation, perturbation_checks
    from creme.testing.split import check_split
    from creme.testing.stores import check_store, store_checks
    from creme.testing.tests import check_test, test_checks
    from creme.testing.weights import check_weights_run_nothing
