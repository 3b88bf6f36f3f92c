"""The examples for networks of other packages: run, checked, and beside the package's own numbers.

`make test-examples` installs each package, and writes the table of docs/models.md.
"""

from __future__ import annotations

import itertools
import shutil
import tomllib
from importlib.metadata import version

import numpy as np
import pytest

from chrombpnet_network import write_chrombpnet
from creme.errors import ModelError
from creme.registry import create
from creme.runner.experiment import build_model
from package_example import EXAMPLES, PackageExample, kit, needed, record, seconds


def test_bpnet(tmp_path):
    bpnetlite = needed("bpnetlite", "bpnet-lite")
    torch = needed("torch", "torch")
    tangermeme = needed("tangermeme.utils", "tangermeme")
    torch.manual_seed(0)
    # As many bases are trimmed as of the published ones: 557 on either side.
    network = bpnetlite.BPNet(64, 8, 1, n_control_tracks=0, verbose=False).eval()
    torch.save(network, tmp_path / "bpnet.torch")
    text = (EXAMPLES / "bpnet.toml").read_text()
    assert '"chrombpnet_nobias.h5"' in text
    example = PackageExample(
        "bpnet", tmp_path, "bpnet-lite", ('"chrombpnet_nobias.h5"', '"bpnet.torch"')
    )

    def outputs(letters):
        rows = tangermeme.one_hot_encode(letters, allow_N=True)[None].float()
        with torch.inference_mode():
            return network(rows)

    def own(letters):
        return np.expm1(outputs(letters)[1].numpy())

    example.check(own, "BPNet, 64 filters, 2,114 bp; sum of expected counts")
    letters = example.letters("minus")
    logits, counts = outputs(letters)
    assert logits.shape == (1, 1, 1000)
    expected = np.expm1(counts.numpy()) * logits[:, 0].softmax(1).numpy()
    onehot = tangermeme.one_hot_encode(letters, allow_N=True).T.float().numpy()[None]
    profile = example.model.predict(onehot)[:, :, 0]
    np.testing.assert_allclose(profile, expected, rtol=1e-5, atol=1e-9)


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file:UserWarning")
def test_chrombpnet_as_its_training_saves_it(tmp_path, monkeypatch):
    """The file without bias by Keras 3 and by bpnet-lite, beside the Keras that wrote it."""
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    keras = needed("tf_keras", "tf-keras")
    needed("bpnetlite", "bpnet-lite")
    without, bias = write_chrombpnet(keras, tmp_path)
    example = PackageExample("chrombpnet", tmp_path, "tf-keras")

    def predicted(letters, network=without):
        rows = np.array(list(letters))[:, None] == np.array(list("ACGT"))
        return network.predict(rows.astype(np.float32)[None], verbose=0)

    example.check(
        lambda letters: np.expm1(predicted(letters)[1]),
        "ChromBPNet without bias, 64 filters, 2,114 bp; counts",
    )
    letters = example.letters("plus")
    logits, counts = predicted(letters)
    assert logits.shape == (1, 1000)
    onehot = np.array(list(letters))[None, :, None] == np.array(list("ACGT"))
    onehot = onehot.astype(np.float32)
    np.testing.assert_allclose(example.model.predict(onehot)[..., 0], logits, rtol=1e-5, atol=1e-6)

    (tmp_path / "bpnet.py").write_text((EXAMPLES / "bpnet.py").read_text())
    table = tomllib.loads((EXAMPLES / "bpnet.toml").read_text())["model"]
    by_bpnet_lite, _ = build_model(table, tmp_path)
    chances = np.exp(logits - logits.max())
    expected = chances / chances.sum() * np.expm1(counts)
    np.testing.assert_allclose(
        by_bpnet_lite.predict(onehot)[..., 0], expected, rtol=1e-5, atol=1e-5 * expected.max()
    )

    # The bias alone names the loss of its training, which is not needed; the whole has Python code.
    text = (tmp_path / "chrombpnet_network.toml").read_text()
    own_logits, own_counts = predicted(letters, bias)
    (tmp_path / "bias.toml").write_text(text.replace("wo_bias_bpnet_logcount", "logcount"))
    heads = _by_keras(tmp_path / "bias.h5").predict_heads(onehot)
    np.testing.assert_allclose(heads[""][..., 0], own_logits, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(heads["counts"].ravel(), own_counts.ravel(), rtol=1e-5)
    (tmp_path / "chrombpnet.toml").write_text(text)
    with pytest.raises(ModelError, match="Lambda"):
        _by_keras(tmp_path / "chrombpnet.h5").predict(onehot)


def _by_keras(file):
    return create("model", {"name": "keras", "file": str(file), "backend": "tensorflow"})


def test_grelu(tmp_path):
    lightning = needed("grelu.lightning", "grelu")
    pytorch_lightning = needed("pytorch_lightning", "pytorch_lightning")
    torch = needed("torch", "torch")
    torch.manual_seed(0)
    network = lightning.LightningModel(
        {"model_type": "ConvModel", "n_tasks": 1, "n_conv": 4, "stem_channels": 64,
         "channel_init": 64, "crop_len": 0},
        {"task": "regression", "loss": "mse"},
    ).eval()  # fmt: skip
    trainer = pytorch_lightning.Trainer(logger=False, accelerator="cpu")
    trainer.strategy.connect(network)
    trainer.save_checkpoint(tmp_path / "model.ckpt")
    example = PackageExample("grelu_model", tmp_path, "grelu")
    example.check(network.predict_on_seqs, "ConvModel, 64 channels, 2,048 bp")


@pytest.fixture
def crested(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    return needed("crested", "crested")


def test_crested(tmp_path, crested):
    keras = needed("keras", "keras")
    keras.utils.set_random_seed(0)
    network = crested.tl.zoo.simple_convnet(seq_len=2114, num_classes=3)
    network.save(tmp_path / "model.keras")
    example = PackageExample("crested", tmp_path, "crested")
    example.check(
        lambda letters: crested.tl.predict(letters, network, verbose=0),
        "simple_convnet, 3 classes, 2,114 bp",
    )


@pytest.mark.parametrize(
    ("name", "length"),
    # The dilated layers take away 1,020 bp.
    [("simple_convnet", 500), ("deeptopic_cnn", 500), ("dilated_cnn", 1200), ("legnet", 500)],
)
def test_crested_zoo_needs_no_more(tmp_path, crested, name, length):
    keras = needed("keras", "keras")
    keras.utils.set_random_seed(0)
    network = getattr(crested.tl.zoo, name)(seq_len=length, num_classes=2)
    network.save(tmp_path / "model.keras")
    (tmp_path / "model.toml").write_text(
        f'input_length = {length}\nn_value = 0\ntracks = ["a", "b"]\n'
    )
    model = create("model", {"name": "keras", "file": str(tmp_path / "model.keras")})
    letters = "".join(np.random.default_rng(1).choice(list("ACGTN"), length))
    onehot = np.array(list(letters))[:, None] == np.array(list("ACGT"))
    own = crested.tl.predict(letters, network, verbose=0)
    values = model.predict(onehot.astype(np.float32)[None])
    np.testing.assert_allclose(values[:, 0], own, rtol=1e-5, atol=1e-7)


def test_crested_layers_of_its_own(tmp_path, crested):
    """Its Enformer, small: layers that Keras does not know, by CREsted's own loader."""
    keras = needed("keras", "keras")
    keras.utils.set_random_seed(0)
    # Filters are multiples of 128, and those of a head of 6.
    network = crested.tl.zoo.enformer(
        seq_len=2048, num_classes=2, num_conv_blocks=6, num_transformer_blocks=1,
        num_transformer_heads=2, target_length=8, start_filters=128, filters=384,
        pointwise_filters=128,
    )  # fmt: skip
    random = np.random.default_rng(0)
    for weight in network.trainable_weights:
        if not np.any(weight.numpy()):  # with attention's last layer at 0 it would do nothing
            weight.assign(random.normal(0, 0.02, weight.shape))
    network.save(tmp_path / "model.keras")
    shutil.copy(EXAMPLES / "crested_model.py", tmp_path)
    grid = {"input_length": 2048, "n_value": 0, "bin_size": 128, "n_bins": 8, "tracks": ["a", "b"]}
    spec = {
        "name": "python",
        "object": str(tmp_path / "crested_model.py:build"),
        "files": {"weights": str(tmp_path / "model.keras")},
        "grid": grid,
    }
    verdict = kit(lambda: create("model", spec))
    letters = "".join(np.random.default_rng(1).choice(list("ACGTN"), 2048))
    rows = np.array(list(letters))[:, None] == np.array(list("ACGT"))
    onehot = rows.astype(np.float32)[None]
    model = create("model", spec)
    values = model.predict(onehot)
    own = np.reshape(crested.tl.predict(letters, network, verbose=0), values.shape)
    np.testing.assert_allclose(values, own, rtol=1e-5, atol=1e-7)
    record(
        "crested_model",
        package=f"crested {version('crested')}",
        network="its Enformer, small, with layers of its own, 2,048 bp",
        own=float(own.flat[0]),
        ours=float(values.flat[0]),
        difference=float(np.abs(values - own).max() / np.abs(own).max()),
        own_seconds=seconds(lambda: crested.tl.predict(letters, network, verbose=0)),
        our_seconds=seconds(lambda: model.predict(onehot)),
        kit=verdict,
    )


def test_sklearn(tmp_path):
    joblib = needed("joblib", "scikit-learn")
    linear_model = needed("sklearn.linear_model", "scikit-learn")
    text = needed("sklearn.feature_extraction.text", "scikit-learn")
    # Sequences with and without a motif, their words counted by scikit-learn itself.
    random = np.random.default_rng(0)
    letters = np.array(list("ACGT"))[random.integers(0, 4, (200, 1000))]
    with_motif = np.arange(200) % 2 == 0
    for row in np.flatnonzero(with_motif):
        for at in random.integers(0, 990, 3):
            letters[row, at : at + 6] = list("TGACTC")
    words = ["".join(row) for row in letters]
    vocabulary = ["".join(word) for word in itertools.product("ACGT", repeat=6)]
    counter = text.CountVectorizer(
        analyzer="char", ngram_range=(6, 6), lowercase=False, vocabulary=vocabulary
    )
    fitted = linear_model.LogisticRegression(max_iter=200, C=0.01)
    fitted.fit(counter.transform(words).toarray(), with_motif)
    joblib.dump(fitted, tmp_path / "model.joblib")
    example = PackageExample("sklearn_kmers", tmp_path, "scikit-learn")
    example.check(
        lambda each: fitted.predict_proba(counter.transform([each]).toarray())[:, 1],
        "logistic regression on 6-mers, 1,000 bp",
    )
    onehot = (letters[:20, :, None] == np.array(list("ACGT"))).astype(np.float32)
    values = example.model.predict(onehot).ravel()
    assert values[::2].min() > values[1::2].max()
