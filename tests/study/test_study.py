"""A whole study against what was planted, its stages alone, and what stands in its folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mini_study as mini
from creme.analysis.categories import CRE_CLASSES
from creme.demo.grammar import response
from creme.errors import ConfigError, ModelError, ResultsError
from creme.results.directory import Results
from creme.store import Store
from creme.study import StudyResults, run_study
from creme.study.config import STAGES
from in_process import caller


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A finished study, and the genes of its genome; not to be changed."""
    folder = tmp_path_factory.mktemp("whole")
    genes = mini.write(folder)
    return run_study(mini.study(folder)), genes


@pytest.fixture
def copy(whole, tmp_path):
    """A copy of its folder's surroundings: genome, study file, predictions."""
    source = whole[0].path.parent
    for name in ("genome.fa", "annotation.gtf", "study.toml"):
        shutil.copy(source / name, tmp_path)
    shutil.copytree(source / "predictions", tmp_path / "predictions")
    return tmp_path


def overlapping(row, genes):
    """The planted elements that a row's interval on the genome holds whole."""
    (gene,) = [gene for gene in genes if gene.name == row.locus]
    return [e for e in gene.elements if row.genomic_start <= e[1] and e[2] <= row.genomic_end]


def test_all_stages_are_finished_and_say_what_they_took(whole):
    study, _ = whole
    state = study.raw
    assert list(study.stages) == list(STAGES)
    assert {stage["state"] for stage in study.stages.values()} == {"finished"}
    for stage in study.stages.values():
        assert stage["asked"] == stage["predicted"] + stage["stored"] + stage["repeated"]
        assert stage["units"] > 0
        assert not stage["failures"]
    with Store(state["store"]) as store:
        assert store.count() == sum(stage["predicted"] for stage in study.stages.values())
    assert state["track"] == "synthetic:alpha"
    assert state["model"]["fingerprint"] == mini.MODEL.fingerprint
    assert not study.interrupted


def test_categories_are_the_planted_contexts(whole):
    study, genes = whole
    table = study.table("categories").set_index("locus")
    assert table["category"].to_dict() == {gene.name: gene.context for gene in genes}
    assert table["taken"].all()
    assert study.raw["categories"] == {
        "enhancing": 2,
        "neutral": 2,
        "silencing": 2,
        "none": 0,
    }


def test_necessary_tiles_are_the_planted_elements(whole):
    study, genes = whole
    table = study.table("necessity")
    assert len(table) == 6 * 10
    for row in table.itertuples():
        kinds = {kind for kind, _, _ in overlapping(row, genes)}
        if row.category == "neutral":  # its promoter needs no help
            assert abs(row.effect) < 0.02
        elif kinds:
            assert {"enhancer" if row.effect > 0 else "silencer"} == kinds
            assert abs(row.effect) > 0.1
        else:
            assert abs(row.effect) < 1e-6


def test_classes_and_their_tests(whole):
    study, genes = whole
    classes = study.table("cre_classes")
    assert set(classes["cre_class"]) <= set(CRE_CLASSES)
    assert (classes["category"] != "neutral").all()
    assert len(classes) == 8
    for row in classes.itertuples():
        ((kind, _, _),) = overlapping(row, genes)
        assert row.cre_class.endswith(kind)
        assert (abs(row.effect) >= 0.5) == row.cre_class.startswith("strong")
    tiles = set(zip(classes["locus"], classes["tile_start"], strict=True))
    enhancers = {(r.locus, r.tile_start) for r in classes.itertuples() if "enh" in r.cre_class}

    def in_table(name):
        table = study.table(name)
        return set(zip(table["locus"], table["tile_start"], strict=True))

    assert in_table("distance") == tiles
    assert in_table("multiplicity") == in_table("saturation") == enhancers
    assert in_table("fine_tile") == in_table("sub_tiles") == enhancers
    assert set(study.table("multiplicity")["search"]) == {"enhancers"}
    sufficiency = study.table("sufficiency")
    marked = sufficiency[sufficiency["cre_class"] != ""]
    assert set(zip(marked["locus"], marked["tile_start"], strict=True)) == tiles


