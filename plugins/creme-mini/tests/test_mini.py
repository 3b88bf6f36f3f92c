"""The shipped network: contract, windows, digest, what it learned, and PyTorch's numbers."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from creme.adapters import digest
from creme.demo.oracle import Oracle
from creme.demo.rules import grammar
from creme.demo.windows import random_window, shuffled_element
from creme.errors import ModelError
from creme.models.oracle import OracleModel
from creme.sequence import onehot_table
from creme.testing import check_split, model_checks

from creme_mini import network
from creme_mini.model import WEIGHTS, MiniModel

TRAINING = Path(__file__).resolve().parents[1] / "training"
RULES = grammar("cis")


@pytest.fixture(scope="module")
def windows():
    """Sequences that the network has not seen, with a promoter in the middle."""
    return [
        random_window(RULES, 32_768, 0, f"held out test {k}", tss=16_384, elements=(4, 8))
        for k in range(12)
    ]


@pytest.mark.parametrize("check", model_checks(), ids=str)
def test_conforms(check):
    check(MiniModel)


def test_by_windows_as_in_full():
    check_split(MiniModel)


def test_its_grid_and_tracks_are_the_oracles():
    mini, oracle = MiniModel(), OracleModel()
    assert mini.tracks == oracle.tracks
    for name in ("input_length", "bin_size", "n_bins", "output_start", "tss"):
        assert getattr(mini, name) == getattr(oracle, name)


def test_the_card_has_the_digest_of_the_weights():
    card = WEIGHTS.with_name("MODEL_CARD.md").read_text(encoding="utf-8")
    assert re.findall(r"\b[0-9a-f]{64}\b", card) == [digest(WEIGHTS)]
    assert WEIGHTS.stat().st_size < 3_000_000


def test_the_page_has_the_tables_of_the_card():
    page = Path(__file__).resolve().parents[3] / "docs" / "mini_network.md"
    if not page.is_file():
        pytest.skip("not in a checkout")
    card = WEIGHTS.with_name("MODEL_CARD.md")
    tables = [
        path.read_text(encoding="utf-8").split("<!-- written by training/evaluate.py -->")[1]
        for path in (card, page)
    ]
    written = [one.split("<!-- end of what it wrote -->")[0] for one in tables]
    assert written[0] == written[1]
    assert written[0].count("| 8 to 15.5 |") == 1


def test_batches_give_the_same_bits(windows):
    model = MiniModel()
    codes = np.stack([one.codes for one in windows[:3]])
    together = model.predict(codes)
    for row, one in zip(together, codes, strict=True):
        np.testing.assert_array_equal(model.predict(one[None])[0], row)
    np.testing.assert_array_equal(model.predict(onehot_table(0.25)[codes]), together)


def test_other_shapes_and_weights_are_errors(tmp_path):
    model = MiniModel()
    with pytest.raises(ModelError, match=r"\(1, 100\).*32768"):
        model.predict(np.zeros((1, 100), dtype=np.uint8))
    with pytest.raises(ModelError, match="cannot be read"):
        network.read(tmp_path / "none.safetensors")
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(WEIGHTS.read_bytes()[:1000])
    with pytest.raises(ModelError, match="cannot be read"):
        network.read(broken)
    with pytest.raises(ModelError, match="not those of this network"):
        network.MiniNetwork({"stem.weight": np.zeros((2, 4, 15), dtype=np.float32)})


def test_it_learned_where_promoters_are_and_what_shuffles_change(windows):
    model, oracle = MiniModel(), Oracle(RULES)
    codes = np.stack([one.codes for one in windows])
    start, bins = model.output_start, model.n_bins
    true = np.stack([oracle.coverage(oracle.sites(one), 128, start, bins) for one in codes])
    found = model.predict(codes)
    for track in range(5):
        x, y = np.log(true[..., track] + 0.1), np.log(found[..., track] + 0.1)
        assert np.corrcoef(x.ravel(), y.ravel())[0, 1] > 0.9
    at = slice(model.tss_bin() - 1, model.tss_bin() + 2)
    changes = []
    for window, before, ours in zip(windows, true, found, strict=True):
        number = min(
            range(len(window.elements)), key=lambda k: abs(window.elements[k].start - 16_384)
        )
        without = shuffled_element(window, number, 0, "held out")
        after = oracle.coverage(oracle.sites(without), 128, start, bins)
        ours_after = model.predict(onehot_table(0.25)[without][None])[0]
        changes.append(
            [
                np.log(late[at, :4].sum(0) / early[at, :4].sum(0))
                for early, late in ((before, after), (ours, ours_after))
            ]
        )
    x, y = (np.concatenate(one) for one in zip(*changes, strict=True))
    assert np.corrcoef(x, y)[0, 1] > 0.8
    assert 0.5 < (x @ y) / (x @ x) < 1.3


def test_nothing_heavy_is_imported():
    code = (
        "import sys, numpy; from creme_mini.model import MiniModel; model = MiniModel();"
        "model.predict(numpy.zeros((1, model.input_length), dtype=numpy.uint8));"
        "sys.exit(any(one in sys.modules for one in ('torch', 'tensorflow', 'onnxruntime')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_pytorch_gives_the_same_numbers(windows, monkeypatch):
    torch = pytest.importorskip("torch")
    load_file = pytest.importorskip("safetensors.torch").load_file
    monkeypatch.syspath_prepend(str(TRAINING))
    import torch_network  # type: ignore[import-not-found]

    monkeypatch.delitem(sys.modules, "torch_network")
    net = torch_network.Network()
    net.load_state_dict(load_file(WEIGHTS))
    onehot = onehot_table(0.25)[np.stack([one.codes for one in windows[:4]])]
    with torch.no_grad():
        theirs = net(torch.from_numpy(onehot).transpose(1, 2)).numpy()
    ours = MiniModel().predict(onehot)
    assert np.abs(ours - theirs).max() <= 1e-5 * np.abs(theirs).max()
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_a_changed_stretch_alone_gives_the_tokens_of_the_whole(windows, monkeypatch):
    """What training relies on: a variant's tokens differ around its element only."""
    torch = pytest.importorskip("torch")
    monkeypatch.syspath_prepend(str(TRAINING))
    import train  # type: ignore[import-not-found]

    for name in ("train", "torch_network", "windows_data", "seeds"):
        monkeypatch.delitem(sys.modules, name)
    torch.manual_seed(0)
    net = train.Network()
    oracle = Oracle(RULES)
    made = train.example(RULES, oracle, 8192, 0, "held out crops", 8, elements=(6, 9))
    with torch.no_grad():
        _, by_stretch = train.predict_example(net, made)
        whole = net.distal(train.local(net, [one.codes for one in made.variants], True))
    np.testing.assert_allclose(by_stretch.numpy(), whole.numpy(), rtol=1e-6)
    for one in made.variants:
        exact = oracle.coverage(oracle.sites(one.codes), 128, 0, 64)
        np.testing.assert_array_equal(one.coverage, exact)


def test_the_demo_compares_it_with_the_oracle_and_the_truth(tmp_path, monkeypatch, capsys):
    from creme.cli import demo_network

    monkeypatch.setattr(demo_network, "LOCI", 3)
    demo_network.show_network(tmp_path)
    shown = capsys.readouterr().out
    lines = [line.replace("│", " ").split() for line in shown.splitlines()]
    rows = {
        (line[0], line[1]): line[2:] for line in lines if line[1:2] in (["oracle"], ["network"])
    }
    assert len(rows) == 4
    for (_, answered_by), (acting, found, calls, right, large, large_right, r) in rows.items():
        assert 0 < int(found) <= int(acting)
        assert 0 < int(right) <= int(calls)
        assert 0 < int(large_right) == int(large) <= int(calls)
        assert float(r) > (0.95 if answered_by == "oracle" else 0.8)
