"""Classes of a study by control and by evidence, from the stage to the tables and the report."""

from __future__ import annotations

import numpy as np
import pytest
from read_page import Page

import mini_study as mini
from creme.analysis.categories import cre_classes, kind_of
from creme.errors import ConfigError
from creme.report.page.write import write_report
from creme.study import run_study
from creme.study.config import parse

STAGES = ["loci", "context_dependence", "necessity", "sufficiency", "higher_order"]
GIVEN = (
    "[common]",
    """[classes]
weak_silencer = 0.2
strong_silencer = 0.6
silencers_by = "control"
q_below = 0.2

[common]""",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("classes")
    mini.write(folder)
    return folder


def test_tables_and_report_have_the_classes_of_the_study_file(folder):
    plain = run_study(mini.study(folder, name="plain.toml"), stages=STAGES)
    study = run_study(mini.study(folder, GIVEN, ('"mini"', '"given"')), stages=STAGES)
    assert plain.raw["identity"]["sufficiency"]["classes"] == {"weak": 0.3, "strong": 0.5}
    assert study.raw["identity"]["sufficiency"]["classes"]["silencers_by"] == "control"
    dataset = study.dataset("sufficiency")
    limits = study.limits[1]
    classes = cre_classes(dataset, **limits.of_tiles()).isel(track=0)
    before = cre_classes(dataset).isel(track=0)
    kinds = kind_of(classes).values
    assert (kinds == "enhancer").any()
    assert (kinds == "silencer").any()
    assert (classes.values != before.values).any()
    table = study.table("cre_classes")
    assert len(table) == (kinds != "").sum()
    assert list(table["cre_class"]) != list(plain.table("cre_classes")["cre_class"])
    page = Page(write_report(study.path, folder / "report.html"))
    shown = [name for locus in page.loci() for name in locus["tracks"][0]["classes"] if name]
    assert sorted(shown) == sorted(table["cre_class"])
    text = (folder / "report.html").read_text()
    assert "as a share of the control" in text
    sets = study.table("interactions")
    assert set(sets["explained_by"].dropna()) <= {"additive", "multiplicative", ""}
    assert np.isfinite(sets["mse_multiplicative"]).all()


def test_wrong_thresholds_are_said(folder):
    text = mini.study(folder, GIVEN, name="wrong.toml").read_text()
    with pytest.raises(ConfigError, match=r"weak_silencer = 0\.7 is above"):
        parse(text.replace("weak_silencer = 0.2", "weak_silencer = 0.7"), "study.toml")
    with pytest.raises(ConfigError, match="silencers_by"):
        parse(text.replace('"control"', '"tss"'), "study.toml")
