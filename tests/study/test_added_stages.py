"""Stages that a study file adds: a plugin's test, or one of ours under another name."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import mini_study as mini
from creme.errors import ConfigError, CremeError, ModelError, PluginError, ResultsError
from creme.registry import plugins
from creme.results.directory import Results
from creme.study import run_study
from creme.study.folder import Folder
from creme.study.forecast.cost import forecast
from creme.study.run import prepare
from creme.study.stages.order import BUILT_IN
from creme.study.study import Study
from in_process import caller
from states import change_table

pytestmark = pytest.mark.skipif(
    "dose" not in plugins("test"), reason="the template plugin is not installed"
)

RUN = 'run = ["loci", "context_dependence", "sufficiency"]'
DOSE = """
[stages.dose]
test = "dose"
after = "sufficiency"
cres = { enhancing = ["enhancer"] }
copies = 3
"""
MORE = """
[stages.all_loci]
test = "dose"
copies = 1

[stages.finer]
test = "necessity"
categories = ["enhancing", "silencing"]
tile = 500

[stages.only_cres]
test = "necessity"
after = "finer"
cres = { silencing = ["silencer"] }
"""


def added(folder, *tables, run=RUN, changes=(), name="study.toml"):
    """A study file with the stages of its own."""
    text = f"[stages]\n{run}\n{''.join(tables)}\n\n[model]"
    return mini.study(folder, ("[model]", text), *changes, name=name)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A finished study with added stages; not to be changed."""
    folder = tmp_path_factory.mktemp("added")
    mini.write(folder)
    return run_study(added(folder, DOSE, MORE))


@pytest.fixture
def copied(whole, tmp_path):
    """A copy of it; its study file."""
    shutil.copytree(whole.path.parent, tmp_path, dirs_exist_ok=True)
    return tmp_path / "study.toml"


def run(file, *stages):
    """Run a study; returns it, and the stages that ran now."""
    ran = []
    study = run_study(
        file,
        stages=stages or None,
        on_stage=lambda stage, state, now: ran.append(stage) if now else None,
    )
    return study, ran


def test_they_come_after_what_they_need_and_have_tables(whole):
    names = ["loci", "context_dependence", "sufficiency", "dose", "all_loci", "finer", "only_cres"]
    assert list(whole.stages) == names
    assert {entry["state"] for entry in whole.stages.values()} == {"finished"}
    for name in names[3:]:
        entry = whole.stages[name]
        assert entry["units"] > 0
        assert entry["asked"] == entry["predicted"] + entry["stored"] + entry["repeated"]
        assert Results(whole.path / "stages" / name).labels() == [name]
    classes = whole.table("cre_classes")
    enhancers = classes[(classes["category"] == "enhancing")]
    dose = whole.table("dose")
    assert set(dose["locus"]) == set(enhancers["locus"])
    assert set(dose["category"]) == {"enhancing"}
    assert "cre_class" not in dose  # its rows are no tiles
    assert dose["copies"].max() == 3
    everywhere = whole.table("all_loci")
    assert everywhere["locus"].nunique() == 6
    assert "category" not in everywhere  # it comes before they are known
    finer = whole.table("finer")
    assert set(finer["category"]) == {"enhancing", "silencing"}
    assert set(finer["tile_end"] - finer["tile_start"]) == {500}


def test_a_test_with_tiles_gets_the_cres_as_ours_do(whole):
    table, classes = whole.table("only_cres"), whole.table("cre_classes")
    silencers = classes[classes["cre_class"].str.endswith("silencer")]
    places = set(zip(silencers["locus"], silencers["tile_start"], strict=True))
    assert set(zip(table["locus"], table["tile_start"], strict=True)) == places
    assert table["cre_class"].str.endswith("silencer").all()
    configuration = json.loads(whole.dataset("only_cres").attrs["configuration"])
    assert set(configuration["tiles"]) == {locus for locus, _ in places}


def test_the_activities_are_the_models(whole):
    dataset = whole.dataset("dose")
    assert dataset["category"].values.tolist() == ["enhancing"] * dataset.sizes["locus"]
    wild_type = whole.dataset("context_dependence")["wild_type"].sel(locus=dataset["locus"])
    first = dataset["activity"].isel(copies=0)
    assert (first.values == wild_type.values).all()


def test_a_finished_one_is_not_run_again_and_a_lost_table_is_written(copied, whole):
    assert run(copied)[1] == []
    (copied.parent / "mini.study" / "tables" / "dose.csv").unlink()
    study, ran = run(copied)
    assert ran == ["dose"]
    assert study.stages["dose"]["predicted"] == whole.stages["dose"]["predicted"]
    assert mini.tables(study.path) == mini.tables(whole.path)