def test_effects_fade_with_distance_as_in_the_model(whole):
    study, _ = whole
    curves = study.table("distance_curve")
    assert set(zip(curves["category"], curves["kind"], strict=True)) == {
        ("enhancing", "enhancer"),
        ("silencing", "silencer"),
    }
    for kind, sign in (("enhancer", -1), ("silencer", 1)):
        mean = curves[curves["kind"] == kind].sort_values("distance")["mean"].to_numpy()
        assert (np.diff(mean) * sign > 0).all()
    own = study.table("distance")
    at_home = own[own["position_start"] == own["tile_start"]]
    np.testing.assert_allclose(at_home["fold_change"], 1.0)
    assert len(at_home) == 8


def test_sets_of_tiles_and_copies(whole):
    study, genes = whole
    traces = study.table("higher_order")
    found = traces[(traces["locus"] == "GENE1") & (traces["search"] == "enhancers")]
    assert found["round"].tolist() == [0, 1, 2]
    # Both enhancers gone, the weak promoter alone is left.
    left = (0.02 + response("weak_promoter", 0.0, 0.0)) / found["wild_type"].iloc[0]
    np.testing.assert_allclose(found["fold_change"].iloc[1], left, rtol=1e-5)
    sets = study.table("interactions")
    assert len(sets) == len(genes) * 2
    assert set(sets["interaction"]) <= {"additive", "cooperative", "redundant"}
    silencers = sets[(sets["category"] == "silencing") & (sets["search"] == "silencers")]
    assert (silencers["mse"] > 0).all()
    copies = study.table("multiplicity")
    rising = copies.sort_values("copies").groupby(["locus", "tile_start"])["fold_change"]
    assert rising.apply(lambda values: (np.diff(values) > 0).all()).all()


def test_sub_tiles_lie_on_the_planted_motifs(whole):
    study, genes = whole
    for row in study.table("sub_tiles").itertuples():
        (gene,) = [gene for gene in genes if gene.name == row.locus]
        assert any(
            start - 50 <= row.sub_genomic_start and row.sub_genomic_end <= end + 50
            for _, start, end in gene.elements
        )


def test_swaps_follow_the_categories(whole):
    study, _ = whole
    table = study.table("context_swap")
    assert len(table) == 36
    own = table[table["source"] == table["target"]]
    np.testing.assert_allclose(own["effect"], 0)
    foreign = table[
        (table["source_category"] == "enhancing") & (table["target_category"] == "silencing")
    ]
    assert (foreign["mutant"] < 1).all()


def test_datasets_have_categories_and_stages_are_results_directories(whole):
    study, genes = whole
    contexts = {gene.name: gene.context for gene in genes}
    for stage in STAGES:
        results = Results.existing(study.path / "stages" / stage)
        assert results.state()["state"] == "finished"
        dataset = study.dataset(stage)
        if stage not in ("loci", "context_swap"):
            names = dataset["locus"].values.tolist()
            assert dataset["category"].values.tolist() == [contexts[name] for name in names]
    loci = study.dataset("loci")
    assert loci["step"].values.tolist() == ["selected"] * 6
    table = pd.read_csv(study.path / "loci.tsv", sep="\t")
    np.testing.assert_allclose(loci["wild_type"].values[:, 0], table["activity"], rtol=1e-7)
    with pytest.raises(ResultsError, match="no stage 'neccesity'"):
        study.dataset("neccesity")


def test_every_stage_is_an_experiment_that_runs_by_itself(whole, copy):
    from creme.runner.experiment import parse
    from creme.runner.run import run_experiment

    study, _ = whole
    shutil.copytree(study.path, copy / "mini.study")
    for stage in STAGES[1:]:
        text = (study.path / "stages" / stage / "experiment.toml").read_text()
        report, results = run_experiment(parse(text, stage, copy), copy / f"{stage}.results")
        assert report.progress.predicted == 0
        alone, within = results.load(stage), Results(study.path / "stages" / stage).load(stage)
        assert alone.drop_attrs().identical(within.drop_attrs())


def test_the_study_alone_takes_a_stage_further(whole, monkeypatch, capsys):
    creme = caller(monkeypatch, capsys)
    stage = whole[0].path / "stages" / "necessity"
    before = (stage / "run.json").read_bytes()
    shown = creme("resume", stage, status=2).replace("\n", " ")
    assert f"creme study {whole[0].path}" in shown
    assert (stage / "run.json").read_bytes() == before
    with pytest.raises(ConfigError, match="goes on where it is: --output is for a study file"):
        run_study(whole[0].path, output=stage)


