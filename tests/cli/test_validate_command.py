from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib

import pandas as pd
import pytest

import crispri_tables
import in_process
import mini_study as mini
from creme.analysis.crispri import windows
from creme.results.directory import Results
from creme.runner.experiment import build_tests, parse
from creme.runner.run import run_experiment
from creme.study import run_study

EXPERIMENT = """\
name = "{name}"
seed = 7

[model]
plugin = "synthetic"
length = 98304
tracks = ["alpha"]
bins = "tss"

[loci]
fasta = "{fasta}"
bed = "{bed}"
"""
TESTS = """
[[tests]]
name = "necessity"
replicates = 2

[[tests]]
name = "context_dependence"
replicates = 2
"""


@pytest.fixture
def creme(monkeypatch, capsys):
    return in_process.caller(monkeypatch, capsys)


@pytest.fixture(scope="module")
def finished(genome, tmp_path_factory):
    """A folder with the results ``all.results`` and the table ``planted.hg38.tsv``."""
    folder = tmp_path_factory.mktemp("validate")
    text = EXPERIMENT.format(name="all", fasta=genome.fasta, bed=genome.bed) + TESTS
    (folder / "all.toml").write_text(text)
    report, _ = run_experiment(parse(text, "all.toml", folder))
    assert not report.failures
    sites = windows([Results(folder / "all.results").load("necessity")])
    rows = crispri_tables.planted(genome, sites)
    # Without `chr` in the genome and with it in the table; and one gene that is not there.
    rows = [(f"chr{row[0]}", *row[1:]) for row in rows]
    rows.append((*rows[0][:3], "ELSEWHERE", *rows[0][4:]))
    crispri_tables.write(folder / "planted.hg38.tsv", rows)
    return folder


def test_planted_enhancers_are_validated(finished, tmp_path, creme):
    shown = creme(
        *("validate", "crispri", finished / "planted.hg38.tsv", finished / "all.results"),
        *("--export", tmp_path / "pairs.csv", "--resamples", 200),
    )
    assert "genome build: hg38" in shown
    assert "'chrsyn1' of the table is not called so" in shown
    assert "0 of 3 genes have their TSS more than 10000 bp" in shown
    assert re.search(r"measured +│ +48 │ +5 ", shown)
    assert re.search(r"gene not among the loci +│ +1 │ +1 ", shown)
    assert re.search(r"outside the window +│ +2 │ +0 ", shown)
    assert re.search(r"all +│ +48 │ +5 │ +3 │ AUPRC │ 1\.000 \(1\.000 to 1\.000\)", shown)
    # Two silencers beyond the window rank below every other pair.
    assert "missing pairs of these loci scored lowest" in shown
    assert re.search(r"all +│ +50 │ +5 │ +3 │ AUPRC │ 1\.000 ", shown)
    assert "Warning: intervals over fewer than 20 genes are too narrow" in shown
    assert "no pair is regulated" in shown
    pairs = pd.read_csv(tmp_path / "pairs.csv", keep_default_na=False, na_values=[""])
    assert len(pairs) == 51
    known = pairs[pairs["missing"].isna()]
    assert known["regulated"].sum() == 5
    assert known.nlargest(5, "effect")["regulated"].all()
    assert (known["tile_end"] - known["tile_start"] == 5000).all()
    assert set(pairs["missing"].dropna()) == {"gene not among the loci", "outside the window"}


def test_what_is_outdated_is_said(finished, tmp_path, creme):
    shutil.copytree(finished / "all.results", tmp_path / "all.results")
    results = Results(tmp_path / "all.results")
    results.update({"state": "outdated", "error": "stage loci has other results since"})
    args = ("--resamples", 20, "--export", tmp_path / "pairs.csv")
    shown = creme("validate", "crispri", finished / "planted.hg38.tsv", results.path, *args)
    assert "These results are outdated: stage loci has other results since. To continue" in shown


def test_the_same_seed_gives_the_same_intervals(finished, tmp_path, creme):
    def shown(*options):
        args = ("validate", "crispri", finished / "planted.hg38.tsv", finished / "all.results")
        return creme(*args, "--export", tmp_path / "p.csv", "--resamples", 100, *options)

    assert shown() == shown() == shown("--seed", 0)
    assert shown() != shown("--seed", 1)
    assert "bootstrap over elements" in shown("--by", "element")
    assert "0-20000" in shown("--distances", "0,20000")


