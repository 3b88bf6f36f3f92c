"""AlphaGenome in PyTorch, on small random networks; at full size for version 0.3 of the library."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
import torch
from creme import Edit, Mutant, Selection, Sequence
from creme.errors import ConfigError, ModelError
from creme.inference.windowed import Windowed
from creme.registry import plugins
from creme.runner.experiment import build_model, parse
from creme.testing import (
    check_fingerprints,
    check_split,
    check_weights_run_nothing,
    model_checks,
    sequences,
)
from safetensors.torch import save_file

from creme_alphagenome_torch.model import AlphaGenomeTorch
from creme_alphagenome_torch.ports import Port2
from creme_alphagenome_torch.tracks import read_tracks
from creme_alphagenome_torch.weights import network_of, port_version

library = pytest.importorskip("alphagenome_pytorch")
if port_version() != 2:
    pytest.skip("small networks are those of version 0.2", allow_module_level=True)

K562, BRAIN = "EFO:0002067", "UBERON:0000955"
LENGTH = 4096
EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "alphagenome_torch_k562.toml"
CONFIG = {
    # The last is twice the first.
    "dims": [9, 10, 11, 12, 14, 16, 18],
    "transformer_kwargs": {
        "depth": 2,
        "heads": 2,
        "dim_head_qk": 8,
        "dim_head_v": 8,
        "max_positions": 64,
        "dim_pairwise": 8,
        "single_to_pairwise_heads": 4,
        "pool_size": 16,
    },
    "heads": {
        **{name: {"num_tracks": 6} for name in ("rna_seq", "cage", "dnase", "chip_tf")},
        "splice_site_usage": {"num_tracks": 6},
    },
}


def checkpoint(folder: Path, *, seed: int = 0) -> Path:
    """A network of both organisms with all that the published one learns, drawn at random."""
    from alphagenome_pytorch import AlphaGenome
    from alphagenome_pytorch.alphagenome import jax_genome_track_heads

    torch.manual_seed(seed)
    config = {name: value for name, value in CONFIG.items() if name != "heads"}
    network = AlphaGenome(**config)
    heads = {
        name: {**spec, **CONFIG["heads"].get(name, {"num_tracks": 6})}
        for name, spec in jax_genome_track_heads.items()
    }
    for organism in ("human", "mouse"):
        network.add_reference_heads(
            organism, genome_track_heads=heads, num_splice_usage_tracks=6,
            splice_junction_hidden_dim=4, splice_junction_max_tissues=2,
        )  # fmt: skip
    for parameter in network.parameters():
        parameter.data += 0.02 * torch.randn_like(parameter)
    for name, buffer in network.named_buffers():
        if name.endswith("running_var"):
            buffer.copy_(0.5 + torch.rand_like(buffer))
    folder.mkdir(exist_ok=True)
    save_file(network.state_dict(), folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(CONFIG))
    return folder


def row(name, strand, curie="", sample="", mean=None, **more):
    lines = [f'name: "{name}"', f"strand: STRAND_{strand}"]
    if curie:
        kind, _, number = curie.partition(":")
        lines += ["ontology_term {", f"ontology_type: ONTOLOGY_TYPE_{kind}", f"id: {int(number)}"]
        lines += ["}", "biosample {", f'name: "{sample}"', "}"]
    lines += [f'{key}: "{value}"' for key, value in more.items()]
    lines += [f"nonzero_mean: {mean}"] if mean is not None else []
    return "\n".join(["metadata {", *lines, "}"])


@pytest.fixture(scope="module")
def targets(tmp_path_factory):
    """A table as published: padding at the end, and between."""
    poly = "polyA plus RNA-seq"
    rna = [
        row(f"{K562} {poly}", "POSITIVE", K562, "K562", 0.5, assay=poly),
        row("Padding", "UNSTRANDED"),
        row(f"{BRAIN} gtex", "UNSTRANDED", BRAIN, "Huntington\\'s brain", 2.5, assay="total RNA"),
        row(f"{K562} {poly}", "NEGATIVE", K562, "K562", 0.25, assay=poly),
        row("padding", "UNSTRANDED"),
        row("Padding", "UNSTRANDED"),
    ]
    tf = [
        row(f"{K562} TF {n}", "UNSTRANDED", K562, "K562", 1 + n, transcription_factor_code=f"F{n}")
        for n in range(6)
    ]
    splice = [
        row(name, strand) for strand in ("POSITIVE", "NEGATIVE") for name in ("donor", "acceptor")
    ] + [row("Padding", "UNSTRANDED")]
    nothing = [row("Padding", "UNSTRANDED")] * 6
    parts = {"RNA_SEQ": rna, "CHIP_TF": tf, "SPLICE_SITES": splice, "PROCAP": nothing}
    file = tmp_path_factory.mktemp("targets") / "targets_human.textproto"
    file.write_text(
        "\n".join(
            f"output_metadata {{\noutput_type: OUTPUT_TYPE_{name}\ntracks {{"
            + "\n".join(["", *rows, "}", "}"])
            for name, rows in parts.items()
        )
    )
    return file


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return checkpoint(tmp_path_factory.mktemp("alphagenome"))


@pytest.fixture(scope="module")
def small(weights, targets):
    def make(**changes):
        given = {"weights": weights, "targets": targets, "output": "rna_seq", "length": LENGTH}
        return AlphaGenomeTorch(**{**given, **changes})

    return make


OUTPUTS = [
    {"resolution": 128},
    {"resolution": 1, "ontology_terms": (K562,)},
    {"output": "chip_tf"},
    {"output": "splice_sites", "resolution": 1},
]


@pytest.mark.parametrize("check", model_checks(), ids=str)
@pytest.mark.parametrize("settings", OUTPUTS[:2], ids=str)
def test_conforms(check, settings, small):
    check(lambda: small(**settings))


@pytest.mark.parametrize("settings", OUTPUTS, ids=str)
def test_parts_make_the_whole(settings, small):
    check_split(lambda: small(**settings))


@pytest.mark.parametrize("settings", OUTPUTS, ids=str)
@pytest.mark.parametrize("organism", ["human", "mouse"])
def test_the_numbers_are_the_librarys(settings, organism, small, weights):
    """Its whole network with all heads, and the scale as the published program has it."""
    from alphagenome_pytorch import AlphaGenome
    from alphagenome_pytorch.alphagenome import jax_genome_track_heads, set_update_running_var

    model = small(**settings, organism=organism)
    onehot = sequences(model, 2)
    onehot[0, :100] = 0.0
    network = AlphaGenome(**{name: v for name, v in CONFIG.items() if name != "heads"})
    for each in ("human", "mouse"):
        network.add_reference_heads(
            each, num_splice_usage_tracks=6, splice_junction_hidden_dim=4,
            splice_junction_max_tissues=2, genome_track_heads={
                name: {**spec, "num_tracks": 6} for name, spec in jax_genome_track_heads.items()
            },
        )  # fmt: skip
    from safetensors.torch import load_file

    network.load_state_dict(load_file(weights / "model.safetensors"))
    set_update_running_var(network.eval(), False)
    codes = torch.from_numpy(np.where(onehot.max(2) > 0, onehot.argmax(2), -1))
    with torch.inference_mode():
        rows = [network(row[None], 0 if organism == "human" else 1)[organism] for row in codes]
    if model.output == "splice_sites":
        values = torch.cat([row["splice_sites_classification"] for row in rows])
        expected = values.softmax(-1)[..., :4]
    else:
        name = f"scaled_predictions_{model.resolution}bp"
        values = torch.cat([row[model.output][name] for row in rows])
        values = values[..., [record.column for record in model._records]]
        values = torch.where(values > 10, (values + 10) ** 2 / 40, values)
        values = values ** (1 / 0.75) if model.output == "rna_seq" else values
        means = torch.tensor([record.mean for record in model._records])
        expected = values * means * model.resolution
    np.testing.assert_allclose(model.predict(onehot), expected, rtol=1e-5, atol=1e-6)
    chosen = Selection((3, model.n_bins // 2, model.n_bins - 1), (1,))
    windowed = model.decode(model.encode(onehot), chosen)
    np.testing.assert_allclose(windowed, chosen.take(expected.numpy()), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("settings", OUTPUTS[:2], ids=str)
def test_windows_equal_the_whole(settings, small):
    model = small(**settings)
    middle = model.n_bins // 2
    chosen = Selection((middle - 1, middle), (0, 1))
    base = Sequence(np.random.default_rng(0).integers(0, 4, LENGTH).astype(np.uint8))
    mutants = [
        Mutant(base, [Edit(at, Sequence.from_string("ACGT" * 10))]) for at in (0, 1300, LENGTH - 40)
    ]
    windowed = Windowed(model, chosen)
    got = windowed.predict([base, *mutants])
    onehot = np.stack([each.onehot(0.0) for each in (base, *(m.sequence for m in mutants))])
    expected = model.predict_selected(onehot, chosen)
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-6)
    assert windowed.computed < 4 * LENGTH * 0.85
    assert np.abs(got[1:] - got[0]).max() > 1e-6


def test_predictions_do_not_change_the_network(small):
    """Version 0.2 averages variances in evaluation mode too, unless it is told not to."""
    model = small()
    network = model.network
    before = {n: b.clone() for n, b in network.named_buffers() if n.endswith("running_var")}
    onehot = sequences(model, 2)
    first = model.predict(onehot)
    assert np.array_equal(model.predict(onehot), first)
    for name, buffer in network.named_buffers():
        if name in before:
            assert torch.equal(buffer, before[name])
    # So it does, as it comes.
    as_it_comes = network_of(model._file, 2, "human", "rna_seq").eval()
    for module in as_it_comes.modules():
        if hasattr(module, "update_running_var"):
            module.update_running_var = True
    port = Port2(as_it_comes, 0)
    with torch.inference_mode():
        values = [port.whole(torch.from_numpy(onehot), "rna_seq", 128) for _ in range(2)]
    assert not torch.allclose(values[0], values[1], rtol=1e-3)


def test_the_way_up_is_computed_where_it_is_read(small, monkeypatch):
    model = small(resolution=1)
    seen = []
    up = Port2.up

    def noted(self, x, level, skip):
        seen.append((level, skip.shape[2]))
        return up(self, x, level, skip)

    monkeypatch.setattr(Port2, "up", noted)
    onehot = sequences(model, 1)
    model.decode(model.encode(onehot), Selection((LENGTH // 2,), (0,)))
    assert dict(seen)[0] < 200
    assert sum(n << level for level, n in seen) < 0.4 * 7 * LENGTH


def test_tracks_are_those_of_the_table(small, targets):
    model = small()
    assert [str(track.name) for track in model.tracks] == [
        f"{K562} polyA plus RNA-seq +",
        f"{BRAIN} gtex",
        f"{K562} polyA plus RNA-seq -",
    ]
    assert [track.pair for track in model.tracks] == [2, None, 0]
    assert model.tracks[1].cell_type == "Huntington's brain"
    assert model._columns == [0, 2, 3]
    k562 = small(ontology_terms=(K562,))
    assert [track.strand for track in k562.tracks] == ["+", "-"]
    assert k562._columns == [0, 3]
    tf = small(output="chip_tf")
    assert tf.tracks[4].description == f"chip_tf F4: K562 ({K562})"
    with pytest.raises(ConfigError, match=r"no track of rna_seq belongs to EFO:0002068 .*\(K562\)"):
        _ = small(ontology_terms=("EFO:0002068",)).tracks
    for output in ("cage", "procap"):
        with pytest.raises(ConfigError, match=f"has no {output}: it has chip_tf, procap, rna_seq"):
            _ = small(output=output).tracks
    numbered = small(targets=None, scale="network")
    assert [track.name for track in numbered.tracks] == [f"track{n}" for n in range(6)]
    assert not numbered.tracks.strands_known
    assert len(read_tracks(targets, "splice_sites")) == 4


def test_settings_that_do_not_go_together(small):
    with pytest.raises(ConfigError, match="chip_tf is predicted at 128 bp alone"):
        small(output="chip_tf", resolution=1)
    with pytest.raises(ConfigError, match="splice_sites is predicted at 1 bp alone"):
        small(output="splice_sites")
    with pytest.raises(ConfigError, match="ontology_terms need targets"):
        small(targets=None, ontology_terms=(K562,))
    with pytest.raises(ConfigError, match="length"):
        small(length=2049)
    model = small(targets=None)
    with pytest.raises(ModelError, match=r"no scale of the tracks of rna_seq: give targets"):
        model.predict(sequences(model, 1))


def test_fingerprints(small, weights, tmp_path):
    other = checkpoint(tmp_path / "other", seed=1)
    check_fingerprints(
        small(),
        small(weights=other),
        small(resolution=1),
        small(organism="mouse"),
        small(output="chip_tf"),
        small(ontology_terms=(K562,)),
        small(scale="network"),
        small(precision="bfloat16"),
        small(length=2 * LENGTH),
        small(exact="full"),
    )
    assert small(weights=weights / "model.safetensors").fingerprint == small().fingerprint


def test_errors_say_what_is_wrong(small, weights, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelError, match=r"huggingface-cli download gtca/absent, with .*HF_TOKEN"):
        _ = small(weights="gtca/absent").fingerprint
    folder = tmp_path / "several"
    folder.mkdir()
    with pytest.raises(ModelError, match=r"should have one file of weights .* it has none"):
        _ = small(weights=folder).fingerprint
    for name in ("a.pth", "b.safetensors"):
        (folder / name).write_bytes(b"not weights")
    with pytest.raises(ModelError, match=r"it has a\.pth, b\.safetensors: say which with file"):
        _ = small(weights=folder).fingerprint
    with pytest.raises(ModelError, match=r"there is no file 'c\.pth' in"):
        _ = small(weights=folder, file="c.pth").fingerprint
    onehot = sequences(small(), 1)
    for name in ("a.pth", "b.safetensors"):
        with pytest.raises(ModelError, match="cannot be loaded"):
            small(weights=folder, file=name).predict(onehot)
    (folder / "config.json").write_text("{")
    with pytest.raises(ModelError, match=r"config\.json cannot be read"):
        small(weights=folder, file="a.pth").predict(onehot)
    (folder / "config.json").write_text((weights / "config.json").read_text())
    torch.save({"model_state_dict": {"encoder.x": torch.zeros(1)}}, folder / "a.pth")
    with pytest.raises(ModelError, match=r"not those of alphagenome-pytorch 0\.2's network"):
        small(weights=folder, file="a.pth").predict(onehot)
    bad = tmp_path / "bad.textproto"
    for text in ("output_metadata {\n", "nonsense\n", "a: 1\n}\n}\n"):
        bad.write_text(text)
        with pytest.raises(ConfigError, match=r"bad\.textproto (cannot be read|has no rna_seq)"):
            _ = small(targets=bad).tracks


def test_weights_that_hold_code_do_not_run_it(small, weights, tmp_path):
    folder = tmp_path / "net"
    folder.mkdir()
    (folder / "config.json").write_text((weights / "config.json").read_text())
    said = check_weights_run_nothing(lambda: small(weights=folder), folder / "model.pth")
    assert "cannot be loaded" in said


def test_what_is_described_needs_no_framework(weights, targets):
    code = f"""
