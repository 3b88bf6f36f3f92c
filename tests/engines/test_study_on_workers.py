"""A study whose stages share the workers, and its forecast with them."""

from __future__ import annotations

import pytest

import mini_study as mini
from creme.engines.cluster import opened
from creme.runner.shards import Shard
from creme.study.run import run_study
from creme.study.shards import run_study_shard
from in_process import caller

pytest.importorskip("distributed")


def test_tables_are_those_of_one_process(tmp_path, monkeypatch, capsys):
    folders = [tmp_path / name for name in ("here", "workers")]
    for folder in folders:
        folder.mkdir()
        mini.write(folder)
    files = [mini.study(folder) for folder in folders]
    with opened(1) as cluster:
        assert cluster is not None
        results = [run_study(files[0]), run_study(files[1], cluster=cluster.client)]
        # A part of a stage again, into a store of its own.
        part, store = run_study_shard(files[1], "necessity", Shard(1, 1), cluster=cluster.client)
    assert sum(part.workers.values()) == part.progress.predicted > 0
    assert store.name == "predictions.shard-1-of-1"
    assert all(not one.interrupted for one in results)
    expected, tables = (mini.tables(one.path) for one in results)
    assert expected == tables != {}

    creme = caller(monkeypatch, capsys)
    given = ("--plan", "--seconds-per-prediction", 36000, "--output", tmp_path / "new.study")
    one = creme("study", files[0], *given).splitlines()
    four = creme("study", files[0], *given, "--workers", 4).splitlines()
    assert "4 workers, each as fast" in four[0]
    days, quarter = (
        float(next(line for line in lines if " all " in line).split()[-3]) for lines in (one, four)
    )
    assert days == pytest.approx(4 * quarter, rel=0.05)
