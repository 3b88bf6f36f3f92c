"""What is installed, and `creme plugins check`."""

from __future__ import annotations

import json
import re
import statistics
import subprocess
import sys
from typing import ClassVar

import numpy as np
import pytest

import in_process
from creme import registry
from creme.adapters.split import SplitModel
from creme.cli import plugins as plugins_command
from creme.cli.asking import parameters_of
from creme.cli.described import first_line, parameter_rows, summary
from creme.demo.genome import plant
from creme.errors import ModelError
from creme.model import Selection, Track, TrackTable
from creme.models.synthetic import SyntheticModel
from creme.testing import model_checks, perturbation_checks
from creme.testing.checks import outcomes

HEAVY = (
    *("torch", "tensorflow", "onnxruntime", "keras", "numba", "xarray", "zarr", "pandas"),
    *("scipy", "numpy", "sqlalchemy", "rich", "creme_seqnn", "creme_template"),
)


@pytest.fixture
def creme(monkeypatch, capsys):
    return in_process.caller(monkeypatch, capsys)


def test_listing_imports_nothing_heavy_and_is_quick():
    code = (
        "import sys, time; began = time.process_time()\n"
        "from creme.cli import main\n"
        "sys.argv = ['creme', 'plugins']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)\n"
        "print(time.process_time() - began, file=sys.stderr)\n"
    )
    seconds = []
    for _ in range(10):
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0
        assert re.search(r"^  synthetic +creme-toolkit \d\S+$", done.stdout, re.M)
        assert "    An analytic model of cis-regulation with invented motifs" in done.stdout
        loaded, spent = done.stderr.splitlines()
        assert loaded == "[]"
        seconds.append(float(spent))
    # Of the processor: what else runs on the machine does not count.
    assert statistics.median(seconds) < 0.5


def test_the_parameters_of_a_plugin(creme):
    """Every parameter with its type, default and meaning, whichever plugin it is."""
    shown = creme("plugins", "show", "necessity")
    assert "The share of the activity that is lost without a tile" in shown
    assert re.search(r"│ tile +│ integer >= 1 +│ 5000 +│ length of a tile, bp", shown)
    assert re.search(r'│ effect +│ "relative", .*│ "relative" +│ scale of the effect', shown)
    assert "required" in creme("plugins", "show", "seqnn") if _has_seqnn() else True
    for kind in registry.KINDS:
        for name, plugin in registry.plugins(kind).items():
            if plugin.distribution != "creme-toolkit":
                continue
            rows = parameter_rows(plugin.load())
            assert all(all(row) for row in rows), name
            assert first_line(plugin), name
            assert summary(plugin.load()).replace("*", "").startswith(first_line(plugin)[:-1])
    assert "did you mean 'necessity'" in creme("plugins", "show", "necesity", status=2)


def _has_seqnn() -> bool:
    return "seqnn" in registry.plugins("model")


def test_the_tracks_of_a_model(creme):
    shown = creme("models", "tracks", "synthetic")
    assert re.search(r"│ +0 │ synthetic:alpha │ \+ +│ synthetic │ alpha ", shown)
    shown = creme("models", "tracks", "synthetic", "bet.", "--set", "length=24576")
    assert "1 of 2 tracks of synthetic" in shown
    assert "alpha" not in shown
    assert "matches none" in creme("models", "tracks", "synthetic", "gamma", status=2)
    if _has_seqnn():
        said = creme("models", "tracks", "seqnn", status=2)
        assert "'params' is required" in said
        assert "creme plugins show seqnn" in said


def test_the_tracks_of_the_model_of_a_file(creme, experiment):
    shown = creme("models", "tracks", "synthetic", "--from", experiment())
    assert "2 of 2 tracks of synthetic" in shown


def test_what_passes_ends_well(creme):
    shown = creme("plugins", "check", "mask", "--set", "start=10", "--set", "end=20")
    assert "Mask(start=10, end=20)" in shown
    for check in perturbation_checks():
        assert re.search(rf"{check} .*{re.escape(check.about[:30])}", shown)
    assert shown.count("passed") == len(perturbation_checks())
    assert "failed" not in shown


def test_what_fails_is_said_and_ends_badly(creme, monkeypatch):
    def predict(self, onehot):
        return np.zeros((len(onehot), self.n_bins, 2))

    monkeypatch.setattr(SyntheticModel, "predict", predict)
    shown = creme("plugins", "check", "synthetic", "--set", "length=24576", status=1)
    assert "failed: predict returned float64, not float32" in shown
    assert "not checked: the model gives no receptive_field" in shown
    assert re.search(rf"[2-9] of {len(model_checks())} checks failed", shown)


def test_parameters_from_an_experiment_file(creme, experiment):
    file = experiment(
        ('name = "necessity"\n', 'name = "necessity"\nperturbation = { name = "mask" }\n')
    )
    shown = creme("plugins", "check", "synthetic", "--from", file)
    assert "SyntheticModel(length=24576," in shown
    assert "failed" not in shown
    shown = creme("plugins", "check", "necessity", "--from", file, "--set", "replicates=2")
    assert re.search(r"Necessity\(.*tile=1000.*", shown)
    assert "replicates=2" in shown
    shown = creme("plugins", "check", "mask", "--from", file, "--set", "end=30")
    assert "Mask(start=0, end=30)" in shown
    message = creme("plugins", "check", "python", "--from", file, status=2)
    assert "small.toml has no model 'python'" in message
    message = creme("plugins", "check", "distance", "--from", file, status=2)
    assert "has no test 'distance'" in message


