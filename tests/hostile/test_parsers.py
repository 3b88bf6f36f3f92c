"""Every file that a user gives, broken in ways nobody thinks of."""

from __future__ import annotations

import gzip
import os
import time
import warnings
from pathlib import Path

import pytest

import mini_study as mini
from creme.adapters.description import Description
from creme.adapters.targets import read_targets
from creme.analysis.categories import read_genes
from creme.analysis.crispri_table import read_pairs
from creme.errors import ConfigError, GenomeError
from creme.files.small import parse_toml
from creme.genome import Annotation, Genome
from creme.runner.experiment import parse as parse_experiment
from creme.runner.toml_file import read_text
from creme.study.config import parse as parse_study
from creme.tracks import Track, TrackTable
from mutations import cases, survives

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CREME_CACHE_DIR", str(tmp_path / "cache"))


def through_file(tmp_path, name, read):
    """A function that writes a case to a file and reads it from there."""
    path = tmp_path / name

    def reader(case):
        path.write_bytes(case)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return read(path)

    return reader


EXPERIMENTS = ("enformer_k562", "seqnn_suite", "own_model")


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_experiment_files(tmp_path, name):
    content = (ROOT / "examples" / f"{name}.toml").read_bytes()

    def read(path):
        experiment = parse_experiment(read_text(path), str(path), tmp_path)
        experiment.to_toml()

    survives(through_file(tmp_path, "e.toml", read), cases(content, name))


def test_study_files(tmp_path):
    content = (ROOT / "examples" / "seqnn_study.toml").read_bytes()
    read = through_file(tmp_path, "s.toml", lambda path: parse_study(read_text(path)).to_toml())
    survives(read, cases(content, "study"))


DESCRIPTION = b"""input_length = 2048
bin = 128
n_bins = 8
tracks = [{name = "a", strand = "+"}, {name = "b"}]
"""


def test_descriptions(tmp_path):
    survives(through_file(tmp_path, "d.toml", Description.read), cases(DESCRIPTION, "description"))


def whole_genome(path):
    genome = Genome(path)
    for contig, length in genome.contigs.items():
        genome.fetch(contig, -5, min(length, 1000) + 5, "-")


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_fasta(tmp_path, packed):
    mini.write(tmp_path, genes=2)
    lines = (tmp_path / "genome.fa").read_bytes().splitlines(keepends=True)
    content = b"".join(lines[:40]) + b">other\nACGTNNacgtRY\nACG\n"
    name = "g.fa.gz" if packed else "g.fa"
    content = gzip.compress(content, mtime=0) if packed else content
    survives(through_file(tmp_path, name, whole_genome), cases(content, name))


def test_fasta_with_a_broken_index(tmp_path):
    content = b">a first\nACGTACGTAC\nACGTACGTAC\nACG\n>b\nACGTNNACGT\n"
    fasta = tmp_path / "g.fa"
    fasta.write_bytes(content)
    index = b"a\t23\t9\t10\t11\nb\t10\t39\t10\t11\n"

    def read(path):
        genome = Genome(fasta)
        assert genome.contigs == {"a": 23, "b": 10}
        assert str(genome.fetch("b", 0, 10)) == "ACGTNNACGT"

    survives(through_file(tmp_path, "g.fa.fai", read), cases(index, "fai"))


def test_gtf(tmp_path):
    mini.write(tmp_path, genes=6)
    content = (tmp_path / "annotation.gtf").read_bytes()

    def read(path):
        annotation = Annotation.from_gtf(path)
        annotation.find("GENE1")

    survives(through_file(tmp_path, "a.gtf", read), cases(content, "gtf"))
    survives(
        through_file(tmp_path, "a.gtf", read), cases(gzip.compress(content, mtime=0), "gtf.gz")
    )


BED = b"# sites\nchr1\t10\t20\tone\t0\t+\nchr1\t30\t44\ttwo\t0\t-\nchr2\t0\t1\t.\t.\t+\n"
TABLE = b'gene,contig,tss,strand,transcript,note\none,chr1,5,+,t1,x\n"two, b",chr2,7,-,,\n'


@pytest.mark.parametrize(
    ("name", "content", "read"),
    [("a.bed", BED, Annotation.from_bed), ("a.csv", TABLE, Annotation.from_table)],
    ids=["bed", "table"],
)
def test_sites(tmp_path, name, content, read):
    survives(through_file(tmp_path, name, read), cases(content, name))


TARGETS = (
    b"\tindex\tidentifier\tfile\tclip\tscale\tsum_stat\tstrand_pair\tdescription\n"
    b"0\t0\ta+\tf\t32\t1\tsum\t1\tCAGE:K562\n1\t1\ta-\tf\t32\t1\tsum\t0\tCAGE:K562\n"
    b"2\t2\tb\tf\t32\t1\tsum\t2\tDNASE:liver\n"
)


