"""What `creme study` says of studies that are there, that are not, and that have changed."""

from __future__ import annotations

import json
import re
import shutil

import pytest

import mini_study as mini
from creme.study import run_study
from in_process import caller


@pytest.fixture
def creme(monkeypatch, capsys):
    return caller(monkeypatch, capsys)


@pytest.fixture
def begun(tmp_path):
    """The file of a study whose first two stages are finished."""
    mini.write(tmp_path, genes=3)
    run_study(mini.study(tmp_path), stages=["loci", "context_dependence"])
    return tmp_path / "study.toml"


@pytest.mark.parametrize("option", [(), ("--status",), ("--plan",)])
def test_what_is_not_there(option, creme, tmp_path):
    said = creme("study", tmp_path / "no.study", *option, status=2)
    assert f"there is no study {tmp_path / 'no.study'}: give a study file ('creme init --st" in said
    said = creme("study", tmp_path / "no.toml", *option, status=2)
    assert f"no study file {tmp_path / 'no.toml'}; 'creme init --study {tmp_path}" in said
    (tmp_path / "empty").mkdir()
    said = creme("study", tmp_path / "empty", *option, status=2)
    assert f"{tmp_path / 'empty'} is not the folder of a study" in said


@pytest.mark.parametrize("option", [(), ("--status",), ("--plan",)])
def test_an_experiment_is_no_study(option, creme, begun):
    file = begun.parent / "experiment.toml"
    creme("init", file)
    shown = creme("study", file, *option, status=2)
    assert f"{file} is an experiment file, not a study: 'creme run {file}' runs it" in shown
    stage = begun.parent / "mini.study" / "stages" / "context_dependence"
    shown = creme("study", stage, *option, status=2)
    study = begun.parent / "mini.study"
    assert (
        f"{stage} is a stage of the study {study}: 'creme study {study}' goes on with it" in shown
    )
    results = shutil.copytree(stage, begun.parent / "x.results")
    shown = creme("study", results, *option, status=2)
    assert f"{results} is a results directory, not a study: 'creme status {results}' says" in shown
    assert f"'creme resume {results}' continues it" in shown


def test_a_study_with_readouts_is_a_study(creme, tmp_path):
    mini.write(tmp_path, genes=1)
    readout = '[[readouts]]\nname = "tss"\nbins = "tss"\n\n[higher_order]'
    file = mini.study(tmp_path, ("[higher_order]", readout))
    shown = creme("study", file, "--plan", "--seconds-per-prediction", 1)
    assert "context_dependence" in shown


def test_the_status_of_a_study_that_has_not_begun(creme, tmp_path):
    mini.write(tmp_path, genes=1)
    file = mini.study(tmp_path)
    said = creme("study", file, "--status", status=2)
    assert f"has not begun: there is no {tmp_path / 'mini.study'}; 'creme study {file}' beg" in said
    said = creme("study", file, "--output", tmp_path / "x", "--status", status=2)
    assert f"there is no {tmp_path / 'x'}" in said


def test_the_plan_of_some_stages(creme, begun):
    def planned(*stages):
        options = [word for stage in stages for word in ("--stage", stage)]
        said = creme("study", begun, "--plan", "--seconds-per-prediction", 1, *options)
        return [line.split()[1] for line in said.splitlines() if line.startswith("│")]

    assert planned("necessity") == ["necessity", "all"]
    assert planned("necessity", "context_swap") == ["context_swap", "necessity", "all"]
    assert planned("distance") == ["sufficiency", "distance", "all"]
    assert planned("loci") == ["loci", "all"]
    assert len(planned()) == 11
    said = creme("study", begun, "--plan", "--stage", "necesity", status=2)
    assert "'necesity' is no stage (did you mean 'necessity'?); they are loci" in said


def test_replicates_that_find_an_effect(creme, begun):
    """By the benchmark: the synthetic model's effects do not vary between shuffles."""
    options = ("--plan", "--seconds-per-prediction", 1, "--power", 0.3, "--json")
    document, _ = json.JSONDecoder().raw_decode(creme("study", begun, *options))
    rows = {row["test"]: row for row in document["tables"]["power"]}
    assert set(rows) == {"context_dependence", "sufficiency", "necessity"}
    for row in rows.values():
        assert row["noise_from"].startswith("the benchmark of known truth (")
        assert row["for_80"] is None or row["for_80"] >= 2
        assert 0 < row["chance"] <= 1
    shown = creme("study", begun, *options[:-1], "--stage", "necessity")
    assert "chance that an effect of 0.3 is called at q < 0.05" in shown
    assert "no test has effects with a q" in creme(
        "study", begun, *options[:-1], "--stage", "loci", status=2
    )
    assert "--power: only with --plan" in creme("study", begun, "--power", 0.3, status=2)


def test_options_of_the_plan_alone_run_nothing(creme, begun):
    said = creme("study", begun, "--price-per-hour", 3, "--assume-loci", 5, status=2)
    assert "--price-per-hour, --assume-loci: only with --plan; without it the study is run" in said
    assert "give one of them" in creme("study", begun, "--plan", "--status", status=2)
    assert "waiting" in creme("study", begun, "--status")


def test_the_status_of_some_stages(creme, begun):
    said = creme("study", begun, "--status", "--stage", "loci")
    assert "finished" in said
    assert "waiting" not in said
    said = creme("study", begun, "--status", "--stage", "locus", status=2)
    assert "mini.study has no stage 'locus': it has loci, " in said


