"""`--json`, `--quiet`, `--verbose` and the exit status."""

from __future__ import annotations

import json

import numpy as np
import pytest

import in_process
import mini_study as mini
import small
from creme.cli.choices import key_of, plain
from creme.study import run_study


@pytest.fixture
def creme(monkeypatch, capsys):
    return in_process.streams_of(monkeypatch, capsys)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    mini.write(folder, genes=3)
    run_study(mini.study(folder), stages=["loci", "context_dependence", "necessity"])
    return folder / "mini.study"


def commands(study):
    store, results = study.parent / "predictions", study / "stages" / "necessity"
    return [
        (("status", study), "stages"),
        (("status", results), "status"),
        (("results", results), "necessity"),
        (("study", study, "--status"), "selection"),
        (("study", study, "--plan", "--seconds-per-prediction", "1"), "plan"),
        (("compare", results, results, "--resamples", "10"), "effects"),
        (("cache", "info", store), "sources"),
        (("cache", "prune", store, "--model", "synthetic"), "chosen"),
        (("plugins",), "plugins"),
        (("plugins", "show", "necessity"), "parameters"),
        (("plugins", "check", "mask", "--set", "start=1", "--set", "end=9"), "checks"),
        (("models", "tracks", "synthetic"), "tracks"),
        (("validate", "-h"), None),
    ]


def test_one_document_and_nothing_else(study, creme):
    for command, table in commands(study):
        out, _ = creme(*command, *(["--json"] if table else []))
        if table is None:
            continue
        read = json.loads(out)
        assert set(read) == {"creme", "command", "status", "values", "tables"}, command
        assert read["command"].split() == ["creme", *command[: len(read["command"].split()) - 1]]
        assert read["status"] == 0
        rows = read["tables"][table]
        assert rows
        for name, rows in read["tables"].items():
            keys = [set(row) for row in rows]
            assert all(each == keys[0] for each in keys), name
            assert all(key == key_of(key) for key in keys[0]) or name.startswith("necessity,")


def test_numbers_are_not_rounded_and_places_are_there(study, creme):
    results = study / "stages" / "necessity"
    out, _ = creme("results", results, "--json", "--top", 3)
    first = json.loads(out)["tables"]["necessity"][0]
    assert {"locus", "interval", "distance", "track", "wild_type", "effect", "q"} <= set(first)
    assert round(first["effect"], 3) != first["effect"]


def test_messages_go_to_standard_error(genome, tmp_path, creme):
    file = tmp_path / "small.toml"
    file.write_text(small.text(genome))
    out, messages = creme("run", file, "--json")
    assert json.loads(out)["values"]["results"] == str(tmp_path / "small.results")
    assert "sequences asked for" in messages
    out, messages = creme("run", file, "--json", "--quiet")
    assert json.loads(out)["values"]["predicted"] == 0
    assert messages == ""
    out, messages = creme("run", file, "-v")
    assert "fingerprint" in messages


def test_an_error_is_in_the_document(tmp_path, creme):
    out, messages = creme("run", tmp_path / "no.toml", "--json", status=2)
    read = json.loads(out)
    assert read["status"] == 2
    assert "creme init" in read["error"]
    assert read["error"] in messages
    out, messages = creme("run", "--json", "--nonsense", status=2)
    assert out == ""
    assert "nonsense" in messages


def test_quiet_leaves_out_notes_and_no_error(study, creme):
    _, messages = creme("study", study, "--stage", "loci", "-q")
    assert messages == ""
    _, messages = creme("study", study, "--stage", "nothing", "-q", status=2)
    assert "'nothing' is no stage" in messages


def test_debug_shows_the_traceback(tmp_path, monkeypatch):
    from creme.cli import main
    from creme.errors import CremeError

    monkeypatch.setattr("sys.argv", ["creme", "run", str(tmp_path / "no.toml"), "--debug"])
    with pytest.raises(CremeError):
        main()


def test_values_as_json_has_them():
    values = {"a": np.float32(0.5), "b": float("nan"), "c": np.array([1, 2]), 3: None, "d": True}
    assert plain(values) == {"a": 0.5, "b": None, "c": [1, 2], "3": None, "d": True}
    assert plain(np.float64("inf")) is None
    assert [key_of(name) for name in ("to predict", "A \\ B", "tile_start", "")] == [
        *("to_predict", "a_b", "tile_start", "name")
    ]