def test_a_finished_study_is_not_run_again(whole, monkeypatch):
    study, _ = whole
    before = {file: file.stat().st_mtime_ns for file in study.path.rglob("*.csv")}
    seen = []
    monkeypatch.setattr("creme.inference.device.Device.predict", None)
    again = run_study(study.path, on_stage=lambda stage, state, ran: seen.append(ran))
    assert seen == [False] * len(STAGES)
    assert before == {file: file.stat().st_mtime_ns for file in again.path.rglob("*.csv")}


def test_from_the_store_alone_all_tables_are_the_same(whole, copy):
    study, _ = whole
    again = run_study(copy / "study.toml")
    assert sum(stage["predicted"] for stage in again.stages.values()) == 0
    assert mini.tables(again.path) == mini.tables(study.path)


def test_stages_one_by_one(whole, copy):
    study, _ = whole
    file = copy / "study.toml"
    with pytest.raises(
        ResultsError,
        match="'necessity' needs loci and context_dependence first: run --stage loci, ",
    ):
        run_study(file, stages=["necessity"])
    for stage in STAGES:
        done = run_study(file, stages=[stage])
        states = {name: known["state"] for name, known in done.stages.items()}
        place = STAGES.index(stage)
        assert set(list(states.values())[: place + 1]) == {"finished"}
        assert set(list(states.values())[place + 1 :]) <= {"waiting"}
        if stage == "loci":
            with pytest.raises(
                ResultsError, match="'distance' needs context_dependence and sufficiency first"
            ):
                run_study(file, stages=["distance"])
            with pytest.raises(ResultsError, match=r"'sufficiency' .* is waiting: go on with"):
                done.dataset("sufficiency")
    assert mini.tables(done.path) == mini.tables(study.path)


def test_a_lost_table_is_written_again(whole, copy):
    study, _ = whole
    shutil.copytree(study.path, copy / "mini.study")
    (copy / "mini.study" / "tables" / "saturation.csv").unlink()
    again = run_study(copy / "study.toml")
    assert mini.tables(again.path) == mini.tables(study.path)


def test_another_study_is_not_mixed_in_and_added_stages_are_run(tmp_path):
    mini.write(tmp_path, genes=3)
    some = 'stages = ["loci", "context_dependence", "necessity"]\n\n[model]'
    done = run_study(mini.study(tmp_path, ("[model]", some)))
    before = mini.tables(done.path)
    changed = [
        ("loci: selection", ("activity = 5.0", "activity = 6.0")),
        ("context_dependence: parameters, necessity: parameters", ("tes = 2", "tes = 3")),
        ("context_dependence: categories", ("[common]", "[categories]\nneutral = 0.1\n[common]")),
        ("loci: seed", ("seed = 7", "seed = 8")),
        ("loci: model", ('bins = "all"', 'bins = "20-40"')),
        ("necessity: takes", ("[higher", '[necessity]\ncategories = ["neutral"]\n[higher')),
    ]
    for words, change in changed:
        mini.study(tmp_path, ("[model]", some), change)
        with pytest.raises(ResultsError, match=f"differs in .*{words}"):
            run_study(tmp_path / "study.toml")
        assert mini.tables(done.path) == before
    # What has not begun may change, and what was added is run.
    more = 'stages = ["loci", "context_dependence", "necessity", "sufficiency"]\n\n[model]'
    mini.study(tmp_path, ("[model]", more), ("copies = 3", "copies = 2"))
    ran = []
    again = run_study(
        tmp_path / "study.toml", on_stage=lambda stage, state, now: ran.append((stage, now))
    )
    assert [stage for stage, now in ran if now] == ["sufficiency"]
    assert {k: v for k, v in mini.tables(again.path).items() if k in before} == before


def test_stages_without_work_say_so(tmp_path):
    mini.write(tmp_path, ["A"])
    done = run_study(
        mini.study(tmp_path, ("[higher", "[classes]\nstrong = 50\nweak = 50\n[higher"))
    )
    notes = {stage: known.get("note", "") for stage, known in done.stages.items()}
    assert {stage for stage, note in notes.items() if note} == {
        *("context_swap", "distance", "multiplicity", "fine_tile")
    }
    assert "no other context" in notes["context_swap"]
    assert notes["distance"].startswith("no tile is a strong enhancer, weak enhancer")
    for table in ("context_swap", "distance", "distance_curve", "saturation", "cre_classes"):
        assert done.table(table).empty
    with pytest.raises(ResultsError, match="'distance' has no results: no tile"):
        done.dataset("distance")
    assert not (done.path / "stages" / "distance").exists()


