"""Borzoi in PyTorch, on checkpoints of small random networks in the published format."""

from __future__ import annotations

import gzip
import hashlib
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
import torch
from borzoi_pytorch import Borzoi as Network
from borzoi_pytorch.pytorch_borzoi_utils import undo_squashed_scale
from creme.errors import ConfigError, ModelError
from creme.inference.windowed import Windowed
from creme.model import Readout, Selection
from creme.models.ensemble import SplitEnsemble, ensemble
from creme.runner.experiment import build_model, parse, select
from creme.runner.plan import Plan
from creme.sequence import Edit, Mutant, Sequence
from creme.testing import model_checks
from creme.testing.models import check_fingerprints, sequences
from creme.testing.split import check_split
from creme.testing.weights import check_weights_run_nothing

from creme_borzoi.model import Borzoi
from creme_borzoi.squash import Squash

LENGTH = 8192
ROOT = Path(__file__).resolve().parents[3]


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


SQUASHES = (
    # As in the published tables: RNA of GTEx, other RNA, CAGE, DNASE, ChIP.
    (768, 384, 0.01, "sum_sqrt"),
    (768, 384, 0.3, "sum_sqrt"),
    (768, 384, 1.0, "sum"),
    (256, 64, 1.0, "sum"),
    (128, 32, 2.0, "mean"),
)


@pytest.fixture(scope="module")
def targets(tmp_path_factory):
    """A table of as many tracks as the head has, squashed in turn as `SQUASHES`."""
    rows = ["\tidentifier\tclip\tclip_soft\tscale\tsum_stat\tdescription"]
    for track in range(7611):
        clip, soft, scale, stat = SQUASHES[track % len(SQUASHES)]
        rows.append(f"{track}\tt{track}\t{clip}\t{soft}\t{scale}\t{stat}\tRNA:x{track}")
    file = tmp_path_factory.mktemp("targets") / "targets.txt"
    file.write_text("\n".join(rows) + "\n")
    return file


@pytest.fixture(scope="module")
def data():
    folder = Path(os.environ.get("CREME_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; set CREME_TEST_DATA to its folder")
    return folder


def squashed(coverage, track):
    """What the network's authors trained on, of coverage summed over bins, (bins,)."""
    clip, soft, scale, stat = SQUASHES[track % len(SQUASHES)]
    value = coverage**0.75 if stat.endswith("_sqrt") else coverage.copy()
    above = value > soft
    value[above] = soft + np.sqrt(value[above] - soft)
    return scale * np.minimum(value, clip)


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
    for got, expected in ((model, human), (small(weights, head="mouse"), mouse)):
        np.testing.assert_allclose(
            got.predict(onehot), expected.numpy().transpose(0, 2, 1), rtol=1e-4, atol=1e-6
        )


def test_what_was_squashed_is_undone(targets):
    """Coverage from none to far above the soft limits, there and back."""
    squash = Squash.read(targets, 7611)
    coverage = np.concatenate([[0, 1e-3, 0.5], np.geomspace(1, 1e4, 200)])
    tracks = tuple(range(100, 110))
    output = np.stack([squashed(coverage, track) for track in tracks], axis=1)[None]
    limits = [SQUASHES[track % len(SQUASHES)] for track in tracks]
    undone = squash.undone(torch.tensor(output, dtype=torch.float32), tracks)[0].numpy()
    for column, (clip, _, scale, _) in enumerate(limits):
        below = output[0, :, column] < scale * clip
        assert below.sum() > 100
        np.testing.assert_allclose(undone[below, column], coverage[below], rtol=1e-4)
    # All tracks are asked for without saying which.
    everything = torch.tensor(output, dtype=torch.float32).repeat(1, 1, 762)[..., :7611]
    whole = squash.undone(everything, None)[0, :, 100:110]
    np.testing.assert_allclose(whole, undone, rtol=1e-6)


def test_undone_as_the_library_does_where_its_values_are_those_of_the_track(targets):
    squash = Squash.read(targets, 7611)
    output = torch.rand(1, 50, 1, generator=torch.Generator().manual_seed(0)) * 7
    expected = undo_squashed_scale(output)
    np.testing.assert_allclose(squash.undone(output, (0,)), expected, rtol=1e-6)
    # The library takes every track for one of GTEx.
    assert float((squash.undone(output, (2,)) - expected).abs().max()) > 1000


def test_predictions_are_undone_for_the_tracks_asked_for(weights, targets):
    plain, model = small(weights), small(weights, unsquash=True, targets=targets)
    onehot = sequences(model, 1)
    squash = Squash.read(targets, 7611)
    expected = squash.undone(torch.from_numpy(plain.predict(onehot)), None).numpy()
    np.testing.assert_allclose(model.predict(onehot), expected, rtol=1e-6)
    chosen = Selection((0, 31, 32), (1, 2, 7, 7610))
    np.testing.assert_allclose(
        model.predict_selected(onehot, chosen), chosen.take(expected), rtol=1e-5
    )
    np.testing.assert_allclose(
        model.decode(model.encode(onehot), chosen), chosen.take(expected), rtol=1e-3
    )


def test_k562_cage_was_not_raised_to_a_power(data):
    squash = Squash.read(data / "targets" / "borzoi_targets_human.txt.gz", 7611)
    for track in (872, 873):
        assert (squash.scale[track], squash.clip_soft[track], squash.power[track]) == (1, 384, 0)
    values = torch.tensor([[[10.0], [384.0], [394.0]]])
    assert squash.undone(values, (872,)).flatten().tolist() == [10, 384, 484]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("\tsum_sqrt\t", "\tsum_exp75\t", "sum_stat = 'sum_exp75' of track 0 cannot be undone"),
        ("\t0.01\t", "\t0\t", "scale = '0' of track 0 is no positive number"),
        ("\t384\t", "\t\t", "clip_soft = '' of track 0 is no positive number"),
        ("sum_stat", "statistic", "lacks the columns sum_stat"),
    ],
)
def test_a_table_that_does_not_say_how_is_refused(targets, tmp_path, old, new, said):
    file = tmp_path / "other.txt"
    file.write_text(targets.read_text().replace(old, new, 1))
    with pytest.raises(ConfigError, match=said):
        Squash.read(file, 7611)


