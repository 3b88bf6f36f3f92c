"""Verdicts of the kit: fields that fade, states, time limits, and constants."""

from __future__ import annotations

import threading
from typing import ClassVar

import numpy as np
import pytest
from twins import Local, local

from creme.errors import ModelError
from creme.model import Model, Track, TrackTable
from creme.testing import Check, ConformanceError, model_checks
from creme.testing.checks import outcomes

CHECKS = {str(check): check for check in model_checks()}


class Splice(Model):
    """Classes of each base, two of them rare, with weights that fade over 200 bp on either side."""

    name: ClassVar[str] = "splice"
    version: ClassVar[str] = "1"

    reach: int = 200
    tapers: float = 20.0
    shift: int = 0

    @property
    def input_length(self) -> int:
        return 840

    @property
    def bin_size(self) -> int:
        return 1

    @property
    def n_bins(self) -> int:
        return 120

    @property
    def receptive_field(self) -> int:
        return self.reach

    @property
    def tracks(self) -> TrackTable:
        names = (Track("neither"), Track("acceptor"), Track("donor"))
        return TrackTable(names)

    def predict(self, onehot):
        if onehot.shape[1:] != (840, 4):
            raise ModelError(f"an input of 840 bp is needed, not {onehot.shape}")
        away = np.abs(np.arange(-200, 201))
        weights = (
            np.random.default_rng(3).normal(size=(401, 4, 2))
            * np.exp(-away / self.tapers)[:, None, None]
        )
        windows = np.lib.stride_tricks.sliding_window_view(onehot, 401, axis=1)
        drive = np.einsum("nlbk,kbt->nlt", windows, weights)[:, 160:280]
        drive = np.roll(drive, self.shift, axis=1)
        logits = np.concatenate([np.full_like(drive[:, :, :1], 8), np.tanh(drive / 4)], axis=2)
        shares = np.exp(logits - logits.max(axis=2, keepdims=True))
        return (shares / shares.sum(axis=2, keepdims=True)).astype(np.float32)


def verdict(check: str, make) -> tuple[str, str]:
    (result,) = outcomes([CHECKS[check]], make)
    return result.state, result.reason


def test_a_field_that_fades_is_taken_as_it_is():
    rare = Splice().predict(np.eye(4, dtype=np.float32)[np.zeros((1, 840), int)])[0, :, 1:]
    assert rare.max() < 1e-2
    state, reason = verdict("position", Splice)
    assert state == "passed", reason
    # Its edge carries e**-10 of the middle; of a class of 3e-4 beside one of 1.
    state, reason = verdict("position", lambda: Splice(reach=150))
    assert state == "failed"
    assert "with a receptive_field of 150 bp" in reason


def test_an_edge_that_float32_cannot_show_is_not_visible():
    state, reason = verdict("position", lambda: Splice(tapers=9.0))
    assert state == "passed"
    assert "of 200 bp are not visible in float32" in reason
    # Not even half of it is seen: the field is smaller.
    state, reason = verdict("position", lambda: Splice(tapers=4.0))
    assert state == "failed"
    assert "it sees less far" in reason


@pytest.mark.parametrize("shift", [90, -90])
def test_a_shift_is_found_where_edges_fade(shift):
    assert verdict("position", lambda: Splice(shift=shift))[0] == "failed"


def test_chance_and_state_are_told_apart():
    assert "they are random" in verdict("deterministic", local("noise"))[1]
    state, reason = verdict("deterministic", local("drifts"))
    assert state == "failed"
    assert "has a state that changes between predictions" in reason
    assert (
        "a model made anew predicts otherwise" in verdict("deterministic", local("new weights"))[1]
    )


def test_the_tensor_that_changes_is_named(tmp_path):
    import torch

    class Network(torch.nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(1)
            self.mix = torch.nn.Conv1d(4, 2, 40, stride=40)
            self.running_var: torch.Tensor
            self.register_buffer("running_var", torch.ones(1))

        def forward(self, batch):
            out = self.mix(batch)
            self.running_var.mul_(0.9).add_(0.1 * out.detach().var())
            return out / self.running_var.sqrt()

    class Updates(Local):
        """It changes its running variance also where it predicts."""

        name: ClassVar[str] = "updates"

        @property
        def network(self):
            return self.__dict__.setdefault("_updating", Network())

        def predict(self, onehot):
            with torch.no_grad():
                batch = torch.tensor(onehot).transpose(1, 2)
                return self.network(batch).transpose(1, 2).numpy()[:, 2:14]

    state, reason = verdict("deterministic", Updates)
    assert state == "failed"
    assert reason.endswith("running_var of its network are others than before")


def test_nan_comes_first():
    class Nan(Local):
        """NaN in one bin of each sequence."""

        name: ClassVar[str] = "nan"

        def predict(self, onehot):
            out = super().predict(onehot)
            out[:, 3] = np.nan
            return out

    for check in ("shape_and_dtype", "deterministic", "depends_on_input", "position", "n_rows"):
        state, reason = verdict(check, lambda: Nan(scale=2.0))
        assert state == "failed"
        assert "NaN" in reason, check


def test_a_constant_with_its_rounding_is_a_constant():
    state, reason = verdict("depends_on_input", local("barely"))
    assert state == "failed"
    assert "it is constant" in reason


def test_a_time_limit_ends_what_hangs():
    hangs, gone = threading.Event(), []

    def quick(make):
        """It is done at once."""
        gone.append(make())

    def stuck(make):
        """It does not come back."""
        hangs.wait(600)

    def later(make):
        """Its turn does not come."""
        gone.append("later")

    checks = [Check(quick), Check(stuck), Check(later)]
    results = list(outcomes(checks, lambda: "made", seconds=2.0))
    hangs.set()
    assert [each.state for each in results] == ["passed", "out of time", "out of time"]
    assert [each.is_bad for each in results] == [False, True, True]
    assert gone == ["made"]
    assert results[1].reason == "the limit of 2 s was over"
    assert results[0].seconds < 2.0


def test_a_limit_changes_no_verdict():
    checks = [CHECKS["tracks"], CHECKS["position"]]
    for defect in ("", "pairs"):
        with_one = [each.state for each in outcomes(checks, local(defect), seconds=600)]
        assert with_one == [each.state for each in outcomes(checks, local(defect))]
    with pytest.raises(ConformanceError):
        CHECKS["tracks"](local("pairs"))