def test_track_tables(tmp_path):
    read = through_file(tmp_path, "t.txt", lambda path: read_targets(path, 3))
    survives(read, cases(TARGETS, "targets"))


PAIRS = (
    b"chrom\tchromStart\tchromEnd\tmeasuredGeneSymbol\tEffectSize\tSignificant\tCellType\n"
    b"chr1\t100\t200\tMYC\t-0.3\tTRUE\tK562\nchr1\t500\t700\tGATA1\t0.1\tFALSE\tK562\n"
)


def test_crispri_tables(tmp_path):
    read = through_file(tmp_path, "p.tsv", lambda path: read_pairs(path, cell_type="K562"))
    survives(read, cases(PAIRS, "pairs"))
    read = through_file(tmp_path, "p.tsv.gz", lambda path: read_pairs(path, cell_type="K562"))
    survives(read, cases(gzip.compress(PAIRS, mtime=0), "pairs.gz"))


def test_lists_of_genes(tmp_path):
    survives(through_file(tmp_path, "genes.txt", read_genes), cases(b"A\nB\n# c\nC\n", "genes"))


def test_a_long_attribute_of_a_gtf_is_read_in_no_time(tmp_path):
    line = 'chr1\tx\ttranscript\t1\t9\t.\t+\t.\tgene_id "g"; transcript_id "t"; note '
    path = tmp_path / "a.gtf"
    for value in ("A" * 200_000, "a b " * 50_000, 'a "' * 50_000):
        path.write_text(f"{line}{value};\n")
        began = time.monotonic()
        assert len(Annotation.from_gtf(path)) == 1
        assert time.monotonic() - began < 20


@pytest.mark.parametrize(
    "content", [b"\x1f\x8b", gzip.compress(TABLE, mtime=0)[:12]], ids=["2", "12"]
)
def test_the_beginning_of_a_gzip_file(tmp_path, content):
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(GenomeError, match="it ends within the header of gzip"):
        Annotation.from_table(path)


@pytest.mark.parametrize("start", [b">a\n", b""])
def test_a_gzip_bomb_is_refused_before_it_fills_the_disk(tmp_path, start, monkeypatch):
    monkeypatch.setattr("creme.genome.files._LARGEST_SMALL", 1 << 21)
    path = tmp_path / "g.fa.gz"
    path.write_bytes(gzip.compress(start + b"A" * (10 << 20)))
    with pytest.raises(GenomeError):
        Genome(path)
    assert not list((tmp_path / "cache").rglob("*.fa"))
    with pytest.raises(GenomeError):
        Annotation.from_bed(path)


def test_devices_and_pipes_are_not_opened(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (Path("/dev/zero"), pipe):
        with pytest.raises(GenomeError, match="is a pipe or a device"):
            Genome(path)
        with pytest.raises(GenomeError, match="is a pipe or a device"):
            Annotation.from_gtf(path)
        with pytest.raises(ConfigError, match="is a pipe or a device"):
            read_text(path)
        with pytest.raises(ConfigError, match="is a pipe or a device"):
            read_pairs(path)
        with pytest.raises(ConfigError, match="is a pipe or a device"):
            read_targets(path, 3)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a = " + "[" * 5000 + "]" * 5000, "stand in one another"),
        ("a = " + "[" * 100 + "]" * 100, "stand in one another"),
        (".".join(["a"] * 20_000) + " = 1", "more than 64 parts"),
        ("[" + ".".join(['"a"'] * 20_000) + "]", "more than 64 parts"),
        ("a = " + "1" * 5000, "digits"),
        ('a = "' + "x.y " * 5000 + '"\nb = 1 2', "not valid TOML"),
    ],
)
def test_toml_within_bounds(text, why):
    began = time.monotonic()
    with pytest.raises(ConfigError, match=why):
        parse_toml(text, "e.toml")
    assert time.monotonic() - began < 10


def test_dots_in_values_are_no_keys():
    text = f'name = "{"a." * 200}"\nlist = [{"1.5, " * 500}]'
    assert set(parse_toml(text, "e.toml")) == {"name", "list"}


@pytest.mark.parametrize("pattern", ["(.*)*x$", "(a+)+$"])
def test_a_regular_expression_that_never_ends(pattern):
    table = TrackTable((Track(name="n", description="a" * 200 + "!"),))
    began = time.monotonic()
    with pytest.raises(ConfigError):
        table.select(pattern)
    assert time.monotonic() - began < 30


def test_a_value_that_no_file_can_hold_is_named(tmp_path):
    text = (ROOT / "examples" / "own_model.toml").read_text()
    made = parse_experiment(f"{text}\n[[tests]]\nname = 'x'\nlist = [nan]\n", "e.toml", tmp_path)
    assert "nan," in made.to_toml()
    odd = made.model_copy(update={"tests": [{"name": "x", "list": [None]}]})
    with pytest.raises(ConfigError, match=r"cannot be written to a file"):
        odd.to_toml()
