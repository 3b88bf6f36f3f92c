"""The command: instances in loci, in results and in BED files, and a test that takes them."""

from __future__ import annotations

import json
import re
import sys

import meme_files
import numpy as np
import pandas as pd
import pytest
from tomtom_compiled import needs_tomtom

import in_process
import mini_study as mini
from creme.demo.grammar import KINDS, MOTIFS, WIDTH, find_motifs
from creme.errors import ConfigError, CremeWarning, ResultsError
from creme.export import export
from creme.export.instances import _cres, bed_text, write_instances
from creme.genome import Genome
from creme.motifs import name_stretches, read_motifs
from creme.motifs.naming import COLUMNS
from creme.report.page.measure_section import measure_sections
from creme.report.page.results import PageResults
from creme.report.page.stretches import stretches_table
from creme.results.annotate import Annotate
from creme.runner.experiment import Experiment
from creme.runner.run import run_experiment
from creme.study.view import open_results
from creme.suite.elements import read_intervals

pytest.importorskip("memelite", reason="memelite is not installed")

FILE = f"""\
name = "motifs"
seed = 7

[model]
plugin = "synthetic"
length = {mini.LENGTH}
decay = {mini.DECAY}
tracks = ["alpha", "beta"]
bins = "tss"

[loci]
fasta = "genome.fa"
gtf = "annotation.gtf"
"""
FIRST = """
[[tests]]
name = "sufficiency"
tile = 1000
replicates = 2

[[tests]]
name = "fine_tile"
tile = 1000
replicates = 2
windows = [200, 100]
tiles = { GENE2 = [[8644, 9644]] }

[[tests]]
name = "saturation_mutagenesis"
regions = { GENE1 = [[3039, 3103]] }  # the bases around SITE
"""
SITE = 5112
"""A site of GENE1's first enhancer."""
MATRIX = """
[[tests]]
name = "compatibility"
tile = 1000
replicates = 2
promoters = ["GENE1"]
distances = [-1500]
perturbation = "mononucleotide_shuffle"
enhancers = "instances.bed"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two genes, one of each strand, the model's motifs, and results."""
    folder = tmp_path_factory.mktemp("places")
    mini.write(folder, genes=2)
    # The model's sites may differ at one base, so that of an exact one no single base matters.
    fasta = folder / "genome.fa"
    bases = "".join(fasta.read_text().split("\n")[1:])
    assert bases[SITE : SITE + WIDTH] == MOTIFS["enhancer"]
    mini.write_fasta(fasta, {"mini1": f"{bases[: SITE + 4]}G{bases[SITE + 5 :]}"})
    kinds = ("enhancer", "silencer")
    motifs = {k: meme_files.sharp(MOTIFS[k], 0.97) for k in kinds}
    meme_files.write(folder / "m.meme", motifs)
    meme_files.write(folder / "library.meme", {**motifs, **meme_files.drawn(40)})
    (folder / "first.toml").write_text(FILE + FIRST)
    (folder / "matrix.toml").write_text(FILE.replace('"motifs"', '"matrix"') + MATRIX)
    run_experiment(Experiment.from_file(folder / "first.toml"))
    return folder


@pytest.fixture(scope="module")
def sites(folder):
    """Where the model's own scan has its sites of enhancers, on the genome."""
    genome = Genome(folder / "genome.fa")
    (contig,) = genome.contigs
    starts, kinds = find_motifs(genome.codes(contig, 0, genome.contigs[contig]))
    return set(starts[kinds == KINDS.index("enhancer")].tolist())


def rows_of(path):
    return [line.split("\t") for line in path.read_text().splitlines() if line[0] != "#"]


