"""Stores of others are read first and never written: ``read_from``."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import xarray as xr

import creme
import in_process
import mini_study
from creme.errors import ConfigError, StoreError
from creme.runner.experiment import Experiment
from creme.runner.run import run_experiment
from creme.runner.shards import Shard, run_shard
from creme.store import Store
from creme.store.seal import seal
from creme.study.run import run_study

NECESSITY = """
[[tests]]
name = "necessity"
tile = 1000
replicates = 3
"""


def files(path: Path) -> dict[Path, tuple[int, bytes]]:
    """All files of a store: when they were changed, and their bytes."""
    inside = [file for file in path.rglob("*") if file.is_file()]
    return {file: (file.stat().st_mtime_ns, file.read_bytes()) for file in inside}


def as_version_2(path: Path) -> None:
    """The index as version 2 made it: without tags, packed chunks and dates."""
    with closing(sqlite3.connect(path / "index.sqlite")) as db, db:
        assert db.execute("SELECT count(*) FROM packed").fetchone() == (0,)
        db.execute("DROP TABLE packed")
        db.execute("ALTER TABLE predictions DROP COLUMN tag")
        for column in ("written", "retired", "origin"):
            db.execute(f"ALTER TABLE chunks DROP COLUMN {column}")
        db.execute("UPDATE meta SET value = '2' WHERE key = 'schema_version'")


@pytest.fixture
def lab(experiment, tmp_path):
    """A lab's store, sealed, with what one of the two tests asks for; and its results."""
    file = experiment((NECESSITY, ""), ('name = "small"', 'name = "lab"\nstore = "lab"'))
    report, results = run_experiment(Experiment.from_file(file))
    return tmp_path / "lab", report.progress.predicted, results


def mine(experiment, *more: str) -> Experiment:
    keys = "\n".join(['name = "small"', 'read_from = ["lab"]', *more])
    return Experiment.from_file(experiment(('name = "small"', keys), name="mine.toml"))


@pytest.mark.parametrize("version", [2, 3])
def test_a_sealed_store_of_others_answers_first(
    experiment, lab, tmp_path, version, monkeypatch, capsys
):
    path, predictions, of_lab = lab
    if version == 2:
        as_version_2(path)
    seal(path)
    before = files(path)
    for entry in [path, *path.rglob("*")]:
        entry.chmod(0o500 if entry.is_dir() else 0o400)
    experiment_ = mine(experiment)
    planned = experiment_.plan()
    assert planned.stored == predictions
    assert not (tmp_path / "predictions").exists()

    report, results = run_experiment(experiment_)
    counts = report.progress
    assert counts.predicted == planned.to_predict > 0
    # A control that both tests need may be asked for twice.
    assert counts.of_others >= predictions
    assert counts.stored == counts.of_others
    assert results.state()["counts"]["of_others"] == counts.of_others
    assert report.predicted_again > 0, "the model is held against what others have stored"
    context = results.load("context_dependence")
    assert results.labels() == ["context_dependence", "necessity"]
    expected = of_lab.load("context_dependence")
    xr.testing.assert_equal(context, expected)
    (source,) = json.loads(context.attrs["predictions_from"])
    assert source["store"] == str(path)
    assert "may have been made on another machine" in context.attrs["predictions_note"]

    with Store(tmp_path / "predictions") as store:
        assert store.count() == counts.predicted, "what others have is not copied"
    call = in_process.caller(monkeypatch, capsys)
    printed = call("run", tmp_path / "mine.toml", "--output", tmp_path / "again")
    assert f"{counts.of_others} of them from stores of others" in " ".join(printed.split())
    assert files(path) == before


def test_a_run_without_a_store_of_its_own(experiment, lab, tmp_path):
    path, predictions, of_lab = lab
    seal(path)
    plan = mine(experiment)
    loci = plan.loci.load(24576, None, tmp_path)
    model = creme.load_model("synthetic", length=24576)
    test: dict[str, Any] = {"tile": 1000, "replicates": 3}
    measured = creme.measure(
        "context_dependence", model, loci, bins="tss", seed=7, read_from=[path], **test
    )
    xr.testing.assert_equal(measured, of_lab.load("context_dependence"))
    (source,) = json.loads(measured.attrs["predictions_from"])
    assert source["predictions"] == predictions
    with Store(tmp_path / "own") as own, pytest.raises(ConfigError, match="not an object"):
        creme.measure("context_dependence", model, loci, store=own, read_from=[path], **test)


def test_what_cannot_be_read_alone_is_refused_before_anything_is_made(experiment, lab, tmp_path):
    path, _, _ = lab
    with pytest.raises(StoreError, match=r"read_from: .*is not sealed: 'creme cache seal"):
        run_experiment(mine(experiment))
    assert not (tmp_path / "predictions").exists()
    with pytest.raises(StoreError, match="is not sealed"):
        mine(experiment).plan()
    seal(path)
    with pytest.raises(StoreError, match="is the store that is written to"):
        run_experiment(mine(experiment, 'store = "lab"'))
    mine(experiment)
    text = (tmp_path / "mine.toml").read_text()
    for changed, message in [
        ('["nothing"]', "there is no store"),
        ('["lab", "./lab"]', "is there twice"),
        ('[{ store = "lab", indx = "x" }]', "indx"),
    ]:
        (tmp_path / "mine.toml").write_text(text.replace('["lab"]', changed))
        with pytest.raises((StoreError, ConfigError), match=message):
            run_experiment(Experiment.from_file(tmp_path / "mine.toml"))


def test_shards_read_a_sealed_store_that_they_are_to_be_merged_into(experiment, tmp_path):
    first = Experiment.from_file(experiment((NECESSITY, "")))
    run_experiment(first)
    file = experiment(name="both.toml")
    open_, _ = run_shard(Experiment.from_file(file), Shard(1, 3))
    assert open_.progress.of_others == 0
    seal(tmp_path / "predictions")
    sealed, store = run_shard(Experiment.from_file(file), Shard(2, 3))
    assert sealed.progress.of_others > 0
    assert sealed.progress.predicted < open_.progress.predicted
    with Store(store) as opened:
        assert opened.count() == sealed.progress.predicted


def test_a_study_reads_the_stores_of_others(tmp_path):
    stages = ("[common]", '[stages]\nrun = ["loci", "context_dependence"]\n\n[common]')
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        mini_study.write(tmp_path / folder)
    first = run_study(mini_study.study(tmp_path / "a", stages))
    seal(tmp_path / "a" / "predictions")
    file = mini_study.study(
        tmp_path / "b", stages, ("seed = 7", 'seed = 7\nread_from = ["../a/predictions"]')
    )
    second = run_study(file)
    for name, entry in second.stages.items():
        assert entry["predicted"] == 0, name
        before = first.stages[name]
        answered = before["predicted"] + before["stored"] + before["repeated"]
        assert entry["of_others"] == entry["stored"] == answered > 0, name
