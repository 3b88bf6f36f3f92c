"""Compatibility and design as stages of the toolkit that a study names to have them."""

from __future__ import annotations

import json
import shutil

import pandas as pd
import pytest

import mini_study as mini
from creme.errors import ConfigError
from creme.export import export
from creme.report.page.figures import figures as drawn
from creme.report.page.results import PageResults
from creme.runner.shards import Shard
from creme.store import Store
from creme.store.merge import merge
from creme.study import run_study
from creme.study.config import STAGES, parse
from creme.study.folder import Folder
from creme.study.forecast.cost import forecast
from creme.study.run import prepare
from creme.study.shards import run_study_shard

STAGE = """stages = ["loci", "context_dependence", "sufficiency", "compatibility", "design",
    "design_check"]

[compatibility]
at_most = 4

[design]
targets = ["GENE2"]
length = 60
distance = -700
rounds = 2
candidates = 6
beam = 2
choose = 2
finalists = 3
designs = 2

[design_check]
replicates = 3
others = 2
part = 20

[model]"""
NAMED = ("[model]", STAGE)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A finished study; not to be changed."""
    folder = tmp_path_factory.mktemp("opt_in")
    mini.write(folder, genes=6)
    file = mini.study(folder, NAMED)
    before = {one.stage: one for one in forecast(*prepare(file))}
    run_study(file, stages=["loci", "context_dependence", "sufficiency"])
    known = {one.stage: one for one in forecast(*prepare(file))}
    return run_study(file), before, known


def test_they_run_only_where_they_are_named():
    text = mini.STUDY
    assert not {"compatibility", "design", "design_check"} & set(parse(text, "it").stages.run)
    assert not {"compatibility", "design", "design_check"} & set(STAGES)


def test_a_study_with_a_stage_of_its_own_of_this_name_goes_on(tmp_path):
    mini.write(tmp_path, genes=2)
    own = '[stages]\nrun = ["loci"]\n[stages.design]\ntest = "necessity"\ntile = 2000\n\n[model]'
    done = run_study(mini.study(tmp_path, ("[model]", own)))
    assert done.dataset("design").attrs["test"] == "necessity"
    assert set(done.table("design")["tile_end"] - done.table("design")["tile_start"]) == {2000}
    named = own.replace('"loci"', '"loci", "context_dependence", "design"')
    with pytest.raises(ConfigError, match="stage 'design' of the toolkit has this name"):
        parse(mini.STUDY.replace("[model]", named), "it")


def test_elements_are_of_the_classes_with_neutral_tiles_beside(study):
    done, _, _ = study
    dataset, classes = done.dataset("compatibility"), done.table("cre_classes")
    known = {f"{r.locus}:{r.tile_start}-{r.tile_end}": r.cre_class for r in classes.itertuples()}
    there = dataset.enhancer.values[~dataset.null.values]
    groups = dict(zip(dataset.enhancer.values, dataset.enhancer_group.values, strict=True))
    for name in there:
        assert groups[name] == known.get(name, "neutral tile")
    kinds = [str(groups[name]).rpartition(" ")[2] for name in there]
    assert {kind: kinds.count(kind) for kind in set(kinds)}.keys() == {
        "enhancer", "silencer", "tile",
    }  # fmt: skip
    assert all(kinds.count(kind) <= 4 for kind in set(kinds))
    # At most four promoters, those of loci with CREs, and no element without its own promoter.
    assert dataset.sizes["promoter"] == 4
    assert {str(name).split(":")[0] for name in there} <= set(dataset.promoter.values)
    assert set(dataset.promoter_group.values) <= {"enhancing", "neutral", "silencing"}


def test_carriers_are_of_five_loci_whatever_common_says(study):
    done, _, _ = study
    dataset = done.dataset("compatibility")
    assert json.loads(dataset.attrs["configuration"])["replicates"] == 5  # [common] has 2
    assert len(set(dataset.carrier.values)) == 5


def test_tables_of_both(study):
    done, _, _ = study
    dataset = done.dataset("compatibility")
    pairs = done.table("compatibility_pairs")
    assert len(pairs) == dataset.sizes["promoter"] * int((~dataset.null).sum())
    assert {"promoter_group", "enhancer_group"} <= set(pairs)
    assert done.table("compatibility_promoters").promoter.tolist() == list(dataset.promoter.values)
    order, rounds = done.table("design_order"), done.table("design_rounds")
    assert order.name.tolist() == ["GENE2_d1", "GENE2_d2"]
    assert order.sequence.tolist() == done.dataset("design").sequence.values[0, 2:].tolist()
    assert rounds["round"].tolist() == [0, 1, 2]
    assert set(done.table("design").locus) == {"GENE2"}
    checks = done.table("design_check")
    assert set(checks.locus) == {"GENE2_d1", "GENE2_d2"}
    assert set(checks.kind) == {"place", "moved", "copies", "swap", "part"}
    swapped = checks[checks.kind == "swap"]
    assert len(set(swapped.target)) == 2
    assert "GENE2" not in set(swapped.target)


def test_the_report_has_their_figures_and_the_export_their_files(study, tmp_path):
    done, _, _ = study
    shown = {one.title: one for one in drawn(PageResults(done))}
    assert "in 5 carriers" in shown["Compatibility"].caption
    assert "on the backgrounds of the search it scored" in shown["Designs for GENE2"].caption
    assert shown["Designs for GENE2"].data is not None
    for name in ("GENE2_d1", "GENE2_d2"):
        caption = shown[f"Checks of {name}"].caption
        assert "Beside 2 other TSSs" in caption
        assert "art" in caption.rpartition("TSSs")[2]  # of parts
    files = export(done.path, tmp_path / "out", ("tables",))
    wanted = {"design.fa", "design.order.csv", "design_check.csv", "compatibility_pairs.csv"}
    assert {f"tables/{name}" for name in wanted} <= set(files)
    header = (tmp_path / "out" / "tables" / "design.fa").read_text().splitlines()[0]
    for key in ("place", "score", "curse", "nearest_identity", "model", "fingerprint", "seed"):
        assert f" {key}=" in header
    order = pd.read_csv(tmp_path / "out" / "tables" / "design.order.csv").iloc[0]
    place = f"{order['contig']}:{order['start'] + 1}-{order['end']}"
    assert f" place={place} " in header  # as genome browsers take it


def test_the_plan(study):
    done, before, known = study
    for stage in ("compatibility", "design", "design_check"):
        took = done.stages[stage]
        assert before[stage].assumed
        assert before[stage].needed > 0
        assert known[stage].units == took["units"]
        assert took["predicted"] <= known[stage].needed <= known[stage].asked
    assert known["compatibility"].kind == "exact"
    assert known["compatibility"].asked == done.stages["compatibility"]["asked"]
    assert known["compatibility"].needed == done.stages["compatibility"]["predicted"]
    assert known["design"].kind == "bound"
    assert "population x rounds x backgrounds" in " ".join(known["design"].notes)
    file = done.path.parent / "study.toml"
    # It is known how many designs there are once they are found.
    assert (known["design_check"].kind, known["design_check"].assumed) == ("bound", True)
    assert [one.needed for one in forecast(*prepare(file))] == [0] * 6


def test_shards_stage_by_stage_and_a_second_run_does_nothing(study, tmp_path):
    done, _, _ = study
    shutil.copytree(done.path.parent, tmp_path, dirs_exist_ok=True)
    # As if the later stages had not begun, and nothing of them were stored.
    shutil.rmtree(tmp_path / "predictions")
    stages, file = ("compatibility", "design", "design_check"), tmp_path / "study.toml"
    for stage in stages:
        shutil.rmtree(tmp_path / "mini.study" / "stages" / stage)
        Folder(tmp_path / "mini.study").update_stage(stage, {"state": "waiting"})
    for stage in stages[:2]:
        for k in (1, 2):
            _, path = run_study_shard(file, stage, Shard(k, 2))
            with Store(tmp_path / "predictions") as into, Store(path) as other:
                merge(into, other)
        finished = run_study(file, stages=[stage])
        assert finished.stages[stage]["predicted"] == 0
    ran = []
    whole = run_study(file, on_stage=lambda stage, _, now: ran.extend([stage] * now))
    assert ran == ["design_check"]
    assert mini.tables(whole.path) == mini.tables(done.path)
    run_study(file, on_stage=lambda stage, _, now: ran.extend([stage] * now))
    assert len(ran) == 1


def test_targets_that_are_not_selected_and_keys_of_other_stages(study, tmp_path):
    done, _, _ = study
    file = done.path.parent / "wrong.toml"
    file.write_text((done.path.parent / "study.toml").read_text().replace('"GENE2"', '"GENE22"'))
    unfinished = shutil.copytree(done.path, tmp_path / "mini.study")
    folder = Folder(unfinished)
    folder.update_stage("design", {"state": "interrupted"})
    folder.update_stage("design_check", {"state": "waiting"})
    with pytest.raises(
        ConfigError, match=r"targets has 'GENE22', which is no selected locus.*GENE2"
    ):
        run_study(file, output=unfinished)
    for wrong, words in (
        ("[necessity]\nat_most = 4", r"\[necessity\] at_most: this stage has none"),
        ("[design]\nat_most = 4", r"\[design\] at_most: this stage has none"),
        ("[compatibility]\nat_most = 2", r"\[compatibility\] at_most"),
    ):
        with pytest.raises(ConfigError, match=words):
            parse(f"{mini.STUDY}\n{wrong}\n", "it")
