"""bigWig, bigBed, track hub and IGV session: their coordinates, and what their readers demand."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

import mini_study as mini
from creme.errors import ConfigError
from creme.export import export
from creme.export.big import BigTrack, sizes_of
from creme.export.browsers import write_hub
from creme.genome import Genome
from creme.runner.experiment import parse
from creme.runner.run import run_experiment
from creme.study.view import open_results

pybigtools = pytest.importorskip("pybigtools", reason="pybigtools is not installed")

FILE = """
name = "two"
seed = 7
[model]
plugin = "synthetic"
length = 12288
decay = 6000.0
tracks = ["alpha"]
[loci]
fasta = "genome.fa"
gtf = "annotation.gtf"
genes = ["GENE1", "GENE4"]
[annotate]
assembly = "GRCh38"
[[tests]]
name = "necessity"
tile = 1000
replicates = 2
[[tests]]
name = "sufficiency"
tile = 1000
replicates = 2
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with results of a gene on either strand, and the genes as they were planted."""
    folder = tmp_path_factory.mktemp("two")
    genes = {gene.name: gene for gene in mini.write(folder)}
    results = run_experiment(parse(FILE, "two", folder))[1]
    return results.path, genes


@pytest.fixture(scope="module")
def folder(made, tmp_path_factory):
    to = tmp_path_factory.mktemp("exported") / "out"
    files = export(made[0], to, ["hub", "igv"])
    there = {str(path.relative_to(to)) for path in to.rglob("*") if path.is_file()}
    assert there == {*files, "export.json"}
    return to


@pytest.mark.parametrize(("gene", "strand"), [("GENE1", "+"), ("GENE4", "-")])
@pytest.mark.parametrize("test", ["necessity", "sufficiency"])
def test_values_stand_at_their_bases(made, folder, gene, strand, test):
    results, genes = made
    one = open_results(results).dataset(test).isel(track=0).sel(locus=gene)
    assert str(one["strand"].item()) == strand == genes[gene].strand
    opened = pybigtools.open(str(folder / "big" / f"{test}.bw"))
    low, high = int(one["start"]), int(one["end"])
    found = np.array(opened.values(genes[gene].contig, low, high, fillna=np.nan))
    expected = np.full(high - low, np.nan)
    for start, end, effect in zip(
        one["genomic_start"].values, one["genomic_end"].values, one["effect"].values, strict=True
    ):
        expected[int(start) - low : int(end) - low] = effect
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-12)
    # The strongest tile holds the bases of an element that was planted there.
    k = int(abs(one["effect"]).argmax("tile"))
    start, end = int(one["genomic_start"][k]), int(one["genomic_end"][k])
    assert any(start <= first and last <= end for _, first, last in genes[gene].elements)
    # Upstream of a gene on the minus strand are higher places.
    way = np.sign((start + end) / 2 - genes[gene].position)
    assert way == np.sign(float(one["distance"][k])) * (1 if strand == "+" else -1)


def test_intervals_are_those_of_bed(made, folder, tmp_path):
    export(made[0], tmp_path / "text", ["tracks"])
    text = (tmp_path / "text" / "tracks" / "necessity.bed").read_text().splitlines()[1:]
    opened = pybigtools.open(str(folder / "big" / "necessity.bb"))
    contigs = list(opened.chroms())
    rows = ["\t".join([c, *map(str, row)]) for c in contigs for row in opened.records(c)]
    assert sorted(rows) == sorted(text)
    assert {line.split("\t")[5] for line in rows} == {"+", "-"}


def test_sizes_are_those_of_the_fasta(made, folder, tmp_path):
    genome = Genome(made[0].parent / "genome.fa")
    assert sizes_of(open_results(made[0])) == dict(genome.contigs)
    opened = pybigtools.open(str(folder / "big" / "necessity.bw"))
    for contig, size in opened.chroms().items():
        assert size == genome.contigs[contig]
    file = tmp_path / "sizes"
    file.write_text("mini1\t5\n")
    with pytest.raises(ConfigError, match=r"mini1 has 5 bp .* reaches to"):
        export(made[0], tmp_path / "out", ["igv"], sizes=file)
    file.write_text("mini1\n")
    with pytest.raises(ConfigError, match="line 1: a contig and its length"):
        export(made[0], tmp_path / "out", ["igv"], sizes=file)
    assert not (tmp_path / "out").exists()


def stanzas(path: Path) -> list[dict[str, str]]:
    """The stanzas of a hub's file: lines of a key and a value, divided by empty lines."""
    found = []
    for block in re.split(r"\n\s*\n", path.read_text(encoding="utf-8").strip()):
        rows = [line.split(" ", 1) for line in block.splitlines()]
        assert all(len(row) == 2 and row[1].strip() for row in rows), block
        keys = [row[0] for row in rows]
        assert len(set(keys)) == len(keys), keys
        found.append(dict(rows))
    return found


