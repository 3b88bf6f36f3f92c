"""Enformer in PyTorch, on checkpoints of small random networks in the published format."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from creme.errors import ConfigError, ModelError
from creme.genome import Locus
from creme.model import Selection
from creme.runner.experiment import build_model, parse, select
from creme.runner.plan import Plan
from creme.sequence import Sequence
from creme.testing import model_checks
from creme.testing.models import check_fingerprints, sequences
from creme.testing.split import check_split
from creme.testing.weights import check_weights_run_nothing
from creme.tiling import Tiling
from enformer_pytorch import Enformer
from enformer_pytorch.modeling_enformer import Attention
from safetensors.torch import save_file
from torch.testing import assert_close

from creme_enformer_torch.model import EnformerTorch
from creme_enformer_torch.network import decode, encode

LENGTH = 16_384
ROOT = Path(__file__).resolve().parents[3]


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


def without(library, code):
    """What a program prints in which a library cannot be imported."""
    hidden = f"""
import sys
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == {library!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Hidden())
"""
    done = subprocess.run(
        [sys.executable, "-c", hidden + code], capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.mark.parametrize("check", model_checks(), ids=str)
def test_conforms(check, weights):
    check(lambda: small(weights))


@pytest.mark.parametrize(("depth", "head"), [(1, "mouse"), (2, "human")])
def test_windows_give_the_librarys_numbers(depth, head, tmp_path):
    folder = checkpoint(tmp_path / "net", depth=depth)
    check_split(lambda: small(folder, head=head))


@pytest.mark.parametrize("bins", [(0,), (15, 16), (3, 9, 31), tuple(range(32))], ids=len)
def test_the_two_parts_make_the_librarys_whole(bins, weights):
    """In double precision, so that nothing but the calculation itself can differ."""
    network = Enformer.from_pretrained(weights).eval().double()
    selection = Selection(bins, (0, 3))
    onehot = torch.from_numpy(sequences(small(weights), 2)).double()
    with torch.inference_mode():
        features = encode(network, onehot)
        before = network.conv_tower(network.stem(onehot.transpose(1, 2))).transpose(1, 2)
        assert_close(features, before)
        got = decode(network, features, "human", selection)
        assert_close(got, network(onehot)["human"][:, list(bins)][:, :, [0, 3]])


def test_features_of_sequences_that_pooling_does_not_halve(weights):
    network = Enformer.from_pretrained(weights).eval().double()
    with torch.inference_mode():
        onehot = torch.from_numpy(sequences(small(weights), 1)).double()[:, :1001]
        before = network.conv_tower(network.stem(onehot.transpose(1, 2))).transpose(1, 2)
        assert_close(encode(network, onehot), before)


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


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A small network with as many bins and tracks as the published one."""
    heads = {"human": 5313, "mouse": 1643}
    return checkpoint(tmp_path_factory.mktemp("published"), target_length=896, output_heads=heads)