def test_one_that_was_stopped_goes_on(copied, whole, monkeypatch):
    shutil.rmtree(copied.parent / "mini.study")

    def stopped(*_args, **_more):
        raise KeyboardInterrupt

    run(copied, "loci", "context_dependence", "sufficiency")
    with monkeypatch.context() as patched:
        patched.setattr("creme.study.stage_runner.measure", stopped)
        with pytest.raises(KeyboardInterrupt):
            run(copied, "dose")
    assert Folder(copied.parent / "mini.study").stages()["dose"]["state"] == "interrupted"
    study, ran = run(copied.parent / "mini.study")
    assert ran == ["dose", "all_loci", "finer", "only_cres"]
    assert sum(study.stages[name]["predicted"] for name in ran) == 0
    assert mini.tables(study.path) == mini.tables(whole.path)


def test_it_is_outdated_with_what_it_was_made_from(copied, monkeypatch, capsys):
    creme = caller(monkeypatch, capsys)
    study = copied.parent / "mini.study"
    selected = study / "selected.tsv"
    lines = selected.read_text().splitlines(keepends=True)
    change_table(study, selected.name, "".join(lines[:4]))
    states = {name: entry["state"] for name, entry in Folder(study).stages().items()}
    assert states.pop("loci") == "finished"
    assert set(states.values()) == {"outdated"}
    with pytest.raises(ResultsError, match="stage 'dose' is outdated: stage loci"):
        Folder(study).table("dose")
    assert "outdated" in creme("status", study / "stages" / "dose")
    done, ran = run(copied)
    assert ran == [*list(states)]
    assert done.table("all_loci")["locus"].nunique() == 3
    # Classes alone are passed on to it: it stays where another one's results change.
    classes = study / "tables" / "cre_classes.csv"
    lines = classes.read_text().splitlines(keepends=True)
    change_table(study, "tables/cre_classes.csv", "".join(lines[:-1]))
    states = {name: entry["state"] for name, entry in Folder(study).stages().items()}
    assert (states["dose"], states["only_cres"]) == ("outdated", "outdated")
    assert (states["all_loci"], states["finer"]) == ("finished", "finished")


def test_the_plan_says_what_is_known(copied, monkeypatch, capsys):
    creme = caller(monkeypatch, capsys)
    folder = copied.parent / "mini.study"
    shutil.rmtree(folder)
    shutil.rmtree(copied.parent / "predictions")
    assumed = {one.stage: one for one in Study.from_file(copied).plan(assume_loci=4527)}
    assert assumed["dose"].units == 59
    assert assumed["finer"].units == 152 + 11
    assert assumed["finer"].asked == (152 + 11) * (1 + 22 * 2)
    assert assumed["all_loci"].units == 4527
    assert assumed["dose"].kind == assumed["all_loci"].kind == "unknown"
    for stage in ("loci", "context_dependence", "sufficiency"):
        run(copied, stage)
    for stage in ("dose", "all_loci", "finer", "only_cres"):
        before = {one.stage: one for one in forecast(*prepare(copied))}[stage]
        took = run(copied, stage)[0].stages[stage]
        assert before.units == took["units"]
        if stage in ("finer", "only_cres"):
            assert (before.kind, before.asked) == ("exact", took["asked"])
            assert before.needed == took["predicted"]
        else:
            assert (before.kind, before.asked, before.needed) == ("unknown", 0, 0)
            assert "does not say how many sequences" in before.notes[0]
    assert [one.needed for one in forecast(*prepare(copied))] == [0] * 7
    shutil.rmtree(folder / "stages" / "dose")
    Folder(folder).update_stage("dose", {"state": "interrupted"})
    shown = creme("study", copied, "--plan", "--seconds-per-prediction", "1")
    assert "not known" in shown
    assert "at least 0" in shown


def test_status_and_export_and_report_have_them(copied, monkeypatch, capsys):
    creme = caller(monkeypatch, capsys)
    shown = creme("study", copied, "--status")
    assert "only_cres" in shown
    creme("export", copied.parent / "mini.study", "--to", copied.parent / "export")
    assert list((copied.parent / "export").rglob("*dose*"))


def test_it_is_an_experiment_that_runs_by_itself(copied):
    from creme.runner.experiment import parse
    from creme.runner.run import run_experiment

    for name in ("dose", "finer", "only_cres"):
        directory = copied.parent / "mini.study" / "stages" / name
        text = (directory / "experiment.toml").read_text()
        experiment = parse(text, name, copied.parent)
        report, alone = run_experiment(experiment, copied.parent / f"{name}.results")
        assert report.progress.predicted == 0
        within = Results(directory).load(name)
        assert alone.load(name).drop_attrs().identical(within.drop_attrs())