def test_nothing_is_selected(tmp_path):
    mini.write(tmp_path, genes=2)
    done = run_study(mini.study(tmp_path, ("activity = 5.0", "activity = 1000")))
    assert {known["state"] for known in done.stages.values()} == {"finished"}
    assert "the funnel says why" in done.stages["necessity"]["note"]
    assert done.raw["funnel"][-1]["left"] == 0


def test_no_silencing_context(tmp_path):
    mini.write(tmp_path, ["A", "B"])
    some = 'stages = ["loci", "context_dependence", "necessity", "sufficiency"]\n\n[model]'
    only = '[necessity]\ncategories = ["silencing"]\n[higher'
    done = run_study(mini.study(tmp_path, ("[model]", some), ("[higher", only)))
    assert done.stages["necessity"]["note"] == "no locus has a context that is silencing"
    assert done.stages["sufficiency"]["units"] == 2


def test_at_most_so_many_loci_of_a_category(tmp_path):
    mini.write(tmp_path)
    some = 'stages = ["loci", "context_dependence", "necessity"]\n\n[model]'
    change = ("[common]", "[categories]\nat_most = 1\n\n[common]")
    done = run_study(mini.study(tmp_path, ("[model]", some), change))
    assert done.stages["necessity"]["units"] == 3
    table = done.table("categories")
    assert table["taken"].sum() == 3
    assert done.raw["categories"]["enhancing"] == 2
    for category, sign in (("enhancing", -1), ("silencing", 1)):
        part = table[table["category"] == category]
        best = part.iloc[np.argsort(sign * part["effect"].to_numpy(), kind="stable")[0]]
        assert best["taken"]


def test_a_failing_model_fails_the_stage_and_the_next_run_goes_on(tmp_path, monkeypatch):
    mini.write(tmp_path, genes=3)
    some = 'stages = ["loci", "context_dependence", "context_swap", "necessity"]\n\n[model]'
    file = mini.study(tmp_path, ("[model]", some))
    run_study(file, stages=["loci", "context_dependence"])
    with monkeypatch.context() as patched:

        def broken(self, onehot):
            raise RuntimeError("out of order")

        patched.setattr("creme.models.synthetic.SyntheticModel.predict", broken)
        with pytest.raises(ModelError, match="out of order"):
            run_study(file)
    state = StudyResults(tmp_path / "mini.study").stages["context_swap"]
    assert state["state"] == "failed"
    assert "out of order" in state["error"]
    done = run_study(file)
    assert {known["state"] for known in done.stages.values()} == {"finished"}
    assert not done.stages["context_swap"]["error"]
    assert not Results(done.path / "stages" / "context_swap").state()["error"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("seed = 7", "sed = 7"), "unknown key 'sed' .did you mean 'seed'"),
        (('name = "mini"', 'name = "a/b"'), "name = 'a/b' is not allowed"),
        (("activity = 5.0", "activity = -1"), r"\[selection\]: activity = -1 is not allowed"),
        (("activity = 5.0", "summit = 'peak'"), r"\[selection\]: summit = 'peak' is not allowed"),
        (
            ("activity = 5.0", "per_gen = 1"),
            r"\[selection\]: unknown key 'per_gen' .did you mean 'per_gene'",
        ),
        (("[common]", "[categories]\nneutral = 2\n[common]"), "the categories overlap"),
        (("[common]", "[classes]\nweak = 0.9\n[common]"), "weak = 0.9 is above strong = 0.5"),
        (("replicates = 2", "replicates = 0"), r"\[common\]: replicates = 0 is not allowed"),
        (("rounds = 3", "round = 3"), r"\[higher_order\].*'round' .did you mean 'rounds'"),
        (("rounds = 3", "rounds = 0"), r"\[higher_order\].*rounds = 0 is not allowed"),
        (("rounds = 3", "tiles = [[0, 5]]"), r"\[higher_order\] tiles: the study sets it"),
        (("copies = 3", "copies = 300"), r"\[multiplicity\].*only 10 positions"),
        (("copies = 3", "tile = 500"), r"\[multiplicity\] tile = 500, and that of \[suff"),
        (("copies = 3", "cres = {enhancing = ['x']}"), r"\[multiplicity\].*'x' is not allowed"),
        (("rounds = 3", "categories = ['hot']"), r"\[higher_order\].*'hot' is not allowed"),
        (("rounds = 3", "cres = {}"), r"\[higher_order\] cres: this stage has none"),
        (("tile = 1000", "tile = 100000"), r"\[context_dependence\].*does not fit"),
        (("seed = 7", "stages = ['loci', 'distance']"), "'distance' needs stage sufficiency"),
        (("seed = 7", "stages = ['loci', 'dance']"), "'dance' is no stage"),
        (('["alpha"]', '"all"'), "track: there are 2 activities"),
        (("seed = 7", "track = 'synthetic:alfa'"), "did you mean 'synthetic:alpha'"),
        (('bins = "all"', 'bins = "tss"'), "bins keeps 1 of 56 bins: .* '27-29' around"),
        (('bins = "all"', 'bins = "28-40"'), "'27-29' around the TSS's bin 28"),
        (('fasta = "genome.fa"', 'fasta = "g.fa"'), "g.fa does not exist"),
    ],
)
def test_errors_name_the_field_and_the_value(change, words, tmp_path):
    mini.write(tmp_path, genes=1)
    with pytest.raises(Exception, match=words) as caught:
        run_study(mini.study(tmp_path, change))
    assert type(caught.value).__module__ == "creme.errors"
    assert not (tmp_path / "mini.study").exists()