def test_unsquash_needs_the_table(weights):
    with pytest.raises(ConfigError, match="unsquash needs targets"):
        small(weights, unsquash=True)


@pytest.fixture(scope="module")
def replicates(weights, tmp_path_factory):
    other = checkpoint(tmp_path_factory.mktemp("other"), seed=1)
    return weights, other


def test_the_mean_of_replicates_is_taken_of_what_was_undone(replicates, targets):
    models = [small(folder, unsquash=True, targets=targets) for folder in replicates]
    both, onehot = ensemble(models), sequences(models[0], 1)
    expected = np.mean([model.predict(onehot) for model in models], axis=0)
    np.testing.assert_allclose(both.predict(onehot), expected, rtol=1e-6)
    assert both.fingerprint == ensemble(models[::-1]).fingerprint
    assert both.fingerprint not in {model.fingerprint for model in models}


def test_bins_without_a_middle_are_refused(tmp_path):
    model = small(checkpoint(tmp_path / "odd", bins_to_return=63))
    with pytest.raises(ConfigError, match=r"the 63 bins of 32 bp .* has to be left over"):
        _ = model.n_bins


def test_both_strands_need_the_table(weights, targets):
    with pytest.raises(ConfigError, match="give 'targets', its table of tracks"):
        ensemble([small(weights)], reverse_complement=True)
    both = ensemble([small(weights, targets=targets)], reverse_complement=True)
    assert both.fingerprint != ensemble([small(weights)]).fingerprint


