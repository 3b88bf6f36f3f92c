"""Tests that have no figures of their own, in the report: all are there, by their labels."""

from __future__ import annotations

import json
import os
import shutil
import socket
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import other_tests
import pytest
from finished_study import page_results
from other_tests import SYNTHETIC
from read_page import Page

import mini_study as mini
from creme.report.page import locus_measures, write_report
from creme.report.page.figures import figures
from creme.report.page.measure_section import measure_sections
from creme.results.directory import Results
from creme.study import run_study
from creme.study.view import open_results
from states import write_state

pytest_plugins = ["page_fixtures"]


@pytest.fixture(scope="module")
def page(several, tmp_path_factory):
    return Page(write_report(several, tmp_path_factory.mktemp("page") / "several.html"))


def close(values: object, expected: object) -> None:
    """Equal to six digits; None where NaN."""
    found = np.array(values, dtype=np.float64)
    np.testing.assert_allclose(found, np.asarray(expected, dtype=np.float64), rtol=5.1e-6)


def measures(page: Page, name: str) -> dict[str, dict]:
    """What a locus's section has of the first activity, by label."""
    (locus,) = (one for one in page.loci() if one["name"] == name)
    return {one["label"]: one for one in locus["tracks"][0]["measures"]}


def test_every_label_has_its_figures_or_its_section(several, page):
    results = page_results(several)
    titles = [figure.title for figure in figures(results)]
    assert titles == ["Necessity of tiles (necessity)", "Necessity of tiles (halves)"]
    sections = {section.title: section for section in measure_sections(results)}
    assert list(sections) == ["Motif embedding", "Dose", "Masked tiles", "Counts"]
    assert sections["Masked tiles"].text[0] == other_tests.MaskedTiles.summary
    drawn = [title for title, section in sections.items() if section.figures]
    assert drawn == ["Motif embedding", "Dose", "Masked tiles"]
    assert "It cannot be drawn: the results have no numbers" in sections["Counts"].text[0]
    for title in (*titles, *sections):
        assert title in page.words
    assert "Not shown" not in page.words


def test_the_table_has_the_value_of_each_locus_that_is_furthest_from_neutral(several):
    (section,) = (s for s in measure_sections(page_results(several)) if s.title == "Masked tiles")
    dataset = Results(several).load("masked_tiles").isel(track=0)
    assert section.table is not None
    for row in section.table.split("<tr>")[2:]:
        cells = [cell.split("<")[0] for cell in row.replace("<bdi>", "").split(">") if "</" in cell]
        locus, filling, away, place, loss = [text for text in cells if text][:5]
        one = dataset.sel(locus=locus)
        far = np.abs(one["loss"].values)
        filled, tile = np.unravel_index(far.argmax(), far.shape)
        there = one.isel(filling=filled, tile=tile)
        assert filling == str(there["filling"].item())
        assert float(loss.replace("\N{MINUS SIGN}", "-")) == pytest.approx(
            float(there["loss"]), rel=1e-3
        )
        start, end = int(there["genomic_start"]), int(there["genomic_end"])
        assert place == f"{there['contig'].item()}:{start + 1}-{end}"
        assert away == f"{int(there['distance']):+,} bp".replace("-", "\N{MINUS SIGN}")


@pytest.mark.parametrize("label", ["masked_tiles", "motif_embedding", "halves"])
def test_a_locus_has_the_values_of_the_dataset(several, page, label):
    dataset = Results(several).load(label).isel(track=0)
    for name in ("GENE1", "GENE2"):
        test, one = measures(page, name)[label], dataset.sel(locus=name)
        measure = "loss" if label == "masked_tiles" else "effect"
        rows = [dim for dim in ("filling", "motif") if dim in one.dims]
        values = one[measure].transpose(*rows, "tile" if "tile" in one.dims else "position")
        close(np.squeeze(test["mean"]), values)
        close(np.squeeze(test["se"]), one[f"{measure}_se"].transpose(*values.dims))
        each = one[f"{measure}_replicates"].transpose(*values.dims, "replicate")
        close(np.squeeze(test["values"]), each)
        if label == "motif_embedding":
            close(test["x"], one["position_distance"].transpose("motif", "position"))
            assert test["rows"] == one["motif"].values.tolist()
            assert "at" not in test
        else:
            close(test["x"][0], one["distance"])
            close(test["at"], np.stack([one["genomic_start"], one["genomic_end"]], -1))


def test_copies_are_an_axis_of_numbers_without_a_neutral_value(page):
    test = measures(page, "GENE1")["dose"]
    assert (test["kind"], test["across"], test["neutral"]) == ("values", "copies", None)
    assert test["x"] == [[0.0, 1.0, 2.0, 3.0, 4.0]]


def test_bases_are_rows_of_a_map_with_letters_and_the_tests_own_profile(bases):
    page = Page(write_report(bases))
    dataset = Results(bases).load("saturation_mutagenesis").isel(track=0)
    for name in ("GENE1", "GENE2"):
        test, one = measures(page, name)["saturation_mutagenesis"], dataset.sel(locus=name)
        assert test["map"]
        assert test["rows"] == list("ACGT")
        assert "".join(test["letters"]) == "".join(one["reference"].values)
        assert test["profileName"] == "importance"
        close(test["profile"], one["importance"])
        close(test["mean"], one["effect"].transpose("base", "position"))
        start = one["genomic_start"].values
        close(test["at"], np.stack([start, start + 1], -1))
    sections = {s.title: s for s in measure_sections(page_results(bases))}
    assert list(sections) == ["Saturation mutagenesis", "Saturation mutagenesis (elsewhere)"]
    mean, each = sections["Saturation mutagenesis"].figures
    assert mean.title == "Mean over 6 loci"
    assert each.title == "4 of 6 loci"
    other, _ = sections["Saturation mutagenesis (elsewhere)"].figures
    assert other.title == "All values by locus"
    assert "measured at different positions, so that they have no mean" in other.caption
    elsewhere = measures(page, "GENE2")["elsewhere"]
    assert len(elsewhere["letters"]) == 30
    assert "elsewhere" not in measures(page, "GENE3")


