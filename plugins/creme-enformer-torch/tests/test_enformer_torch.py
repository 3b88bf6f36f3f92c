"""Enformer in PyTorch, on checkpoints of small random networks in the published format."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from creme.errors import ConfigError, ModelError
from creme.genome import Locus
from creme.runner.experiment import build_model, select
from creme.sequence import Sequence
from creme.testing import model_checks
from creme.testing.models import check_fingerprints, sequences
from creme.testing.split import check_split
from enformer_pytorch import Enformer
from enformer_pytorch.modeling_enformer import Attention
from safetensors.torch import save_file

from creme_enformer_torch.model import EnformerTorch

LENGTH = 16_384


def checkpoint(folder: Path, *, seed: int = 0, safe: bool = True, **config) -> Path:
    torch.manual_seed(seed)
    small = {
        "dim": 96,
        "depth": 1,
        "heads": 2,
        "target_length": 32,
        "attn_dim_key": 16,
        "dim_divisible_by": 16,
        "output_heads": {"human": 5, "mouse": 3},
    }
    network = Enformer.from_hparams(**{**small, **config})
    for parameter in network.parameters():  # as built, attention and biases start at zero
        parameter.data += 0.05 * torch.randn_like(parameter)
    folder.mkdir(exist_ok=True)
    network.config.save_pretrained(folder)
    # Its parts are registered twice; in a file each stands for itself.
    state = {name: values.clone() for name, values in network.state_dict().items()}
    if safe:
        save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    else:
        torch.save(state, folder / "pytorch_model.bin")
    return folder


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return checkpoint(tmp_path_factory.mktemp("enformer"))


def small(weights, **changes):
    return EnformerTorch(
        **{"weights": str(weights), "length": LENGTH, "tf_gamma": False, **changes}
    )


@pytest.mark.parametrize("check", model_checks(), ids=str)
def test_conforms(check, weights):
    check(lambda: small(weights))


@pytest.mark.parametrize(("depth", "head"), [(1, "mouse"), (2, "human")])
def test_windows_give_the_librarys_numbers(depth, head, tmp_path):
    folder = checkpoint(tmp_path / "net", depth=depth)
    check_split(lambda: small(folder, head=head))


def test_numbers_are_the_networks(weights):
    model = small(weights)
    onehot = sequences(model, 2)
    network = Enformer.from_pretrained(weights).eval()
    with torch.inference_mode():
        for head in ("human", "mouse"):
            expected = network(torch.from_numpy(onehot))[head].numpy()
            got = small(weights, head=head).predict(onehot)
            np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-6)
    assert model.n_bins == 32
    assert model.output_start == (LENGTH - 32 * 128) // 2


def test_tables_of_positions_reach_the_attention(tmp_path):
    folder = checkpoint(tmp_path / "net")
    for flag in (True, False):
        model = EnformerTorch(weights=str(folder), tf_gamma=flag)
        attention = [m for m in model.network.modules() if isinstance(m, Attention)]
        assert attention
        assert all(module.use_tf_gamma is flag for module in attention)
    with pytest.raises(ConfigError, match="tables for 196,608 bp"):
        EnformerTorch(weights=str(folder), length=LENGTH)


def test_the_published_grid_and_tracks(tmp_path):
    data = Path(os.environ.get("CREME_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))
    table = data / "targets" / "enformer_targets_human.txt.gz"
    if not table.is_file():
        pytest.skip(f"no table of tracks at {table}; set CREME_TEST_DATA")
    folder = checkpoint(
        tmp_path / "net", target_length=896, output_heads={"human": 5313, "mouse": 1643}
    )
    model = EnformerTorch(weights=str(folder), targets=table)
    assert (model.input_length, model.n_bins, model.bin_size) == (196_608, 896, 128)
    assert model.output_start == 40_960
    assert model.tss_bin() == 448
    chosen = select(model, tracks=["CAGE.*K562 ENCODE"], bins="447-448")
    assert (chosen.tracks, chosen.bins) == ((5111,), (447, 448))
    assert len(EnformerTorch(weights=str(folder), head="mouse").tracks) == 1643
    # The TSS base is the same index of the locus sequence on both strands.
    codes = np.random.default_rng(0).integers(0, 4, 196_608, dtype=np.uint8)
    assert Locus.from_sequence(Sequence(codes), "x").tss == 98_304 == model.tss


def test_fingerprints(weights, tmp_path):
    other = checkpoint(tmp_path / "other", seed=1)
    check_fingerprints(
        small(weights),
        small(other),
        small(weights, head="mouse"),
        EnformerTorch(weights=str(weights)),
        EnformerTorch(weights=str(weights), tf_gamma=False),
    )
    copied = checkpoint(tmp_path / "same")
    assert small(copied).fingerprint == small(weights).fingerprint


def test_old_checkpoints_are_read(weights, tmp_path):
    folder = checkpoint(tmp_path / "old", safe=False)
    onehot = sequences(small(folder), 1)
    np.testing.assert_array_equal(small(folder).predict(onehot), small(weights).predict(onehot))


def test_a_folder_beside_the_experiment_file(tmp_path):
    checkpoint(tmp_path / "net")
    table = {"plugin": "enformer-torch", "length": LENGTH, "tf_gamma": False}
    model, _ = build_model({**table, "weights": "net"}, tmp_path)
    assert model.fingerprint == small(tmp_path / "net").fingerprint
    # A name on the hub stays one.
    with pytest.raises(ModelError, match="huggingface-cli download EleutherAI/absent"):
        build_model({**table, "weights": "EleutherAI/absent"}, tmp_path)


def test_errors_say_what_is_missing(weights, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelError, match="huggingface-cli download EleutherAI/absent"):
        _ = small("EleutherAI/absent").fingerprint
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match=r"needs config\.json and"):
        _ = small(tmp_path / "empty").fingerprint
    with pytest.raises(ConfigError, match="head = 'rat': the network has human, mouse"):
        _ = small(weights, head="rat").tracks
    with pytest.raises(ConfigError, match=r"32 bins of 128 bp .* do not fit"):
        _ = small(weights, length=2048).n_bins
    broken = checkpoint(tmp_path / "broken")
    (broken / "model.safetensors").write_bytes(b"not weights")
    with pytest.raises(ModelError, match="cannot be loaded"):
        small(broken).predict(sequences(small(broken), 1))
    if not torch.cuda.is_available():
        with pytest.raises(ModelError, match="no device 'cuda:0'; PyTorch finds 0"):
            small(weights, device="cuda:0").predict(sequences(small(weights), 1))
