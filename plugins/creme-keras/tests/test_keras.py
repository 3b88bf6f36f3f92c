"""Keras networks: small ones made here, and Xpresso; on the backend in KERAS_BACKEND."""

from __future__ import annotations

import os
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from creme import Genome
from creme.errors import ConfigError, ModelError
from creme.genome import Annotation, select_loci
from creme.perturbations.dinucleotide_shuffle import DinucleotideShuffle
from creme.testing import check_fingerprints, model_checks, sequences

from creme_keras.model import KerasModel as AnyKerasModel

BACKEND = os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras")
OTHER = "tensorflow" if BACKEND == "torch" else "torch"
KerasModel = partial(AnyKerasModel, backend=BACKEND)

DESCRIPTION = """
input_length = 512
n_value = 0
bin_size = 128
receptive_field = 0
n_bins = 4
tracks = ["a", "b", "c"]
"""
XPRESSO = """
input_length = 10500
n_value = 0
tss = 7000
receptive_field = 0
tracks = ["expression"]
"""


def small(path: Path, *, layers=(), extra: bool = False) -> Path:
    keras.utils.set_random_seed(1)
    inputs = [keras.Input((512, 4), name="dna")]
    x = keras.layers.Conv1D(3, 128, strides=128, activation="softplus")(inputs[0])
    if extra:
        inputs.append(keras.Input((3,), name="dose"))
        x = keras.layers.Multiply()([x, keras.layers.Reshape((1, 3))(inputs[1])])
    for layer in (keras.layers.Dropout(0.5), *layers):
        x = layer(x)
    keras.Model(inputs if extra else inputs[0], x).save(path)
    path.with_suffix(".toml").write_text(DESCRIPTION)
    return path


@pytest.fixture(scope="module")
def data() -> Path:
    here = Path(__file__).resolve().parents[3].parent / "shared" / "data"
    folder = Path(os.environ.get("CREME_TEST_DATA", here))
    if not (folder / "models" / "xpresso").is_dir():
        pytest.skip(f"no real network at {folder}; set CREME_TEST_DATA")
    return folder


@pytest.fixture
def xpresso(data, tmp_path):
    (tmp_path / "xpresso.toml").write_text(XPRESSO)

    def make(**changes):
        return KerasModel(
            **{
                "file": data / "models" / "xpresso" / "human_trainepoch.11-0.426.h5",
                "description": tmp_path / "xpresso.toml",
                "sequence_input": "promoter",
                "constants": {"halflife": [0.0] * 6},
                **changes,
            }
        )

    return make


@pytest.mark.parametrize("check", model_checks(), ids=str)
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_small_networks_conform(check, suffix, tmp_path):
    path = small(tmp_path / f"small{suffix}")
    check(lambda: KerasModel(file=path))


@pytest.mark.parametrize("check", model_checks(), ids=str)
def test_xpresso_conforms(check, xpresso):
    check(xpresso)


def test_numbers_are_the_networks(tmp_path):
    path = small(tmp_path / "small.keras", extra=True)
    given = {"file": path, "sequence_input": "dna"}
    model = KerasModel(**given, constants={"dose": [1.0, 2.0, 3.0]})
    onehot = sequences(model, 2)
    (conv,) = [x for x in keras.models.load_model(path).layers if "conv" in x.name]
    kernel, bias = conv.get_weights()
    drive = np.einsum("nbic,ict->nbt", onehot.reshape(2, 4, 128, 4), kernel) + bias
    expected = np.log1p(np.exp(drive)) * [1, 2, 3]
    np.testing.assert_allclose(model.predict(onehot), expected, rtol=1e-5)


def test_promoters_score_above_their_shuffles(xpresso, data):
    model = xpresso()
    assert (model.tss, model.n_bins, model.bin_size, model.tss_bin()) == (7000, 1, 10500, 0)
    loci = select_loci(
        Genome(data / "sequence" / "chr20_hg19_1Mb.fa.gz"),
        Annotation.from_bed(data / "annotation" / "chr20_hg19_1Mb.tss.bed"),
        ["PSMF1", "FKBP1A", "NSFL1C"],
        model.input_length,
        model.tss,
    )
    shuffle = DinucleotideShuffle()
    for locus in loci:
        assert locus.tss == 7000
        own = model.predict(locus.sequence.onehot(0.0)[None]).item()
        mutants = shuffle.many(locus.sequence, range(10))
        scores = model.predict(np.stack([m.sequence.onehot(0.0) for m in mutants])).ravel()
        assert own > scores.max(), f"{locus.name}: {own:.2f}, shuffled up to {scores.max():.2f}"


def test_fingerprints(xpresso):
    check_fingerprints(
        xpresso(), xpresso(constants={"halflife": [1.0] * 6}), xpresso(backend=OTHER)
    )


