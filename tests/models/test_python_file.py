"""Models from a Python file, and descriptions of networks."""

from __future__ import annotations

import os
import sys
import time

import numpy as np
import pytest
import xarray as xr

import creme
from command import CREME
from creme.adapters.description import Description
from creme.errors import ConfigError, ModelError
from creme.genome import Locus
from creme.model import Track
from creme.models.python_file import PythonModel
from creme.sequence import Sequence
from creme.testing import model_checks
from creme.testing.models import check_fingerprints, sequences

FUNCTION = """
import numpy as np

def build(scale=1.0, table=None):
    weights = np.random.default_rng(0).normal(size=(640, 4, 3))
    if table is not None:
        scale = scale * float(table.read_text())
    def predict(batch):
        hidden = np.einsum("blc,lct->bt", batch, weights) * scale
        return np.tanh(hidden / 30)[:, None, :] + np.arange(4)[None, :, None]
    return predict

NOT_CALLABLE = 3

def gives_a_number():
    return 7

def fails():
    raise ValueError("no weights")
"""

TORCH = """
import torch

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv = torch.nn.Conv1d(4, 6, 9, padding=4)
        self.norm = torch.nn.BatchNorm1d(6)
        self.drop = torch.nn.Dropout(0.5)

    def forward(self, x):
        return self.norm(self.drop(self.conv(x))).reshape(len(x), 6, 4, -1).mean(-1)
"""
GRID = {"input_length": 640, "bin_size": 80, "n_bins": 4, "tracks": ["a", "b", "c"]}


@pytest.fixture
def function(tmp_path):
    (tmp_path / "my_model.py").write_text(FUNCTION)
    (tmp_path / "table.txt").write_text("2.0")

    def make(name="build", **changes):
        return PythonModel(**{"object": tmp_path / f"my_model.py:{name}", "grid": GRID, **changes})

    return make


@pytest.fixture
def module(tmp_path):
    pytest.importorskip("torch")
    (tmp_path / "net.py").write_text(TORCH)
    grid = {
        "input_length": 640,
        "input_layout": "4L",
        "n_value": 0,
        "bin_size": 100,
        "n_bins": 4,
        "output_layout": "tracks,bins",
        "tracks": [{"name": f"t{k}", "strand": "+-"[k % 2], "pair": k ^ 1} for k in range(6)],
    }
    return lambda **changes: PythonModel(
        **{"object": tmp_path / "net.py:Net", "grid": grid, **changes}
    )


@pytest.mark.parametrize("check", model_checks(), ids=str)
def test_a_function_conforms(check, function):
    check(function)


@pytest.mark.parametrize("check", model_checks(), ids=str)
def test_a_pytorch_module_conforms(check, module):
    check(module)


def test_layouts_are_turned(module):
    import torch

    model = module()
    onehot = sequences(model, 2)
    assert (onehot[:, 0] == 0).all(), "an N is 0 in all channels here"
    got = model.predict(onehot)
    net, _ = model.network
    with torch.inference_mode():
        expected = net(torch.from_numpy(onehot.transpose(0, 2, 1).copy())).numpy()
    np.testing.assert_array_equal(got, expected.transpose(0, 2, 1))
    assert not net.training
    assert [track.strand for track in model.tracks] == list("+-+-+-")


def test_the_fingerprint_covers_what_the_file_reads(function, tmp_path):
    given = {"files": {"table": tmp_path / "table.txt"}}
    check_fingerprints(
        function(),
        function(arguments={"scale": 2.0}),
        function(**given),
        function(grid={**GRID, "output_start": 0}),
        function(grid={**GRID, "n_value": 0}),
        function(grid={**GRID, "output_layout": "tracks,bins"}),
    )
    before = function(**given).fingerprint
    (tmp_path / "table.txt").write_text("3.0")
    assert function(**given).fingerprint != before
    plain = function().fingerprint
    (tmp_path / "my_model.py").write_text(FUNCTION + "\n# changed\n")
    assert function().fingerprint != plain


def test_what_is_run_is_what_the_fingerprint_is_of(function, tmp_path, monkeypatch):
    """Not the bytecode of an earlier version of the same size, written within the same second."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    file = tmp_path / "my_model.py"
    moment = time.time() - 100
    answers = []
    for scale in ("1.0", "2.0"):
        text = "import numpy as np\ndef build():\n    return lambda x: np.full(len(x), SCALE)\n"
        file.write_text(text.replace("SCALE", scale))
        os.utime(file, (moment, moment))
        model = function(grid={"input_length": 640})
        answers.append((model.fingerprint, model.predict(sequences(model, 1)).item()))
    assert [answer for _, answer in answers] == [1.0, 2.0]
    assert answers[0][0] != answers[1][0]
    assert not (tmp_path / "__pycache__").exists()


def test_a_file_is_run_as_it_stands(function, tmp_path):
    """Without what this package's own files take `from __future__`."""
    (tmp_path / "my_model.py").write_text(
        "import numpy as np\n"
        "def build():\n"
        "    def count(x: int):\n"
        "        return np.full(len(x), float(count.__annotations__['x'] is int))\n"
        "    return count\n"
    )
    model = function(grid={"input_length": 640})
    assert model.predict(sequences(model, 1)).item() == 1.0


