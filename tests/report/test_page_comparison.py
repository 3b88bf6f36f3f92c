"""Two studies in one report: what is computed elsewhere, shown here."""

from __future__ import annotations

import shutil

import many_loci
import numpy as np
import pytest
from finished_study import finished_study
from read_page import Page

import mini_study as mini
from creme.analysis.agreement import effect_agreement, paired_effects
from creme.analysis.class_agreement import class_agreement
from creme.analysis.order_agreement import order_agreement
from creme.errors import ConfigError
from creme.report.page import write_report
from creme.study import StudyResults, run_study


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return finished_study(tmp_path_factory)


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """The same genes with another seed and a slower decay, five of them; other thresholds."""
    folder = tmp_path_factory.mktemp("other")
    mini.write(folder, genes=5)
    stages = '["loci", "context_dependence", "necessity", "sufficiency", "higher_order"]'
    return run_study(
        mini.study(
            folder,
            ("seed = 7", f"seed = 8\nstages = {stages}"),
            ('name = "mini"', 'name = "other"'),
            ("decay = 6000.0", "decay = 3000.0"),
            ("[common]", "[classes]\nweak = 0.05\nstrong = 0.9\n[common]"),
        )
    )


@pytest.fixture(scope="module")
def page(finished, other, tmp_path_factory):
    file = tmp_path_factory.mktemp("page") / "report.html"
    return Page(write_report(finished.path, file, other.path))


def test_effects_orders_and_what_differs(page, finished, other):
    words = page.words
    pairs = [("synthetic:alpha", "synthetic:alpha")]
    for test in ("necessity", "sufficiency"):
        table, _ = paired_effects(finished.dataset(test), other.dataset(test), pairs)
        for row in effect_agreement(table).itertuples():
            shown = f"{row.correlation:.3f} ({row.low:.3f} to {row.high:.3f})"
            assert shown in words
    both = finished.dataset("higher_order"), other.dataset("higher_order")
    orders, _ = order_agreement(*both, pairs)
    for row in orders.itertuples():
        assert f"{row.overlap:.3f} ({row.low:.3f} to {row.high:.3f})" in words
    assert "1 locus only in A: GENE6" in words
    assert "They differ in " in words
    assert "loci: model" in words
    assert "sufficiency: classes" in words
    assert "Comparison" in page.within("h2")
    assert (
        len([a for a in page.named("svg") if "effects of A and B" in str(a.get("aria-label"))]) == 3
    )


def test_classes_are_by_each_studys_own_thresholds(page, finished, other):
    ours, theirs = (study.table("sufficiency") for study in (finished, other))
    both = ours.merge(theirs, on=["locus", "distance"], suffixes=("_a", "_b"))
    names = ("strong enhancer", "weak enhancer", "weak silencer", "strong silencer")
    got = class_agreement(
        both["cre_class_a"], both["cre_class_b"], both["locus"], names, resamples=1
    )
    assert f"{got.n} {got.agreement:.3f} {got.kappa:.3f} (" in page.words
    assert 0 < got.agreement < 1


def test_with_itself_all_agrees(finished, tmp_path):
    found = Page(write_report(finished.path, tmp_path / "x.html", finished.path))
    assert "They differ in nothing" in found.words
    assert "necessity 1.000".casefold() not in found.words.casefold()  # values stand in cells
    assert found.words.count("1.000 (1.000 to 1.000)") >= 10


def test_with_a_results_directory(finished, other, tmp_path):
    file = write_report(
        finished.path / "stages" / "necessity",
        tmp_path / "x.html",
        other.path / "stages" / "necessity",
    )
    assert "Necessity synthetic:alpha 5 50" in Page(file).words


def test_nothing_in_common_is_an_error(finished, tmp_path):
    strange = many_loci.write(tmp_path / "strange.study", 2).path
    with pytest.raises(ConfigError, match="nothing in common that can be compared"):
        write_report(finished.path, tmp_path / "x.html", strange)
    assert not (tmp_path / "x.html").exists()


def test_a_test_that_cannot_be_compared_is_said(finished, other, tmp_path):
    folder = shutil.copytree(other.path, tmp_path / "other.study")
    results = StudyResults(folder).folder.results("necessity")
    dataset = results.load("necessity").drop_encoding()
    wider = dataset.assign_coords(tile_end=dataset["tile_end"] + 500)
    wider.attrs["configuration"] = wider.attrs["configuration"].replace("1000", "1500")
    results.save("necessity", wider)
    found = Page(write_report(finished.path, tmp_path / "x.html", folder))
    assert "Necessity is not compared: A has a tile of 1000 bp and B one of 1500 bp" in found.words
    assert np.all([name in found.words for name in ("Sufficiency synthetic:alpha",)])
