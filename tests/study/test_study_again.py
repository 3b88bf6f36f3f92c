"""A study that is run again: what failed is tried, and nothing of other loci is given out."""

from __future__ import annotations

import json
import shutil
from contextlib import contextmanager

import numpy as np
import pytest

import mini_study as mini
from creme.errors import GenomeError, ResultsError
from creme.genome import Genome
from creme.models.synthetic import SyntheticModel
from creme.results.directory import Results
from creme.sequence import Sequence
from creme.study import StudyResults, run_study
from creme.study.config import STAGES
from creme.study.stages.order import earlier
from in_process import caller
from states import change_table, write_state


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A finished study of three genes; not to be changed."""
    folder = tmp_path_factory.mktemp("whole")
    mini.write(folder, genes=3)
    return run_study(mini.study(folder))


@pytest.fixture
def copied(whole, tmp_path):
    """A copy of it."""
    shutil.copytree(whole.path.parent, tmp_path, dirs_exist_ok=True)
    return tmp_path / "study.toml"


@contextmanager
def lost(gene, folder):
    """The model gives NaN for what has the first bases of a gene, as a device that ails."""
    assert gene.strand == "+"
    genome = Genome(folder / "genome.fa")
    first = Sequence.from_string(str(genome.fetch("mini1", gene.position, gene.position + 99)))
    span = slice(mini.LENGTH // 2, mini.LENGTH // 2 + 99)
    predict = SyntheticModel.predict

    def ailing(self, codes):
        found = np.array(predict(self, codes))
        found[(codes[:, span] == first.codes).all(axis=1)] = np.nan
        return found

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(SyntheticModel, "predict", ailing)
        yield


def stopped(*_args, **_more):
    raise KeyboardInterrupt


def run(file, *stages):
    """Run a study; returns it, and the stages that ran now."""
    ran = []
    study = run_study(
        file,
        stages=stages or None,
        on_stage=lambda stage, state, now: ran.append(stage) if now else None,
    )
    return study, ran


@pytest.mark.parametrize("stage", ["loci", "context_dependence", "sufficiency", "higher_order"])
def test_what_failed_is_tried_again_and_what_depends_on_it_is_made_anew(stage, whole, tmp_path):
    *_, gene = mini.write(tmp_path, genes=3)
    file = mini.study(tmp_path)
    before = STAGES[: STAGES.index(stage)]
    run_study(file, stages=before)
    with lost(gene, tmp_path):
        left, ran = run(file)
        assert ran == [one for one in STAGES if one not in before]
        assert all("NaN" in why for _, why in left.stages[stage]["failures"])
        assert len(left.stages[stage]["failures"]) == 1
        failed = [one for one, known in left.stages.items() if known["failures"]]
        # They fail again, and nothing else is touched.
        assert run(file)[1] == failed
    done, ran = run(file)
    assert ran == [one for one in STAGES if {one, *earlier(one)} & set(failed)]
    assert not any(known["failures"] for known in done.stages.values())
    assert mini.tables(done.path) == mini.tables(whole.path)
    assert run(file)[1] == []


def test_results_of_other_loci_are_not_given_out(whole, tmp_path, monkeypatch, capsys):
    creme = caller(monkeypatch, capsys)
    *_, gene = mini.write(tmp_path, genes=3)
    file = mini.study(tmp_path)
    with lost(gene, tmp_path):
        study = run_study(file, stages=["loci"])
    assert run_study(file, stages=STAGES[1:]).raw["classes"] == {
        "enhancing": {"strong enhancer": 2}
    }
    shown = creme("study", file, "--stage", "loci")
    assert f"{', '.join(STAGES[1:])} are outdated: 'creme study {study.path}' makes" in shown
    assert {known["state"] for known in list(study.stages.values())[1:]} == {"outdated"}
    shown = creme("study", file, "--status")
    assert shown.count("stage loci has other results since") == len(STAGES) - 1
    assert f"To continue: creme study {study.path}" in shown
    assert "categories:" not in shown
    assert "classes: {" not in shown
    for name in ("necessity", "categories", "saturation"):
        with pytest.raises(ResultsError, match="outdated: stage loci has other results since; 'cr"):
            study.table(name)
    with pytest.raises(ResultsError, match=r"'necessity' of .* is outdated: go on with"):
        study.dataset("necessity")
    with pytest.raises(ResultsError, match="'distance' needs context_dependence and sufficiency"):
        run_study(file, stages=["distance"])
    stage = study.path / "stages" / "necessity"
    assert "outdated" in creme("status", stage)
    assert (
        f"outdated: stage loci has other results since. To continue: creme study {study.path}"
        in (creme("results", stage))
    )
    creme("export", study.path, "--to", tmp_path / "export")
    assert not list((tmp_path / "export").rglob("*necessity*"))
    page = creme("report", study.path) and (study.path / "report.html").read_text()
    assert "is outdated: stage loci has other results since" in page
    done = run_study(file)
    assert mini.tables(done.path) == mini.tables(whole.path)
    assert list(done.dataset("necessity")["locus"].values) == ["GENE1", "GENE2", "GENE3"]
    assert Results(stage).state()["state"] == "finished"
    assert not Results(stage).state()["error"]
    assert "outdated" not in creme("study", file, "--status")


def test_a_stage_that_is_stopped_while_it_is_made_anew_leaves_nothing_of_other_loci(
    copied, monkeypatch
):
    study = StudyResults(copied.parent / "mini.study")
    selected = study.path / "selected.tsv"
    text = selected.read_text()
    change_table(study.path, selected.name, "".join(text.splitlines(keepends=True)[:3]))
    assert study.stages["necessity"]["state"] == "outdated"
    with monkeypatch.context() as patched:
        patched.setattr("creme.study.stage_runner.measure", stopped)
        with pytest.raises(KeyboardInterrupt):
            run(copied)
    assert study.stages["context_dependence"]["state"] == "interrupted"
    assert not {"context_dependence", "categories", "coverage"} & set(study.folder.tables())
    assert not Results(study.path / "stages" / "context_dependence").labels()
    # Two loci instead of three, and then three again.
    done, _ = run(copied)
    assert done.table("categories")["locus"].tolist() == ["GENE1", "GENE2"]
    assert {known["state"] for known in done.stages.values()} == {"finished"}
    change_table(study.path, selected.name, text)
    again, ran = run(copied)
    assert ran == list(STAGES[1:])
    assert not any(again.stages[stage]["predicted"] for stage in ran)
    assert again.table("categories")["locus"].tolist() == ["GENE1", "GENE2", "GENE3"]


def test_what_has_nothing_to_do_any_more_has_no_results(copied):
    study = StudyResults(copied.parent / "mini.study")
    assert study.raw["classes"]
    selected = study.path / "selected.tsv"
    lines = selected.read_text().splitlines(keepends=True)
    change_table(study.path, selected.name, lines[0] + lines[2])  # the one with a neutral context
    done, _ = run(copied)
    assert done.stages["distance"]["note"]
    assert done.table("distance").empty
    assert not (done.path / "stages" / "distance").exists()
    assert done.raw["classes"] == {}
    assert done.raw["categories"]["neutral"] == 1


def test_results_that_are_lost_are_made_from_the_store(whole, copied):
    shutil.rmtree(copied.parent / "mini.study" / "stages" / "context_dependence")
    shutil.rmtree(copied.parent / "mini.study" / "stages" / "loci" / "tss_activity.zarr")
    done, ran = run(copied)
    assert ran == ["loci", "context_dependence"]
    assert sum(done.stages[stage]["predicted"] for stage in ran) == 0
    assert mini.tables(done.path) == mini.tables(whole.path)


def test_stages_of_an_earlier_version_are_looked_at_once(whole, copied, monkeypatch):
    path = copied.parent / "mini.study" / "study.json"
    state = json.loads(path.read_text())
    for known in state["stages"].values():
        del known["made_from"]  # which it did not write
    write_state(path, state)
    assert {known["state"] for known in StudyResults(path.parent).stages.values()} == {"finished"}
    monkeypatch.setattr("creme.study.stage_runner.measure", None)
    done, ran = run(copied)
    assert ran == list(STAGES[1:])
    assert mini.tables(done.path) == mini.tables(whole.path)
    assert run(copied)[1] == []


def test_what_did_not_come_to_its_end_may_change(tmp_path, monkeypatch):
    mini.write(tmp_path, genes=3)
    file = mini.study(tmp_path, ("[model]", 'stages = ["loci", "context_dependence"]\n\n[model]'))
    genome = (tmp_path / "genome.fa").read_text()
    (tmp_path / "genome.fa").write_text(genome.replace(">mini1", ">other"))
    with pytest.raises(GenomeError, match="has none of the contigs"):
        run(file)
    (tmp_path / "genome.fa").write_text(genome)
    with monkeypatch.context() as patched:
        patched.setattr("creme.study.stage_runner.measure_sites", stopped)
        with pytest.raises(KeyboardInterrupt):
            run(file)
    file.write_text(file.read_text().replace("seed = 7", "seed = 8"))
    done, _ = run(file)
    assert {known["state"] for known in done.stages.values()} == {"finished"}
    # But not what something finished was made from.
    (tmp_path / "genome.fa").write_text(genome.replace("A", "C", 1))
    done.folder.update_stage("loci", {"state": "interrupted"})
    with pytest.raises(ResultsError, match="it differs in loci: fasta"):
        run(file)