def test_in_the_loci_of_a_file_are_the_sites_of_its_model(folder, sites):
    to = folder / "loci.bed"
    # The file's tests may need the instances, which do not stand there yet.
    assert not (folder / "instances.bed").exists()
    instances = write_instances(folder / "matrix.toml", folder / "m.meme", to, p=1e-6)
    rows = rows_of(to)
    assert {int(row[1]) for row in rows} == sites
    assert set(instances.table["motif"]) == {"enhancer"}
    assert {row[9] for row in rows} == {"GENE1", "GENE2"}
    # GENE1 lies on the forward strand, GENE2 on the other.
    assert {(row[5], row[9]) for row in rows} == {("+", "GENE1"), ("-", "GENE2")}
    assert all(int(row[2]) - int(row[1]) == WIDTH for row in rows)
    of_results = write_instances(folder / "motifs.results", folder / "m.meme", to, p=1e-6)
    assert bed_text(of_results) == bed_text(instances)


def test_in_parts_of_results_are_the_sites_that_lie_there(folder, sites):
    results = folder / "motifs.results"
    view = open_results(results)
    classes = view.dataset("sufficiency")
    to = folder / "parts.bed"
    write_instances(results, folder / "m.meme", to, "enhancers", p=1e-6)
    found = {int(row[1]) for row in rows_of(to)}
    large = classes["effect"].isel(track=0).values > 0.3
    inside = set()
    for start, end in zip(
        classes["genomic_start"].values[large], classes["genomic_end"].values[large], strict=True
    ):
        inside |= {site for site in sites if start <= site and site + WIDTH <= end}
    assert inside
    assert inside <= found < sites
    # Of the deciding activity, or each tile would stand there once for every activity.
    tiles = list(_cres(view, "enhancer"))
    assert len(tiles) == len(set(tiles))
    write_instances(results, folder / "m.meme", to, "fine_tiles", p=1e-6)
    kept = view.dataset("fine_tile").isel(track=0)
    starts, ends = kept["sub_genomic_start"].values.ravel(), kept["sub_genomic_end"].values.ravel()
    known = np.isfinite(starts)
    spans = list(zip(starts[known], ends[known], strict=True))
    expected = {s for s in sites if any(low <= s and s + WIDTH <= high for low, high in spans)}
    assert expected
    assert {int(row[1]) for row in rows_of(to)} == expected


def test_compatibility_takes_the_instances(folder, sites, monkeypatch, capsys):
    creme = in_process.streams_of(monkeypatch, capsys)
    monkeypatch.chdir(folder)
    args = ("motifs", "motifs.results", "--meme", "m.meme", "--to", "instances.bed")
    document = json.loads(creme(*args, "--p", "1e-6", "--json")[0])
    assert document["values"]["instances"] == len(sites)
    assert document["values"]["by_chance"] == pytest.approx(1e-6 * document["values"]["places"])
    run_experiment(Experiment.from_file(folder / "matrix.toml"))
    dataset = open_results(folder / "matrix.results").dataset("compatibility")
    rows = read_intervals(folder / "instances.bed")
    real = dataset.sel(enhancer=~dataset["null"])
    assert set(real["enhancer"].values) == {row.label for row in rows}
    genome = Genome(folder / "genome.fa")
    for row in rows:
        # Each reads as its motif does, whatever the strand that it stands on.
        read = str(genome.fetch(row.contig, row.start, row.end, row.strand))
        assert sum(a != b for a, b in zip(read, MOTIFS["enhancer"], strict=True)) <= 1
    own = dict(zip(real["enhancer"].values, real["enhancer_locus"].values, strict=True))
    assert set(own.values()) == {"GENE1", "GENE2"}
    effect = dataset["effect"].mean(["locus", "distance", "track"])
    weak = effect.sel(promoter="GENE1")
    assert (weak[~dataset["null"].values] > 0.05).all()
    np.testing.assert_allclose(weak[dataset["null"].values], 0, atol=1e-6)