def check_hub(hub: Path) -> list[dict[str, str]]:
    """The rules of UCSC's documentation of track hubs; gives the tracks."""
    (first,) = stanzas(hub)
    assert list(first) == ["hub", "shortLabel", "longLabel", "genomesFile", "email"]
    assert re.fullmatch(r"\w+", first["hub"], re.ASCII)
    tracks = []
    for genome in stanzas(hub.parent / first["genomesFile"]):
        assert set(genome) == {"genome", "trackDb"}
        path = hub.parent / genome["trackDb"]
        names = set()
        for track in stanzas(path):
            assert {"track", "bigDataUrl", "shortLabel", "longLabel", "type"} <= set(track)
            assert re.fullmatch(r"[A-Za-z]\w*", track["track"], re.ASCII)
            assert track["track"] not in names
            names.add(track["track"])
            assert len(track["shortLabel"]) <= 17
            assert len(track["longLabel"]) <= 80
            data = (path.parent / track["bigDataUrl"]).resolve()
            assert data.is_file()
            opened = pybigtools.open(str(data))
            kind, *numbers = track["type"].split()
            assert kind == ("bigWig" if opened.is_bigwig else "bigBed")
            if opened.is_bigwig:
                low, high = map(float, numbers)
                info = opened.info()["summary"]
                np.testing.assert_allclose([low, high], [info["min"], info["max"]], rtol=1e-5)
            else:
                assert numbers == ["9"]
            tracks.append(track)
    return tracks


def test_the_hub_keeps_to_the_rules(folder):
    tracks = check_hub(folder / "hub" / "hub.txt")
    files = {path.name for path in (folder / "big").iterdir()}
    assert {Path(track["bigDataUrl"]).name for track in tracks} == files
    # UCSC has its own name of the assembly.
    assert (folder / "hub" / "hg38" / "trackDb.txt").is_file()


def test_the_session_names_files_that_are_there(made, folder):
    session = ElementTree.parse(folder / "igv.xml").getroot()
    assert session.tag == "Session"
    assert session.get("genome") == "GRCh38"
    one = open_results(made[0]).dataset("necessity").isel(locus=0)
    window = f"{one['contig'].item()}:{int(one['start']) + 1}-{int(one['end'])}"
    assert session.get("locus") == window
    paths = [str(resource.get("path")) for resource in session.iter("Resource")]
    assert {Path(path).name for path in paths} == {p.name for p in (folder / "big").iterdir()}
    assert all((folder / path).is_file() for path in paths)
    assert [track.get("id") for track in session.iter("Track")] == paths


def test_a_hub_needs_an_assembly(made, tmp_path):
    view = open_results(made[0])
    tracks = [BigTrack("a.bw", "a", "a", 0.0, 1.0)]
    for assembly, words in (("", "--annotate assembly=hg38"), ("../x", "is no name of one")):
        with pytest.raises(ConfigError, match=words):
            write_hub(view, tmp_path, assembly, tracks)
    assert list(tmp_path.iterdir()) == []


def test_names_of_others_end_no_line(made, tmp_path):
    title = "a\nb <script>&\x00 \N{LINE SEPARATOR}" + "x" * 200
    tracks = [
        BigTrack("1 a+.bw", title, title, 0.0, 1.0),
        BigTrack("1_a.bw", title, title, 0.0, 1.0),
    ]
    write_hub(open_results(made[0]), tmp_path, "hg38", tracks)
    found = stanzas(tmp_path / "hub" / "hg38" / "trackDb.txt")
    assert [one["track"] for one in found] == ["t_1_a", "t_1_a_2"]
    assert all(len(one["longLabel"]) <= 80 for one in found)


def test_without_pybigtools_the_error_says_how_to_get_it(made, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pybigtools", None)
    with pytest.raises(ConfigError, match=r"needs pybigtools, of the extra \[bigwig\]"):
        export(made[0], tmp_path / "out", ["hub"])
    assert list(tmp_path.iterdir()) == []
