"""What --plan says is what a run then asks for and predicts."""

from __future__ import annotations

import subprocess

import pytest

import mini_study as mini
from command import CREME
from creme.errors import ConfigError
from creme.study import run_study
from creme.study.config import STAGES
from creme.study.forecast import cost as planning
from creme.study.forecast.cost import forecast
from creme.study.forecast.speed import seconds_per_prediction
from creme.study.run import prepare

ADAPTIVE = {"higher_order", "multiplicity", "fine_tile"}


def test_each_stage_takes_what_the_plan_said(tmp_path):
    mini.write(tmp_path)
    file = mini.study(tmp_path)
    for stage in STAGES:
        before = {one.stage: one for one in forecast(*prepare(file))}[stage]
        assert not (stage == "loci" and (tmp_path / "predictions").exists())
        took = run_study(file, stages=[stage]).stages[stage]
        assert before.units == took["units"]
        assert not before.assumed
        if stage in ADAPTIVE - {"fine_tile"}:
            assert before.kind == "bound"
            assert took["asked"] <= before.asked
            assert took["predicted"] <= before.needed
        elif stage == "fine_tile":
            assert before.kind == "estimate"
            assert 0.3 < took["predicted"] / before.needed < 3
        else:
            assert before.kind == "exact"
            assert took["asked"] == before.asked
            assert took["predicted"] == before.needed
        if stage == "multiplicity":  # one track and one direction: the bound is what happens
            assert took["asked"] == before.asked
    after = forecast(*prepare(file))
    assert [one.needed for one in after] == [0] * len(STAGES)


def test_what_the_store_has_is_not_needed_again(tmp_path):
    mini.write(tmp_path)
    file = mini.study(tmp_path)
    run_study(file, stages=["loci", "context_dependence", "necessity"])
    ready, _ = prepare(file)
    from creme.study.folder import Folder

    anew = {one.stage: one for one in forecast(ready, Folder(tmp_path / "another"), 6)}
    assert anew["loci"].needed == 0
    assert anew["loci"].stored == 6
    assert anew["context_dependence"].assumed
    assert anew["context_dependence"].units == 6


def test_assumptions_are_said(tmp_path):
    mini.write(tmp_path)
    ready, folder = prepare(mini.study(tmp_path))
    found = {one.stage: one for one in forecast(ready, folder, 4527)}
    assert found["necessity"].units == 152 + 40 + 11
    assert found["context_swap"].units == 203**2
    # Of each pair the mutant and its controls, but for a TSS in its own context.
    assert found["context_swap"].needed == 203 * 202 * (1 + 2)
    assert found["necessity"].asked == 203 * (1 + 10 * 2)
    assert found["sufficiency"].needed == 203 * 10 * 2
    assert found["distance"].units == 59 + 26
    assert any("4,527 in the paper" in note for note in found["necessity"].notes)
    assert any("as given" in note for note in found["context_dependence"].notes)


def test_large_stages_are_judged_by_a_part(tmp_path, monkeypatch):
    mini.write(tmp_path)
    file = mini.study(tmp_path)
    run_study(file, stages=["loci", "context_dependence"])
    whole = {one.stage: one for one in forecast(*prepare(file))}
    monkeypatch.setattr(planning, "LOOKED_AT", 60)
    part = {one.stage: one for one in forecast(*prepare(file))}
    for stage in ("context_swap", "necessity", "sufficiency"):
        assert part[stage].kind == "estimate"
        assert part[stage].asked == whole[stage].asked
        assert part[stage].needed == pytest.approx(whole[stage].needed, rel=0.25)


def test_the_command_prints_times_and_costs_and_runs_nothing(tmp_path):
    mini.write(tmp_path)
    file = mini.study(tmp_path)
    command = [*CREME, "study", str(file), "--plan", "--price-per-hour", "3"]
    command += ["--seconds-per-prediction", "3600", "--assume-loci", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "18.00" in done.stdout  # six TSSs, an hour and 3 each
    assert "6.0 h" in done.stdout
    assert "assumed: 1 selected loci, as given" in done.stdout
    assert not (tmp_path / "mini.study").exists()
    assert not (tmp_path / "predictions").exists()
    assert 0 < seconds_per_prediction(prepare(file)[0]) < 1


def test_a_batch_size_that_is_found_by_trying(tmp_path):
    mini.write(tmp_path, genes=2)
    file = mini.study(tmp_path, ("[model]", 'batch_size = "auto"\n\n[model]'))
    ready, _ = prepare(file)
    assert seconds_per_prediction(ready) > 0
    done = run_study(file, stages=["loci", "context_dependence"])
    assert done.stages["context_dependence"]["predicted"] == 2 * 2
    with pytest.raises(ConfigError, match="batch_size"):
        prepare(mini.study(tmp_path, ("[model]", "batch_size = 0\n\n[model]"), name="zero.toml"))


@pytest.mark.parametrize("unread", [0, 2])
def test_a_window_that_cannot_be_read_is_no_part_of_the_plan(unread, tmp_path):
    gene = mini.write(tmp_path, genes=3)[unread]
    lines = (tmp_path / "genome.fa").read_text().split("\n")
    at = gene.position // 60 + 1
    lines[at] = "?" + lines[at][1:]
    (tmp_path / "genome.fa").write_text("\n".join(lines))
    file = mini.study(tmp_path)
    ready, folder = prepare(file)
    planned = forecast(ready, folder)[0]
    assert seconds_per_prediction(ready) > 0
    took = run_study(file, stages=["loci"]).stages["loci"]
    assert (planned.units, planned.asked, planned.needed) == (3, took["asked"], took["predicted"])
    again = forecast(*prepare(file))[0]
    assert (again.units, again.asked, again.needed) == (3, took["asked"], 0)
    assert again.notes[-1] == "1 unit that failed will be tried again"
