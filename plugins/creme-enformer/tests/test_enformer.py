"""Enformer in TensorFlow, on a small SavedModel with the published signature."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from creme.errors import ConfigError, ModelError
from creme.runner.experiment import select
from creme.testing import model_checks
from creme.testing.models import check_fingerprints, sequences

from creme_enformer.model import HANDLE, Enformer

tf = pytest.importorskip("tensorflow")


def save(folder: Path, seed: int = 0, tracks: int = 5313) -> Path:
    """A SavedModel of `model.predict_on_batch(x) -> {"human", "mouse"}`, as the published one."""
    random = np.random.default_rng(seed)

    class Small(tf.Module):
        def __init__(self):
            super().__init__()
            kernel = random.normal(size=(128, 4, 3)) / 10
            self.kernel = tf.Variable(kernel, dtype=tf.float32)
            self.heads = [
                tf.Variable(random.normal(size=(3, n)), dtype=tf.float32) for n in (tracks, 1643)
            ]

        @tf.function(input_signature=[tf.TensorSpec([None, 393_216, 4], tf.float32)])
        def predict_on_batch(self, x):
            # The outer half does not reach the output.
            hidden = tf.nn.conv1d(x, self.kernel, stride=128, padding="VALID")[:, 1088:1984]
            return {
                name: tf.nn.softplus(tf.tensordot(tf.tanh(hidden), head, 1))
                for name, head in zip(("human", "mouse"), self.heads, strict=True)
            }

    outer = tf.Module()
    outer.model = Small()
    tf.saved_model.save(outer, str(folder))
    return folder


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return save(tmp_path_factory.mktemp("saved"))


@pytest.mark.parametrize("check", model_checks(), ids=str)
def test_conforms(check, weights):
    check(lambda: Enformer(weights=weights, head="mouse"))


def test_numbers_are_the_networks_with_zeros_around(weights):
    model = Enformer(weights=weights)
    onehot = sequences(model, 1)
    padded = np.zeros((1, 393_216, 4), np.float32)
    padded[:, 98_304:294_912] = onehot
    loaded = tf.saved_model.load(str(weights))
    expected = loaded.model.predict_on_batch(padded)["human"].numpy()
    np.testing.assert_array_equal(model.predict(onehot), expected)


def test_the_tss_is_the_first_base_of_bin_448(weights):
    model = Enformer(weights=weights, head="mouse")
    onehot = sequences(model, 1)
    changed = onehot.copy()
    changed[0, model.tss] = np.roll(changed[0, model.tss], 1)
    before = changed.copy()
    before[0, model.tss - 1] = np.roll(before[0, model.tss - 1], 1)
    one, two, three = (model.predict(x)[0] for x in (onehot, changed, before))
    assert np.flatnonzero((one != two).any(axis=1)).tolist() == [448] == [model.tss_bin()]
    assert np.flatnonzero((two != three).any(axis=1)).tolist() == [447]


def test_the_published_tracks(weights):
    data = Path(os.environ.get("CREME_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))
    table = data / "targets" / "enformer_targets_human.txt.gz"
    if not table.is_file():
        pytest.skip(f"no table of tracks at {table}; set CREME_TEST_DATA")
    model = Enformer(weights=weights, targets=table)
    chosen = select(model, tracks=["CAGE.*K562 ENCODE"], bins="447-448")
    assert (chosen.tracks, chosen.bins) == ((5111,), (447, 448))
    assert (model.output_start, len(model.tracks)) == (40_960, 5313)
    got = model.predict_selected(sequences(model, 1), chosen)
    assert got.shape == (1, 2, 1)


def test_fingerprints(weights, tmp_path):
    check_fingerprints(
        Enformer(weights=weights),
        Enformer(weights=weights, head="mouse"),
        Enformer(weights=save(tmp_path / "other", seed=1)),
    )
    shutil.copytree(weights, tmp_path / "copy")
    moved = Enformer(weights=tmp_path / "copy")
    assert moved.fingerprint == Enformer(weights=weights).fingerprint


def test_the_hubs_cache_is_looked_into_and_partial_downloads_are_not_taken(
    weights, tmp_path, monkeypatch
):
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path))
    place = tmp_path / hashlib.sha1(HANDLE.encode()).hexdigest()
    with pytest.raises(ModelError, match=r"no whole SavedModel 'https://tfhub\.dev/.*download it"):
        _ = Enformer().fingerprint
    shutil.copytree(weights, place)
    assert Enformer().fingerprint == Enformer(weights=weights).fingerprint
    (place / "variables" / "variables.index").unlink()
    with pytest.raises(ModelError, match=str(place)):
        _ = Enformer().fingerprint


def test_errors_say_what_is_wrong(weights, tmp_path):
    with pytest.raises(ConfigError, match="head"):
        Enformer(weights=weights, head="rat")
    other = Enformer(weights=save(tmp_path / "few", tracks=7))
    with pytest.raises(ModelError, match=r"gives \(896, 7\) for the human head"):
        other.predict(sequences(other, 1))
    broken = tmp_path / "broken"
    shutil.copytree(weights, broken)
    (broken / "saved_model.pb").write_bytes(b"not a graph")
    with pytest.raises(ModelError, match="cannot be loaded"):
        Enformer(weights=broken).predict(sequences(other, 1))


def test_describing_a_model_imports_no_tensorflow(weights):
    code = (
        "import sys; from creme_enformer.model import Enformer; "
        f"m = Enformer(weights={str(weights)!r}); m.fingerprint, m.tracks; "
        "print('tensorflow' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
