"""A study with a panel and with the TSS moved: classes, tables, the page."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from read_page import Page

import in_process
import mini_study as mini
from creme.analysis.panel import Panel
from creme.errors import ConfigError
from creme.report.page.write import write_report
from creme.study import run_study
from creme.study.config import StudyFile
from creme.study.prepared import PreparedStudy

STAGES = ["loci", "context_dependence", "necessity", "sufficiency"]


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A finished study, and its own effects as a panel."""
    folder = tmp_path_factory.mktemp("calibrated")
    mini.write(folder)
    study = run_study(mini.study(folder), stages=STAGES)
    return folder, study


def test_a_panel_decides_with_the_thresholds(plain, monkeypatch, capsys):
    folder, before = plain
    creme = in_process.caller(monkeypatch, capsys)
    creme("calibrate", before.path, "--to", folder / "panel.json")
    panel = Panel.from_file(folder / "panel.json")
    assert {one.test for one in panel.tests} == {"context_dependence", "necessity", "sufficiency"}
    classes = before.table("cre_classes")
    table = before.table("sufficiency")
    assert {"effect_percentile"} <= set(table)
    assert "effect_panel_p" not in table
    # Between the p of the strongest CREs and those of the others.
    null = panel.tests[-1].distributions
    (values,) = null.values()
    p = values.p(classes["effect"])
    limit = float(np.median(p)) + 1e-9
    text = f'[classes]\np_below = {limit}\n\n[calibration]\npanel = "panel.json"\n\n[common]'
    file = mini.study(folder, ("[common]", text), ('"mini"', '"compared"'))
    after = run_study(file, stages=STAGES)
    # Nothing more is predicted.
    assert all(not stage["predicted"] for stage in after.stages.values() if "predicted" in stage)
    table = after.table("sufficiency")
    np.testing.assert_allclose(table["effect_panel_p"], values.p(table["effect"]))
    floor = panel.floor(after.track)
    kept = classes[(p < limit) & (_activity(classes, table) >= floor)]
    assert 0 < len(kept) < len(classes)
    columns = ["locus", "tile_start", "cre_class"]
    pd.testing.assert_frame_equal(
        after.table("cre_classes")[columns], kept[columns].reset_index(drop=True)
    )
    page = Page(write_report(after.path, folder / "report.html"))
    shown = [name for locus in page.loci() for name in locus["tracks"][0]["classes"] if name]
    assert sorted(shown) == sorted(kept["cre_class"])
    measured = page.loci()[0]["tracks"][0]["sufficiency"]
    assert len(measured["percentile"]) == len(measured["panel_p"]) == len(measured["mean"])
    words = (folder / "report.html").read_text()
    assert "How large effects are" in words
    assert "Sufficiency: panel" in words
    assert "rank p among the" in words
    export = folder / "export"
    after.export(export, ["tracks"])
    bed = next(export.rglob("cre_classes*.bed")).read_text().splitlines()
    assert sum(not line.startswith("track") for line in bed) == len(kept)


def _activity(classes, table):
    by_locus = table.drop_duplicates("locus").set_index("locus")["wild_type"]
    return classes["locus"].map(by_locus).to_numpy()


def test_impossible_panels_are_refused_before_anything_runs(plain):
    folder, before = plain
    with pytest.raises(ConfigError, match=r"p_below = 0.1 needs \[calibration\] panel"):
        prepared(folder, "[classes]\np_below = 0.1\n")
    before_path = before.path / "stages" / "sufficiency" / "calibration.json"
    named = f'[calibration]\npanel = "{before_path}"\n'
    with pytest.raises(ConfigError, match=r"no effect of sufficiency can have a rank p below"):
        prepared(folder, f"[classes]\np_below = 1e-5\n{named}")
    with pytest.raises(ConfigError, match=r"test 'sufficiency': the panel has .* \(tile differ\)"):
        prepared(folder, f"{named}[sufficiency]\ntile = 800\n")
    assert prepared(folder, named).plan.panel is not None


def prepared(folder, text):
    file = mini.study(folder, ("[common]", f"{text}\n[common]"), name="other.toml")
    return PreparedStudy.of(StudyFile.from_text(file.read_text(), folder))


def test_positions_of_the_tss_are_in_tables_and_on_the_page(plain):
    folder, before = plain
    text = "[spread]\nshift_tss = [-2, 2]\n\n[common]"
    file = mini.study(folder, ("[common]", text), ('"mini"', '"moved"'), name="moved.toml")
    study = run_study(file, stages=STAGES)
    assert study.raw["identity"]["necessity"]["spread"] == {"shift_tss": [-2, 2]}
    table = study.table("necessity")
    every = study.dataset("necessity")["effect_positions"]
    assert every["shift_tss"].values.tolist() == [-2, 0, 2]
    assert np.nanmax(table["effect_std_positions"]) > 0
    shared = before.table("necessity").columns.tolist()
    pd.testing.assert_frame_equal(table[shared], before.table("necessity"))
    write_report(study.path, folder / "moved.html")
    assert "between positions of the TSS" in (folder / "moved.html").read_text()
