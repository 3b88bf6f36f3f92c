"""The study file's class as an object: read, made in Python, written, run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import mini_study as mini
from creme.cli.template import STUDY
from creme.errors import ConfigError
from creme.genome import LociConfig
from creme.study import run_study
from creme.study.config import Common, LocusSelection
from creme.study.folder import Folder
from creme.study.run import prepare
from creme.study.study import Study

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
ADDED = """
[stages]
run = ["loci", "context_dependence", "sufficiency"]

[stages.again]
test = "necessity"
cres = { enhancing = ["enhancer"] }

[model]"""


def made(folder: Path, **changes) -> Study:
    """The study of two stages, in Python."""
    fields = {
        "name": "mini",
        "seed": 7,
        "store": str(folder / "predictions"),
        "stages": ["loci", "context_dependence"],
        "model": {
            "plugin": "synthetic",
            "length": mini.LENGTH,
            "decay": mini.DECAY,
            "tracks": ["alpha"],
            "bins": "all",
        },
        "loci": LociConfig(fasta=folder / "genome.fa", gtf=folder / "annotation.gtf"),
        "selection": LocusSelection(activity=5.0),
        "common": Common(tile=mini.TILE, replicates=2),
    }
    return Study(**{**fields, **changes})


@pytest.mark.parametrize("text", [STUDY, mini.STUDY, mini.STUDY.replace("[model]", ADDED)])
def test_from_text_to_text(text):
    study = Study.from_text(text)
    assert Study.from_text(study.to_toml()) == study
    assert study != study.model_copy(update={"seed": 8})


def test_the_example_comes_back(tmp_path):
    study = Study.from_file(EXAMPLES / "seqnn_study.toml")
    again = tmp_path / "again.toml"
    again.write_text(study.to_toml())
    assert Study.from_file(again) == study


def test_a_study_made_in_python_runs_like_one_from_a_file(tmp_path):
    mini.write(tmp_path, genes=3)
    some = 'stages = ["loci", "context_dependence"]\n\n[model]'
    from_file = run_study(mini.study(tmp_path, ("[model]", some)))
    study = made(tmp_path)
    (loci, contexts) = study.plan(tmp_path / "other.study", assume_loci=3)
    assert (loci.needed, contexts.asked) == (0, 3 * 3)
    done = study.run(tmp_path / "other.study", stages=["loci"])
    assert done.stages["context_dependence"]["state"] == "waiting"
    done = study.run(tmp_path / "other.study")
    assert mini.tables(done.path) == mini.tables(from_file.path)
    assert sum(entry["predicted"] for entry in done.stages.values()) == 0
    kept = (done.path / "study.toml").read_text()
    assert kept == study.to_toml()
    assert Study.from_text(kept) == study
    # The folder goes on without the object.
    again = run_study(done.path)
    assert mini.tables(again.path) == mini.tables(from_file.path)


def test_its_paths_start_from_the_current_directory(tmp_path, monkeypatch):
    mini.write(tmp_path, genes=2)
    monkeypatch.chdir(tmp_path)
    study = made(Path(), stages=["loci"])
    done = study.run()
    assert done.path.resolve() == tmp_path / "mini.study"
    assert done.raw["folder"] == str(tmp_path)
    monkeypatch.chdir("/")
    assert run_study(tmp_path / "mini.study").stages["loci"]["state"] == "finished"


def test_a_changed_study_starts_from_the_same_folder(tmp_path):
    mini.write(tmp_path, genes=2)
    study = Study.from_file(mini.study(tmp_path)).model_copy(
        update={"name": "changed", "stages": ["loci"]}
    )
    done = study.run()
    assert done.path == tmp_path / "changed.study"
    assert 'name = "changed"' in (done.path / "study.toml").read_text()


def test_the_file_is_kept_as_it_is(tmp_path):
    mini.write(tmp_path, genes=1)
    file = mini.study(tmp_path, ("[model]", 'stages = ["loci"]  # only\n\n[model]'))
    done = Study.from_file(file).run()
    assert (done.path / "study.toml").read_text() == file.read_text()
    assert Study.from_file(done.path) == Study.from_file(file)


def test_no_text_is_made_and_parsed_to_run_an_object(tmp_path, monkeypatch):
    mini.write(tmp_path, genes=1)
    study = made(tmp_path, stages=["loci"])
    monkeypatch.setattr("creme.runner.toml_file.small.parse_toml", None)
    assert study.run(tmp_path / "mini.study").stages["loci"]["state"] == "finished"


def test_stages_in_python(tmp_path):
    mini.write(tmp_path, genes=1)
    study = made(tmp_path, stages={"run": ["loci"], "second": {"test": "necessity", "tile": 500}})
    assert study.stages.in_order == ["loci", "second"]
    assert study.test("second").configuration()["tile"] == 500
    with pytest.raises(ConfigError, match="after = 'third' is not a stage"):
        made(tmp_path, stages={"second": {"test": "necessity", "after": "third"}})
    with pytest.raises(ConfigError, match=r"unknown key 'sed' .*did you mean 'seed'"):
        made(tmp_path, sed=3)


def test_identities_are_those_of_finished_studies(tmp_path):
    mini.write(tmp_path)
    golden = json.loads((Path(__file__).parent / "data" / "mini_identity.json").read_text())
    file = mini.study(tmp_path)
    of_new, _ = prepare(file)
    # Since then windows with many N are left out by default.
    changed = {**golden["loci"], "selection": {**golden["loci"]["selection"], "max_n": 0.1}}
    stages = of_new.identity()
    del stages["set_sufficiency"]  # a stage that there was not
    assert stages == {**golden, "loci": changed}
    # A folder that began without the limit is still this file's.
    folder = Folder(tmp_path / "mini.study")
    folder.path.mkdir()
    folder.begin({"identity": golden, "stages": {"loci": {"state": "finished"}}})
    prepared, its_folder = prepare(file)
    stages = prepared.identity()
    del stages["set_sufficiency"]
    assert stages == golden
    its_folder.check(prepared.identity())
