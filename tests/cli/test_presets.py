"""Study files of published settings: they load, are valid, and can be planned."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest

import in_process
from creme.cli.presets import PRESETS
from creme.genome import Locus
from creme.sequence import Sequence
from creme.study.config import STAGES, StudyFile
from creme.study.forecast.cost import forecast
from creme.study.run import prepare
from creme.suite.higher_order import HigherOrder
from creme.suite.necessity import Necessity

ENFORMER, BORZOI = ("preprint", "published-enformer"), "published-borzoi"
GRID = """\
plugin = "python"
object = "network.py:build"
tracks = ["cage"]
strand = "+"
bins = "{bins}"

[model.grid]
input_length = {length}
bin_size = {bin_size}
n_bins = {n_bins}
tracks = [{{ name = "cage+", strand = "+" }}, {{ name = "cage-", strand = "-" }}]
"""
NETWORK = """
import numpy as np


def build():
    return lambda batch: np.full((len(batch), {n_bins}, 2), batch[:, ::64].sum(dtype=np.float32))
"""
GRIDS = {
    **{name: {"length": 196_608, "bin_size": 128, "n_bins": 896} for name in ENFORMER},
    BORZOI: {"length": 524_288, "bin_size": 32, "n_bins": 6144},
}


def locus_of(length) -> Locus:
    return Locus.from_sequence(Sequence(np.zeros(length, np.uint8)), "any")


@pytest.fixture
def creme(monkeypatch, capsys):
    return in_process.caller(monkeypatch, capsys)


@pytest.fixture(params=PRESETS)
def written(request, tmp_path, creme):
    """The name of a preset, and its file as the command wrote it."""
    file = tmp_path / f"{request.param}.toml"
    printed = creme("init", "--study", "--as", request.param, file)
    assert f"Wrote {file.name}" in printed or file.name in printed
    return request.param, file


def test_each_says_its_source_and_is_valid(written):
    name, file = written
    text = file.read_text()
    assert "Nature Genetics 56, 2517-2527 (2024), doi 10.1038/s41588-024-01923-3" in text
    study = StudyFile.from_text(text, file.parent, str(file))
    assert study.name == name
    search = study.test("higher_order")
    assert isinstance(search, HigherOrder)
    assert search.accept == "all"
    assert tomllib.loads(text)["higher_order"]["accept"] == "all"
    categories, classes = study.categories, study.classes
    limits = (categories.enhancing, categories.neutral, categories.silencing, categories.at_most)
    replicates = (
        study.test("context_dependence").configuration()["replicates"],
        study.test("necessity").configuration()["replicates"],
    )
    selection = (study.selection.activity, study.selection.summit, study.selection.max_loci)
    expected = {
        "preprint": ((0.95, 0.2, -0.5, None), (10, 10), (30, "tss", None), "wild_type", "hg19.fa"),
        "published-enformer": (
            *((0.95, 0.05, -0.3, 200), (100, 10), (0, "any", 10_000), "control", "hg38.fa"),
        ),
        BORZOI: ((0.9, 0.05, -0.2, 200), (5, 5), (0, "any", 10_000), "control", "hg38.fa"),
    }[name]
    assert (limits, replicates, selection, classes.silencers_by, str(study.loci.fasta)) == expected
    assert study.selection.per_gene == 1
    assert study.test("necessity").configuration()["tile"] == 5000
    (readout,) = study.readouts
    assert readout.bins == ("3068-3075" if name == BORZOI else "447-448")


def test_each_can_be_planned(written, genome, tmp_path):
    """On a network of the same grid, and a small genome: theirs are gigabytes."""
    name, file = written
    head, rest = file.read_text().split("[model]", 1)
    model, rest = rest.split("[[readouts]]", 1)
    bins = tomllib.loads(model)["bins"]
    (tmp_path / "network.py").write_text(NETWORK.format(**GRIDS[name]))
    table = "[model]\n" + GRID.format(bins=bins, **GRIDS[name])
    text = head + table + "\n[[readouts]]" + rest
    found = tomllib.loads(text)["loci"]
    text = text.replace(found["fasta"], str(genome.fasta)).replace(found["gtf"], str(genome.gtf))
    file.write_text(text.replace("[selection]", "[selection]\nmax_n = 1"))
    prepared, folder = prepare(file)
    assert prepared.tracks == ["cage"] if name != BORZOI else ["cage:cage+"]
    planned = {one.stage: one for one in forecast(prepared, folder, assume_loci=3)}
    contexts = 100 if name == "published-enformer" else 5 if name == BORZOI else 10
    assert planned["loci"].units == 3
    assert planned["context_dependence"].asked == 3 * (1 + contexts)
    necessity = prepared.study.test("necessity")
    assert isinstance(necessity, Necessity)
    tiles = len(necessity.tiling(locus_of(GRIDS[name]["length"])).context)
    others = 5 if name == BORZOI else 10
    assert planned["set_sufficiency"].asked == planned["necessity"].units * (
        1 + (1 + tiles) * others
    )
    assert planned["higher_order"].kind == planned["set_sufficiency"].kind == "bound"
    assert set(planned) == set(STAGES)


def test_the_models_are_those_of_the_plugins(written):
    name, file = written
    model = tomllib.loads(file.read_text())["model"]
    assert model["plugin"] == ("borzoi" if name == BORZOI else "enformer-torch")


def test_examples_and_plugins_read_the_bins_that_the_presets_read():
    root = Path(__file__).resolve().parents[2]
    read = {name: tomllib.loads(PRESETS[name])["readouts"][0]["bins"] for name in PRESETS}
    assert set(read.values()) == {"447-448", "3068-3075"}
    for file, name in (("enformer_k562", "preprint"), ("borzoi_k562", BORZOI)):
        example = tomllib.loads((root / "examples" / f"{file}.toml").read_text())
        assert example["model"]["bins"] == read[name]
    for plugin, name in (
        *(("creme-enformer", "preprint"), ("creme-enformer-torch", "preprint")),
        ("creme-borzoi", BORZOI),
    ):
        page = (root / "plugins" / plugin / "README.md").read_text()
        assert f'bins = "{read[name]}"' in page


def test_mistakes_are_sentences(creme, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "did you mean 'preprint'" in creme("init", "--study", "--as", "preprnt", status=2)
    assert "--as: only with --study" in creme("init", "--as", "preprint", status=2)
    assert not list(tmp_path.iterdir())
    assert "10.1038/s41588-024-01923-3" in "".join(creme("init", "--help").split())
    creme("init", "--study", "--as", "preprint")
    assert (tmp_path / "study.toml").is_file()
