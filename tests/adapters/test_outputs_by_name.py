"""Heads of a described network find their outputs by the network's own names for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from creme.adapters import DescribedModel, Description, FileModel
from creme.errors import ModelError

GRID: dict[str, Any] = {
    "input_length": 40,
    "bin_size": 4,
    "n_bins": 10,
    "tracks": ["own"],
    "heads": {"counts": {"output": "logcount"}, "profile": {"bin_size": 1, "n_bins": 40}},
}


class Named(DescribedModel):
    """A network that gives its outputs by name."""

    name: ClassVar[str] = "named"
    version: ClassVar[str] = "1"

    grid: Description = Description(**GRID)

    @property
    def described(self) -> Description:
        return self.grid

    def identity(self):
        return {"layouts": self.layouts()}

    def load(self):
        return None

    def forward(self, batch):
        return {
            "logcount": batch[:, :, 1].sum(axis=1),
            "other": batch[:, :, 1].sum(axis=1) + 1,
            "profile": batch[:, :, 2],
            "": batch[:, :, 0].reshape(-1, 10, 4).sum(axis=2),
        }


def onehot(n: int = 2):
    return np.eye(4, dtype=np.float32)[np.random.default_rng(0).integers(0, 4, (n, 40))]


def grid(**counts) -> Description:
    return Description(**{**GRID, "heads": {**GRID["heads"], "counts": counts}})


def test_a_head_has_the_output_that_it_names():
    outputs = Named().predict_heads(onehot())
    assert set(outputs) == {"", "counts", "profile"}
    np.testing.assert_array_equal(outputs["counts"][:, 0, 0], onehot()[:, :, 1].sum(axis=1))
    np.testing.assert_array_equal(outputs["profile"][:, :, 0], onehot()[:, :, 2])
    other = Named(grid=grid(output="other"))
    np.testing.assert_array_equal(
        other.predict_heads(onehot())["counts"], outputs["counts"] + np.float32(1)
    )
    assert other.fingerprint != Named().fingerprint
    with pytest.raises(ModelError, match="returned no output 'counts', and its description"):
        Named(grid=grid()).predict(onehot())


def test_names_that_are_not_given_change_no_identity():
    model = Named(grid=grid())
    assert model.layouts() == {
        "input": "L4",
        "output": "bins,tracks",
        "heads": {"counts": "bins,tracks", "profile": "bins,tracks"},
    }
    assert "output" not in model.grid.configuration()["heads"]["counts"]
    assert Named().grid.configuration()["heads"]["counts"]["output"] == "logcount"


class InFile(FileModel):
    """A network in a file, of which the names of outputs alone are asked for."""

    name: ClassVar[str] = "in-file"
    version: ClassVar[str] = "1"

    def load(self):
        return None

    def forward(self, batch):
        return batch


HEADS = '[heads.counts]\noutput = "logcount"\n[heads.profile]\n'


@pytest.mark.parametrize(
    ("heads", "own", "outputs", "expected"),
    [
        ("", None, ["b", "a"], {"": "b"}),
        ("", "a", ["b", "a"], {"": "a"}),
        (HEADS, None, ["logcount", "main", "profile"], ["main", "logcount", "profile"]),
        (HEADS, "x", ["x", "y", "profile", "logcount"], ["x", "logcount", "profile"]),
        (HEADS, None, ["x", "y", "profile", "logcount"], "say with output which one is of its own"),
        (HEADS, None, ["profile", "logcount"], "say with output which one is of its own"),
        (HEADS, None, ["x", "profile", "counts"], "'logcount', which head 'counts' reads: it has"),
        (HEADS, "z", ["x", "profile", "logcount"], "no output 'z': it has x, profile, logcount"),
    ],
)
def test_the_outputs_of_a_file(tmp_path: Path, heads, own, outputs, expected):
    (tmp_path / "x.net").write_bytes(b"network")
    (tmp_path / "x.toml").write_text("input_length = 40\n" + heads)
    model = InFile(file=tmp_path / "x.net")
    if isinstance(expected, str):
        with pytest.raises(ModelError, match=expected):
            model.outputs_read(own, outputs)
        return
    read = model.outputs_read(own, outputs)
    if isinstance(expected, list):
        expected = {"": expected[0], **{name: name for name in expected[1:]}}
    assert read == expected
