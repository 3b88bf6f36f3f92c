"""The examples for networks of other packages: the kit, and the package's own numbers."""

from __future__ import annotations

import itertools
import tomllib
from pathlib import Path

import numpy as np
import pytest

from creme.registry import create
from creme.testing import check_model, sequences

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def from_example(name: str, files: dict[str, Path], **grid):
    """A maker of the model in an example, with files of one's own."""
    table = tomllib.loads((EXAMPLES / f"{name}.toml").read_text())["model"]
    assert set(table["files"]) == set(files)
    spec = {
        "name": table["plugin"],
        "object": str(EXAMPLES / table["object"]),
        "arguments": table.get("arguments", {}),
        "files": {name: str(path) for name, path in files.items()},
        "grid": {**table["grid"], **grid},
    }
    return lambda: create("model", spec)


def test_bpnet(tmp_path):
    torch = pytest.importorskip("torch")
    bpnetlite = pytest.importorskip("bpnetlite", reason="pip install bpnet-lite")
    torch.manual_seed(0)
    # As many bases are trimmed as of the published ones: 557 on either side.
    network = bpnetlite.BPNet(4, 8, 1, n_control_tracks=0, verbose=False).eval()
    torch.save(network, tmp_path / "bpnet.torch")
    make = from_example("bpnet", {"weights": tmp_path / "bpnet.torch"})
    check_model(make)
    model = make()
    onehot = sequences(model, 2)
    with torch.inference_mode():
        logits, counts = network(torch.from_numpy(onehot.transpose(0, 2, 1).copy()))
    assert logits.shape == (2, 1, 1000)
    expected = np.expm1(counts.numpy()) * logits[:, 0].softmax(1).numpy()
    np.testing.assert_allclose(model.predict(onehot)[:, :, 0], expected, rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(
        model.predict(onehot).sum(axis=1), np.expm1(counts.numpy()), rtol=1e-5
    )


def test_scikit_learn(tmp_path):
    joblib = pytest.importorskip("joblib", reason="pip install scikit-learn")
    linear_model = pytest.importorskip("sklearn.linear_model", reason="pip install scikit-learn")
    text = pytest.importorskip("sklearn.feature_extraction.text")
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
    make = from_example("sklearn_kmers", {"model": tmp_path / "model.joblib"})
    check_model(make)
    onehot = (letters[:20, :, None] == np.array(list("ACGT"))).astype(np.float32)
    own = fitted.predict_proba(counter.transform(words[:20]).toarray())[:, 1]
    got = make().predict(onehot).ravel()
    np.testing.assert_allclose(got, own, rtol=1e-5)
    assert got[::2].min() > got[1::2].max()


def test_grelu(tmp_path):
    torch = pytest.importorskip("torch")
    lightning = pytest.importorskip("grelu.lightning", reason="pip install grelu")
    torch.manual_seed(0)
    network = lightning.LightningModel(
        {"model_type": "ConvModel", "n_tasks": 1, "n_conv": 2, "stem_channels": 8,
         "channel_init": 8},
        {"task": "regression", "loss": "mse"},
    ).eval()  # fmt: skip
    pytorch_lightning = pytest.importorskip("pytorch_lightning")
    trainer = pytorch_lightning.Trainer(logger=False, accelerator="cpu")
    trainer.strategy.connect(network)
    trainer.save_checkpoint(tmp_path / "model.ckpt")
    make = from_example("grelu_model", {"checkpoint": tmp_path / "model.ckpt"})
    check_model(make)
    model = make()
    onehot = sequences(model, 2)
    with torch.inference_mode():
        own = network(torch.from_numpy(onehot.transpose(0, 2, 1).copy()))
    np.testing.assert_allclose(model.predict(onehot).ravel(), own.ravel(), rtol=1e-5)
