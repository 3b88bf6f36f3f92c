"""Enformer in TensorFlow, on a small SavedModel with the published signature."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from creme import Readout
from creme.cli import main
from creme.errors import ConfigError, ModelError
from creme.genome import LociConfig
from creme.runner.experiment import select
from creme.testing import check_fingerprints, model_checks, sequences

from creme_enformer.model import Enformer
from saved import save

tf = pytest.importorskip("tensorflow")


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return save(tmp_path_factory.mktemp("saved"))


@pytest.fixture(scope="module")
def data():
    here = Path(__file__).resolve().parents[3]
    folder = Path(os.environ.get("CREME_TEST_DATA", here.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; set CREME_TEST_DATA to its folder")
    return folder


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


@pytest.fixture
def genome(tmp_path):
    """A contig with a gene on either strand, far enough from its ends; and one that is not."""
    bases = np.array(list("ACGT"))[np.random.default_rng(1).integers(0, 4, 300_000)]

    def write(**changed):
        letters = bases.copy()
        for position in changed.values():
            letters[position] = "ACGT"[("ACGT".index(letters[position]) + 1) % 4]
        (tmp_path / "genome.fa").write_text(">chr1\n" + "".join(letters) + "\n")
        (tmp_path / "genome.fa.fai").unlink(missing_ok=True)
        (tmp_path / "tss.tsv").write_text(
            "gene\tcontig\ttss\tstrand\nplus\tchr1\t140000\t+\nminus\tchr1\t160000\t-\n"
        )
        return tmp_path

    return write


@pytest.mark.parametrize("gene", ["plus", "minus"])
@pytest.mark.parametrize("offset", [-57_345, -57_344, -1, 0, 127, 128, 57_343, 57_344])
def test_a_base_of_the_genome_shows_in_its_bin(weights, genome, gene, offset):
    """Read along the gene; the outermost bases of the 896 bins, and those beyond them."""
    model = Enformer(weights=weights, head="mouse")
    tss, direction = {"plus": (140_000, 1), "minus": (160_000, -1)}[gene]
    values = []
    for changed in ({}, {"one": tss + direction * offset}):
        folder = genome(**changed)
        config = LociConfig(fasta="genome.fa", table="tss.tsv", genes=[gene])
        (locus,) = config.load(model.input_length, model.tss, folder)
        assert locus.tss == model.tss == 98_304
        values.append(model.predict(locus.sequence.onehot(model.n_value)[None])[0])
    changed_bins = np.flatnonzero((values[0] != values[1]).any(axis=1)).tolist()
    expected = 448 + offset // 128
    assert changed_bins == ([expected] if 0 <= expected < 896 else [])


def test_the_published_tracks(weights, data):
    table = data / "targets" / "enformer_targets_human.txt.gz"
    model = Enformer(weights=weights, targets=table)
    for choice in ("CAGE.*K562 ENCODE", "CNhs12336", 5111):
        chosen = select(model, tracks=[choice], bins="447-448")
        assert (chosen.tracks, chosen.bins) == ((5111,), (447, 448))
    assert (model.output_start, len(model.tracks)) == (40_960, 5313)
    assert (model.n_bins * model.bin_size, model.input_length) == (114_688, 196_608)
    assert len(Enformer(weights=weights, head="mouse").tracks) == 1643
    got = model.predict_selected(sequences(model, 1), chosen)
    assert got.shape == (1, 2, 1)


def test_bins_447_and_448_are_what_the_papers_authors_read(weights, data):
    """Their example profiles, and the TSS activities that they published for the same genes."""
    model = Enformer(weights=weights, targets=data / "targets" / "enformer_targets_human.txt.gz")
    kept = select(model, tracks=["CAGE.*K562 ENCODE"], bins="all")
    readout = model.bind(Readout(bins="447-448"), kept)
    profiles = pd.read_csv(data / "published" / "example_sequences.csv.gz")
    contexts = pd.read_csv(data / "published" / "K562_selected_contexts.csv.gz")
    names = []
    for _, profile in profiles.groupby("name", sort=False):
        assert len(profile) == model.n_bins
        for column, published in (("WT", "wt"), ("MUT", "mean_mut")):
            values = profile[column].to_numpy(np.float32)[None, :, None]
            activity = float(readout(values)[0, 0])
            nearest = contexts.loc[(contexts[published] - activity).abs().idxmin()]
            # Six digits were published; a single bin is off by far more than the next gene is.
            assert activity == pytest.approx(nearest[published], rel=1e-6)
            names.append(nearest.seq_id)
            # The summit is in the TSS's own bin, or in the one before it.
            if column == "WT":
                assert values[0, :, 0].argmax() in (447, 448)
    assert names[0::2] == names[1::2]
    assert {name[-1] for name in names} == {"+", "-"}


def test_fingerprints(weights, tmp_path):
    check_fingerprints(
        Enformer(weights=weights),
        Enformer(weights=weights, head="mouse"),
        Enformer(weights=save(tmp_path / "other", seed=1)),
    )
    shutil.copytree(weights, tmp_path / "copy")
    moved = Enformer(weights=tmp_path / "copy")
    assert moved.fingerprint == Enformer(weights=weights).fingerprint


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


def run(code: str, **environment: str) -> str:
    """What a process of its own prints."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()[-1]