def test_a_known_prediction(creme, tmp_path):
    model = SyntheticModel(length=24_576)
    sequence = plant("strong_promoter", [("enhancer", 10_000, 3)], length=model.length)
    expected = model.predict(sequence.onehot()[None])
    arguments = ("plugins", "check", "synthetic", "--set", "length=24576", "--example")
    np.savez(tmp_path / "good.npz", sequence=str(sequence), expected=expected)
    assert "failed" not in creme(*arguments, tmp_path / "good.npz")
    np.savez(tmp_path / "bad.npz", sequence=str(sequence.complemented), expected=expected)
    shown = creme(*arguments, tmp_path / "bad.npz", status=1)
    assert "it expects" in shown
    assert "reverse complement" in shown
    np.savez(tmp_path / "other.npz", expected=expected)
    assert "an .npz is needed with 'sequence'" in creme(
        *arguments, tmp_path / "other.npz", status=2
    )
    assert "is for models" in creme(
        "plugins", "check", "dose", "--example", tmp_path / "good.npz", status=2
    )


def test_some_checks_by_name_and_as_a_document(creme):
    arguments = ("plugins", "check", "synthetic", "--set", "length=24576")
    shown = creme(*arguments, "--check", "grid", "--check", "tracks")
    assert shown.count("passed") == 2
    read = json.loads(creme(*arguments, "--check", "position", "--seconds", "600", "--json"))
    (row,) = read["tables"]["checks"]
    assert (row["check"], row["state"]) == ("position", "not checked")
    assert row["reason"] == "the model gives no receptive_field"
    assert row["seconds"] >= 0
    assert read["values"]["checked"].startswith("SyntheticModel(length=24576")
    message = creme(*arguments, "--check", "postion", status=2)
    assert "no such check (did you mean 'position'?)" in message


def test_a_limit_that_is_over_ends_badly(creme):
    arguments = ("plugins", "check", "mask", "--set", "start=1", "--set", "end=9")
    # A sentence on standard error comes after the document.
    read, _ = json.JSONDecoder().raw_decode(creme(*arguments, "--seconds", "0", "--json", status=1))
    rows = read["tables"]["checks"]
    assert len(rows) == len(perturbation_checks())
    assert {row["state"] for row in rows} == {"out of time"}
    assert rows[0]["reason"] == "the limit of 0 s was over"


def test_mistakes_are_sentences(creme, monkeypatch):
    assert "did you mean 'synthetic'" in creme("plugins", "check", "sinthetic", status=2)
    assert "give KEY=VALUE" in creme("plugins", "check", "mask", "--set", "start", status=2)
    assert "cannot be imported" in creme("plugins", "check", "example_broken", status=2)
    assert "unknown key 'strat'" in creme("plugins", "check", "mask", "--set", "strat=1", status=2)
    assert "give one of model, " in creme("plugins", "check", "mask", "--kind", "models", status=2)
    assert "no test is called 'mask'" in creme(
        "plugins", "check", "mask", "--kind", "test", status=2
    )
    both = registry.plugins
    monkeypatch.setattr(
        registry, "plugins", lambda kind: both("test") if kind == "model" else both(kind)
    )
    assert "'dose' is a model, a test: choose with --kind" in creme(
        "plugins", "check", "dose", status=2
    )


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a=1", 1),
        ("a=0.5", 0.5),
        ("a=true", True),
        ("a=[[1, 2]]", [[1, 2]]),
        ('a={b = "c"}', {"b": "c"}),
        ("a=TGACTCA", "TGACTCA"),
        ("a=file.h5", "file.h5"),
        ('a="1"', "1"),
        ("a=b=c", "b=c"),
        ("a=", ""),
    ],
)
def test_values_on_the_command_line(text, value):
    assert parameters_of([text]) == {"a": value}


class Windowed(SplitModel):
    """A mean over four bases and one on either side, and a weighted sum of it."""

    name: ClassVar[str] = "windowed"
    version: ClassVar[str] = "1"
    reach: int = 1

    @property
    def input_length(self) -> int:
        return 4000

    @property
    def bin_size(self) -> int:
        return 1000

    @property
    def n_bins(self) -> int:
        return 2

    @property
    def tracks(self) -> TrackTable:
        return TrackTable((Track("one"),))

    @property
    def strides(self) -> tuple[int, ...]:
        return (4,)

    @property
    def radius(self) -> int:
        return self.reach

    def identity(self):
        return {}

    def encode(self, onehot):
        padded = np.pad(onehot.astype(float), ((0, 0), (1, 1), (0, 0)))
        mean = padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]
        return (np.tanh(mean.reshape(len(onehot), onehot.shape[1] // 4, 4, 4).mean(axis=2)),)

    def decode(self, features, selection):
        weights = np.random.default_rng(0).normal(size=(1000, 4, 2))
        values = 1 + np.einsum("blc,lcn->bn", features[0], weights) / 30
        return selection.take(values[:, :, None].astype(np.float32))

    def predict(self, onehot):
        if onehot.shape[1:] != (4000, 4):
            raise ModelError("4000 bp are needed")
        return self.decode(self.encode(onehot), Selection((0, 1), (0,)))


def test_a_model_by_windows_is_checked_by_windows():
    checks = plugins_command._checks("model", Windowed())
    assert [str(check) for check in checks] == [*map(str, model_checks()), "windows"]
    assert {o.state for o in outcomes(checks, Windowed)} == {"passed", "not checked"}
    (failed,) = (o for o in outcomes(checks, lambda: Windowed(reach=0)) if o.state == "failed")
    assert str(failed.check) == "windows"
    assert "reaches further than its radius of 0 bp" in failed.reason
