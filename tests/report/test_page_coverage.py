"""Figure 2b in the report: the study's table, drawn; or why it is not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from drawn import legend, tidy
from finished_study import finished_study, page_results
from matplotlib.figure import Figure
from matplotlib.patches import StepPatch
from read_page import Page

from creme.report.page import write, write_report
from creme.report.page.coverage import REACH, coverage, why_not
from creme.report.page.results import PageResults
from creme.study import StudyResults
from states import change_table, write_state

STARTS = "Predicted coverage (Figure 2b) is not drawn: "


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return finished_study(tmp_path_factory)


@pytest.fixture
def copied(finished, tmp_path):
    return Path(shutil.copytree(finished.path, tmp_path / "copied.study"))


def drawn(results: PageResults) -> Figure:
    figure = coverage(results)
    assert figure is not None
    return figure


def stairs(ax):
    """Wild type, the band, and the shuffled context, in the order in which they are drawn."""
    return [patch.get_data() for patch in ax.patches if isinstance(patch, StepPatch)]


def test_it_draws_the_table(finished):
    table = finished.table("coverage")
    figure = drawn(page_results(finished.path))
    titles = [ax.get_title() for ax in figure.axes]
    assert [title.rpartition(", ")[2] for title in titles] == ["enhancing", "neutral", "silencing"]
    for ax, title in zip(figure.axes, titles, strict=True):
        locus, _, category = title.rpartition(", ")
        rows = table[table["category"] == category]
        assert set(rows["locus"]) == {locus}
        wild_type, band, shuffled = stairs(ax)
        np.testing.assert_array_equal(wild_type.values, rows["wild_type"])
        np.testing.assert_array_equal(shuffled.values, rows["shuffled"])
        np.testing.assert_allclose(band.values, rows["shuffled"] + rows["shuffled_std"])
        np.testing.assert_allclose(band.baseline, rows["shuffled"] - rows["shuffled_std"])
        np.testing.assert_allclose(wild_type.edges[:-1] * 1000, rows["position"])
        assert ax.get_xlabel() == "distance from TSS (kb)"
        assert legend(ax) == ["wild type", "context shuffled"]
        tidy(ax)
        # The legend stands above what is drawn.
        words = ax.get_legend()
        assert words is not None
        box = words.get_window_extent()
        top = max(rows["wild_type"].max(), rows["shuffled"].max())
        assert ax.transData.transform((0, top))[1] <= box.y0 + 1


def test_the_page_has_it_and_gives_no_reason_for_its_absence(finished, tmp_path):
    page = Page(write_report(finished.path, tmp_path / "page.html"))
    assert "Figure 2b of the paper" in " ".join(page.within("i"))
    assert STARTS not in page.words


def change(path, edit):
    table = pd.read_csv(path / "tables" / "coverage.csv")
    change_table(path, "tables/coverage.csv", edit(table).to_csv(index=False))
    return page_results(path)


def test_far_bins_are_left_to_who_looks_closer_and_gaps_are_gaps(copied):
    def wider(table):
        gap = table["position"].between(200, 1000)
        far = table.assign(position=table["position"] * 10)
        return pd.concat([far[~gap], table[table["position"] == 128]])

    source = change(copied, wider)
    figure = drawn(source)
    for ax in figure.axes:
        assert ax.get_xlim() == (-REACH / 1000, REACH / 1000)
        wild_type = stairs(ax)[0]
        at = np.round(wild_type.edges[:-1] * 1000).astype(int)
        known = set(at[np.isfinite(wild_type.values)].tolist())
        assert {0, 128, 1280} <= known
        assert not {256, 384, 1408, 2560} & known


def test_a_tss_within_a_bin(copied):
    source = change(copied, lambda table: table.assign(position=table["position"] - 50))
    edges = stairs(drawn(source).axes[0])[0].edges
    np.testing.assert_allclose(np.min(np.abs(edges)) * 1000, 50)


def test_of_one_category_and_one_replicate(copied):
    def one(table):
        return table[table["category"] == "neutral"].assign(shuffled_std=np.nan)

    figure = drawn(change(copied, one))
    assert len(figure.axes) == 1
    assert len(stairs(figure.axes[0])) == 2


@pytest.fixture
def undrawn(monkeypatch):
    monkeypatch.setattr(write, "figures", lambda source: iter(()))


def test_a_study_of_an_earlier_version_says_how_to_get_it(copied, undrawn):
    (copied / "tables" / "coverage.csv").unlink()
    assert coverage(page_results(copied)) is None
    words = Page(write_report(copied)).words
    assert f"{STARTS}an earlier version made this study; 'creme study' adds" in words


def test_a_single_bin_and_no_category_are_told_apart(copied, undrawn):
    results = change(copied, lambda table: table.iloc[:0])
    assert coverage(results) is None
    assert f"{STARTS}no locus has a category." in Page(write_report(copied)).words
    state = json.loads((copied / "study.json").read_text())
    state["model"]["bins"] = [28]
    write_state(copied / "study.json", state)
    assert f"{STARTS}a single bin of each prediction is kept." in Page(write_report(copied)).words


def test_no_word_of_it_where_contexts_are_not_known(finished, copied):
    assert why_not(page_results(finished.path / "stages" / "context_dependence")) is None
    StudyResults(copied).folder.update_stage("context_dependence", {"state": "waiting"})
    assert why_not(page_results(copied)) is None
