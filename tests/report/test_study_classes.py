"""Which loci and sets of a study have classes: evidence, floors, a least activity, other scales."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from read_page import Page

import creme
import in_process
import mini_study as mini
from creme.analysis.additive import additive_comparison
from creme.analysis.categories import context_categories
from creme.analysis.evidence import evidence
from creme.report.page import write_report
from creme.study import run_study
from creme.suite.higher_order import HigherOrder

TO_CONTEXTS = ["loci", "context_dependence"]
TO_SETS = [*TO_CONTEXTS, "higher_order"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("classes")
    mini.write(folder)
    return folder


def named(name, *changes):
    return (('"mini"', f'"{name}"'), *changes)


@pytest.fixture(scope="module")
def plain(folder):
    file = mini.study(folder, *named("plain", ("rounds = 3", "rounds = 2")), name="plain.toml")
    return run_study(file, stages=TO_SETS)


def test_categories_with_evidence(folder):
    more = ("replicates = 2", "replicates = 6")
    file = mini.study(folder, *named("all", more), name="all.toml")
    plain = run_study(file, stages=TO_CONTEXTS)
    dataset = plain.dataset("context_dependence")
    before = context_categories(dataset).values[:, 0].astype(str)
    q = evidence(dataset)["q"].values[:, 0]
    # Some of them have no q below the largest one.
    limit = float(q[(before == "enhancing") | (before == "silencing")].max())
    given = f"[categories]\nq_below = {limit!r}\n\n[common]"
    file = mini.study(folder, *named("evident", more, ("[common]", given)), name="evident.toml")
    study = run_study(file, stages=TO_CONTEXTS)
    expected = [
        "" if name in ("enhancing", "silencing") and not q[k] < limit else name
        for k, name in enumerate(before)
    ]
    table = study.table("categories")
    assert table["category"].fillna("").tolist() == expected != before.tolist()
    assert study.categories == {
        locus: name for locus, name in zip(table["locus"], expected, strict=True) if name
    }
    # It belongs to the identity only where it is.
    assert "q_below" not in plain.raw["identity"]["context_dependence"]["categories"]
    assert study.raw["identity"]["context_dependence"]["categories"]["q_below"] == limit
    page = Page(write_report(study.path, folder / "evident.html"))
    rows = page.rows
    assert dict(zip(rows["gene"], rows["category"], strict=True)) == dict(
        zip(table["gene"], expected, strict=True)
    )
    assert "the outer two with q below" in page.words
    exported = study.export(folder / "evident.export", ["tracks"])
    assert exported


def test_the_floor_of_sets_is_the_tss_tile_alone(plain):
    sets = plain.dataset("higher_order")
    context = plain.dataset("context_dependence")
    table = plain.table("interactions").set_index(["locus", "search"])
    assert len(table)
    for locus in map(str, sets["locus"].values):
        alone = context["mutant"].sel(locus=locus).values[:, 0].astype(np.float64).mean()
        wild = float(sets["wild_type"].sel(locus=locus)[0])
        floor = alone / wild
        for search in ("enhancers", "silencers"):
            one = sets.sel(locus=locus, search=search).isel(track=0)
            single = one["tile_fold_change"].isel(round=0).values
            chosen = [single[int(tile)] for tile in one["selected"].values]
            observed = one["fold_change"].values
            row = table.loc[(locus, search)]
            if not floor < 1:
                assert np.isnan(row["mse_above_floor"])
                continue
            expected, kept, total = [], 1.0, 1.0
            for fold in chosen:
                total += fold - 1
                kept *= max((fold - floor) / (1 - floor), 0)
                expected.append((total, floor + (1 - floor) * kept))
            # Of (a - b) / (WT - b), b being the TSS tile alone.
            errors = [
                ((observed - np.array(trace)) / (1 - floor)) ** 2
                for trace in zip(*expected, strict=True)
            ]
            np.testing.assert_allclose(row["mse_above_floor"], errors[0].mean(), rtol=1e-4)
            np.testing.assert_allclose(
                row["mse_multiplicative_above_floor"], errors[1].mean(), rtol=1e-4
            )
    both = additive_comparison(sets, floor=context["mutant"].astype(float).mean("replicate"))
    of_track = both.sel(search="enhancers").isel(track=0)
    np.testing.assert_array_equal(
        [
            table.loc[(str(name), "enhancers"), "interaction_additive"]
            for name in sets["locus"].values
        ],
        of_track["interaction_additive"].values,
    )


def test_another_tss_tile_gives_no_floor(folder):
    change = ("[higher_order]\nrounds = 3", "[higher_order]\nrounds = 1\ntss_tile = 600")
    file = mini.study(folder, *named("other", change), name="other.toml")
    study = run_study(file, stages=TO_SETS)
    assert "mse_above_floor" not in study.table("interactions")
    assert "mse_multiplicative" in study.table("interactions")


def test_sets_of_low_wild_types_have_no_class(folder, plain):
    sets = plain.dataset("higher_order")
    wild = sets["wild_type"].values[:, 0]
    least = float(np.unique(wild)[1])
    # Those below it have no category any more; the searches are run on them all the same.
    change = (
        "[higher_order]\nrounds = 3",
        f"[higher_order]\nrounds = 2\nminimum_activity = {least!r}",
    )
    study = run_study(
        mini.study(folder, *named("least", change), name="least.toml"), stages=TO_SETS
    )
    table, before = study.table("interactions"), plain.table("interactions")
    low = [str(name) for name in sets["locus"].values[wild < least]]
    assert 1 <= len(low) < len(wild)
    classes = ["interaction", "interaction_additive", "interaction_multiplicative"]
    there = table["locus"].isin(low)
    assert (table.loc[there, classes].fillna("") == "").all().all()
    pd.testing.assert_frame_equal(table.loc[~there, classes], before.loc[~there, classes])
    assert before.loc[there, "interaction"].notna().all()
    (remark,) = study.raw["stages"]["higher_order"]["remarks"]
    assert low[0] in remark
    assert "fold changes are flagged (below_minimum) and get no class" in remark
    page = Page(write_report(study.path, folder / "least.html"))
    shown = {locus["name"]: locus["tracks"][0].get("greedy", []) for locus in page.loci()}
    assert {one["interaction"] for one in shown[low[0]]} == {""}


def test_a_least_activity_of_all_tests(folder):
    given = "[common]\nminimum_activity = 1e6"
    file = mini.study(folder, *named("none", ("[common]", given)), name="none.toml")
    study = creme.Study.from_file(file)
    tests = {name: study.test(name) for name in ("context_dependence", "necessity", "higher_order")}
    assert {test.identity()["minimum_activity"] for test in tests.values()} == {1e6}
    assert "minimum_activity" not in HigherOrder().identity()
    assert tests["higher_order"].identity()["minimum_activity"] == 1e6


def test_other_scales_have_no_classes_and_the_study_says_so(folder, monkeypatch, capsys):
    command = in_process.caller(monkeypatch, capsys)
    given = '[context_dependence]\neffect = "difference"\n\n[higher_order]'
    added = '[stages]\nrun = ["loci", "context_dependence", "necessity", "sufficiency"]\n\n'
    own = added + '[stages.every]\ntest = "necessity"\ntiles = [[0, 1000]]\n\n[model]'
    changes = (("[higher_order]", given), ("[model]", own))
    file = mini.study(folder, *named("scales", *changes), name="scales.toml")
    why = (
        "no locus has a category: the thresholds of [categories] are shares of the wild type's "
        "activity, and [context_dependence] effect = 'difference' is on another scale"
    )
    planned = " ".join(command("study", file, "--plan", "--seconds-per-prediction", "1").split())
    assert f"nothing to do: {why}" in planned
    printed = " ".join(command("study", file).split())
    assert f"Note: {why}" in printed
    assert f"necessity: nothing to do: {why}" in printed
    study = creme.open_results(folder / "scales.study")
    assert json.dumps(study.notes).count(why) == 1
    assert study.dataset("every")["effect"].notnull().any()
    page = Page(write_report(study.path, folder / "scales.html"))
    assert f"N{why[1:]}" in page.words


def test_cres_on_another_scale(folder):
    given = '[sufficiency]\neffect = "log_ratio"\n\n[higher_order]'
    file = mini.study(folder, *named("cres", ("[higher_order]", given)), name="cres.toml")
    study = run_study(file, stages=[*TO_CONTEXTS, "sufficiency", "distance"])
    note = study.stages["distance"]["note"]
    assert note.startswith("no tile is a CRE: the thresholds of [classes] are shares")
    assert study.notes == [note]
    assert not len(study.table("distance"))
    assert study.stages["sufficiency"]["units"]


def test_categories_of_a_study_are_those_of_its_dataset(plain):
    dataset = plain.dataset("context_dependence").drop_vars("category")
    names = context_categories(dataset).values[:, 0].tolist()
    assert plain.table("categories")["category"].fillna("").tolist() == names
