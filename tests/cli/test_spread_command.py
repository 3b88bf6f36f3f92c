"""`[spread]` in an experiment file: whose spread it is, in what is printed and exported."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd

import in_process
from creme.report.page.write import write_report
from creme.runner.experiment import Experiment
from creme.study.view import open_results

ENSEMBLE = (
    "[loci]",
    "[model.ensemble]\nreplicates.decay = [5000.0, 9000.0]\n\n[loci]",
)


def test_members_are_said_to_be_whose_spread_it_is(experiment, tmp_path, monkeypatch, capsys):
    creme = in_process.caller(monkeypatch, capsys)
    file = experiment(ENSEMBLE)
    text = file.read_text()
    creme("run", file)
    plain = open_results(tmp_path / "small.results").table("necessity")
    file.write_text(text + "\n[spread]\nmembers = true\nshift_tss = [-2]\n")
    plan = str(Experiment.from_file(file).plan())
    assert "[spread]: all of it is asked for again by 2 members" in plan
    assert "and with the TSS at 1 more position." in plan
    creme("run", file)
    view = open_results(tmp_path / "small.results")
    dataset = view.dataset("necessity")
    assert len(json.loads(dataset.attrs["members"])) == dataset.sizes["member"] == 2
    apart = dataset["effect_members"].std("member", ddof=1)
    np.testing.assert_allclose(dataset["effect_std_members"], apart, atol=1e-12)
    assert apart.max() > 0
    shown = creme("results", view.path, "--test", "necessity")
    assert "effect_std_members" in shown
    assert "effect_std_positions" in shown
    table = tmp_path / "table.csv"
    creme("results", view.path, "--test", "necessity", "--export", table)
    written = pd.read_csv(table)
    assert len(written) == len(plain)
    assert {"effect_std", "effect_std_members", "effect_std_positions"} <= set(written)
    np.testing.assert_allclose(written["effect"], plain["effect"])
    page = write_report(view.path).read_text()
    assert "between members of the ensemble" in page
    assert "between shuffles" in page
    # Everything is stored by now.
    assert " 0 predicted" in creme("run", file)
    # Another experiment is not taken for it.
    file.write_text(text)
    assert "differs in spread" in creme("run", file, status=2)


def test_a_single_model_has_no_members(experiment, monkeypatch, capsys):
    creme = in_process.caller(monkeypatch, capsys)
    file = experiment()
    file.write_text(file.read_text() + "\n[spread]\nmembers = true\n")
    assert "is no ensemble of several" in creme("run", file, status=2)
    file.write_text(file.read_text().replace("members = true", "shift = [2]"))
    assert "unknown key 'shift' (did you mean 'shift_tss'?)" in creme("run", file, status=2)