def test_very_many_values_are_left_out_and_the_page_says_so(several, tmp_path, monkeypatch):
    # Five tests share the room.
    size = Results(several).load("masked_tiles")["loss"].size
    full = Page(write_report(several, tmp_path / "full.html"))
    monkeypatch.setattr(locus_measures, "MOST_NUMBERS", 5 * (2 * size + 10))
    less = Page(write_report(several, tmp_path / "less.html"))
    test = measures(less, "GENE1")["masked_tiles"]
    assert "values" in measures(full, "GENE1")["masked_tiles"]
    assert "values" not in test
    assert test["mean"] == measures(full, "GENE1")["masked_tiles"]["mean"]
    assert "values of replicates, which are not here" in less.words
    monkeypatch.setattr(locus_measures, "MOST_NUMBERS", 40)
    least = Page(write_report(several, tmp_path / "least.html"))
    top = measures(least, "GENE1")["masked_tiles"]["top"]
    assert len(top) == locus_measures.MOST_ROWS
    whole = np.abs(
        Results(several).load("masked_tiles")["loss"].sel(locus="GENE1").isel(track=0).values
    )
    close([abs(one["y"]) for one in top], np.sort(whole.ravel())[::-1][: len(top)])
    assert "each locus has here the 10 that are furthest from neutral" in least.words
    assert len(least.source) < len(less.source) < len(full.source)


def test_a_locus_that_failed_is_named_with_its_test(genes, run_tests):
    """The failures of ``run.json`` are a test, a unit and a reason."""
    word = first_bases(genes, "GENE2")
    tiles = '[[tests]]\nname = "necessity"\ntile = 100\nreplicates = 2\n'
    results = run_tests("failed", f'plugin = "example_model"\npoison = "{word}"', tiles)
    words = Page(write_report(results.path)).words
    assert "Run: 1 unit failed, and has no results." in words
    ((label, unit, why),) = open_results(results.path).failures
    assert (label, unit) == ("necessity", "GENE2")
    assert f"1 failed {label} , {unit} : {why}" in words


def first_bases(genes: Path, name: str) -> str:
    """The first bases of the locus of 1,024 bp of a gene on the reverse strand."""
    rows = [line.split("\t") for line in (genes / "tss.bed").read_text().splitlines()]
    (tss,) = (int(start) for _, start, _, gene, _, strand in rows if gene == name and strand == "-")
    text = "".join((genes / "genome.fa").read_text().splitlines()[1:])
    return text[: tss + 513][-12:][::-1].translate(str.maketrans("ACGT", "TGCA"))


def test_a_run_that_was_stopped_shows_what_is_finished(run_tests, genes):
    @contextmanager
    def stopping(plan):
        yield (
            lambda progress: None,
            lambda scheduler: setattr(other_tests.Halting, "stop", staticmethod(scheduler.stop)),
        )

    table = '[[tests]]\nname = "halting"\n'
    results = run_tests("halted", SYNTHETIC, table, progress=stopping)
    assert not (results.path / "halting.zarr").exists()
    found = Page(write_report(results.path))
    assert "Run is interrupted: it was stopped before its end, and can be continued." in found.words
    assert "Halting: 3 of 6 units are finished." in found.words
    assert f"To continue: creme resume {results.path}" in found.words
    assert "Activity of 3 loci, by masked." in found.words
    assert {one["name"] for one in found.loci()} == {"GENE1", "GENE2", "GENE3"}


def test_a_run_that_goes_on_says_how_fast_it_is_and_how_long_it_takes(several, tmp_path):
    folder = Path(shutil.copytree(several, tmp_path / "running.results"))
    shutil.rmtree(folder / "masked_tiles.zarr")
    state = json.loads((folder / "run.json").read_text())
    state |= {"state": "running", "pid": os.getpid(), "host": socket.gethostname()}
    state |= {"rate": 12.5, "seconds_left": 90.0}
    state["units"] |= {"masked_tiles": {"finished": 2, "failed": 0, "of": 6}}
    write_state(folder / "run.json", state)
    words = Page(write_report(folder)).words
    assert "Run is running: it has not come to its end." in words
    assert "Masked tiles: 2 of 6 units are finished." in words
    assert "The run makes 12.5 predictions a second, and needs about 90 s more, as of" in words


def test_stages_that_a_study_file_adds_are_there(tmp_path):
    mini.write(tmp_path)
    text = """[stages]
run = ["loci", "context_dependence", "necessity"]
[stages.more]
test = "dose"
after = "context_dependence"
copies = 2
[stages.finer]
test = "necessity"
categories = ["enhancing"]
tile = 500

[model]"""
    study = run_study(mini.study(tmp_path, ("[model]", text)))
    found = Page(write_report(study.path))
    assert "How activity grows with copies of a motif" in found.words
    assert "Activity of 6 loci, by copies." in found.words
    titles = [figure.title for figure in figures(page_results(study.path))]
    assert "Necessity of tiles (necessity)" in titles
    assert "Necessity of tiles (finer)" in titles
    assert "Necessity (finer) finished" in found.words
    dataset = study.dataset("finer").isel(track=0)
    name = str(dataset["locus"].values[0])
    close(measures(found, name)["finer"]["mean"][0], dataset["effect"].sel(locus=name))
