"""Backgrounds on the page, in a terminal and in tables: a planted outlier, and two choices."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import zarr
from read_page import Page

import in_process
import small
from creme.analysis.agreement import effect_agreement, paired_effects
from creme.analysis.background_choice import sign_and_rank
from creme.export import export
from creme.report.page import write_report
from creme.runner.experiment import parse
from creme.runner.run import run_experiment
from creme.study.view import open_results

TESTS = """
[[tests]]
name = "context_dependence"
tile = 1000
replicates = 6

[[tests]]
name = "sufficiency"
tile = 1000
replicates = 6

[[tests]]
name = "sufficiency"
label = "local"
tile = 1000
replicates = 6
perturbation = { name = "local_shuffle", window = 500 }
"""
TRACK = "synthetic:alpha"


@pytest.fixture(scope="module")
def results(genome, tmp_path_factory) -> Path:
    """Of two choices of backgrounds; the second locus's fourth background is made an outlier."""
    folder = tmp_path_factory.mktemp("backgrounds")
    text = small.text(genome).split("[[tests]]")[0] + TESTS
    report, made = run_experiment(parse(text, "small", folder))
    assert not report.failures
    (made.path / "sufficiency.checksums").unlink()  # what is changed here is not damage
    control: Any = zarr.open_group(made.path / "sufficiency.zarr", mode="r+")["control"]
    control[1, 3] = control[1].max(axis=0) * 50
    return made.path


@pytest.fixture
def command(monkeypatch, capsys):
    return in_process.caller(monkeypatch, capsys)


@pytest.fixture(scope="module")
def page(results, tmp_path_factory) -> Page:
    return Page(write_report(results, tmp_path_factory.mktemp("page") / "report.html"))


def test_the_page_names_outliers_and_composition(page, results):
    assert "Backgrounds" in page.within("h2")
    assert {"href": "#backgrounds"} in page.named("a")
    words = page.words
    dataset = open_results(results).dataset("sufficiency").sel(track=TRACK)
    name = dataset["locus"].values[1]
    highest = f"{dataset['control'][1, 3].item():.3g}"
    outliers = "Loci with an outlier among their backgrounds:"
    assert f"Replaced by dinucleotide_shuffle. {outliers} 1 of 3." in words
    assert f"Replaced by local_shuffle (window = 500). {outliers} 0 of 3." in words
    assert f"3 ({highest})" in words
    # It stands first, though it is the second locus.
    first = words.split("Activities of backgrounds")[2].split("N", 1)[1]
    assert first.index(name) < first.index(str(dataset["locus"].values[0]))
    gc = dataset["sequence_gc"].values
    assert f"{gc[1]:.1%} {gc[1]:.1%} to {gc[1]:.1%} 0.0%" in words


def test_the_page_says_how_much_the_choice_matters(page, results):
    view = open_results(results)
    a, b = (view.dataset(label) for label in ("sufficiency", "local"))
    paired, _ = paired_effects(a, b, [(TRACK, TRACK)])
    pearson, spearman = effect_agreement(paired)["correlation"]
    (agreed,) = sign_and_rank(paired).to_dict("records")
    words = page.words
    row = words.split("rank of A's strongest in B")[1]
    assert row.strip().startswith("Sufficiency dinucleotide_shuffle local_shuffle (window = 500)")
    assert f" 3 {len(paired)} {pearson:.3f} (" in row
    assert 0 < agreed["loci"] <= 3
    assert f" {spearman:.3f} (" in row
    assert f"{agreed['same_sign']:.1%} of {agreed['signs']}" in row
    label = "Sufficiency: dinucleotide_shuffle and local_shuffle (window = 500)"
    assert label in [svg.get("aria-label") for svg in page.named("svg")]


def test_a_single_choice_is_not_compared(experiment, command, tmp_path):
    file = experiment()
    command("run", file)
    page = Page(write_report(file.with_suffix(".results"), tmp_path / "report.html"))
    assert "Choice of backgrounds" not in page.words
    assert "Activities of backgrounds" in page.words


def test_a_terminal_and_tables_say_it(results, command, tmp_path):
    shown = command("results", results)
    assert shown.count("activities of its backgrounds") == 3
    dataset = open_results(results).dataset("sufficiency").sel(track=TRACK)
    highest = f"3 ({dataset['control'][1, 3].item():.3g})"
    assert highest in shown
    assert "Outliers in " in shown
    export(results, tmp_path / "export", ["tables"])
    table = pd.read_csv(tmp_path / "export" / "tables" / "backgrounds.csv")
    assert set(table["test"]) == {"context_dependence", "sufficiency", "local"}
    one = table[(table["test"] == "sufficiency") & (table["track"] == TRACK)]
    assert one["outliers"].tolist() == [0, 1, 0]
    assert one["outlier_backgrounds"].tolist()[1] == highest


def test_two_directories_are_compared_by_signs_and_ranks(results, command, tmp_path):
    shown = command("compare", results, results, "--resamples", 20, "--test", "sufficiency")
    assert "signs of values of at least 0.05 in A or B" in shown
    dataset = open_results(results).dataset("sufficiency")
    paired, _ = paired_effects(dataset, dataset, [(TRACK, TRACK)])
    (agreed,) = sign_and_rank(paired).to_dict("records")
    table = shown.split("strongest of each locus")[1].split("classes,")[0]
    (line,) = [row for row in table.splitlines()
               if f"sufficiency │ {TRACK}" in row]  # fmt: skip
    assert [cell.strip() for cell in line.strip("│").split("│")][3:] == [
        *("1.000", "0.000", str(agreed["loci"]), "1.000", "1.000"),
    ]
    page = Page(write_report(results, tmp_path / "report.html", results))
    assert "Signs of values of at least 0.05" in page.words
