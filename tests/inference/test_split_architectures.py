"""Windows on networks that are local to their end, whose features are single bases."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from creme.errors import ModelError
from creme.genome import Locus
from creme.inference.windowed import Windowed, check_trunk
from creme.model import Selection
from creme.runner.plan import prepare
from creme.runner.run import measure
from creme.sequence import Edit, Mutant, Sequence, Sequenceable
from creme.store import Store
from creme.suite.necessity import Necessity
from creme.testing.split import check_split
from split_architectures import BPNetLike, SpliceAILike, random_codes

pytest.importorskip("torch")

BPNET = BPNetLike(length=12_288, channels=8, device="cpu")
SPLICEAI = SpliceAILike(length=24_576, channels=4, groups=3, device="cpu")
WIDE = SpliceAILike(length=65_536, channels=4, device="cpu")
BOTH = pytest.mark.parametrize("model", [BPNET, SPLICEAI], ids=lambda model: model.name)


def test_reach_and_grid():
    assert (BPNET.radius, BPNET.n_bins, BPNET.output_start) == (1071, 12_288, 0)
    assert (SPLICEAI.radius, SPLICEAI.n_bins, SPLICEAI.output_start) == (1000, 22_576, 1000)
    assert (WIDE.radius, WIDE.n_bins, WIDE.output_start) == (5000, 55_536, 5000)
    assert WIDE.tss_bin() == 27_768


@BOTH
def test_windows_give_what_a_full_forward_pass_gives(model):
    check_split(lambda: model)


@pytest.mark.parametrize("model", [BPNET, SPLICEAI, WIDE], ids=["bpnet", "2k", "10k"])
def test_the_radius_is_what_the_network_sees(model):
    """No more and no less, by a gradient in float64 through weights that block no path."""
    import torch

    network = copy.deepcopy(model.network).double()
    for name, values in network.state_dict().items():
        values.copy_(torch.zeros_like(values) if "running_mean" in name else values.abs())
    length, at = 2 * model.radius + 200, model.radius + 100
    onehot = torch.tensor(np.eye(4)[random_codes(length)][None], requires_grad=True)
    model.trunk(network, onehot)[0][0, at].sum().backward()
    assert onehot.grad is not None
    seen = onehot.grad[0].any(dim=1).nonzero()[:, 0]
    assert (int(seen[0]), int(seen[-1])) == (at - model.radius, at + model.radius)


@BOTH
def test_no_more_than_the_designs_window_goes_through_the_trunk(model):
    base = Sequence(random_codes(model.input_length))
    windowed = Windowed(model, Selection((model.tss_bin(),), (0, 1)))
    windowed.predict([base])
    start, size = model.input_length // 3, 500
    before = windowed.computed
    windowed.predict([Mutant(base, [Edit(start, random_codes(size, seed=1))])])
    # A tile, a radius that it reaches, and a radius that those bases need.
    assert windowed.computed - before <= size + 4 * model.radius


@BOTH
def test_a_radius_that_is_too_small_is_refused(model, monkeypatch):
    check_trunk(model)
    monkeypatch.setattr(type(model), "radius", property(lambda self: 500))
    with pytest.raises(ModelError, match="reaches further"):
        check_trunk(model)


def test_ten_kilobases_of_context():
    """At full width: a window in the middle, and one up to the sequence's end."""
    base = Sequence(random_codes(WIDE.input_length))
    edits = [Edit(20_000, random_codes(2000, 1)), Edit(64_000, random_codes(1536, 2))]
    mutants: list[Sequenceable] = [base, *(Mutant(base, [edit]) for edit in edits)]
    selection = Selection(tuple(range(5000, WIDE.n_bins, 500)), (0, 1, 2))
    windowed = Windowed(WIDE, selection)
    got = np.concatenate([windowed.predict([mutant]) for mutant in mutants])
    onehot = np.stack([mutant.sequence.onehot(0.0) for mutant in mutants])
    full = WIDE.predict_selected(onehot, selection)
    np.testing.assert_allclose(got, full, atol=1e-5)
    assert np.abs(full[1] - full[0]).max() > 0.01
    radius = WIDE.radius
    assert windowed.computed == WIDE.input_length + 2000 + 4 * radius + 1536 + 2 * radius


def test_effects_at_single_bases_are_those_of_full_forward_passes(tmp_path):
    """A necessity test whose activity is the profile itself, near a splice site or a summit."""
    bins = list(range(6000, 6040))
    locus = Locus.from_sequence(Sequence(random_codes(BPNET.input_length)), "locus")
    found = {}
    for exact in ("windowed", "full"):
        model = BPNetLike(length=12_288, channels=8, device="cpu", exact=exact)
        test = Necessity(tile=400, replicates=2, tiles=[(4000, 4400), (5000, 5400), (7000, 7400)])
        with Store(tmp_path / exact) as store:
            report = measure(prepare([test], model, [locus], bins=bins), store)
        assert not report.failures
        found[exact] = report.datasets["necessity"]
    effect = found["full"].effect.values
    assert np.abs(effect).max() > 1e-3
    np.testing.assert_allclose(found["windowed"].effect.values, effect, atol=1e-5)