def test_describing_a_model_imports_no_tensorflow(weights):
    assert (
        run(
            "import sys; from creme_enformer.model import Enformer; "
            f"m = Enformer(weights={str(weights)!r}); m.fingerprint, m.tracks; "
            "print('tensorflow' in sys.modules)"
        )
        == "False"
    )


def test_a_missing_tensorflow_is_said(weights):
    code = f"""
import sys
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "tensorflow":
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Hidden())
import numpy as np
from creme.errors import ModelError
from creme_enformer.model import Enformer
try:
    Enformer(weights={str(weights)!r}).predict(np.zeros((1, 196_608, 4), np.float32))
except ModelError as error:
    print(error)
"""
    assert run(code).startswith("model enformer needs TensorFlow: pip install tensorflow (")


def test_what_predictions_are_made_with_is_said(weights):
    model = Enformer(weights=weights)
    assert model.environment() == {}
    model.predict(sequences(model, 1))
    assert model.environment() == {
        "tensorflow": tf.__version__,
        "device": "cpu",
        "precision": "float32",
        "deterministic": True,
    }


@pytest.mark.parametrize(
    ("deterministic", "variable", "expected"),
    [(True, "0", True), (False, "0", False), (False, "1", True)],
)
def test_kernels_are_deterministic_unless_told_otherwise(
    weights, deterministic, variable, expected
):
    """TensorFlow's own word for it, also where it has been started before."""
    code = f"""
import json
import numpy as np, tensorflow as tf
tf.constant(1) + 1
from tensorflow.python.framework.config import is_op_determinism_enabled
from creme_enformer.model import Enformer
model = Enformer(weights={str(weights)!r}, deterministic={deterministic})
model.predict(np.zeros((1, 196_608, 4), np.float32))
print(json.dumps([is_op_determinism_enabled(), model.environment()["deterministic"]]))
"""
    assert json.loads(run(code, TF_DETERMINISTIC_OPS=variable)) == [expected, expected]


def test_a_gpu_that_is_not_there_is_said(weights):
    if tf.config.list_physical_devices("GPU"):
        pytest.skip("there is a GPU")
    model = Enformer(weights=weights, device="cuda:1")
    with pytest.raises(ModelError, match="no device 'cuda:1'; TensorFlow finds 0 CUDA devices"):
        model.predict(sequences(model, 1))
    with pytest.raises(ConfigError, match="device"):
        Enformer(weights=weights, device="gpu")


def test_an_experiment_runs_and_says_what_it_ran_with(weights, genome, monkeypatch):
    folder = genome()
    (folder / "small.toml").write_text(
        f"""
name = "small"
[model]
plugin = "enformer"
weights = {str(weights)!r}
tracks = [5111]
bins = "447-448"
[loci]
fasta = "genome.fa"
table = "tss.tsv"
[[tests]]
name = "necessity"
tile = 5000
replicates = 1
tiles = [[804, 5804], [90_804, 95_804]]
"""
    )
    monkeypatch.setattr(sys, "argv", ["creme", "run", str(folder / "small.toml")])
    with pytest.raises(SystemExit) as done:
        main()
    assert not done.value.code
    said = json.loads((folder / "small.results" / "run.json").read_text())
    assert said["environment"]["tensorflow"] == tf.__version__
    assert said["environment"]["deterministic"] is True
