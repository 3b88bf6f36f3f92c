"""Borzoi in PyTorch, on checkpoints of small random networks in the published format."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from borzoi_pytorch import Borzoi as Network
from borzoi_pytorch.pytorch_borzoi_utils import undo_squashed_scale
from creme.errors import ConfigError, ModelError
from creme.runner.experiment import select
from creme.testing import model_checks
from creme.testing.models import check_fingerprints, sequences
from creme.testing.split import check_split

from creme_borzoi.model import Borzoi

LENGTH = 8192


def checkpoint(folder: Path, *, seed: int = 0, **config) -> Path:
    torch.manual_seed(seed)
    small = {
        "dim": 64,
        "depth": 1,
        "heads": 2,
        "attn_dim_key": 8,
        "attn_dim_value": 16,
        "bins_to_return": 64,
        "enable_mouse_head": True,
    }
    network = Network.from_hparams(**{**small, **config})
    for parameter in network.parameters():
        parameter.data += 0.01 * torch.randn_like(parameter)
    network.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return checkpoint(tmp_path_factory.mktemp("borzoi"))


def small(weights, **changes):
    return Borzoi(**{"weights": str(weights), "length": LENGTH, **changes})


@pytest.mark.parametrize("check", model_checks(), ids=str)
def test_conforms(check, weights):
    check(lambda: small(weights))


@pytest.mark.parametrize(("depth", "head"), [(1, "mouse"), (2, "human")])
def test_windows_give_the_librarys_numbers(depth, head, tmp_path):
    folder = checkpoint(tmp_path / "net", depth=depth)
    check_split(lambda: small(folder, head=head))


def test_numbers_are_the_networks(weights):
    model = small(weights)
    onehot = sequences(model, 1)
    assert (onehot[:, 0] == 0).all(), "an N is 0 in all channels"
    network = Network.from_pretrained(weights).eval()
    x = torch.from_numpy(onehot.transpose(0, 2, 1).copy())
    with torch.inference_mode():
        human, mouse = network(x), network(x, is_human=False)
        plain = undo_squashed_scale(human.clone())
    for got, expected in (
        (model, human),
        (small(weights, head="mouse"), mouse),
        (small(weights, unsquash=True), plain),
    ):
        np.testing.assert_allclose(
            got.predict(onehot), expected.numpy().transpose(0, 2, 1), rtol=1e-4, atol=1e-6
        )


def test_the_published_grid_and_tracks(tmp_path):
    data = Path(os.environ.get("CREME_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))
    table = data / "targets" / "borzoi_targets_human.txt.gz"
    if not table.is_file():
        pytest.skip(f"no table of tracks at {table}; set CREME_TEST_DATA")
    folder = checkpoint(tmp_path / "net", bins_to_return=6144)
    model = Borzoi(weights=str(folder), targets=table)
    assert (model.input_length, model.n_bins, model.bin_size) == (524_288, 6144, 32)
    assert model.output_start == 163_840
    assert model.tss_bin() == 3072
    both = select(model, tracks=["chronic myelogenous leukemia cell line:K562"])
    assert {872, 873} <= set(both.tracks)
    pair = model.tracks[872], model.tracks[873]
    assert [track.strand for track in pair] == ["+", "-"]
    assert (pair[0].pair, pair[1].pair) == (873, 872)
    plus = select(model, tracks=["^CNhs12336"], strand="+")
    assert plus.tracks == (872,)


def test_fingerprints(weights, tmp_path):
    check_fingerprints(
        small(weights),
        small(checkpoint(tmp_path / "other", seed=1)),
        small(weights, head="mouse"),
        small(weights, unsquash=True),
        small(weights, length=2 * LENGTH),
    )


def test_errors_say_what_is_missing(weights, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelError, match="huggingface-cli download johahi/absent"):
        _ = small("johahi/absent").fingerprint
    folder = checkpoint(tmp_path / "human", enable_mouse_head=False)
    with pytest.raises(ConfigError, match="head = 'mouse': the network has human"):
        _ = small(folder, head="mouse").tracks
    (folder / "config.json").write_text("{")
    with pytest.raises(ModelError, match=r"config\.json cannot be read"):
        _ = small(folder).n_bins
