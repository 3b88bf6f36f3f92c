"""ONNX networks: small ones made here, and a real one that was exported from PyTorch."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from creme.errors import ConfigError, ModelError
from creme.testing import check_fingerprints, model_checks, sequences

from creme_onnx.model import OnnxModel, external_data

onnx = pytest.importorskip("onnx")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

LENGTH, BINS, TRACKS = 512, 4, 3
DESCRIPTION = f"""
input_length = {LENGTH}
bin_size = 128
receptive_field = 0
n_bins = {BINS}
tracks = ["a", "b", "c"]
"""


def small(path: Path, *, batch: str | int = "batch", layout: str = "L4", seed: int = 0) -> Path:
    """A network of one convolution over bins, and two outputs: it, and its negative."""
    random = np.random.default_rng(seed)
    kernel = random.normal(size=(TRACKS, 4, LENGTH // BINS)).astype(np.float32) / 10
    shape = [batch, LENGTH, 4] if layout == "L4" else [batch, 4, LENGTH]
    nodes = []
    if layout == "L4":
        nodes.append(helper.make_node("Transpose", ["x"], ["t"], perm=[0, 2, 1]))
    nodes += [
        helper.make_node(
            "Conv", ["t" if layout == "L4" else "x", "w"], ["c"], strides=[LENGTH // BINS]
        ),
        helper.make_node("Softplus", ["c"], ["s"]),
        helper.make_node("Transpose", ["s"], ["y"], perm=[0, 2, 1]),
        helper.make_node("Neg", ["y"], ["minus"]),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, BINS, TRACKS])
            for name in ("y", "minus")
        ],
        [numpy_helper.from_array(kernel, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, path)
    path.with_suffix(".toml").write_text(DESCRIPTION + f'input_layout = "{layout}"\n')
    return path


@pytest.fixture
def network(tmp_path):
    return small(tmp_path / "small.onnx")


@pytest.mark.parametrize("check", model_checks(), ids=str)
@pytest.mark.parametrize(("batch", "layout"), [("batch", "L4"), (2, "4L")])
def test_small_networks_conform(check, batch, layout, tmp_path):
    path = small(tmp_path / "small.onnx", batch=batch, layout=layout)
    check(lambda: OnnxModel(file=path))


def test_numbers_are_the_networks(network, tmp_path):
    model = OnnxModel(file=network)
    onehot = sequences(model, 3)
    kernel = numpy_helper.to_array(onnx.load(network).graph.initializer[0])
    windows = onehot.reshape(3, BINS, LENGTH // BINS, 4)
    expected = np.log1p(np.exp(np.einsum("nbic,tci->nbt", windows, kernel)))
    np.testing.assert_allclose(model.predict(onehot), expected, rtol=1e-5)
    minus = OnnxModel(file=network, output="minus").predict(onehot)
    np.testing.assert_allclose(minus, -expected, rtol=1e-5)
    turned = OnnxModel(file=small(tmp_path / "4l.onnx", layout="4L", batch=2))
    np.testing.assert_allclose(turned.predict(onehot), expected, rtol=1e-5)


def test_fingerprints(network, tmp_path):
    other = small(tmp_path / "other.onnx", seed=1)
    check_fingerprints(
        OnnxModel(file=network), OnnxModel(file=other), OnnxModel(file=network, output="y")
    )
    before = OnnxModel(file=network).fingerprint
    (tmp_path / "small.onnx.bak").write_bytes(b"none of its weights")
    assert OnnxModel(file=network).fingerprint == before


@pytest.mark.parametrize("name", ["small.onnx.data", "weights.bin", "parts/" + 150 * "w"])
def test_weights_in_other_files_belong_to_the_fingerprint(name, network, tmp_path):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    model = onnx.load(network)
    onnx.save(
        model,
        network,
        save_as_external_data=True,
        location=name,
        size_threshold=0,
        convert_attribute=True,
    )
    assert external_data(network) == {name}
    first = OnnxModel(file=network)
    onehot = sequences(first, 2)
    values, fingerprint = first.predict(onehot), first.fingerprint
    weights = np.frombuffer((tmp_path / name).read_bytes(), np.float32)
    (tmp_path / name).write_bytes((-weights).tobytes())
    second = OnnxModel(file=network)
    assert not np.array_equal(second.predict(onehot), values)
    assert second.fingerprint != fingerprint


def test_a_network_in_one_file_has_no_other(network, tmp_path):
    assert external_data(network) == set()
    (tmp_path / "empty.onnx").touch()
    assert external_data(tmp_path / "empty.onnx") == set()


def test_errors_say_what_is_wrong(network, tmp_path):
    with pytest.raises(ConfigError, match="there is no file"):
        OnnxModel(file=tmp_path / "absent.onnx")
    with pytest.raises(ModelError, match="no output 'z': it has y, minus"):
        OnnxModel(file=network, output="z").predict(np.zeros((1, LENGTH, 4), np.float32))
    (tmp_path / "small.toml").write_text(DESCRIPTION + 'input_layout = "4L"\n')
    with pytest.raises(ModelError, match=r"of shape \['batch', 512, 4\], and its description says"):
        OnnxModel(file=network).predict(np.zeros((1, LENGTH, 4), np.float32))
    (tmp_path / "small.toml").unlink()
    with pytest.raises(ConfigError, match="there is no description"):
        OnnxModel(file=network)
    bad = tmp_path / "bad.onnx"
    bad.write_bytes(b"not a network")
    (tmp_path / "bad.toml").write_text(DESCRIPTION)
    with pytest.raises(ModelError, match="cannot be loaded"):
        OnnxModel(file=bad).predict(np.zeros((1, LENGTH, 4), np.float32))


def test_the_device_is_said(network):
    model = OnnxModel(file=network)
    model.predict(np.zeros((1, LENGTH, 4), np.float32))
    assert model.environment()["device"] == "cpu"


def test_no_gpu_is_said(network):
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("there is a GPU")
    with pytest.raises(ModelError, match="no device 'cuda:1'; ONNX Runtime finds 0"):
        OnnxModel(file=network, device="cuda:1").predict(np.zeros((1, LENGTH, 4), np.float32))


def test_a_real_network_agrees_with_its_original(tmp_path):
    torch = pytest.importorskip("torch")
    seqnn = pytest.importorskip("creme_seqnn.model")
    here = Path(__file__).resolve().parents[3].parent / "shared" / "data"
    data = Path(os.environ.get("CREME_TEST_DATA", here))
    folder = data / "models" / "seqnn_mini"
    if not folder.is_dir():
        pytest.skip(f"no real network at {folder}; set CREME_TEST_DATA")
    original = seqnn.SeqNN(
        params=folder / "params.json", weights=folder / "model.h5", targets=folder / "targets.txt"
    )
    network = original.network

    class Whole(torch.nn.Module):
        def forward(self, x):
            return network(x, None, None)

    path = tmp_path / "seqnn.onnx"
    onehot = sequences(original, 2)
    torch.onnx.export(Whole().eval(), (torch.from_numpy(onehot[:1]),), path, dynamo=True)
    names = [track.name for track in original.tracks]
    path.with_suffix(".toml").write_text(
        f"input_length = 131072\nbin_size = 32\nn_bins = 2048\nn_value = 0\ntracks = {names}\n"
    )
    model = OnnxModel(file=path)
    assert model.output_start == original.output_start
    assert model.tss_bin() == original.tss_bin() == 1024
    got, expected = model.predict(onehot), original.predict(onehot)
    assert np.abs(got - expected).max() <= 1e-4 * np.abs(expected).max()


PROFILE_AND_COUNTS = """
input_length = 512
input_layout = "4L"
n_value = 0
bin_size = 1
n_bins = 400
output_layout = "tracks,bins"
tracks = [{name = "plus", strand = "+", pair = 1}, {name = "minus", strand = "-", pair = 0}]
[heads.counts]
output = "logcounts"
tracks = ["counts"]
"""


@pytest.fixture(scope="module")
def two_outputs(tmp_path_factory):
    """A BPNet as PyTorch exports it: its file, and its own numbers of two sequences."""
    torch = pytest.importorskip("torch")

    class Network(torch.nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(5)
            self.first = torch.nn.Conv1d(4, 6, 21, padding=10)
            self.dilated = torch.nn.Conv1d(6, 6, 3, padding=2, dilation=2)
            self.profile = torch.nn.Conv1d(6, 2, 75, padding=37)
            self.counts = torch.nn.Linear(6, 1)

        def forward(self, x):
            x = torch.relu(self.first(x))
            x = x + torch.relu(self.dilated(x))
            return self.profile(x)[:, :, 56:-56], self.counts(x.mean(dim=2))

    network = Network().eval()
    file = tmp_path_factory.mktemp("two") / "bpnet.onnx"
    file.with_suffix(".toml").write_text(PROFILE_AND_COUNTS)
    codes = np.random.default_rng(1).integers(0, 4, (2, 512))
    onehot = np.eye(4, dtype=np.float32)[codes]
    rows = torch.from_numpy(np.ascontiguousarray(onehot.transpose(0, 2, 1)))
    torch.onnx.export(
        network,
        (rows,),
        file,
        dynamo=True,
        input_names=["x"],
        output_names=["logits", "logcounts"],
        dynamic_shapes={"x": {0: torch.export.Dim("batch")}},
    )
    with torch.inference_mode():
        own = [each.numpy() for each in network(rows)]
    return file, onehot, own


def test_heads_are_outputs_by_their_names(two_outputs, tmp_path):
    file, onehot, (logits, counts) = two_outputs
    model = OnnxModel(file=file)
    outputs = model.predict_heads(onehot)
    np.testing.assert_allclose(outputs[""], logits.transpose(0, 2, 1), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(outputs["counts"][:, 0], counts, rtol=1e-5, atol=1e-6)
    named = OnnxModel(file=file, output="logits")
    np.testing.assert_array_equal(named.predict(onehot), outputs[""])
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(PROFILE_AND_COUNTS.replace('"logcounts"', '"counts"'))
    with pytest.raises(ModelError, match="no output 'counts', which head 'counts' reads: it has"):
        OnnxModel(file=file, description=wrong).predict(onehot)


@pytest.mark.parametrize("check", model_checks(), ids=str)
def test_two_outputs_conform(check, two_outputs):
    check(lambda: OnnxModel(file=two_outputs[0]))
