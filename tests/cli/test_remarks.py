"""What a run says of its values, in terminals and in the results."""

from __future__ import annotations

import json

import pytest

import in_process
import mini_study as mini

LEAST = "minimum_activity = 1e6"  # more than any locus has
SAID = "the activity of the wild type is below minimum_activity = 1e+06"


@pytest.fixture
def command(monkeypatch, capsys):
    return in_process.caller(monkeypatch, capsys)


def test_a_run_says_at_its_end_what_its_reader_has_to_know(experiment, command):
    file = experiment(('"necessity"', f'"necessity"\n{LEAST}'))
    printed = command("run", file)
    assert "Note: necessity, " in printed
    assert "Note: context_dependence, " not in printed
    assert SAID in printed
    shown = command("results", file.with_suffix(".results"))
    assert shown.count(SAID) == 1
    assert "effect = 'difference'" in shown


def test_a_usual_run_says_nothing(experiment, command):
    file = experiment()
    assert "Note:" not in command("run", file)
    assert SAID not in command("results", file.with_suffix(".results"))


def test_a_study_says_it_by_stage(tmp_path, command):
    mini.write(tmp_path, genes=3)
    file = mini.study(
        tmp_path, ("[higher_order]", f"[context_dependence]\n{LEAST}\n\n[higher_order]")
    )
    stages = ["--stage", "loci", "--stage", "context_dependence"]
    printed = command("study", file, *stages)
    assert "Note: context_dependence, " in printed
    assert SAID in printed
    state = json.loads((tmp_path / "mini.study" / "study.json").read_text())
    remarks = state["stages"]["context_dependence"]["remarks"]
    assert sum(SAID in remark for remark in remarks) == 1
    assert SAID in command("study", file, *stages)
    assert SAID in command("results", tmp_path / "mini.study")
