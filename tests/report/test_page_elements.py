"""The table of the strongest elements, figures' values, and what a reader lays beside a report."""

from __future__ import annotations

import base64
import gzip
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from finished_study import finished_study, page_results
from read_page import Page
from scipy import stats

import mini_study as mini
from creme.errors import ConfigError, GenomeError
from creme.genome import Genome
from creme.genome.places import interval_text
from creme.report.page import write_report
from creme.report.page.downloads import MOST_ROWS, figure_html, file_name
from creme.report.page.elements import Elements, margin, step_of
from creme.report.page.figure import PageFigure
from creme.report.page.figures import figures
from creme.report.page.lanes import Lane
from creme.report.page.locus import each_locus
from creme.report.page.locus_measures import LocusMeasures
from creme.report.page.windows import Windows
from creme.report.style import axes_of
from creme.results.annotate import Annotate
from creme.runner.experiment import parse
from creme.runner.run import run_experiment
from states import change_table

AP1 = """MEME version 4

ALPHABET= ACGT

MOTIF M1 AP1
letter-probability matrix: alength= 4 w= 8 nsites= 20 E= 0
 0.01 0.01 0.01 0.97
 0.01 0.01 0.97 0.01
 0.97 0.01 0.01 0.01
 0.01 0.97 0.01 0.01
 0.01 0.01 0.01 0.97
 0.01 0.97 0.01 0.01
 0.97 0.01 0.01 0.01
 0.01 0.01 0.97 0.01
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return finished_study(tmp_path_factory)


@pytest.fixture(scope="module")
def planted(finished):
    """The genes of the study as they were planted, by name."""
    copy = finished.path.parent / "again"
    copy.mkdir(exist_ok=True)
    return {gene.name: gene for gene in mini.write(copy)}


@pytest.fixture(scope="module")
def beside(finished, planted, tmp_path_factory):
    """Genes with exons, a BED file of the planted elements, and motifs."""
    folder = tmp_path_factory.mktemp("beside")
    lines = (finished.path.parent / "annotation.gtf").read_text().splitlines()
    exons = []
    for line in lines:
        columns = line.split("\t")
        first, last = int(columns[3]), int(columns[4])
        for start, end in ((first, first + 99), (last - 149, last)):
            exons.append("\t".join([*columns[:2], "exon", str(start), str(end), *columns[5:]]))
    (folder / "genes.gtf").write_text("\n".join([*lines, *exons]) + "\n")
    rows = [
        f"{gene.contig}\t{start}\t{end}\t{kind} <b>{gene.name}\n"
        for gene in planted.values()
        for kind, start, end in gene.elements
    ]
    (folder / "ccres.bed").write_text("track name=x\n#\n" + "".join(rows))
    (folder / "m.meme").write_text(AP1)
    return folder


@pytest.fixture(scope="module")
def page(finished, beside, tmp_path_factory):
    annotate = {"assembly": "GRCh38", "genes": str(beside / "genes.gtf")}
    annotate |= {"ccre": str(beside / "ccres.bed"), "meme": str(beside / "m.meme")}
    path = tmp_path_factory.mktemp("page") / "report.html"
    return Page(write_report(finished.path, path, annotate=annotate))


def test_elements_are_the_largest_effects(finished):
    results = page_results(finished.path)
    datasets = {t: finished.dataset(t).isel(track=0) for t in ("necessity", "sufficiency")}
    elements = Elements()
    for number, locus in enumerate(
        each_locus(results, LocusMeasures(results, []), Windows(results))
    ):
        elements.add(number, locus.data)
    effects = np.stack([d["effect"].values for d in datasets.values()])
    largest = np.take_along_axis(effects, abs(effects).argmax(0)[None], 0)[0]
    for kind, sign in (("enhancer", 1), ("silencer", -1)):
        expected = np.sort(largest[sign * largest >= 0.05] * sign)[::-1]
        found = [max(abs(row[t]["mean"]) for t in datasets) for row in elements.rows()[kind]]
        np.testing.assert_allclose(found, expected[: len(found)], rtol=1e-5)
        assert len(found) == min(12, len(expected)) >= 4
    rows = [row for kind in elements.rows().values() for row in kind]
    # Each at its place: 1-based, both ends, on either strand.
    strands = set()
    for row in rows:
        one = datasets["necessity"].sel(locus=row["locus"])
        start, end = (int(v) for v in row["place"].rpartition(":")[2].split("-"))
        (k,) = np.flatnonzero(one["genomic_start"].values == start - 1).tolist()
        assert end == int(one["genomic_end"].values[k])
        assert row["place"].startswith(f"{one['contig'].item()}:")
        assert row["distance"] == int(one["distance"].values[k])
        assert row["necessity"]["mean"] == pytest.approx(float(one["effect"][k]), rel=1e-5)
        strands.add(str(one["strand"].item()))
    assert strands == {"+", "-"}


def test_an_interval_is_students():
    values = np.array([0.2, 0.35, 0.3, 0.1])
    se = values.std(ddof=1) / 2
    low, high = stats.t.interval(0.95, 3, loc=values.mean(), scale=se)
    half = margin(se, 4)
    assert half is not None
    np.testing.assert_allclose([values.mean() - half, values.mean() + half], [low, high])
    assert margin(se, 1) is None
    assert margin(None, 4) is None


def test_places_are_those_of_browsers(finished, planted):
    """The bases that a browser shows at a place are those of the FASTA, on a minus strand too."""
    gene = planted["GENE4"]
    assert gene.strand == "-"
    genome = Genome(finished.path.parent / "genome.fa")
    text = (finished.path.parent / "genome.fa").read_text().partition(f">{gene.contig}\n")[2]
    contig = text.partition(">")[0].replace("\n", "")
    one = finished.dataset("necessity").isel(track=0).sel(locus="GENE4")
    k = int(abs(one["effect"]).argmax("tile"))
    low, high = int(one["genomic_start"][k]), int(one["genomic_end"][k])
    start, end = (int(v) for v in interval_text("x", low, high).partition(":")[2].split("-"))
    # `samtools faidx` counts from 1 and has both ends.
    assert contig[start - 1 : end] == str(genome.fetch(gene.contig, low, high))
    own = genome.fetch(gene.contig, int(one["start"]), int(one["end"]), "-")
    first, last = int(one["tile_start"][k]), int(one["tile_end"][k])
    pairs = str.maketrans("ACGT", "TGCA")
    assert contig[start - 1 : end][::-1].translate(pairs) == str(own)[first:last]


def test_tiles_that_change_nothing_have_no_number():
    search = {"search": "silencers", "mean": [1.014, 1.2, 1.21], "se": [0.001, 0.01, 0.2]}
    assert [step_of(search, k) for k in range(3)] == [0.0, pytest.approx(0.186), 0.0]
    search = {"search": "silencers", "mean": [1.2], "se": [0.2]}
    assert step_of(search, 0) == 0.0  # within its error
    search = {"search": "enhancers", "mean": [0.7, 0.9], "se": [None, None]}
    assert [step_of(search, k) for k in range(2)] == [pytest.approx(0.3), 0.0]


def test_noise_is_no_element():
    elements = Elements()
    necessity = {"mean": [0.9, 0.2, 0.0], "q": [0.5, 0.01, None], "scale": "share of WT"}
    necessity |= {"se": [0.1, 0.01, 0.0], "values": [[0.8, 1.0], [0.19, 0.21], [0.0, 0.0]]}
    tiles = [[k * 10, k * 10 + 10, k * 10, k * 10, k * 10 + 10] for k in range(3)]
    locus = {"name": "a&tile=1 <i>", "gene": "<i>", "contig": "c", "tiles": tiles}
    elements.add(0, {**locus, "tracks": [{"necessity": necessity}]})
    shown = str(elements.section("TSS"))
    assert "1 enhancer, the strongest" in shown
    assert "c:11-20" in shown
    assert "c:1-10" not in shown
    assert "<i>" not in shown.replace("&lt;i&gt;", "")
    assert "#locus=a%26tile%3D1%20%3Ci%3E&amp;tile=11-20" in shown


def test_enhancers_have_room_beside_stronger_silencers():
    """A share of a low wild type has no lower bound, and one of an enhancer ends at 1."""
    elements = Elements()
    means = [-3.0 - k for k in range(40)] + [0.5, 0.6]
    of = {"mean": means, "q": [0.0] * len(means), "scale": "share of WT"}
    tiles = [[k * 10, k * 10 + 10, k * 10, k * 10, k * 10 + 10] for k in range(len(means))]
    locus = {"name": "a", "gene": "", "contig": "c", "tiles": tiles}
    elements.add(0, {**locus, "tracks": [{"necessity": of}]})
    rows = elements.rows()
    assert [row["necessity"]["mean"] for row in rows["enhancer"]] == [0.6, 0.5]
    assert [row["necessity"]["mean"] for row in rows["silencer"]] == means[39:17:-1]
    assert "2 enhancers and 22 silencers (of 40), the strongest" in str(elements.section("TSS"))


def small_effects(scale: str) -> Elements:
    """Two tiles of one locus with a small q; the second has a tiny effect."""
    elements = Elements(0.05)
    of = {"mean": [-0.4, 0.03], "q": [0.001, 0.001], "scale": scale}
    tiles = [[k * 10, k * 10 + 10, k * 10, k * 10, k * 10 + 10] for k in range(2)]
    locus = {"name": "a", "gene": "", "contig": "c", "tiles": tiles}
    elements.add(0, {**locus, "tracks": [{"necessity": of}]})
    return elements


def test_a_tiny_effect_is_no_element_however_small_its_q():
    shown = str(small_effects("share of WT").section("TSS"))
    assert "c:1-10" in shown
    assert "also measured" not in shown  # a column that would be empty
    assert "c:11-20" not in shown
    assert "an effect of at least 0.05 of the wild type" in shown
    assert "and q at most 0.05, in necessity." in shown
    assert "1 further tile has a q of at most 0.05, and smaller effects" in shown
    # A minimum in shares means nothing on another scale.
    shown = str(small_effects("log2 ratio").section("TSS"))
    assert "c:11-20" in shown
    assert "An element is a tile with an effect and q at most 0.05" in shown


def test_figures_have_their_formula_and_values(finished, page):
    drawn = list(figures(page_results(finished.path)))
    assert all(one.formula for one in drawn)
    without = [one.title for one in drawn if one.data is None]
    assert without == []
    scripts = [a.get("id") for a in page.named("script")]
    necessity = next(k for k, one in enumerate(drawn) if one.title == "Necessity of tiles")
    packed = page.within("script")[scripts.index(f"csv-f{necessity}")]
    text = json.loads(gzip.decompress(base64.b64decode(packed)))
    table = pd.read_csv(io.StringIO(text), keep_default_na=False)
    effect = finished.dataset("necessity")["effect"].isel(track=0)
    assert len(table) == int(effect.notnull().sum())
    one = table[table["locus"] == "GENE2"]
    np.testing.assert_allclose(
        one["effect"].astype(float), effect.sel(locus="GENE2").values, rtol=1e-6, atol=1e-12
    )
    assert {"genomic_start", "genomic_end", "distance", "category"} <= set(table)
    assert "effect = (WT \N{MINUS SIGN} shuffled) / WT" in page.words


def test_a_figure_of_too_many_values_says_where_they_are():
    data = pd.DataFrame({"x": np.zeros(MOST_ROWS + 1)})
    figure = PageFigure("s", "<t>", "", "c", axes_of(None), "f", data)
    shown = str(figure_html(figure, "p"))
    assert "creme export" in shown
    assert "csv-p" not in shown
    assert "<t>" not in shown
    assert file_name("../<a> b") == "a-b"
    assert file_name("ä") == "figure"


def test_genes_have_bodies_and_exons_on_both_strands(page, finished):
    lines = (finished.path.parent / "annotation.gtf").read_text().splitlines()
    ends = {}
    for line in lines:
        columns = line.split("\t")
        ends[columns[8].split('"')[1]] = (int(columns[3]) - 1, int(columns[4]))
    for locus in page.loci():
        own = next(gene for gene in locus["genes"] if gene[2])
        name, strand, _, at, body, exons = own
        assert name == locus["gene"]
        assert strand == locus["strand"]
        assert at == [0]
        # Along the gene a body begins at its TSS, on either strand.
        start, end = ends[name]
        assert body == [0, end - start]
        first, last = [0, 100], [end - start - 150, end - start]
        if strand == "-":
            first, last = [0, 150], [end - start - 100, end - start]
        assert exons == [first, last]
    assert {locus["strand"] for locus in page.loci()} == {"+", "-"}


def test_lanes_lie_where_their_intervals_do(page, planted):
    for locus in page.loci():
        gene = planted[locus["gene"]]
        ((label, intervals),) = locus["lanes"]
        assert label == "ccre"
        way = 1 if gene.strand == "+" else -1
        expected = sorted(
            [*sorted((way * (start - gene.position), way * (end - 1 - gene.position)))]
            for _, start, end in gene.elements
        )
        assert [[low, high - 1] for low, high, _ in intervals] == expected
        assert all(name.endswith(f"<b>{gene.name}") for *_, name in intervals)
    assert "<b>GENE" not in page.source.partition('id="elements"')[2].partition("<script")[0]


def test_motifs_stand_in_what_is_left_of_fine_tiles(page, planted, finished):
    pytest.importorskip("memelite", reason="memelite is not installed")
    genome = Genome(finished.path.parent / "genome.fa")
    seen = set()
    for locus in page.loci():
        for cre in locus["tracks"][0].get("fine", []):
            parts = [(low, high) for *_, low, high in cre["parts"]]
            for name, low, high, strand, p in cre["motifs"]:
                assert name == "M1 AP1"
                assert any(start <= low and high <= end for start, end in parts)
                assert str(genome.fetch(locus["contig"], low, high, strand)) == "TGACTCAG"
                assert 0 < p < 1e-4
                seen.add(locus["strand"])
    assert seen == {"+", "-"}
    assert "motifs in what is left" in page.words


def test_an_assembly_is_stated_and_never_guessed(page, finished, tmp_path):
    (root,) = page.named("html")
    assert root["data-assembly"] == "hg38"
    assert json.loads(str(root["data-ensembl"])) == ["www", "Homo_sapiens"]
    (root,) = Page(write_report(finished.path, tmp_path / "r.html")).named("html")
    assert root["data-assembly"] == ""
    assert json.loads(str(root["data-ensembl"])) is None


def test_the_file_of_a_study_says_what_lies_beside(finished, beside, tmp_path):
    path = Path(shutil.copytree(finished.path, tmp_path / "copy.study"))
    file = path / "study.toml"
    table = (
        f'\n[annotate]\nassembly = "sacCer3"\nccre = "{beside / "ccres.bed"}"\nlost = "no.bed"\n'
    )
    change_table(path, "study.toml", file.read_text() + table)
    results = page_results(path)
    assert results.annotate.assembly == "sacCer3"
    assert [lane.name for lane in results.lanes] == ["ccre"]
    assert any("The lane lost is missing" in note for note in results.notes)
    # What is given at the command line comes first.
    over = Annotate.of(results.view, {"assembly": "hg19"})
    assert over.ucsc == "hg19"
    assert set(over.lanes) == {"ccre", "lost"}
    assert over.genes == finished.path.parent / "annotation.gtf"
    with pytest.raises(ConfigError, match=r"annotate x: there is no file no\.bed"):
        Annotate.of(results.view, {"x": "no.bed"})


def test_intervals_of_a_lane(tmp_path):
    bed = tmp_path / "a.bed"
    bed.write_text("1\t5\t100\tlong\nchr1\t50\t60\t.\nchr1\t200\t210\nchr2 1 2\n")
    lane = Lane("a", bed)
    assert lane.within("chr1", 90, 200) == [(5, 100, "long")]
    assert lane.within("chr1", 55, 201) == [(5, 100, "long"), (50, 60, ""), (200, 210, "")]
    assert lane.within("chr1", 100, 200) == []
    assert lane.within("chr3", 0, 9) == []
    locus = {"contig": "chr1", "tss_position": 100, "strand": "-"}
    assert lane.of_page(locus, [-20, 96]) == [[1, 96, "long"], [41, 51, ""]]
    bed.write_text("chr1\t5\n")
    with pytest.raises(GenomeError, match="line 1: BED has contig, start and end"):
        Lane("a", bed)


def test_an_experiment_has_genes_from_its_annotation(tmp_path):
    mini.write(tmp_path)
    text = (
        'name = "two"\nseed = 7\n[model]\nplugin = "synthetic"\nlength = 12288\ndecay = 6000.0\n'
        'tracks = ["alpha"]\n[loci]\nfasta = "genome.fa"\ngtf = "annotation.gtf"\n'
        'genes = ["GENE4"]\n[[tests]]\nname = "necessity"\ntile = 1000\nreplicates = 2\n'
    )
    results = run_experiment(parse(text, "two", tmp_path))[1]
    page = Page(write_report(results.path))
    (locus,) = page.loci()
    (gene,) = locus["genes"]
    assert gene == ["GENE4", "-", 1, [0], [0, 900], []]
    assert "Genes and their exons are those of annotation.gtf" in page.words
    (tmp_path / "annotation.gtf").unlink()
    page = Page(write_report(results.path))
    assert "genes" not in page.loci()[0]
    assert "annotation.gtf, is not where it was" in page.words
