"""The examples for networks of other packages: run, checked, and beside the package's own numbers.

`make test-examples` installs each package, and writes the table of docs/models.md.
"""

from __future__ import annotations

import itertools
import shutil

import numpy as np
import pytest

from creme.registry import create
from creme.testing import check_model
from package_example import EXAMPLES, PackageExample, needed


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


@pytest.mark.parametrize("name", ["simple_convnet", "deeptopic_cnn", "dilated_cnn", "legnet"])
def test_crested_zoo_needs_no_more(tmp_path, crested, name):
    keras = needed("keras", "keras")
    keras.utils.set_random_seed(0)
    network = getattr(crested.tl.zoo, name)(seq_len=500, num_classes=2)
    network.save(tmp_path / "model.keras")
    (tmp_path / "model.toml").write_text('input_length = 500\nn_value = 0\ntracks = ["a", "b"]\n')
    model = create("model", {"name": "keras", "file": str(tmp_path / "model.keras")})
    letters = "".join(np.random.default_rng(1).choice(list("ACGTN"), 500))
    onehot = np.array(list(letters))[:, None] == np.array(list("ACGT"))
    own = crested.tl.predict(letters, network, verbose=0)
    values = model.predict(onehot.astype(np.float32)[None])
    np.testing.assert_allclose(values[:, 0], own, rtol=1e-5, atol=1e-7)


def test_crested_layers_of_its_own(tmp_path, crested):
    """Its Enformer, small: layers that Keras does not know, by CREsted's own loader."""
    keras = needed("keras", "keras")
    keras.utils.set_random_seed(0)
    network = crested.tl.zoo.enformer(
        seq_len=2048, num_classes=2, num_conv_blocks=6, num_transformer_blocks=1,
        num_transformer_heads=2, target_length=8, start_filters=24, filters=48,
        pointwise_filters=32,
    )  # fmt: skip
    network.save(tmp_path / "model.keras")
    shutil.copy(EXAMPLES / "crested_model.py", tmp_path)
    grid = {"input_length": 2048, "n_value": 0, "bin_size": 128, "n_bins": 8, "tracks": ["a", "b"]}
    spec = {
        "name": "python",
        "object": str(tmp_path / "crested_model.py:build"),
        "files": {"weights": str(tmp_path / "model.keras")},
        "grid": grid,
    }
    check_model(lambda: create("model", spec))
    letters = "".join(np.random.default_rng(1).choice(list("ACGTN"), 2048))
    onehot = np.array(list(letters))[:, None] == np.array(list("ACGT"))
    own = crested.tl.predict(letters, network, verbose=0)
    values = create("model", spec).predict(onehot.astype(np.float32)[None])
    np.testing.assert_allclose(values, np.reshape(own, values.shape), rtol=1e-5, atol=1e-7)


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