def test_a_changed_one_is_another_study_once_it_is_finished(copied):
    text = copied.read_text()
    for old, new, words in [
        ("copies = 3", "copies = 2", "dose: parameters"),
        ('enhancing = ["enhancer"]', 'enhancing = ["strong enhancer"]', "dose: takes"),
        ('test = "dose"\ncopies = 1', 'test = "necessity"', "all_loci: parameters, all_loci: test"),
    ]:
        assert old in text
        copied.write_text(text.replace(old, new))
        with pytest.raises(ResultsError, match=f"differs in {words}"):
            run(copied)
    # An added one that is new is run; the others stay.
    copied.write_text(text.replace("[model]", '[stages.new]\ntest = "dose"\n\n[model]'))
    assert run(copied)[1] == ["new"]


def test_the_folder_is_read_without_the_plugin(copied, monkeypatch):
    from creme import registry

    all_plugins = registry.plugins

    def without(kind):
        return {name: plugin for name, plugin in all_plugins(kind).items() if name != "dose"}

    monkeypatch.setattr(registry, "plugins", without)
    folder = Folder(copied.parent / "mini.study")
    assert folder.stages()["dose"]["state"] == "finished"
    assert len(folder.table("dose"))
    assert Study.from_file(copied).classes.weak == 0.3
    with pytest.raises(PluginError, match=r"\[stages.dose\]: no test is called 'dose'"):
        run(copied)


def test_nothing_to_do(tmp_path):
    mini.write(tmp_path, genes=2)
    none = '\n[stages.none]\ntest = "dose"\ncres = { silencing = ["silencer"] }\n'
    study = run_study(added(tmp_path, none, changes=[("activity = 5.0", "activity = 1000")]))
    assert study.stages["none"]["note"] == "no locus was selected: the funnel says why"
    assert study.table("none").empty


def test_a_test_that_fails_everywhere_fails_its_stage(copied, monkeypatch):
    def broken(self, locus):
        yield [locus.sequence]
        raise ValueError("no dose")

    copied.write_text(copied.read_text().replace("[model]", '[stages.new]\ntest = "dose"\n[model]'))
    monkeypatch.setattr(type(Study.from_file(copied).test("new")), "run", broken)
    with pytest.raises(ModelError, match=r"stage 'new': all of its 6 units failed.*no dose"):
        run(copied)
    assert Folder(copied.parent / "mini.study").stages()["new"]["state"] == "failed"


def units_that_fail(self, loci):
    yield loci[0]
    raise ValueError("no second one")


def unlike_datasets(self, locus):
    yield [locus.sequence]
    if locus.name == "GENE1":
        return xr.Dataset({"effect": ("track", np.zeros(1)), "other": ("track", np.zeros(1))})
    return xr.Dataset({"effect": (("track", "other"), np.zeros((1, 2)))})


@pytest.mark.parametrize(
    ("method", "broken", "words"),
    [
        ("units", units_that_fail, "'new': the units of test 'dose' end in .*no second one"),
        ("run", unlike_datasets, "stage 'new': its units do not fit together"),
    ],
)
def test_what_a_plugin_does_wrong_fails_its_stage_alone(
    method, broken, words, copied, whole, monkeypatch
):
    copied.write_text(copied.read_text().replace("[model]", '[stages.new]\ntest = "dose"\n[model]'))
    with monkeypatch.context() as patched:
        patched.setattr(type(Study.from_file(copied).test("new")), method, broken)
        with pytest.raises(PluginError, match=words):
            run(copied)
    folder = Folder(copied.parent / "mini.study")
    states = {name: entry["state"] for name, entry in folder.stages().items()}
    assert states.pop("new") == "failed"
    assert set(states.values()) == {"finished"}
    study, ran = run(copied)
    assert ran == ["new"]
    assert study.table("new")["locus"].nunique() == 6