def test_files_are_given_to_it(function, tmp_path):
    onehot = sequences(function(), 1)
    twice = function(files={"table": tmp_path / "table.txt"}).predict(onehot)
    np.testing.assert_array_equal(twice, function(arguments={"scale": 2.0}).predict(onehot))


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("absent", ConfigError, r"has no 'absent': it has .*build"),
        ("NOT_CALLABLE", ModelError, "NOT_CALLABLE.*failed: TypeError"),
        ("gives_a_number", ModelError, "returned int, which cannot be called"),
        ("fails", ModelError, r"fails\(\) failed: ValueError: no weights"),
    ],
)
def test_what_cannot_be_built(function, name, error, message):
    with pytest.raises(error, match=message):
        function(name).predict(sequences(function(), 1))


def test_parameters_are_checked(function, tmp_path):
    with pytest.raises(ConfigError, match="there is no file"):
        PythonModel(object=tmp_path / "other.py:build", grid=GRID)
    with pytest.raises(ConfigError, match=r"give FILE\.py:NAME"):
        PythonModel(object=tmp_path / "my_model.py", grid=GRID)
    with pytest.raises(ConfigError, match="arguments and files both have"):
        function(arguments={"table": 1}, files={"table": tmp_path / "table.txt"})
    (tmp_path / "my_model.py").write_text("def build(:\n")
    with pytest.raises(ModelError, match="cannot be run: SyntaxError"):
        function().predict(sequences(function(), 1))


def test_a_single_number_is_no_answer_to_a_batch(function, tmp_path):
    (tmp_path / "my_model.py").write_text("def build():\n    return lambda x: 1.0\n")
    model = function(grid={"input_length": 640})
    with pytest.raises(ModelError, match=r"an array of shape \(\), and its description says"):
        model.predict(sequences(model, 2))


def test_another_shape_than_described(function):
    model = function(grid={**GRID, "n_bins": 5})
    onehot = sequences(model, 1)
    with pytest.raises(
        ModelError, match=r"shape \(1, 4, 3\), and its description says \(1, 5, 3\)"
    ):
        model.predict(onehot)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"bin_size": 200}, "4 bins of 200 bp from -80 on do not fit"),
        ({"output_start": 400}, "do not fit into the input of 640 bp"),
        ({"tss": 640}, "tss = 640 is no position"),
        ({"tracks": []}, "tracks"),
        ({"tracks": [{"name": "a", "pair": 7}, "b"]}, "track a: pair = 7 is not the index"),
        ({"tracks": [{"name": "a", "strand": "+", "pair": 0}]}, "track a: pair = 0 is not"),
        ({"input_layout": "L"}, "input_layout"),
        ({"colour": 1}, "unknown key 'colour'"),
        (
            {"tracks": [{"name": "a", "strnd": "+"}]},
            r"unknown key 'tracks\.0\.Track\.strnd' \(did you mean 'strand'\?\); known keys: assay",
        ),
        ({"tracks": [{"strand": "+"}]}, r"'tracks\.0\.Track\.name' is required"),
    ],
)
def test_descriptions_are_checked(values, message):
    with pytest.raises(ConfigError, match=message):
        Description(**{**GRID, **values})


def test_a_track_is_a_name_a_table_or_a_track():
    track = Track("a", strand="+", pair=1)
    table = {"name": "a", "strand": "+", "pair": 1}
    given = Description(**{**GRID, "tracks": [track, {"name": "b", "strand": "-", "pair": 0}, "c"]})
    assert Description(**{**GRID, "tracks": [table, *given.tracks[1:]]}) == given
    assert given.table()[0] is track
    assert [each.name for each in given.table()] == ["a", "b", "c"]
    written = given.configuration()
    assert written["tracks"][0] == {"description": "", "assay": "", "cell_type": "", **table}
    assert Description(**written) == given


def test_descriptions_are_read_from_toml(tmp_path):
    file = tmp_path / "net.toml"
    file.write_text('input_length = 1000\ntss = 700\ntracks = [{name = "x", strand = "+"}]\n')
    found = Description.read(file)
    assert (found.bin, found.start, found.n_bins, found.tss) == (1000, 0, 1, 700)
    file.write_text("input_length = 0")
    with pytest.raises(ConfigError, match=r"net.toml: .*input_length = 0 is not allowed"):
        Description.read(file)
    with pytest.raises(ConfigError, match="cannot be read"):
        Description.read(tmp_path / "absent.toml")