def test_errors_say_what_is_wrong(xpresso, tmp_path):
    onehot = np.zeros((1, 10500, 4), np.float32)
    for changes, message in (
        ({"sequence_input": None}, "has the inputs promoter, halflife: say with sequence_input"),
        ({"sequence_input": "dna"}, "no input 'dna': it has promoter, halflife"),
        ({"constants": {}}, r"needed for \['halflife'\], and given for none"),
        ({"constants": {"halflife": [0.0]}}, r"halflife has the shape \(6,\), and \(1,\) is given"),
        ({"backend": OTHER}, f"already running on {BACKEND}"),
    ):
        with pytest.raises(ModelError, match=message):
            xpresso(**changes).predict(onehot)
    with pytest.raises(ConfigError, match="there is no file"):
        xpresso(file=tmp_path / "absent.h5")
    bad = tmp_path / "bad.keras"
    bad.write_bytes(b"not a network")
    with pytest.raises(ModelError, match="cannot be loaded"):
        xpresso(file=bad).predict(onehot)
    (tmp_path / "xpresso.toml").write_text(XPRESSO.replace("10500", "9000").replace("7000", "1"))
    with pytest.raises(ModelError, match=r"promoter has the shape \(10500, 4\), and \(9000, 4\)"):
        xpresso().predict(onehot[:, :9000])


def test_one_of_several_outputs_is_read(tmp_path):
    keras.utils.set_random_seed(1)
    x = keras.Input((64, 4))
    flat = keras.layers.Flatten()(x)
    heads = [keras.layers.Dense(1, name=name)(flat) for name in ("first", "second")]
    network = keras.Model(x, heads)
    network.save(tmp_path / "heads.keras")
    (tmp_path / "heads.toml").write_text("input_length = 64\n")
    file = tmp_path / "heads.keras"
    onehot = sequences(KerasModel(file=file), 3)
    expected = [keras.ops.convert_to_numpy(each)[:, :, None] for each in network(onehot)]
    for name, values in zip(network.output_names, expected, strict=True):
        got = KerasModel(file=file, output=name).predict(onehot)
        np.testing.assert_allclose(got, values, rtol=1e-5)
    one, other = (KerasModel(file=file, output=name) for name in network.output_names)
    assert one.fingerprint != other.fingerprint
    with pytest.raises(ModelError, match="has the outputs first, second: say with output"):
        KerasModel(file=file).predict(onehot)
    with pytest.raises(ModelError, match="no output 'third': it has first, second"):
        KerasModel(file=file, output="third").predict(onehot)


PROFILE_AND_COUNTS = """
input_length = 512
n_value = 0
bin_size = 1
n_bins = 300
tracks = [{name = "plus", strand = "+", pair = 1}, {name = "minus", strand = "-", pair = 0}]
[heads.counts]
output = "logcount_predictions"
tracks = ["counts"]
"""


@pytest.fixture
def two_outputs(tmp_path):
    """A BPNet as ChromBPNet builds it, smaller: two outputs, whose names are those of layers."""
    keras.utils.set_random_seed(2)
    x = keras.Input((512, 4), name="sequence")
    hidden = keras.layers.Conv1D(6, 21, padding="same", activation="relu")(x)
    further = keras.layers.Conv1D(6, 3, dilation_rate=2, padding="same", activation="relu")(hidden)
    hidden = keras.layers.Add()([hidden, further])
    profile = keras.layers.Conv1D(2, 75, padding="same")(hidden)
    profile = keras.layers.Cropping1D(106, name="logits_profile_predictions")(profile)
    pooled = keras.layers.GlobalAveragePooling1D()(hidden)
    counts = keras.layers.Dense(1, name="logcount_predictions")(pooled)
    network, file = keras.Model(x, [profile, counts]), tmp_path / "bpnet.keras"
    network.save(file)
    file.with_suffix(".toml").write_text(PROFILE_AND_COUNTS)
    return network, file


