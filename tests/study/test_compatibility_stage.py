"""All pairs of a study's CREs and promoters, as a stage that its file adds."""

from __future__ import annotations

import pytest

import mini_study as mini
from creme.report.page.figures import figures as drawn
from creme.report.page.results import PageResults
from creme.study import run_study
from creme.study.forecast.cost import forecast
from creme.study.run import prepare

STAGE = """
[stages]
run = ["loci", "context_dependence", "sufficiency"]

[stages.matrix]
test = "compatibility"
cres = { enhancing = ["enhancer"], neutral = ["enhancer"], silencing = ["enhancer"] }
replicates = 4

[model]"""


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("matrix")
    mini.write(folder, genes=7)
    genes = 'gtf = "annotation.gtf"', 'gtf = "annotation.gtf"\ngenes = ["GENE1", "GENE4", "GENE7"]'
    return run_study(mini.study(folder, ("[model]", STAGE), genes))


def test_enhancers_and_promoters_are_those_of_the_earlier_stages(study):
    dataset = study.dataset("matrix")
    classes = study.table("cre_classes")
    found = classes[classes.cre_class.str.endswith("enhancer")]
    names = {f"{r.locus}:{r.tile_start}-{r.tile_end}" for r in found.itertuples()}
    assert set(dataset.enhancer.values[~dataset.null.values]) == names
    assert set(dataset.promoter.values) == set(found.locus)
    of = dict(zip(found.locus, found.category, strict=True))
    groups = dict(zip(dataset.promoter.values, dataset.promoter_group.values, strict=True))
    assert groups == of
    assert dataset.sizes["locus"] == 4


def test_its_tables(study):
    pairs, promoters = study.table("matrix_pairs"), study.table("matrix_promoters")
    dataset = study.dataset("matrix")
    assert len(pairs) == dataset.sizes["promoter"] * int((~dataset.null).sum())
    assert {"own", "deviation", "q", "compatible", "masked"} <= set(pairs)
    assert promoters.responsiveness.mean() == pytest.approx(1)
    assert promoters.promoter.tolist() == dataset.promoter.values.tolist()
    assert study.stages["matrix"]["state"] == "finished"


def test_the_report_has_its_figures(study):
    figures = {one.title: one for one in drawn(PageResults(study))}
    shown = figures["Compatibility"]
    assert "in 4 carriers" in shown.caption
    assert "pairs are called" in shown.caption or "No pair is called." in shown.caption
    assert shown.data is not None
    assert len(shown.data) == len(study.table("matrix_pairs"))
    assert "Shares of the variance" in figures["Responses of promoters"].caption


def test_a_second_run_predicts_nothing_and_the_forecast_is_exact(study):
    file = study.path.parent / "study.toml"
    (known,) = [one for one in forecast(*prepare(file)) if one.stage == "matrix"]
    assert known.needed == 0
    assert study.stages["matrix"]["units"] == 4


def test_the_forecast_of_a_new_study_says_how_many(tmp_path):
    mini.write(tmp_path, genes=4)
    file = mini.study(tmp_path, ("[model]", STAGE))
    (coming,) = [one for one in forecast(*prepare(file)) if one.stage == "matrix"]
    assert coming.units == 4
    assert coming.assumed
    assert coming.needed > 0
