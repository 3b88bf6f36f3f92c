"""`creme gene`: from one gene to its report, and the file that it ran."""

from __future__ import annotations

import json
import sys

import pytest

import in_process
import mini_study as mini
from creme.cli import gene as gene_command
from creme.cli.gene import nice_tile
from creme.models.synthetic import SyntheticModel
from creme.study import StudyResults
from creme.study.config import StudyFile

SETTINGS = ("--set", f"length={mini.LENGTH}", "--set", f"decay={mini.DECAY}")


@pytest.fixture
def creme(monkeypatch, capsys):
    return in_process.caller(monkeypatch, capsys)


@pytest.fixture
def place(tmp_path):
    genes = mini.write(tmp_path, genes=3)
    inputs = ("--fasta", tmp_path / "genome.fa", "--gtf", tmp_path / "annotation.gtf")
    return tmp_path, inputs, genes


def test_a_gene_to_its_report_and_again(place, creme):
    pytest.importorskip("matplotlib", reason="the report needs matplotlib")
    folder, inputs, genes = place
    command = ("gene", "GENE2", *inputs, "--model", "synthetic", *SETTINGS, "--replicates", 2)
    command = (*command, "--to", folder / "out", "--tile", 1000)
    shown = creme(*command)
    study = folder / "out" / "GENE2.study"
    page = study / "report.html"
    assert str(page) in shown
    assert "GENE2" in page.read_text()
    table = StudyResults(study).table("necessity")
    assert set(table["gene"]) == {"GENE2"}
    # GENE2 is on the minus strand: its strongest tile holds a planted element.
    strongest = table.iloc[table["effect"].abs().argmax()]
    assert genes[1].strand == "-"
    assert any(
        strongest["genomic_start"] <= low and high <= strongest["genomic_end"]
        for _, low, high in genes[1].elements
    )
    assert creme(*command).count("finished before") == 4
    file = folder / "out" / "GENE2.toml"
    assert creme("study", file).count("finished before") == 4
    shown = creme(*command, "--seed-less", status=2)
    shown = creme(*command[:-1], 500, status=2)
    assert f"{file} is there with other settings: 'creme study {file}' goes on" in shown
    assert "finished" in creme("study", file, "--status")
    assert "Not run: distance, higher_order" in creme(*command)
    creme(*command, "--all", "--plan")  # adds stages to the same file
    assert {"necessity", "fine_tile"} <= set(StudyFile.from_text(file.read_text()).stages.in_order)
    assert StudyResults(study).stages["necessity"]["state"] == "finished"


def test_the_plan_of_a_gene(place, creme):
    folder, inputs, _ = place
    command = ("gene", "GENE1", *inputs, "--model", "synthetic", *SETTINGS, "--to", folder / "out")
    shown = creme(*command, "--plan", "--all", "--json")
    plan = json.loads(shown[: shown.rindex("}") + 1])["tables"]["plan"]
    assert [row["stage"] for row in plan] == [
        *("loci", "context_dependence", "necessity", "sufficiency", "distance", "higher_order"),
        *("set_sufficiency", "multiplicity", "fine_tile", "all"),
    ]
    assert next(row for row in plan if row["stage"] == "necessity")["units"] == "about 1"
    study = StudyFile.from_text((folder / "out" / "GENE1.toml").read_text())
    assert study.common.tile == nice_tile(mini.LENGTH) == 200


def test_mistakes_are_named(place, creme, monkeypatch):
    folder, inputs, _ = place
    rest = ("--model", "synthetic", *SETTINGS, "--to", folder / "out")
    assert "did you mean 'GENE2'" in creme("gene", "gene2", *inputs, *rest, status=2)
    gtf = folder / "annotation.gtf"
    other = mini.transcript(mini.Gene("GENE1", "neutral", "mini1", 30_000, "+", ()))
    gtf.write_text(gtf.read_text() + other.replace('gene_id "GENE1"', 'gene_id "OTHER"'))
    shown = creme("gene", "GENE1", *inputs, *rest, status=2)
    assert "'GENE1' stands for several genes" in shown
    assert "OTHER" in shown
    shown = creme("gene", "GENE2", "--fasta", folder / "no.fa", *inputs[2:], *rest, status=2)
    assert "no.fa: there is no such file" in shown
    shown = creme("gene", "GENE2", *inputs, "--model", "sinthetic", status=2)
    assert "did you mean 'synthetic'" in shown
    shown = creme("gene", "GENE2", *inputs, *rest, "--track", "gamma", status=2)
    assert "matches none of the model's 2 tracks" in shown
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "matplotlib", None)
        without.delitem(sys.modules, "creme.report.style", raising=False)
        assert "need matplotlib" in creme("gene", "GENE2", *inputs, *rest, status=2)
    assert not (folder / "out").exists()
    shown = creme("gene", "GENE2", *inputs, *rest, "--tile", 2 * mini.LENGTH, status=2)
    assert "does not fit" in shown
    assert ", track synthetic:alpha; study file: " in shown
    assert not (folder / "out" / "GENE2.toml").exists()  # other settings are not refused
    creme("gene", "GENE2", *inputs, *rest, "--tile", 1000, "--plan")


def test_a_model_of_many_tracks_asks_which(place, creme, monkeypatch):
    _folder, inputs, _ = place
    monkeypatch.setattr(gene_command, "FEW_TRACKS", 1)
    shown = creme("gene", "GENE2", *inputs, "--model", "synthetic", *SETTINGS, status=2)
    assert "creme models tracks synthetic" in shown


@pytest.mark.parametrize(
    ("length", "tile"), [(12_288, 200), (24_576, 500), (131_072, 5000), (524_288, 5000)]
)
def test_tiles_suit_the_model(length, tile):
    assert nice_tile(length) == tile
    assert length // tile >= 24


def test_the_bins_around_the_tss_are_kept_and_read():
    model = SyntheticModel()  # of Enformer's grid
    assert gene_command._kept(model, "synthetic", None)["bins"] == "440-455"
    text = gene_command._text(
        "A", "A", {}, model, (gene_command.Path("g"), gene_command.Path("a")), None, 1, False
    )
    assert 'bins = "447-448"' in text