def test_changed_files_are_told(creme, begun):
    folder = begun.parent / "mini.study"
    told = ("is no longer the file", "is not as it was run last")
    for path in (begun, folder):
        assert not [text for text in told if text in creme("study", path, "--status")]
    gtf = begun.parent / "annotation.gtf"
    gtf.write_text(gtf.read_text() + "# one more line\n")
    for path in (begun, folder):
        said = creme("study", path, "--status")
        assert f"{gtf} is no longer the file that this study was made from" in said
        assert "genome.fa is" not in said
        for option in ((), ("--plan",)):
            said = creme("study", path, *option, status=2)
            assert "holds another study (it differs in loci: annotation)" in said
    mini.study(begun.parent, ("activity = 5.0", "activity = 6.0"))
    said = creme("study", begun, "--status")
    assert f"{begun} is not as it was run last: --plan says whether this study takes it" in said
    said = creme("study", begun, "--plan", status=2)
    assert "(it differs in loci: annotation, loci: selection)" in said
    (begun.parent / "genome.fa").unlink()
    assert "genome.fa is no longer the file" in creme("study", folder, "--status")


def test_the_file_in_a_studys_folder_is_that_study(creme, begun):
    file = begun.parent / "mini.study" / "study.toml"
    assert "finished" in creme("study", file, "--status")
    assert "loci: finished before" in creme("study", file, "--stage", "loci")
    other = begun.parent / "other.study"
    assert "0 predicted" in creme("study", file, "--stage", "loci", "--output", other)
    assert (other / "selected.tsv").is_file()
    assert not (begun.parent / "mini.study" / "mini.study").exists()


def test_a_study_that_was_moved(creme, begun, tmp_path_factory):
    place = tmp_path_factory.mktemp("moved") / "project"
    shutil.move(begun.parent, place)
    assert "finished" in creme("study", place / "mini.study", "--status")
    said = creme("study", place / "mini.study", "--stage", "necessity", status=2)
    assert f"start from {begun.parent}, which is gone: was the study moved?" in said
    assert "necessity: 3 units" in creme("study", place / "study.toml", "--stage", "necessity")
    assert "loci: finished before" in creme("study", place / "mini.study", "--stage", "loci")


def test_a_place_that_cannot_be_written(creme, begun):
    for place in ("/proc/x.study", begun / "x.study"):
        said = creme("study", begun, "--output", place, status=2)
        assert f"{place} cannot be written (N" in said
        assert "give another with --output" in said


def test_a_study_whose_file_is_gone(creme, begun):
    folder = begun.parent / "mini.study"
    text = (folder / "study.toml").read_text()
    (folder / "study.toml").unlink()
    for path in (folder, begun):
        assert "finished" in creme("study", path, "--status")
    said = creme("study", folder, status=2)
    assert "study.toml is gone: give the study file that lies beside its inputs" in said
    assert f"with --output {folder}" in said
    creme("study", begun, "--stage", "loci", "--output", folder)
    assert (folder / "study.toml").read_text() == text


def test_a_file_with_a_byte_order_mark(creme, begun):
    begun.write_text("\ufeff" + begun.read_text())
    assert "is not as it was run last" not in creme("study", begun, "--status")
    assert "loci: finished before" in creme("study", begun, "--stage", "loci")


def test_a_study_that_selects_nothing_says_what_would(creme, tmp_path):
    mini.write(tmp_path, genes=3)
    file = mini.study(tmp_path, ("activity = 5.0", "activity = 5000.0"))
    said = creme("study", file, "--stage", "loci")
    highest = re.search(
        r"no TSS is selected: the highest activity of 3 is ([\d.]+), of GENE\d", said
    )
    suggested = re.search(
        r"activity = ([\d.]+) would keep the most active quarter \((\d) TSS", said
    )
    assert highest is not None
    assert suggested is not None
    assert "[selection] activity = 5000 is above it" in said
    assert 0 < float(suggested[1]) <= float(highest[1])
    # The suggestion selects what it says.
    mini.study(tmp_path, ("activity = 5.0", f"activity = {suggested[1]}"))
    creme("study", file, "--stage", "loci", "--output", tmp_path / "again.study")
    selected = (tmp_path / "again.study" / "selected.tsv").read_text().splitlines()
    assert len(selected) - 1 == int(suggested[2]) > 0


def test_loci_between_the_thresholds_are_named(creme, tmp_path):
    mini.write(tmp_path, genes=3)
    limits = "[categories]\nenhancing = 50.0\nsilencing = -50.0\nneutral = 0.0001\n\n[common]"
    file = mini.study(tmp_path, ("[common]", limits))
    said = creme("study", file, "--stage", "loci", "--stage", "context_dependence")
    named = re.search(r"3 of 3 loci are of no category of \[categories\].*: (GENE.*)", said)
    assert named is not None
    assert re.fullmatch(r"GENE\d \(-?\d+\.\d\d\)(, GENE\d \(-?\d+\.\d\d\)){2}", named[1])
    plain = mini.study(tmp_path, name="plain.toml")
    said = creme(
        "study",
        plain,
        "--stage",
        "loci",
        "--stage",
        "context_dependence",
        "--output",
        tmp_path / "plain.study",
    )
    assert "of no category" not in said


def test_tables_that_are_made_anew_are_not_said_to_be_predicted(creme, begun):
    """The counts were those of the run that had measured, as if it had been this one."""
    creme("study", begun, "--stage", "context_dependence")
    table = begun.parent / "mini.study" / "tables" / "categories.csv"
    before = table.read_bytes()
    table.unlink()
    said = creme("study", begun, "--stage", "context_dependence")
    assert "context_dependence: tables made anew from the results of 3 units" in said
    assert "predicted" not in said
    assert table.read_bytes() == before
    assert "context_dependence: finished before" in creme(
        "study", begun, "--stage", "context_dependence"
    )