def test_narrow_bins_are_enough_without_a_summit(tmp_path):
    mini.write(tmp_path, genes=1)
    some = 'stages = ["loci"]\n\n[model]'
    file = mini.study(
        tmp_path, ("[model]", some), ('"all"', '"tss"'), ("[common]", "summit = 'any'\n[common]")
    )
    assert run_study(file).raw["funnel"][-1]["left"] == 1


def test_what_stands_in_the_way_is_left_alone(tmp_path):
    mini.write(tmp_path, genes=1)
    file = mini.study(tmp_path)
    (tmp_path / "mini.study").mkdir()
    (tmp_path / "mini.study" / "thesis.txt").write_text("precious")
    with pytest.raises(ResultsError, match="is not the folder of a study"):
        run_study(file)
    assert (tmp_path / "mini.study" / "thesis.txt").read_text() == "precious"
    with pytest.raises(ConfigError, match="no study file"):
        run_study(tmp_path / "other.toml")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ResultsError, match=r"it has no study\.json"):
        run_study(tmp_path / "empty")


def test_the_state_is_json_that_says_who_is_at_work(whole):
    study, _ = whole
    state = json.loads((Path(study.path) / "study.json").read_text())
    assert {"name", "folder", "store", "track", "source", "model", "identity"} <= set(state)
    assert {"funnel", "categories", "classes", "stages", "versions", "pid"} <= set(state)
    assert (study.path / "study.toml").read_text() == mini.STUDY


def test_one_of_several_tracks_decides(tmp_path):
    mini.write(tmp_path, genes=3)
    study = run_study(
        mini.study(
            tmp_path,
            ('tracks = ["alpha"]', 'tracks = "all"'),
            ("[model]", 'track = "synthetic:beta"\n\n[model]'),
            ("replicates = 2", "replicates = 1"),
        )
    )
    dataset = study.dataset("context_dependence")
    beta = dataset["effect"].sel(track="synthetic:beta").values
    table = study.table("categories")
    np.testing.assert_allclose(table["effect"], beta)
    wild_type = dataset["wild_type"].sel(track="synthetic:beta").values
    loci = pd.read_csv(study.path / "selected.tsv", sep="\t")
    np.testing.assert_allclose(loci["activity"], wild_type, rtol=1e-6)
    for stage in STAGES[1:]:
        tracks = set(study.table(stage)["track"])
        assert tracks == {"synthetic:alpha", "synthetic:beta"}
    effects = study.table("sufficiency")
    own = effects[(effects["track"] == "synthetic:beta") & (effects["cre_class"] != "")]
    assert own["effect"].tolist() == study.table("cre_classes")["effect"].tolist()
    # A search of each track, and only the loci that the deciding one has sorted.
    sets = study.table("interactions")
    assert len(sets) == (table["category"] != "").sum() * 2 * 2