@pytest.mark.parametrize(
    ("tables", "words"),
    [
        (['[stages.necessity]\ntest = "dose"'], r"\[stages.necessity\]: stage 'necessity' of the"),
        (['[stages.saturation]\ntest = "dose"'], "stage 'multiplicity' of the toolkit has this"),
        (['[stages.x]\ntest = "doze"'], r"\[stages.x\]: no test is called 'doze'.*'dose'"),
        (["[stages.x]\ncopies = 3"], r"\[stages.x\]: 'test' is required"),
        (["[stages.x]\ntest = 3"], r"\[stages.x\]: test = 3 is not allowed"),
        (['[stages]\nx = "dose"'], r"x = 'dose': give a table \[stages.x\]"),
        (['[stages."a/b"]\ntest = "dose"'], "it names a folder"),
        (['[stages.x]\ntest = "dose"\ncopis = 3'], r"\[stages.x\]: unknown key 'copis' .*'copies'"),
        (['[stages.x]\ntest = "dose"\nafter = "dance"'], "after = 'dance' is not a stage of the"),
        (
            [
                '[stages.x]\ntest = "dose"\nafter = "y"\n',
                '[stages.y]\ntest = "dose"\nafter = "x"\n',
            ],
            "make a circle, 'x' after 'y' after 'x'",
        ),
        (['[stages.x]\ntest = "dose"\nafter = "x"'], "make a circle, 'x' after 'x'"),
        (
            [
                '[stages.x]\ntest = "dose"\nafter = "context_dependence"\n',
                "cres = {enhancing = ['enhancer']}",
            ],
            r"\[stages.x\] after = 'context_dependence': it takes cres, which stage 'sufficiency'",
        ),
        (
            ['[stages.x]\ntest = "dose"\nafter = "loci"\ncategories = ["neutral"]'],
            "it takes categories, which stage 'context_dependence' finds",
        ),
        (
            ['[stages]\nrun = ["loci"]\n[stages.x]\ntest = "dose"\ncategories = ["neutral"]'],
            "stage 'x' needs stage context_dependence, which is not among them",
        ),
        (
            ['[stages.x]\ntest = "dose"\ncategories = ["hot"]'],
            r"\[stages.x\]: categories.0 = 'hot' is not allowed",
        ),
        (
            [
                '[stages.x]\ntest = "dose"\ncategories = ["neutral"]\n',
                "cres = {enhancing = ['enhancer']}",
            ],
            r"\[stages.x\]: give categories or cres",
        ),
        (['[stages.x]\ntest = "dose"\nseed = 3'], r"\[stages.x\] seed: the study sets it"),
        (
            ['[stages.x]\ntest = "necessity"\ntiles = [[0, 5]]\ncres = {enhancing = ["enhancer"]}'],
            r"\[stages.x\] tiles: the study sets it",
        ),
        (
            ['[stages.x]\ntest = "necessity"\ntile = 500\ncres = {enhancing = ["enhancer"]}'],
            r"\[stages.x\] tile = 500, and that of \[sufficiency\] is 1000",
        ),
        (['[stages.x]\ntest = "necessity"\ntile = 100000'], r"\[stages.x\]: .*does not fit"),
    ],
)
def test_errors_say_what_is_wrong(tables, words, tmp_path):
    mini.write(tmp_path, genes=1)
    file = mini.study(tmp_path, ("[model]", f"{''.join(tables)}\n\n[model]"))
    with pytest.raises(CremeError, match=words):
        run_study(file)
    assert not (tmp_path / "mini.study").exists()


def test_parameters_may_have_a_table_of_their_own(tmp_path):
    flat = Study.from_file(added(tmp_path, DOSE))
    nested = DOSE.replace("copies = 3", "parameters = { copies = 3 }")
    assert Study.from_file(added(tmp_path, nested)) == flat
    assert flat.test("dose").configuration()["copies"] == 3
    assert list(flat.stage_records) == [*BUILT_IN, "dose"]


FILE = """
from creme import Sequence, Test
import xarray as xr


class Half(Test):
    name = "half"
    copies: int = 1

    def run(self, locus):
        (activity,) = yield [locus.sequence]
        return xr.Dataset({"effect": ("track", activity / 2)})
"""


def test_a_test_in_a_file_of_the_users_own(tmp_path, monkeypatch):
    mini.write(tmp_path, genes=3)
    (tmp_path / "my_test.py").write_text(FILE)
    table = '[stages.mine]\ntest = "python"\nobject = "my_test.py:Half"\n'
    file = added(tmp_path, table, run='run = ["loci"]')
    monkeypatch.chdir("/")
    done = run_study(file)
    effect = done.table("mine").set_index("locus")["effect"]
    activity = pd.read_csv(done.path / "selected.tsv", sep="\t").set_index("locus")["activity"]
    np.testing.assert_allclose(effect, activity / 2, rtol=1e-6)
    assert run(done.path)[1] == []
    (tmp_path / "my_test.py").write_text(FILE.replace("/ 2", "/ 3"))
    with pytest.raises(ResultsError, match="differs in mine: parameters"):
        run(file)


def test_a_list_is_the_toolkits_stages_alone(tmp_path):
    listed = Study.from_file(mini.study(tmp_path, ("[model]", 'stages = ["loci"]\n\n[model]')))
    table = Study.from_file(added(tmp_path, run='run = ["loci"]'))
    assert listed == table
    assert listed.stages.in_order == ["loci"]
    with pytest.raises(ConfigError, match="'dance' is no stage"):
        Study.from_file(added(tmp_path, run='run = ["dance"]'))


def test_what_it_is_run_on_does_not_depend_on_the_order_of_the_file(tmp_path, whole):
    mini.write(tmp_path)
    study = run_study(added(tmp_path, MORE, DOSE))
    pd.testing.assert_frame_equal(study.table("dose"), whole.table("dose"))
    pd.testing.assert_frame_equal(study.table("only_cres"), whole.table("only_cres"))