def test_heads_are_outputs_by_their_names(two_outputs):
    network, file = two_outputs
    model = KerasModel(file=file)
    onehot = sequences(model, 2)
    profile, counts = (keras.ops.convert_to_numpy(each) for each in network(onehot))
    outputs = model.predict_heads(onehot)
    np.testing.assert_allclose(outputs[""], profile, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(outputs["counts"][:, 0], counts, rtol=1e-5, atol=1e-6)
    named = KerasModel(file=file, output="logits_profile_predictions")
    np.testing.assert_array_equal(named.predict(onehot), outputs[""])
    description = file.with_suffix(".toml")
    description.write_text(PROFILE_AND_COUNTS.replace('output = "logcount_predictions"', ""))
    with pytest.raises(ModelError, match="no output 'counts', which head 'counts' reads: it has"):
        KerasModel(file=file).predict(onehot)


@pytest.mark.parametrize("check", model_checks(), ids=str)
def test_two_outputs_conform(check, two_outputs):
    check(lambda: KerasModel(file=two_outputs[1]))


def test_a_sequential_network(tmp_path):
    keras.utils.set_random_seed(1)
    layers = [keras.Input((64, 4)), keras.layers.Flatten(), keras.layers.Dense(1, name="last")]
    network, file = keras.Sequential(layers), tmp_path / "sequential.keras"
    network.save(file)
    (tmp_path / "sequential.toml").write_text("input_length = 64\n")
    onehot = sequences(KerasModel(file=file), 3)
    expected = keras.ops.convert_to_numpy(network(onehot))[:, :, None]
    for output in (None, "last"):
        got = KerasModel(file=file, output=output).predict(onehot)
        np.testing.assert_allclose(got, expected, rtol=1e-5)
    with pytest.raises(ModelError, match="no output 'other': it has last"):
        KerasModel(file=file, output="other").predict(onehot)


@pytest.mark.skipif(BACKEND != "torch", reason="devices have other names elsewhere")
def test_the_device_that_is_used_is_said(tmp_path):
    import torch

    file = small(tmp_path / "small.keras")
    model = KerasModel(file=file)
    assert model.environment() == {}
    model.predict(sequences(model, 1))
    gpu = torch.cuda.is_available()
    assert model.environment()["device"] == ("cuda:0" if gpu else "cpu")
    on_cpu = KerasModel(file=file, device="cpu")
    on_cpu.predict(sequences(model, 1))
    assert on_cpu.environment()["device"] == "cpu"
    if not gpu:
        with pytest.raises(ModelError, match=r"small\.keras cannot be loaded: .*"):
            KerasModel(file=file, device="cuda").predict(sequences(model, 1))


@pytest.mark.parametrize("inputs", [1, 2, "named"])
def test_no_word_of_keras_on_the_structure_of_inputs(inputs, tmp_path):
    keras.utils.set_random_seed(1)
    dna, dose = keras.Input((64, 4), name="dna"), keras.Input((3,), name="dose")
    flat = keras.layers.Flatten()(dna)
    if inputs == 1:
        places, settings = [dna], {}
    else:
        flat = keras.layers.Concatenate()([flat, dose])
        places = {"dose": dose, "dna": dna} if inputs == "named" else [dna, dose]
        settings = {"sequence_input": "dna", "constants": {"dose": [1.0, 2.0, 3.0]}}
    file = tmp_path / "network.keras"
    network = keras.Model(places, keras.layers.Dense(1)(flat))
    network.save(file)
    (tmp_path / "network.toml").write_text("input_length = 64\n")
    model = KerasModel(file=file, **settings)
    onehot = sequences(model, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        values = model.predict(onehot)
    doses = np.tile(np.float32([1, 2, 3]), (3, 1))
    fed = {1: [onehot], 2: [onehot, doses], "named": {"dna": onehot, "dose": doses}}[inputs]
    expected = keras.ops.convert_to_numpy(network(fed, training=False))
    np.testing.assert_allclose(values[:, :, 0], expected, rtol=1e-5, atol=1e-6)


def test_batches_of_any_size_are_one_graph(tmp_path):
    model = KerasModel(file=small(tmp_path / "small.keras"))
    traced = []
    network = model.network
    call = type(network).call
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(
            type(network), "call", lambda *a, **more: (traced.append(1), call(*a, **more))[1]
        )
        for size in (2, 3, 1, 2, 3):
            model.predict(sequences(model, size))
    # PyTorch computes layer by layer each time, TensorFlow once, JAX once for each size.
    assert len(traced) == {"torch": 5, "tensorflow": 1, "jax": 3}[BACKEND]


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_layers_that_keras_does_not_know_lead_to_a_python_file(suffix, tmp_path):
    class Doubled(keras.layers.Layer):
        def call(self, x):
            return 2 * x

    path = small(tmp_path / f"small{suffix}", layers=[Doubled()])
    with pytest.raises(ModelError, match=r'Doubled.*layers of its own.*plugin = "python"'):
        KerasModel(file=path).predict(np.zeros((1, 512, 4), np.float32))
    bad = tmp_path / f"bad{suffix}"
    bad.write_bytes(b"not a network")
    bad.with_suffix(".toml").write_text(DESCRIPTION)
    with pytest.raises(ModelError, match="cannot be loaded") as caught:
        KerasModel(file=bad).predict(np.zeros((1, 512, 4), np.float32))
    assert "python" not in str(caught.value)


def test_code_in_a_file_is_not_run(tmp_path):
    path = small(tmp_path / "small.keras", layers=[keras.layers.Lambda(lambda x: x * 2)])
    with pytest.raises(ModelError, match=r"(?i)lambda"):
        KerasModel(file=path).predict(np.zeros((1, 512, 4), np.float32))
