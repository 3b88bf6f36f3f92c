"""What tells a model's numbers from another's: by default its settings, and files by content."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import Field

from creme.adapters.loaded import LoadedModel
from creme.adapters.split import SplitModel
from creme.errors import ModelError
from creme.files.digests import digest
from creme.fingerprint import by_digest
from creme.model import Model, NotInFingerprint, Track, TrackTable
from creme.models.ensemble import ensemble
from creme.models.python_file import PythonModel
from creme.models.synthetic import SyntheticModel
from creme.parameters import Parameters
from creme.testing.tests import RandomModel


class Grid(Model):
    """A grid, and no identity of its own."""

    name = "mine"
    version = "1"

    @property
    def input_length(self) -> int:
        return 640

    @property
    def bin_size(self) -> int:
        return 640

    @property
    def n_bins(self) -> int:
        return 1

    @property
    def tracks(self) -> TrackTable:
        return TrackTable((Track("one"),))

    def predict(self, onehot):
        return np.zeros((len(onehot), 1, 1), np.float32)


class Head(Enum):
    HUMAN = "human"
    MOUSE = "mouse"


@dataclass(frozen=True)
class Piece:
    file: Path
    size: int = 1


class Part(Parameters):
    """A table of settings."""

    file: Path | None = None
    power: float = 1.0
    threads: NotInFingerprint[int] = 1


class LongerPart(Part):
    more: int = 0


class Mine(Grid):
    weights: Path | None = None
    either: Path | str = "a name"
    files: list[Path] = []
    named: dict[str, Path | list[Path]] = {}
    part: Part = Part()
    head: Head = Head.HUMAN
    names: frozenset[str] = frozenset()
    piece: Any = None
    hidden: int = Field(0, exclude=True)
    scale: float = 1.0
    rows: NotInFingerprint[int] = Field(8, ge=1, description="sequences predicted at once")
    cache: NotInFingerprint[Path | None] = None


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "weights.txt"
    path.write_text("1")
    return path


def test_the_default_is_all_settings():
    assert Mine().identity() == {
        "weights": None,
        "either": "a name",
        "files": [],
        "named": {},
        "part": {"file": None, "power": 1.0},
        "head": "human",
        "names": [],
        "piece": None,
        "hidden": 0,
        "scale": 1.0,
    }
    assert Grid().identity() == {}


def test_each_setting_changes_the_fingerprint(file):
    models = [
        Mine(),
        Mine(weights=file),
        Mine(either="another name"),
        Mine(either=file),
        Mine(files=[file]),
        Mine(files=[file, file]),
        Mine(named={"a": file}),
        Mine(named={"b": file}),
        Mine(named={"a": [file]}),
        Mine(part=Part(file=file)),
        Mine(part=Part(power=2)),
        Mine(part=LongerPart()),
        Mine(part=LongerPart(more=1)),
        Mine(head=Head.MOUSE),
        Mine(names={"x"}),
        Mine(piece=Piece(file)),
        Mine(piece=Piece(file, 2)),
        Mine(hidden=1),
        Mine(scale=2),
    ]
    assert len({model.fingerprint for model in models}) == len(models)
    for model in models:
        assert str(file.parent) not in json.dumps(model.identity())
        assert json.loads(json.dumps(model.identity())) == model.identity()


def test_what_is_declared_to_change_nothing_is_left_out(tmp_path):
    plain = Mine().fingerprint
    assert Mine(rows=2).fingerprint == plain
    # What is not there is not read.
    assert Mine(cache=tmp_path / "absent").fingerprint == plain
    assert Mine(part=Part(threads=4)).fingerprint == plain


@pytest.mark.parametrize(
    "settings",
    [
        lambda path: {"weights": path},
        lambda path: {"either": path},
        lambda path: {"either": str(path)},
        lambda path: {"files": [path]},
        lambda path: {"named": {"a": [path]}},
        lambda path: {"part": Part(file=path)},
        lambda path: {"piece": Piece(path)},
    ],
)
def test_a_file_is_its_content_wherever_it_is(settings, file, tmp_path):
    before = Mine(**settings(file)).fingerprint
    moved = tmp_path / "moved.txt"
    moved.write_text("1")
    assert Mine(**settings(moved)).fingerprint == before
    moved.write_text("2")
    assert Mine(**settings(moved)).fingerprint != before


def test_a_folder_is_all_of_its_files(tmp_path):
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "a").write_text("1")
    before = Mine(weights=tmp_path / "net").fingerprint
    (tmp_path / "net" / "b").write_text("2")
    assert Mine(weights=tmp_path / "net").fingerprint != before


def test_a_file_that_has_changed_is_noticed(file):
    model = Mine(weights=file)
    _ = model.fingerprint
    model.check_unchanged()
    file.write_text("2")
    with pytest.raises(ModelError, match="its weights have been changed since it was set up"):
        model.check_unchanged()


def test_a_file_that_is_not_there_is_said(tmp_path):
    with pytest.raises(ModelError, match=r"absent.* cannot be read"):
        _ = Mine(weights=tmp_path / "absent").fingerprint


def test_what_has_no_form_in_json_is_said():
    with pytest.raises(ModelError, match=r"model mine: the setting 'piece' has no form in JSON .*"
                       r"define identity\(\)"):  # fmt: skip
        _ = Mine(piece=object()).fingerprint


def test_a_model_in_a_setting_is_its_fingerprint(file):
    one = Mine(weights=file)
    assert by_digest([one]) == [one.fingerprint]


def test_sets_are_the_same_in_every_process():
    code = (
        "import json\nfrom creme.fingerprint import by_digest\n"
        "print(json.dumps(by_digest({str(k) for k in range(50)})))"
    )
    orders = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(orders) == 1


def test_devices_are_left_out_and_windows_are_not():
    class Loaded(Grid, LoadedModel):
        def load(self):
            return None

    assert Loaded(device="cpu").fingerprint == Loaded(device="auto").fingerprint
    assert "device" not in Loaded().identity()

    class Split(Grid, SplitModel):
        @property
        def strides(self):
            return (1,)

        @property
        def radius(self):
            return 0

        def encode(self, onehot):
            return (onehot,)

        def decode(self, features, selection):
            return selection.take(features[0])

    assert Split(exact="full").fingerprint != Split(exact="windowed").fingerprint
    assert Split(exact="full").identity() == Split(exact="windowed").identity() == {}


def test_fingerprints_of_models_with_an_identity_of_their_own_stay(tmp_path):
    """Predictions are kept under them."""
    (tmp_path / "fp_model.py").write_text("def build():\n    return None\n")
    grid = {"input_length": 640, "bin_size": 80, "n_bins": 4, "tracks": ["a", {"name": "b"}]}
    golden = [
        (
            SyntheticModel(),
            "78281aae0030ce8f78e7ab6fe6c9d22dc5003de19f0475295295bb320a4cf607",
        ),
        (
            SyntheticModel(length=24_576, decay=1e4),
            "6ddad5e777cadeac4f434dc6076ccaf7d25d6e7f18c0240d2f75ac91181d3d67",
        ),
        (
            PythonModel(object=tmp_path / "fp_model.py:build", grid=grid),
            "2d1faa21fdc89cbcc3695085bac77a2c635861e28e1a815e9da9b0e864889beb",
        ),
        (
            ensemble([SyntheticModel(), SyntheticModel(decay=1e4)], shifts=[0, 1]),
            "e9e9b633d0f465259e17c14e69b32c11c162ca340e33ed84bd1be8f1761b5d50",
        ),
        (
            RandomModel(length=2048),
            "07763ade94ec115a178a4a7fbdb33c726e80885688d364268ea6b7b4e28f6fdd",
        ),
    ]
    for model, fingerprint in golden:
        assert model.fingerprint == fingerprint


def test_a_digest_is_that_of_the_file(file):
    assert by_digest({"a": (file,)}) == {"a": [digest(file)]}
