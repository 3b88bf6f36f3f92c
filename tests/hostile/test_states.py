"""Folders of results whose files were damaged, or changed by hand."""

from __future__ import annotations

import random
import shutil

import pytest
from typer.testing import CliRunner

import mini_study as mini
from creme.cli.app import app
from creme.study import run_study
from creme.study.view import open_results
from mutations import CASES, mutated, mutated_json, survives

pytestmark = pytest.mark.filterwarnings("ignore")


def look(path):
    """Everything that is shown of a folder without opening Datasets."""
    view = open_results(path)
    _ = (view.name, view.state, view.tests, view.stages, view.failures, view.configuration)
    _ = (view.progress, view.tables, view.limits, view.further)


def changes(content, name):
    rng = random.Random(name)
    text = content.decode()
    return [mutated_json(text, rng) for _ in range(CASES)] + [
        mutated(content, rng) for _ in range(CASES // 3)
    ]


def run_twice(path, file, content):
    """A function that puts a case in place of a file and looks at the folder."""

    def read(case):
        file.write_bytes(case)
        look(path)

    return read


def test_results_directories(tmp_path):
    mini.write(tmp_path, genes=3)
    folder = run_study(mini.study(tmp_path), stages=["loci", "context_dependence"]).path
    path = folder / "stages" / "context_dependence"
    file = path / "run.json"
    content = file.read_bytes()
    survives(run_twice(path, file, content), changes(content, "run.json"))


def test_studies(tmp_path):
    mini.write(tmp_path, genes=3)
    folder = run_study(mini.study(tmp_path), stages=["loci"]).path
    file = folder / "study.json"
    content = file.read_bytes()
    survives(run_twice(folder, file, content), changes(content, "study.json"))


@pytest.mark.parametrize("command", ["status", "results"])
@pytest.mark.parametrize("content", [b"[]", b"{}", b"\xff", b"[" * 5000, b'{"state": 3}'])
def test_commands_say_that_a_state_was_changed(tmp_path, command, content):
    path = tmp_path / "x.results"
    path.mkdir()
    (path / "run.json").write_bytes(content)
    result = CliRunner().invoke(app, [command, str(path)])
    assert "run.json" in str(result.exception)
    assert result.exception.__class__.__name__ == "ResultsError"
    shutil.rmtree(path)