def test_the_elements_themselves(finished, tmp_path, creme):
    """From the table to tests of its elements, their run, and their validation."""
    folder = shutil.copytree(finished, tmp_path / "copy")
    table = folder / "planted.hg38.tsv"
    args = ("validate", "crispri", table, folder / "all.results", "--elements", folder / "e.toml")
    assert "Wrote 48 elements in 1 tests" in creme(*args)
    written = tomllib.loads((folder / "e.toml").read_text())["tests"]
    assert [t["label"] for t in written] == ["elements_1"]
    assert written[0]["replicates"] == 2
    head = (folder / "all.toml").read_text().split("[[tests]]")[0].replace('"all"', '"exact"')
    (folder / "exact.toml").write_text(head + (folder / "e.toml").read_text())
    creme("run", folder / "exact.toml")
    shown = creme(
        *("validate", "crispri", table, folder / "exact.results", "--export", tmp_path / "x.tsv")
    )
    assert re.search(r"all +│ +48 │ +5 │ +3 │ AUPRC │ 1\.000", shown)
    pairs = pd.read_csv(tmp_path / "x.tsv", sep="\t")
    known = pairs[pairs["missing"].isna()]
    assert (known["tile_start"] == known["element_start"]).all()
    assert (known["overlap"] == 1).all()


def test_elements_are_measured_as_the_test_was(finished, tmp_path, creme):
    """With its own seed and tolerance, and shuffles of its perturbation."""
    own = {
        "seed": 11,
        "tile": 4000,
        "tss_tile": 2000,
        "replicates": 6,
        "perturbation": {"name": "mononucleotide_shuffle"},
        "tolerance": 0.25,
    }
    perturbation = 'perturbation = { name = "mononucleotide_shuffle" }'
    rest = [f"{key} = {value}" for key, value in own.items() if key != "perturbation"]
    tests = "\n".join(["", "[[tests]]", 'name = "necessity"', perturbation, *rest, ""])
    head = (finished / "all.toml").read_text().split("[[tests]]")[0].replace('"all"', '"own"')
    report, _ = run_experiment(parse(head + tests, "own.toml", tmp_path))
    assert not report.failures
    table, path = finished / "planted.hg38.tsv", tmp_path / "e.toml"
    creme("validate", "crispri", table, tmp_path / "own.results", "--elements", path)
    (written,) = tomllib.loads(path.read_text())["tests"]
    assert {key: written[key] for key in own} == own
    (test,) = build_tests([written], seed=7).values()
    measured = json.loads(
        Results(tmp_path / "own.results").load("necessity").attrs["configuration"]
    )
    assert {**test.configuration(), "tiles": None} == measured


def test_mistakes_are_sentences(finished, tmp_path, creme, monkeypatch):
    table, results = finished / "planted.hg38.tsv", finished / "all.results"

    monkeypatch.chdir(tmp_path)

    def said(*args):
        return creme("validate", "crispri", *args, status=2)

    assert "no table" in said(tmp_path / "no.tsv", results)
    assert "nor a results directory" in said(table, tmp_path)
    assert "no track 'gamma'" in said(table, results, "--track", "gamma")
    assert "not 'necessity'" in said(table, results, "--test", "context_dependence")
    assert "did you mean 'necessity'" in said(table, results, "--test", "necesity")
    assert "give .csv or .tsv" in said(table, results, "--export", "pairs.xlsx")
    assert "no folder" in said(table, results, "--export", "no/pairs.csv")
    assert "whole numbers of bp" in said(table, results, "--distances", "near,far")
    assert "draw 'gene' or 'element'" in said(table, results, "--by", "tile")
    assert "says hg38" in said(table, results, "--build", "hg19")
    frame = pd.read_csv(table, sep="\t")
    frame.assign(startTSS=frame["startTSS"] + 50_000).to_csv(
        tmp_path / "lifted.tsv", sep="\t", index=False
    )
    assert "another genome build" in said(tmp_path / "lifted.tsv", results)
    frame.assign(measuredGeneSymbol="X").to_csv(tmp_path / "x.tsv", sep="\t", index=False)
    shown = said(tmp_path / "x.tsv", results)
    assert "no pair of" in shown
    assert re.search(r"gene not among the loci +│ +50 │ +5 ", shown)
    assert re.search(r"repeated in the table +│ +1 │ +1 ", shown)


def test_the_commands_import_nothing_heavy():
    code = (
        "import sys; from creme.cli.app import app; print([m for m in "
        "('numpy', 'pandas', 'xarray', 'scipy', 'creme.analysis') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_study_is_validated_as_an_experiment_is(tmp_path, creme, monkeypatch):
    genes = mini.write(tmp_path, genes=3)
    done = run_study(mini.study(tmp_path), stages=["loci", "context_dependence", "necessity"])
    rows = []
    for gene in genes:
        for kind, start, end in gene.elements:
            regulated = "TRUE" if kind == "enhancer" else "FALSE"
            pair = (gene.contig, start, end, gene.name, -0.3, "TRUE", regulated, gene.position)
            rows.append(pair)
    table = crispri_tables.write(tmp_path / "t.tsv", rows)
    monkeypatch.chdir(tmp_path)
    shown = [
        creme("validate", "crispri", table, path, "--resamples", 20, "--tss-gap", 100_000)
        for path in (done.path, done.path / "stages" / "necessity")
    ]
    assert shown[0] == shown[1]
    assert "measured" in shown[0]