@pytest.fixture(scope="module")
def data():
    folder = Path(os.environ.get("CREME_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; set CREME_TEST_DATA to its folder")
    return folder


def test_the_published_grid_and_tracks(published, data):
    table = data / "targets" / "enformer_targets_human.txt.gz"
    model = EnformerTorch(weights=str(published), targets=table)
    assert (model.input_length, model.n_bins, model.bin_size) == (196_608, 896, 128)
    assert len(model.tracks) == 5313
    assert model.output_start == 40_960
    assert model.tss_bin() == 448
    assert model.output_start + 448 * 128 == model.tss == 98_304
    chosen = select(model, tracks=["CAGE.*K562 ENCODE"], bins="447-448")
    assert (chosen.tracks, chosen.bins) == ((5111,), (447, 448))
    assert len(EnformerTorch(weights=str(published), head="mouse").tracks) == 1643
    # The TSS base is the same index of the locus sequence on both strands.
    codes = np.random.default_rng(0).integers(0, 4, 196_608, dtype=np.uint8)
    locus = Locus.from_sequence(Sequence(codes), "x")
    assert locus.tss == 98_304 == model.tss
    # Its tiles are those that the paper's authors published values for.
    tiling = Tiling.around(model.input_length, model.tss, 5000)
    assert (tiling.tss.start, tiling.tss.end) == (95_804, 100_804)
    values = pd.read_csv(data / "published" / "necessity_test.csv.gz")
    assert [tile.start for tile in tiling.context] == sorted(set(values.tile_start))
    assert [tile.end for tile in tiling.context] == sorted(set(values.tile_end))


def test_the_example_is_ready_for_its_files(published, data, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    experiment = parse((ROOT / "examples" / "enformer_k562.toml").read_text(), folder=tmp_path)
    with pytest.raises(ModelError) as caught:
        Plan.of(experiment)
    said = str(caught.value)
    assert "creme models fetch enformer-torch" in said
    assert "huggingface-cli download EleutherAI/enformer-official-rough" in said
    assert str(tmp_path / "cache") in said
    # With the weights, the table is what is missing; with both, all is there but the genome.
    table = {**experiment.model, "weights": str(published)}
    with pytest.raises(ConfigError, match=r"targets_human\.txt"):
        build_model(table, tmp_path)
    table["targets"] = str(data / "targets" / "enformer_targets_human.txt.gz")
    model, chosen = build_model(table, tmp_path)
    assert (chosen.tracks, chosen.bins) == ((5111,), (447, 448))
    assert model.name == "enformer-torch"


def test_bins_lie_in_the_middle_or_are_refused(weights, tmp_path):
    with pytest.raises(ConfigError, match=r"the 32 bins of 128 bp .* have no middle in its 129"):
        _ = small(weights, length=LENGTH + 128).n_bins
    assert small(weights, length=LENGTH + 256).n_bins == 32
    whole = small(checkpoint(tmp_path / "whole", target_length=-1))
    assert (whole.n_bins, whole.output_start) == (LENGTH // 128, 0)
    assert whole.predict(sequences(whole, 1)).shape == (1, LENGTH // 128, 5)


def test_fingerprints(weights, tmp_path):
    other = checkpoint(tmp_path / "other", seed=1)
    check_fingerprints(
        small(weights),
        small(other),
        small(weights, head="mouse"),
        EnformerTorch(weights=str(weights)),
        EnformerTorch(weights=str(weights), tf_gamma=False),
    )
    # The network in TensorFlow is model "enformer": whatever its weights, it is another.
    assert small(weights).name == "enformer-torch"
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
    with pytest.raises(ModelError, match=r"it lacks config\.json, model\.safetensors or"):
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


def test_weights_that_hold_code_do_not_run_it(weights, tmp_path):
    folder = tmp_path / "net"
    folder.mkdir()
    (folder / "config.json").write_text((weights / "config.json").read_text())
    said = check_weights_run_nothing(lambda: small(folder), folder / "pytorch_model.bin")
    assert "cannot be loaded" in said


def test_a_missing_library_is_said(weights):
    code = f"""
import numpy as np
from creme.errors import ModelError
from creme_enformer_torch.model import EnformerTorch
model = EnformerTorch(weights={str(weights)!r}, length={LENGTH}, tf_gamma=False)
model.fingerprint, model.tracks
assert "torch" not in sys.modules
try:
    model.predict(np.zeros((1, {LENGTH}, 4), np.float32))
except ModelError as error:
    print(error)
"""
    said = without("enformer_pytorch", code)
    assert "model enformer-torch needs enformer-pytorch: pip install" in said


def test_what_predictions_are_made_with_is_said(weights):
    model = small(weights)
    assert model.environment() == {}
    model.predict(sequences(model, 1))
    assert model.environment() == {
        "device": "cpu",
        "torch": torch.__version__,
        "enformer_pytorch": version("enformer-pytorch"),
        "precision": "float32",
        "deterministic": True,
    }


@pytest.mark.parametrize("device", ["gpu", "cuda:", "cuda:x", "CPU", "cuda:-1"])
def test_devices_are_named_as_pytorch_names_them(weights, device):
    with pytest.raises(ConfigError, match="device"):
        small(weights, device=device)