def test_a_run_with_a_file_beside_the_experiment(tmp_path, genome):
    import subprocess

    (tmp_path / "my_model.py").write_text(FUNCTION)
    (tmp_path / "table.txt").write_text("2.0")
    (tmp_path / "mine.toml").write_text(
        f"""
name = "mine"
[model]
plugin = "python"
object = "my_model.py:build"
arguments = {{scale = 0.5}}
files = {{table = "table.txt"}}
tracks = ["b"]
[model.grid]
input_length = 640
bin_size = 80
n_bins = 4
tracks = ["a", "b", "c"]
[loci]
fasta = "{genome.fasta}"
bed = "{genome.bed}"
[[tests]]
name = "necessity"
tile = 100
replicates = 2
"""
    )
    for predicted in (3 * (1 + 4 * 2), 0):
        done = subprocess.run(
            [*CREME, "run", str(tmp_path / "mine.toml")],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert f" {predicted} predicted" in done.stdout


def test_the_environment_is_kept_with_the_results(function, tmp_path):
    class Framed(PythonModel):
        frameworks = ("numpy",)

    model = function()
    framed = Framed(object=model.object, grid=GRID)
    assert framed.environment() == {}
    framed.predict(sequences(framed, 1))
    assert framed.environment() == {"device": "auto", "numpy": np.__version__}


def test_a_pytorch_module_says_its_device_and_computes_in_float32(module, tmp_path):
    import torch

    (tmp_path / "net.py").write_text(
        TORCH
        + """
seen = []
old = Net.forward
def forward(self, x):
    seen.append((torch.backends.cudnn.allow_tf32, torch.backends.cudnn.deterministic))
    return old(self, x)
Net.forward = forward
"""
    )
    model = module()
    before = torch.backends.cudnn.allow_tf32, torch.backends.cudnn.deterministic
    model.predict(sequences(model, 1))
    assert sys.modules["creme_user_net"].seen == [(False, True)]
    assert (torch.backends.cudnn.allow_tf32, torch.backends.cudnn.deterministic) == before
    assert model.environment()["device"] == "cpu"


UNSEEDED = TORCH.replace("        torch.manual_seed(0)\n", "")


def test_an_unseeded_module_is_another_model_each_time(module, tmp_path):
    """Its weights are in the fingerprint; those of a seeded one are the same each time."""
    assert "manual_seed" not in UNSEEDED
    assert module().fingerprint == module().fingerprint
    seeded = module().fingerprint
    (tmp_path / "net.py").write_text(UNSEEDED)
    one, other = module(), module()
    assert len({seeded, one.fingerprint, other.fingerprint}) == 3
    # The network that predicts is the one that the fingerprint is of.
    onehot = sequences(one, 1)
    values = one.predict(onehot)
    assert one.identity()["parameters"] != other.identity()["parameters"]
    assert not np.allclose(values, other.predict(onehot))
    again = module()
    again.predict(onehot)
    assert again.fingerprint not in (one.fingerprint, other.fingerprint)


def test_weights_that_files_does_not_name_are_in_the_fingerprint(module, tmp_path):
    import torch

    weights = tmp_path / "weights.pt"
    (tmp_path / "net.py").write_text(
        TORCH
        + f"""
def build():
    net = Net()
    net.load_state_dict(torch.load({str(weights)!r}, weights_only=True))
    return net
"""
    )
    fingerprints = []
    for key in ("norm.running_mean", "conv.bias", None):
        state = dict(module(object=tmp_path / "net.py:Net").network[0].state_dict())
        if key is not None:
            state[key] = state[key] + 1  # of a buffer, and of a parameter
        torch.save(state, weights)
        fingerprints.append(module(object=tmp_path / "net.py:build").fingerprint)
    assert len(set(fingerprints)) == 3


@pytest.mark.filterwarnings("ignore:a readout reads tracks of both strands")
def test_two_networks_are_not_mixed_in_one_store(module, tmp_path):
    (tmp_path / "net.py").write_text(UNSEEDED)
    codes = np.random.default_rng(2).integers(0, 4, 640).astype(np.uint8)
    locus = Locus.from_sequence(Sequence(codes), "one")
    # Its activities may be below 0.
    given: dict = {"tile": 100, "replicates": 2, "readouts": creme.Readout(transform="exp")}
    first, second = module(), module()
    creme.measure("necessity", first, locus, store=tmp_path / "store", **given)
    mixed = creme.measure("necessity", second, locus, store=tmp_path / "store", **given)
    alone = creme.measure("necessity", second, locus, store=tmp_path / "other", **given)
    xr.testing.assert_equal(mixed, alone)


def test_a_function_is_not_built_for_its_fingerprint_a_second_time(function, tmp_path, monkeypatch):
    """A run that finds everything in the store loads no network."""
    monkeypatch.setenv("CREME_CACHE_DIR", str(tmp_path / "cache"))
    mark = tmp_path / "built"
    (tmp_path / "my_model.py").write_text(
        FUNCTION + f"\n_build = build\ndef build():\n    open({str(mark)!r}, 'a').write('x')\n"
        "    return _build()\n"
    )
    fingerprint = function().fingerprint
    assert "parameters" not in function().identity()
    assert function().fingerprint == fingerprint
    assert mark.read_text() == "x"
    model = function()
    assert model.fingerprint == fingerprint
    model.predict(sequences(model, 1))
    model.predict(sequences(model, 1))
    assert mark.read_text() == "xx"