def test_replicates_go_by_windows(replicates):
    models = [small(folder) for folder in replicates]
    both, chosen = ensemble(models), Selection((31, 32), (0, 7610))
    assert isinstance(both, SplitEnsemble)
    base = Sequence(np.random.default_rng(0).integers(0, 4, LENGTH).astype(np.uint8))
    mutant = Mutant(base, [Edit(LENGTH // 2, Sequence.from_string("ACGT" * 50))])
    windowed = Windowed(both, chosen)
    got = windowed.predict([base, mutant])
    onehot = mutant.sequence.onehot(both.n_value)[None]
    expected = np.mean([model.predict_selected(onehot, chosen)[0] for model in models], axis=0)
    np.testing.assert_allclose(got[1], expected, rtol=1e-4)
    assert windowed.computed < 1.5 * LENGTH


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A small network with as many bins and tracks as the published ones."""
    return checkpoint(tmp_path_factory.mktemp("published"), bins_to_return=6144)


def test_the_published_grid_and_tracks(data, published):
    table = data / "targets" / "borzoi_targets_human.txt.gz"
    model = Borzoi(weights=str(published), targets=table)
    assert (model.input_length, model.n_bins, model.bin_size) == (524_288, 6144, 32)
    assert len(model.tracks) == 7611
    # The digest that `creme models fetch` holds the download to.
    content = hashlib.sha256(gzip.decompress(table.read_bytes())).hexdigest()
    assert Borzoi.downloads["targets"][0].sha256 == content
    assert model.output_start == 163_840
    # The TSS is the first base of bin 3,072, whichever strand the locus is on.
    assert model.tss_bin() == 3072
    assert model.output_start + 3072 * 32 == model.tss == 262_144
    both = select(model, tracks=["chronic myelogenous leukemia cell line:K562"])
    assert {872, 873} <= set(both.tracks)
    pair = model.tracks[872], model.tracks[873]
    assert [track.strand for track in pair] == ["+", "-"]
    assert (pair[0].pair, pair[1].pair) == (873, 872)
    plus = select(model, tracks=["^CNhs12336"], strand="+", bins="3068-3075")
    assert plus.tracks == (872,)
    # 256 bp, as many on either side of the TSS's first base.
    assert model.output_start + 3068 * 32 == model.tss - 128
    assert len(plus.bins) * 32 == 256
    assert model.bind(Readout(over_bins="sum"), plus).labels == ("CNhs12336+",)


def test_the_example_is_ready_for_its_files(published, data, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    experiment = parse((ROOT / "examples" / "borzoi_k562.toml").read_text(), folder=tmp_path)
    with pytest.raises(ModelError) as caught:
        Plan.of(experiment)
    said = str(caught.value)
    assert "creme models fetch borzoi" in said
    assert "huggingface-cli download johahi/borzoi-replicate-0" in said
    assert str(tmp_path / "cache") in said
    table = {**experiment.model, "weights": str(published)}
    with pytest.raises(ConfigError, match=r"targets_human\.txt"):
        build_model(table, tmp_path)
    table["targets"] = str(data / "targets" / "borzoi_targets_human.txt.gz")
    model, chosen = build_model(table, tmp_path)
    assert (chosen.tracks, chosen.bins) == ((872,), tuple(range(3068, 3076)))
    assert model.bind(experiment.readouts[0], chosen).labels == ("CNhs12336+",)


def test_fingerprints(weights, targets, tmp_path):
    scaled = tmp_path / "scaled.txt"
    scaled.write_text(targets.read_text().replace("\t0.01\t", "\t0.02\t", 1))
    check_fingerprints(
        small(weights),
        small(checkpoint(tmp_path / "other", seed=1)),
        small(weights, head="mouse"),
        small(weights, unsquash=True, targets=targets),
        small(weights, unsquash=True, targets=scaled),
        small(weights, precision="bfloat16"),
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


def test_weights_that_hold_code_do_not_run_it(weights, tmp_path):
    folder = tmp_path / "net"
    folder.mkdir()
    (folder / "config.json").write_text((weights / "config.json").read_text())
    said = check_weights_run_nothing(lambda: small(folder), folder / "pytorch_model.bin")
    assert "cannot be loaded" in said


def test_a_missing_library_is_said(weights):
    code = f"""
import sys
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "borzoi_pytorch":
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Hidden())
import numpy as np
from creme.errors import ModelError
from creme_borzoi.model import Borzoi
model = Borzoi(weights={str(weights)!r}, length={LENGTH})
model.fingerprint, model.tracks
assert "torch" not in sys.modules
try:
    model.predict(np.zeros((1, {LENGTH}, 4), np.float32))
except ModelError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "model borzoi needs borzoi-pytorch: pip install borzoi-pytorch (" in done.stdout


def test_what_predictions_are_made_with_is_said(weights):
    model = small(weights)
    assert model.environment() == {}
    model.predict(sequences(model, 1))
    assert model.environment() == {
        "device": "cpu",
        "torch": torch.__version__,
        "borzoi_pytorch": version("borzoi-pytorch"),
        "precision": "float32",
        "deterministic": True,
    }
