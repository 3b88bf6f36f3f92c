"""The plugin against the published network's own output, and its errors."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from creme import Genome, Selection, registry
from creme.errors import ConfigError, ModelError
from creme.testing import check_example, check_split, model_checks

from creme_seqnn.model import SeqNN

LENGTH = 131_072


@pytest.fixture(scope="module")
def data() -> Path:
    root = Path(__file__).resolve().parents[3]
    folder = Path(os.environ.get("CREME_TEST_DATA", root.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; set CREME_TEST_DATA to its folder")
    return folder


@pytest.fixture(scope="module")
def model(data) -> SeqNN:
    folder = data / "models" / "seqnn_mini"
    return SeqNN(
        params=folder / "params.json",
        weights=folder / "model.h5",
        targets=folder / "targets.txt",
        device="cpu",
    )


@pytest.fixture(scope="module")
def sequence(data):
    genome = Genome(data / "sequence" / "chr20_hg19_1Mb.fa.gz")
    start = 373_805 - (LENGTH - 1 - LENGTH // 2)
    return genome.fetch("chr20_hg19_1000000_2000000", start, start + LENGTH, "-")


@pytest.fixture(scope="module")
def onehot(sequence, model):
    return sequence.onehot(model.n_value)[None]


@pytest.fixture(scope="module")
def predicted(model, onehot):
    return model.predict(onehot)


@pytest.fixture(scope="module")
def reference(data):
    """The network's own prediction, in TensorFlow."""
    file = np.load(data / "models" / "seqnn_mini" / "reference_predictions.npz")
    return file[file.files[0]]


def test_reproduces_the_reference(reference, predicted):
    error = np.abs(predicted[0] - reference).max() / reference.max()
    assert predicted.shape == (1, 2048, 74)
    assert error < 1e-5


def test_letters_and_positions_are_in_the_networks_order(model, sequence, reference):
    check_example(lambda: model, sequence, reference, tolerance=1e-5)


@pytest.mark.parametrize("check", model_checks(), ids=str)
def test_conforms(check, data, tmp_path):
    def shorter(model):
        model["seq_length"] = 16_384
        model["trunk"][-1]["cropping"] //= 8

    parameters = changed(data, tmp_path, shorter)
    del parameters["device"]  # on a GPU where there is one
    check(lambda: SeqNN(**parameters))


def test_grid_and_tracks(model):
    assert (model.input_length, model.bin_size, model.n_bins) == (LENGTH, 32, 2048)
    assert model.output_start == 32_768
    assert model.tss_bin() == 1024
    assert len(model.tracks) == 74
    plus = model.tracks.select(["CAGE"], "+")
    assert plus == tuple(range(0, 24, 2))
    assert all(model.tracks[i].pair == i + 1 for i in plus)
    assert all(model.tracks[i + 1].strand == "-" for i in plus)
    assert model.tracks[24].strand == "."


def test_a_selection_is_a_part_of_the_whole(model, onehot, predicted):
    selection = Selection((0, 1023, 1024, 2047), (0, 5, 73))
    got = model.predict_selected(onehot, selection)
    np.testing.assert_allclose(got, selection.take(predicted), atol=1e-5)


def test_windows_give_what_a_full_forward_pass_gives(model):
    assert model.strides == (32, 64, 128)
    # 7 bp first, then 5 positions at each stride from 2 on.
    assert model.radius == 3 + 2 * (2 + 4 + 8 + 16 + 32 + 64)
    check_split(lambda: model)


def test_batch_pickle_and_input(model, onehot, predicted):
    before = onehot.copy()
    both = model.predict(np.concatenate([onehot, onehot[:, ::-1].copy()]))
    assert np.array_equal(both[0], predicted[0])
    assert np.array_equal(onehot, before)
    again = pickle.loads(pickle.dumps(model))
    assert again.fingerprint == model.fingerprint
    assert np.array_equal(again.predict(onehot), predicted)


def test_what_shaped_the_training_alone_is_no_part_of_the_fingerprint(data, tmp_path, model):
    def training(described):
        described.update(verbose=True, augment_shift=7)
        described["trunk"][0].update(dropout=0.123, l2_scale=1e-3)
        described["head_human"].update(kernel_initializer="zeros")

    def other(described):
        described["trunk"][0].update(activation="relu")

    assert SeqNN(**changed(data, tmp_path, training)).fingerprint == model.fingerprint
    assert SeqNN(**changed(data, tmp_path, other)).fingerprint != model.fingerprint


def test_registered():
    assert registry.load("model", "seqnn") is SeqNN


def test_wrong_length(model):
    with pytest.raises(ModelError, match="131072"):
        model.predict(np.zeros((1, 100, 4), np.float32))


def changed(data, tmp_path, change) -> dict:
    folder = data / "models" / "seqnn_mini"
    params = json.loads((folder / "params.json").read_text())
    change(params["model"])
    path = tmp_path / "params.json"
    path.write_text(json.dumps(params))
    return {"params": path, "weights": folder / "model.h5", "device": "cpu"}


def test_unsupported_layers_are_named(data, tmp_path):
    def change(model):
        model["trunk"].insert(1, {"name": "dilated_dragon"})

    with pytest.raises(ConfigError, match="dilated_dragon"):
        SeqNN(**changed(data, tmp_path, change))


def test_weights_of_another_network(data, tmp_path, onehot):
    def change(model):
        model["trunk"][0]["filters"] = 32

    with pytest.raises(ModelError):
        SeqNN(**changed(data, tmp_path, change)).predict(onehot)


def test_missing_and_damaged_files(data, tmp_path, onehot):
    folder = data / "models" / "seqnn_mini"
    with pytest.raises(ConfigError, match=r"nowhere\.h5"):
        SeqNN(params=folder / "params.json", weights=tmp_path / "nowhere.h5")
    cut = tmp_path / "cut.h5"
    cut.write_bytes((folder / "model.h5").read_bytes()[:100_000])
    with pytest.raises(ModelError, match=r"cut\.h5"):
        SeqNN(params=folder / "params.json", weights=cut, device="cpu").predict(onehot)


def test_targets_of_another_head(data, tmp_path):
    folder = data / "models" / "seqnn_mini"
    lines = (folder / "targets.txt").read_text().splitlines()[:-2]
    (tmp_path / "targets.txt").write_text("\n".join(lines) + "\n")
    with pytest.raises(ConfigError):
        SeqNN(
            params=folder / "params.json",
            weights=folder / "model.h5",
            targets=tmp_path / "targets.txt",
        )
