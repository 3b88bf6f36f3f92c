"""Set sufficiency as a stage of a study: its sets, its tables, its figure, what makes it anew."""

from __future__ import annotations

import json

import numpy as np
import pytest
from read_page import Page

import mini_study as mini
from creme.analysis.set_sufficiency import mean_activity
from creme.errors import ConfigError
from creme.kernels.shuffle import dinucleotide_shuffles
from creme.report.page import write_report
from creme.seeds import derive
from creme.sequence import Sequence
from creme.study import run_study
from creme.study.config import parse
from creme.study.run import prepare
from states import change_table

STAGES = ["loci", "context_dependence", "higher_order", "set_sufficiency"]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sets")
    mini.write(folder)
    return run_study(mini.study(folder), stages=STAGES)


def activity(codes) -> float:
    return float(mini.MODEL.predict(Sequence(codes).onehot()[None])[0, mini.MODEL.tss_bin(), 0])


def test_the_sets_are_those_of_the_searches_by_plain_loops(study):
    searches = study.dataset("higher_order").sel(search="enhancers").isel(track=0)
    got = study.dataset("set_sufficiency").isel(track=0)
    assert got.sizes["tiles"] == 4  # none, and one of each round
    prepared, _ = prepare(study.path.parent / "study.toml")
    loci = prepared.selected(study.folder)
    middle = mini.LENGTH // 2
    tss = slice(middle - mini.TILE // 2, middle + mini.TILE // 2)
    assert {locus.strand for locus in loci} == {"+", "-"}
    done = 0
    for locus in loci:
        if locus.name not in got["locus"].values:
            continue
        done += 1
        starts = searches["selected_start"].sel(locus=locus.name).values.astype(int)
        codes = locus.sequence.codes
        for k in range(2):
            (background,) = dinucleotide_shuffles(codes, [derive(7, locus.key, "background", k)])
            background[tss] = codes[tss]
            for count in range(4):
                mutant = background.copy()
                for start in starts[:count]:
                    mutant[start : start + mini.TILE] = codes[start : start + mini.TILE]
                one = got.sel(locus=locus.name).isel(tiles=count, replicate=k)
                np.testing.assert_allclose(one["mutant"], activity(mutant), rtol=1e-5)
    assert done == got.sizes["locus"] > 2


def test_its_tables(study):
    dataset = study.dataset("set_sufficiency").isel(track=0)
    table = study.table("set_sufficiency")
    categories = dict(study.table("categories")[["locus", "category"]].itertuples(index=False))
    assert len(table) == dataset["fold_change"].size
    for row in table.itertuples():
        one = dataset.sel(locus=row.locus, tiles=row.tiles)
        assert np.isclose(row.fold_change, float(one["fold_change"]))
        assert row.tile_start == int(one["tile_start"])
        assert row.category == categories[row.locus]
    needed = study.table("tiles_needed").set_index("category")
    for category in set(categories.values()) & set(table["category"]):
        of = table[table["category"] == category]
        counts = []
        for _, part in of.groupby("locus"):
            reached = part.loc[part["fold_change"] >= 0.8, "tiles"]
            counts.append(float(reached.min()) if len(reached) else np.inf)
        row = needed.loc[category]
        assert row["loci"] == len(counts)
        assert row["reached"] == np.mean(np.isfinite(counts))
        assert row["median"] == np.quantile(np.sort(counts), 0.5, method="inverted_cdf")


def test_the_page_has_its_figure_and_each_locus_its_values(study):
    page = Page(write_report(study.path))
    assert "Sets that are enough" in page.words
    assert "for 80% of the activity (dotted line)" in page.words
    shown = [locus["tracks"][0].get("measures", []) for locus in page.loci()]
    assert any(one["title"] == "Set sufficiency" for each in shown for one in each)


def test_a_set_that_ends_counts_on(study):
    dataset = study.dataset("set_sufficiency").copy(deep=True)
    values = dataset["fold_change"].values
    whole = values.copy()
    values[0, 2:] = np.nan  # a set of one tile
    means = mean_activity(dataset, resamples=2).isel(track=0)
    assert (means["n"] == dataset.sizes["locus"]).all()
    whole[0, 2:] = whole[0, 1]
    np.testing.assert_allclose(means["mean"], whole[..., 0].mean(axis=0), rtol=1e-6)


def test_other_sets_make_it_outdated(study, tmp_path):
    import shutil

    folder = tmp_path / "copy.study"
    shutil.copytree(study.path, folder)
    table = folder / "tables" / "higher_order.csv"
    text = table.read_text()
    state = json.loads((folder / "study.json").read_text())
    assert "higher_order" in state["stages"]["set_sufficiency"]["made_from"]
    lines = text.splitlines()
    place = lines[0].split(",").index("selected_start")
    first = lines[1].split(",")
    first[place] = "0"
    changed = "\n".join([lines[0], ",".join(first), *lines[2:]]) + "\n"
    change_table(folder, "tables/higher_order.csv", changed)
    from creme.study.folder import Folder

    entry = Folder(folder).stages()["set_sufficiency"]
    assert (entry["state"], entry["error"]) == (
        "outdated",
        "stage higher_order has other results since",
    )


def test_what_its_table_may_say(tmp_path):
    text = mini.study(tmp_path).read_text()
    study = parse(text + "\n[set_sufficiency]\nreplicates = 5\n", "study.toml")
    assert study.test("set_sufficiency").configuration()["replicates"] == 5
    for more, message in (
        ("sets = [[0, 10]]", r"\[set_sufficiency\] sets: the study sets it"),
        ("tss_tile = 300", "sets are tiles of the higher_order test, so both have to be equal"),
        ('categories = ["neutral"]', r"\[set_sufficiency\] categories: this stage has none"),
    ):
        with pytest.raises(ConfigError, match=message):
            parse(text + f"\n[set_sufficiency]\n{more}\n", "study.toml")
    shared = text.replace("rounds = 3", "rounds = 3\ntss_tile = 600")
    assert parse(shared, "x").test("set_sufficiency").configuration()["tss_tile"] == 600
