"""The check of weights that hold code, on models that run it, and on one that does not."""

from __future__ import annotations

import pytest
from twins import Local

from creme.errors import ModelError
from creme.testing import ConformanceError
from creme.testing.weights import check_weights_run_nothing

torch = pytest.importorskip("torch")


def reading(file, *, weights_only, refuses=True):
    """A model that reads a file before it predicts."""

    class Reading(Local):
        def predict(self, onehot):
            try:
                torch.load(file, weights_only=weights_only)
            except Exception as error:
                if refuses:
                    raise ModelError(f"{file} cannot be loaded: {error}") from None
                raise
            return super().predict(onehot)

    return Reading


def test_weights_as_data_pass_and_the_error_is_handed_back(tmp_path):
    file = tmp_path / "net.pt"
    said = check_weights_run_nothing(reading(file, weights_only=True), file)
    assert said.startswith(f"{file} cannot be loaded: ")


def test_code_that_runs_is_found(tmp_path):
    file = tmp_path / "net.pt"
    with pytest.raises(ConformanceError, match=r"code that stands in net\.pt was run"):
        check_weights_run_nothing(reading(file, weights_only=False), file)


def test_another_error_is_none_of_ours(tmp_path):
    file = tmp_path / "net.pt"
    with pytest.raises(ConformanceError, match="ended in UnpicklingError"):
        check_weights_run_nothing(reading(file, weights_only=True, refuses=False), file)


def test_a_file_that_is_not_read_is_found(tmp_path):
    with pytest.raises(ConformanceError, match="ended in None"):
        check_weights_run_nothing(Local, tmp_path / "net.pt")