import sys
from creme_alphagenome_torch.model import AlphaGenomeTorch
model = AlphaGenomeTorch(
    weights={str(weights)!r}, targets={str(targets)!r}, output="rna_seq", length={LENGTH}
)
model.fingerprint, model.tracks
assert "torch" not in sys.modules and "alphagenome_pytorch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    assert plugins("model")["alphagenome-torch"].missing() == []


def test_a_pickle_holds_the_settings_alone(small):
    model = small()
    onehot = sequences(model, 1)
    expected = model.predict(onehot)
    content = pickle.dumps(model)
    assert len(content) < 5000
    again = pickle.loads(content)
    assert np.array_equal(again.predict(onehot), expected)
    assert again.environment()["alphagenome_pytorch"] == version("alphagenome-pytorch")


def test_the_token_is_nowhere(small, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret_of_a_test")
    model = small()
    model.predict(sequences(model, 1))
    said = [pickle.dumps(model), json.dumps([model.identity(), model.environment()]).encode()]
    assert not any(os.environ["HF_TOKEN"].encode() in text for text in said)


@pytest.mark.skipif(not EXAMPLE.is_file(), reason="the examples are not beside the plugin")
def test_the_example_is_ready_for_its_files(weights, targets, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    experiment = parse(EXAMPLE.read_text(), "example", EXAMPLE.parent)
    table = {**experiment.model, "targets": str(targets)}
    with pytest.raises(ModelError, match="huggingface-cli download gtca/alphagenome_pytorch"):
        _ = build_model(table, EXAMPLE.parent)[0].fingerprint
    model, chosen = build_model({**table, "weights": str(weights)}, EXAMPLE.parent)
    assert [model.tracks[track].name for track in chosen.tracks] == [f"{K562} polyA plus RNA-seq +"]
    assert len(chosen.bins) == model.n_bins == 524_288 // 128
