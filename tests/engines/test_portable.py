"""Models that travel to processes with another current folder."""

from __future__ import annotations

from pathlib import Path

import creme
from creme.engines.portable import portable
from toy import MODEL

CODE = """
def build(weights):
    return lambda onehot: onehot[:, :, 1].reshape(len(onehot), 6, 400).sum(2)[:, :, None]
"""


def test_files_are_named_by_absolute_paths(tmp_path, monkeypatch):
    (tmp_path / "model.py").write_text(CODE)
    (tmp_path / "weights").touch()
    monkeypatch.chdir(tmp_path)
    tracks = [{"name": "output", "strand": "."}]
    grid = {"input_length": 2400, "bin_size": 400, "n_bins": 6, "tracks": tracks}
    given = {"object": "model.py:build", "files": {"weights": "weights"}, "grid": grid}
    for ensemble in (None, {"reverse_complement": True}):
        model = creme.load_model("python", ensemble=ensemble, **given)
        carried = portable(model)
        assert carried.fingerprint == model.fingerprint
        text = str(carried.configuration())
        for name in ("model.py:build", "weights"):
            assert str(Path.cwd() / name) in text
        assert str(tmp_path) not in str(model.configuration())


def test_a_model_without_files_is_itself():
    assert portable(MODEL) is MODEL