@needs_tomtom
def test_the_report_and_the_tables_name_what_matters(folder, tmp_path):
    results, meme = folder / "motifs.results", str(folder / "library.meme")
    view = open_results(results)
    of_page = PageResults(view, annotate=Annotate.of(view, {"meme": meme}))
    (section,) = measure_sections(of_page)
    (table,) = re.findall(r"<table>.{,40}1 stretch that matters.*?</table>", str(section.table))
    cells = [re.sub(r"<.*?>", "", cell) for cell in re.findall(r"<t[hd].*?</t[hd]>", table)]
    cells = [cell for cell in cells if cell]
    row = dict(zip(cells[:10], cells[10:], strict=True))
    assert row["locus"] == "GENE1"
    assert row["on the genome"].startswith(f"mini1:{SITE + 1}-{SITE + WIDTH}")
    changed = f"{MOTIFS['enhancer'][:4]}G{MOTIFS['enhancer'][5:]}"
    assert (row["bases along the gene"], row["motif"], row["strand"]) == (changed, "enhancer", "+")
    assert float(row["q"].replace("\N{MINUS SIGN}", "-")) < 1e-6
    export(results, tmp_path / "export", ["tables"], annotate={"meme": meme})
    written = pd.read_csv(tmp_path / "export" / "tables" / "saturation_mutagenesis.motifs.csv")
    stretches = name_stretches(
        open_results(results).dataset("saturation_mutagenesis"), read_motifs(meme)
    )
    assert written.columns.tolist() == list(COLUMNS)
    pd.testing.assert_frame_equal(written, stretches, check_dtype=False)
    assert written["track"].tolist() == ["synthetic:alpha", "synthetic:beta"]
    one = written.iloc[0]
    assert (one["start"], one["end"], one["motif"]) == (SITE, SITE + WIDTH, "enhancer")


def test_without_memelite_the_page_and_the_export_say_how_to_install_it(
    folder, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "memelite.io", None)
    results, annotate = folder / "motifs.results", {"meme": str(folder / "library.meme")}
    view = open_results(results)
    of_page = PageResults(view, annotate=Annotate.of(view, annotate))
    assert stretches_table(of_page, "saturation_mutagenesis") is None
    assert of_page.motifs is None
    (note,) = of_page.notes
    assert note.startswith("Motifs are missing: motifs need memelite, of the extra [motifs]")
    with pytest.warns(CremeWarning, match=r"no motifs are named.*memelite.*pip install"):
        export(results, tmp_path / "export", ["tables"], annotate=annotate)
    assert not list((tmp_path / "export" / "tables").glob("*.motifs.csv"))
    assert (tmp_path / "export" / "tables" / "saturation_mutagenesis.csv").is_file()


def test_of_a_bed_file_the_intervals_are_scanned(folder, sites, monkeypatch, capsys):
    creme = in_process.caller(monkeypatch, capsys)
    monkeypatch.chdir(folder)
    first = min(sites)
    (folder / "in.bed").write_text(f"mini1\t{first}\t{first + WIDTH}\there\nmini1\t0\t100\n")
    args = ("motifs", "in.bed", "--meme", "m.meme", "--to", "out.bed")
    printed = creme(*args, "--fasta", "genome.fa", "--p", "1e-6")
    assert "1 instances of 1 matches with p below 1e-06" in " ".join(printed.split())
    ((contig, start, end, *_, within),) = rows_of(folder / "out.bed")
    assert (contig, int(start), int(end), within) == ("mini1", first, first + WIDTH, "here")
    (folder / "out.bed").unlink()
    assert "names no genome: give --fasta" in " ".join(creme(*args, status=2).split())
    assert not (folder / "out.bed").exists()


def test_mistakes_are_named(folder, tmp_path):
    results, meme, to = folder / "motifs.results", folder / "m.meme", tmp_path / "x.bed"
    matrix = folder / "matrix.toml"
    with pytest.raises(ConfigError, match="only of results"):
        write_instances(matrix, meme, to, "enhancers")
    with pytest.raises(ConfigError, match="'tiles': choose of loci, enhancers"):
        write_instances(results, meme, to, "tiles")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="is none of"):
        write_instances(tmp_path / "none", meme, to)
    with pytest.raises(ConfigError, match="cannot be written"):
        write_instances(results, meme, tmp_path / "none" / "x.bed")
    with pytest.raises(ResultsError, match="no silencers"):
        write_instances(results, meme, to, "silencers")
    with pytest.raises(ConfigError, match="there is no file"):
        write_instances(results, meme, to, fasta=tmp_path / "gone.fa")
