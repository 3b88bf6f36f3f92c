"""What is built in conforms."""

from __future__ import annotations

from typing import Any

import pytest

from creme import registry
from creme.models.synthetic import SyntheticModel
from creme.testing import (
    model_checks,
    perturbation_checks,
    test_checks,
)
from creme.testing.checks import outcomes
from creme.testing.tests import RandomModel

SUITE: dict[str, dict[str, Any]] = {
    "distance": {"tiles": [(2000, 3000)]},
    "higher_order": {"tiles": [(2000, 3000), (9000, 10_000), (20_000, 21_000)]},
    "multiplicity": {"tiles": [(2000, 3000)], "copies": 2},
    "fine_tile": {"tiles": [(2000, 3000)], "removed": [1, 5]},
    "saturation_mutagenesis": {"regions": [(100, 103)]},
    "motif_embedding": {"motifs": ["TGACTCA"], "positions": [3000]},
    "interactions": {"strongest": 3, "combine": "all"},
    "compatibility": {"tiles": [(2000, 3000)]},
    "design": {"rounds": 1, "candidates": 3, "beam": 2, "choose": 1, "finalists": 2, "designs": 1},
    "design_check": {"designs": ["ACGTTGCA" * 8], "copies": 2, "part": 32},
    "set_sufficiency": {"sets": [(9000, 10_000), (2000, 3000)]},
}
OWN_TESTS = sorted(
    name for name, p in registry.plugins("test").items() if p.target.startswith("creme.suite.")
)
PERTURBATIONS: dict[str, dict[str, Any]] = {
    "embed": {"insert": "TGACTCA", "start": 100},
    "swap": {"first": [0, 100], "second": [2000, 2100]},
    "mask": {"start": 10, "end": 20},
    "compose": {"steps": ["dinucleotide_shuffle", {"name": "mask", "start": 5, "end": 9}]},
}


@pytest.mark.parametrize("check", model_checks(), ids=str)
@pytest.mark.parametrize(
    "make", [lambda: SyntheticModel(length=24_576), lambda: RandomModel(length=2048)]
)
def test_built_in_models_conform(check, make):
    check(make)


@pytest.mark.parametrize("check", test_checks(), ids=str)
@pytest.mark.parametrize("name", OWN_TESTS)
def test_the_suite_conforms(check, name):
    common = {} if name == "saturation_mutagenesis" else {"tile": 1000, "replicates": 2}
    check(lambda: registry.create("test", {"name": name, **common, **SUITE.get(name, {})}))


@pytest.mark.parametrize("check", perturbation_checks(), ids=str)
@pytest.mark.parametrize(
    "name",
    sorted(n for n, p in registry.plugins("perturbation").items() if p.target.startswith("creme.")),
)
def test_built_in_perturbations_conform(check, name):
    check(lambda: registry.create("perturbation", {"name": name, **PERTURBATIONS.get(name, {})}))


NETWORK = """
import torch

class Net(torch.nn.Module):
    def __init__(self, turned=False):
        super().__init__()
        torch.manual_seed(0)
        self.turned = turned
        self.conv = torch.nn.Conv1d(4, 6, 9, padding=4)

    def forward(self, x):
        if self.turned:
            x = x.flip(2)
        return torch.tanh(self.conv(x)).reshape(len(x), 6, 8, 80).mean(3)
"""


@pytest.fixture
def network(tmp_path):
    pytest.importorskip("torch")
    (tmp_path / "net.py").write_text(NETWORK)

    def make(turned=False, **changes):
        grid = {
            "input_length": 640,
            "input_layout": "4L",
            "n_value": 0,
            "bin_size": 80,
            "n_bins": 8,
            "output_layout": "tracks,bins",
            "receptive_field": 4,
            "tracks": list("abcdef"),
            **changes,
        }
        given = {"name": "python", "object": tmp_path / "net.py:Net", "grid": grid}
        return lambda: registry.create("model", {**given, "arguments": {"turned": turned}})

    return make


@pytest.mark.parametrize("check", model_checks(), ids=str)
def test_a_described_network_conforms_with_its_receptive_field(check, network):
    check(network())


@pytest.mark.parametrize(
    ("defect", "message"),
    [
        ({"turned": True}, "changed bin 7, which sees"),
        ({"output_start": 0, "bin_size": 48}, "changed bin"),
        ({"receptive_field": 3}, "with a receptive_field of 3 bp"),
        ({"receptive_field": 90}, "it sees less far than that, or other positions"),
    ],
)
def test_a_wrong_description_of_positions_is_found(defect, message, network):
    failed = [o for o in outcomes(model_checks(), network(**defect)) if o.state == "failed"]
    assert [str(outcome.check) for outcome in failed] == ["position"]
    assert message in failed[0].reason


def test_a_field_that_is_not_given_changes_no_fingerprint(network):
    assert network()().fingerprint == network(receptive_field=None)().fingerprint
