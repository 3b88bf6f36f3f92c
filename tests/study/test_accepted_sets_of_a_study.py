"""A study whose greedy searches test their sets: its tables, its report and its forecast."""

from __future__ import annotations

import numpy as np
import pytest

import creme
import mini_study as mini
from creme.analysis.set_sufficiency import greedy_sets
from creme.study import run_study
from creme.study.forecast.cost import forecast
from creme.study.run import prepare
from creme.study.study import Study

STAGES = ["loci", "context_dependence", "higher_order"]


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("accepted")
    mini.write(folder)
    file = mini.study(
        folder,
        ("rounds = 3\n", 'accept = "tested"\npatience = 2\n'),
        ("[fine_tile]\nwindows = [200, 50]\n", ""),
        ("[multiplicity]\ncopies = 3\n", ""),
        ('name = "mini"\n', f'name = "mini"\nstages = {STAGES}\n'),
    )
    run_study(file, stages=STAGES[:2])
    return file


def test_the_study_is_forecast_run_and_shown(file):
    before = {one.stage: one for one in forecast(*prepare(file))}["higher_order"]
    took = run_study(file).stages["higher_order"]
    assert took["state"] == "finished"
    assert took["asked"] <= before.asked
    results = creme.open_results(next(file.parent.glob("*.study")))
    dataset = results.dataset("higher_order")
    sets = greedy_sets(dataset)
    assert sets, "the planted enhancers should be found"
    table = results.table("interactions")
    together = dataset["alone"].notnull().sum("round").to_series()
    for row in table.itertuples():
        size = together[(row.locus, row.search, row.track)]  # type: ignore[index]
        assert (isinstance(row.interaction, str) and row.interaction != "") == (size > 1)
    page = results.report(file.parent / "report.html").read_text(encoding="utf-8")
    assert "Sets of enhancers" in page
    assert len(list(results.export(file.parent / "export"))) > 0


def test_a_study_searches_as_the_paper_does_unless_it_says_otherwise(file, tmp_path):
    plain = Study.from_file(mini.study(tmp_path))
    assert "accept" not in plain.test("higher_order").identity()
    tested = Study.from_file(file)
    assert tested.test("higher_order").configuration()["patience"] == 2
    assert np.isclose(tested.test("higher_order").configuration()["minimum_effect"], 0.05)
