"""A study's stages in parts: each part reads the folder and writes its own store alone."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import in_process
import mini_study
from creme.study.run import run_study

STAGES = ("loci", "context_dependence", "necessity", "sufficiency", "higher_order")


@pytest.fixture
def creme(monkeypatch, capsys):
    return in_process.caller(monkeypatch, capsys)


def _study(folder: Path) -> Path:
    folder.mkdir()
    mini_study.write(folder)
    stages = f"[stages]\nrun = {list(STAGES)}\n"
    return mini_study.study(folder, ("[common]", f"{stages}\n[common]"))


def _content(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_stages_in_parts_are_the_study_of_one_process(tmp_path, creme):
    expected = run_study(_study(tmp_path / "alone"))
    file = _study(tmp_path / "parts")
    folder, store = file.parent / "mini.study", file.parent / "predictions"
    printed = creme("study", file, "--stage", "necessity", "--shard", "1/2", status=2)
    assert "needs loci and context_dependence first" in printed
    assert "with one --stage" in creme("study", file, "--shard", "1/2", status=2)
    text = file.read_text()
    file.write_text(f"{text}\n[cluster]\nworkers = 1\noptions = {{ memory_limits = 1 }}\n")
    printed = creme("study", file, "--stage", "loci", "--shard", "1/2", status=2)
    assert "'memory_limits' is no option of distributed.LocalCluster" in " ".join(printed.split())
    file.write_text(text)
    for stage in STAGES:
        before = _content(folder)
        for number in (1, 2):
            creme("study", file, "--stage", stage, "--shard", f"{number}/2")
        assert _content(folder) == before
        assert folder.exists() == (stage != "loci")
        shards = sorted(file.parent.glob("predictions.shard-*"))
        assert len(shards) == 2
        creme("cache", "merge", *shards, "--into", store)
        assert " 0 predicted" in creme("study", file, "--stage", stage)
    study = run_study(file)
    assert list(study.stages) == list(STAGES)
    for name in study.tables:
        pd.testing.assert_frame_equal(study.table(name), expected.table(name))
    assert len(study.tables) > 5
