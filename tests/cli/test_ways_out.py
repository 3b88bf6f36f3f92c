"""An error names the command that mends it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import in_process
import small
from creme import registry
from creme.packages import plugin_install

PLUGINS = Path(__file__).resolve().parents[2] / "plugins"


@pytest.fixture
def creme(monkeypatch, capsys):
    return in_process.caller(monkeypatch, capsys)


def written(folder, genome, *changes):
    text = small.text(genome)
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (folder / "small.toml").write_text(text)
    return folder / "small.toml"


def test_a_missing_genome(genome, tmp_path, creme):
    file = written(tmp_path, genome, (str(genome.fasta), "hg38.fa"))
    shown = creme("run", file, status=2)
    assert f"{tmp_path / 'hg38.fa'} does not exist" in shown
    assert "'creme doctor FILE' says" in shown
    assert "hg38.fa" in creme("doctor", file)


def test_a_plugin_that_is_not_installed(genome, tmp_path, creme, monkeypatch):
    everything = registry.plugins("model")
    monkeypatch.setattr(registry, "plugins", lambda kind: {"synthetic": everything["synthetic"]})
    file = written(tmp_path, genome, ('plugin = "synthetic"', 'plugin = "borzoi"'))
    assert plugin_install("creme-borzoi") in creme("run", file, status=2)
    file = written(tmp_path, genome, ('plugin = "synthetic"', 'plugin = "sinthetic"'))
    shown = creme("run", file, status=2)
    assert "did you mean 'synthetic'" in shown
    assert "'creme plugins'" in shown


def test_the_models_that_are_published_with_the_toolkit():
    import tomllib

    for folder in PLUGINS.iterdir():
        if not folder.name.startswith("creme-"):
            continue
        project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
        for name in project["entry-points"]["creme.models"]:
            assert registry.OUR_MODELS[name] == project["name"]


def test_results_of_other_settings(genome, tmp_path, creme):
    creme("run", written(tmp_path, genome), "-q")
    shown = creme("run", written(tmp_path, genome, ("seed = 7", "seed = 8")), status=2)
    assert "give another directory with --output" in shown


def test_no_matplotlib(genome, tmp_path, creme, monkeypatch):
    creme("run", written(tmp_path, genome), "-q")
    for name in [name for name in sys.modules if name.startswith("creme.report")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    shown = creme("report", tmp_path / "small.results", status=2)
    assert "pip install 'matplotlib>=" in shown


def test_no_store_no_file_no_results(tmp_path, creme):
    assert "a run makes it" in creme("cache", "info", tmp_path / "predictions", status=2)
    assert "creme init" in creme("run", tmp_path / "x.toml", status=2)
    assert "'creme run FILE' make" in creme("status", tmp_path, status=2)
