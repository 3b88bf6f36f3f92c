"""Checks that a plugin does what the toolkit expects of it, for its author's own tests.

    import pytest
    from creme.testing import model_checks

    @pytest.mark.parametrize("check", model_checks(), ids=str)
    def test_my_model(check):
        check(lambda: MyModel(weights="weights.h5"))

`check_model`, `check_perturbation` and `check_test` run all checks of a kind and name those that
fail. `check_example` compares a model with a prediction that is known from elsewhere.
"""

from creme.testing.checks import Check, ConformanceError, NotChecked
from creme.testing.example import check_example
from creme.testing.models import check_model, model_checks
from creme.testing.perturbations import check_perturbation, perturbation_checks
from creme.testing.tests import check_test, test_checks

__all__ = [
    "Check",
    "ConformanceError",
    "NotChecked",
    "check_example",
    "check_model",
    "check_perturbation",
    "check_test",
    "model_checks",
    "perturbation_checks",
    "test_checks",
]
