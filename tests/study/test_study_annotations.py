"""The first stage on a whole chromosome, and on files as they come: packed, cut, of other kinds."""

from __future__ import annotations

import gzip
import math
import re
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import pytest

import mini_study as mini
from creme.demo.grammar import MOTIFS
from creme.errors import CremeWarning, GenomeError
from creme.models.synthetic import SyntheticModel
from creme.sequence import Sequence
from creme.study import run_study

ONLY_LOCI = ("[model]", 'stages = ["loci"]\n\n[model]')

YEAST = """\
name = "yeast"
seed = 1
stages = ["loci"]

[model]
plugin = "synthetic"
length = 1536
decay = 500.0
tracks = ["alpha"]
bins = "all"

[loci]
fasta = "{fasta}"
gtf = "{gtf}"

[selection]
max_n = 1.0
within = 1
"""


def yeast(folder: Path, fasta: Path, gtf: Path) -> Path:
    path = folder / "yeast.toml"
    path.write_text(YEAST.format(fasta=fasta, gtf=gtf))
    return path


def transcripts(gtf: Path) -> dict[tuple[int, str], list[tuple[int, str, str]]]:
    """By TSS, without the toolkit's reader: minus the length, the transcript, the gene."""
    sites: dict[tuple[int, str], list[tuple[int, str, str]]] = {}
    for line in gzip.decompress(gtf.read_bytes()).decode().splitlines():
        _, _, feature, start, end, _, strand, _, text = line.split("\t")
        if feature == "transcript":
            at = int(start) - 1 if strand == "+" else int(end) - 1
            gene = text.split('gene_id "')[1].split('"')[0]
            name = text.split('transcript_id "')[1].split('"')[0]
            sites.setdefault((at, strand), []).append((int(start) - int(end), name, gene))
    return sites


def with_promoters(chromosome: str, sites: Iterable[tuple[int, str]]) -> str:
    """The model's invented promoters at three of four TSSs, or some bins downstream of them."""
    letters = list(chromosome)
    for number, (at, strand) in enumerate(sites):
        kind = ("strong_promoter", "medium_promoter", "weak_promoter", None)[number % 4]
        if kind is not None:
            motif, away = MOTIFS[kind], (0, 0, 130, 400)[number % 7 % 4]
            if strand == "+":
                letters[at + away : at + away + len(motif)] = motif
            else:
                first = at - away - len(motif) + 1
                letters[first : first + len(motif)] = mini.reverse_complement(motif)
    assert len(letters) == len(chromosome)
    return "".join(letters)


def plain_loop(
    chromosome: str, sites: dict[tuple[int, str], list[tuple[int, str, str]]]
) -> tuple[list[int], set[tuple[int, str]]]:
    """How many each step leaves, and the selected TSSs, without the toolkit's genome."""
    model = SyntheticModel(length=1536, decay=500.0)
    padded = "N" * 1536 + chromosome + "N" * 1536
    active, summits = 0, 0
    best: dict[str, tuple[float, int, str]] = {}
    for (at, strand), names in sites.items():
        middle = at + 1536
        if strand == "+":
            text = padded[middle - 768 : middle + 768]
        else:
            text = mini.reverse_complement(padded[middle - 767 : middle + 769])
        profile = model.predict(Sequence.from_string(text).onehot()[None])[0, :, 0]
        tss = model.tss_bin()
        if profile[tss] < 30:
            continue
        active += 1
        near = min(
            (abs(k - tss) for k in range(len(profile)) if profile[k] == profile.max()), default=9
        )
        if near > 1:
            continue
        summits += 1
        gene = min(names)[2]
        if gene not in best or profile[tss] > best[gene][0]:
            best[gene] = (float(profile[tss]), at, strand)
    counts = [sum(map(len, sites.values())), *[len(sites)] * 5]
    return [*counts, active, summits, len(best), len(best)], {one[1:] for one in best.values()}


def test_a_whole_yeast_chromosome(data, tmp_path, monkeypatch):
    monkeypatch.setenv("CREME_CACHE_DIR", str(tmp_path / "cache"))
    gtf = data / "annotation" / "sacCer3_chrIV.gtf.gz"
    sites = transcripts(gtf)
    real = gzip.decompress((data / "sequence" / "sacCer3_chrIV.fa.gz").read_bytes()).decode()
    chromosome = with_promoters("".join(real.split("\n")[1:]).upper(), sites)
    fasta = tmp_path / "sacCer3.fa.gz"
    fasta.write_bytes(gzip.compress(f">chrIV\n{chromosome}\n".encode()))
    counts, chosen = plain_loop(chromosome, sites)
    done = run_study(yeast(tmp_path, fasta, gtf))
    assert [row["left"] for row in done.raw["funnel"]] == counts
    assert counts[0] == 885
    assert counts[1] > counts[6] > counts[7] > 200
    table = pd.read_csv(done.path / "selected.tsv", sep="\t", dtype={"strand": str})
    assert set(zip(table["tss"], table["strand"], strict=True)) == chosen
    assert set(table["strand"]) == {"+", "-"}
    # Other names of contigs, other line ends, duplicates and blank lines change nothing.
    text = gzip.decompress(gtf.read_bytes()).decode()
    other = tmp_path / "other"
    other.mkdir()
    (other / "other.gtf").write_bytes(
        (text.replace("chrIV\t", "IV\t") + text.replace("chrIV\t", "IV\t") + "\n\n\n")
        .replace("\n", "\r\n")
        .encode()
    )
    with pytest.warns(CremeWarning, match="contig 'IV' is called 'chrIV' in"):
        again = run_study(yeast(other, fasta, other / "other.gtf"))
    assert mini.tables(again.path) == mini.tables(done.path)


@pytest.mark.parametrize(
    "kind",
    ["blank lines", "packed and crlf", "no last line end", "gff 2", "comments", "without chr"],
)
def test_as_the_plain_files(kind, tmp_path):
    plain = tmp_path / "plain"
    plain.mkdir()
    mini.write(plain, genes=3)
    mini.write(tmp_path, genes=3)
    gtf, fasta = tmp_path / "annotation.gtf", tmp_path / "genome.fa"
    text = gtf.read_text()
    if kind == "blank lines":
        gtf.write_text("\n" + text.replace("\n", "\n\n", 1) + "\n  \n\n")
        fasta.write_text(fasta.read_text() + "\n")
    if kind == "packed and crlf":
        for path in (gtf, fasta):
            path.write_bytes(gzip.compress(path.read_bytes().replace(b"\n", b"\r\n")))
    if kind == "no last line end":
        gtf.write_text(text.rstrip("\n"))
        fasta.write_text(fasta.read_text().rstrip("\n"))
    if kind == "gff 2":
        gtf.write_text("##gff-version 2\n" + text)
    if kind == "comments":
        gtf.write_text("#!genome-build x\ntrack name=x\n" + text + '# the last "one\n')
    if kind == "without chr":
        for path in (plain / "genome.fa", fasta):
            path.write_text(path.read_text().replace(">mini1", ">chr1"))
        (plain / "annotation.gtf").write_text(text.replace("mini1\t", "chr1\t"))
        gtf.write_text(text.replace("mini1\t", "1\t"))
    expected = run_study(mini.study(plain, ONLY_LOCI))
    if kind == "without chr":
        with pytest.warns(CremeWarning, match="contig '1' is called 'chr1' in"):
            done = run_study(mini.study(tmp_path, ONLY_LOCI))
    else:
        done = run_study(mini.study(tmp_path, ONLY_LOCI))
    assert mini.tables(done.path) == mini.tables(expected.path)


def gff3(text: str) -> str:
    return re.sub(
        r'gene_id "(.*?)"; gene_name "(.*?)"; transcript_id "(.*?)";',
        r"ID=\3;Parent=\1;gene_id=\1;Name=\2",
        text,
    )


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (
            "gzip cut in its middle",
            r"annotation.gtf is cut short or damaged after line \d+ .*again",
        ),
        ("gzip with a flipped byte", r"annotation.gtf( is cut .* after line \d+ |, line \d+: )"),
        ("cut in an attribute", "annotation.gtf, line 3: no attribute transcript_id"),
        ("cut in the last attribute", "annotation.gtf, line 3: a quote is not closed .* cut short"),
        ("cut in a number", "annotation.gtf, line 3: 4 instead of 9 tab-separated columns"),
        ("empty gzip", "annotation.gtf is empty"),
        ("gff3", "annotation.gtf, line 1: the file is GFF3, and not GTF; .* gffread -T"),
        ("gff3 that does not say so", r"line 1: no attribute gene_id .*GFF3 can be turned into it"),
        ("gff3 of Ensembl", "no lines of feature 'transcript'.* mRNA"),
        ("fasta as gtf", "annotation.gtf, line 1: 1 instead of 9 tab-separated columns"),
        ("gtf as fasta", "genome.fa is not FASTA: its first line starts with"),
        ("empty fasta", "genome.fa is empty"),
        ("fasta cut in its middle", "3 TSSs of .* lie past the end of their contig"),
        ("gzipped fasta cut in its middle", "genome.fa is cut short or damaged"),
        ("blank lines in a fasta", r"cannot be indexed at contig 'mini1', line \d+: .*blank lines"),
        ("end before start", r"line 2: start '9' and end '3' are not integers with 1 <= start"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(damage, words, tmp_path, monkeypatch):
    monkeypatch.setenv("CREME_CACHE_DIR", str(tmp_path / "cache"))
    genes = mini.write(tmp_path, genes=3)
    gtf, fasta = tmp_path / "annotation.gtf", tmp_path / "genome.fa"
    text, bases = gtf.read_text(), fasta.read_text()
    many = "".join(mini.transcript(genes[k % 3], k, k % 3000) for k in range(60_000))
    packed = gzip.compress(many.encode())
    last = text.rindex("mini\ttranscript")
    flipped = bytearray(packed)
    flipped[len(packed) * 2 // 3] ^= 255
    changed: dict[str, tuple[Path, bytes | str]] = {
        "gzip cut in its middle": (gtf, packed[: len(packed) // 2]),
        "gzip with a flipped byte": (gtf, bytes(flipped)),
        "cut in an attribute": (gtf, text[: text.rindex("GENE3.1") + 3]),
        "cut in the last attribute": (gtf, text.rstrip("\n") + ' tag "Ensembl_can'),
        "cut in a number": (gtf, text[: text.index("\t", last + 16) - 2]),
        "empty gzip": (gtf, gzip.compress(b"")),
        "gff3": (gtf, "##gff-version 3\n" + gff3(text)),
        "gff3 that does not say so": (gtf, gff3(text)),
        "gff3 of Ensembl": (gtf, gff3(text).replace("\ttranscript\t", "\tmRNA\t")),
        "fasta as gtf": (gtf, bases),
        "gtf as fasta": (fasta, text),
        "empty fasta": (fasta, ""),
        "fasta cut in its middle": (fasta, bases[: mini.SEGMENT // 4]),
        "gzipped fasta cut in its middle": (
            fasta,
            gzip.compress(bases.encode())[: len(bases) // 8],
        ),
        "blank lines in a fasta": (fasta, bases.replace("\n", "\n\n", 9)),
        "end before start": (
            gtf,
            re.sub(r"(\n\S+\t\S+\ttranscript\t)\d+\t\d+", r"\g<1>9\t3", text, count=1),
        ),
    }
    path, content = changed[damage]
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(GenomeError, match=words) as caught:
        run_study(mini.study(tmp_path, ONLY_LOCI))
    assert str(path) in str(caught.value)
    assert len(str(caught.value)) < 700
    assert not (tmp_path / "mini.study" / "selected.tsv").exists()
    if damage == "gzip cut in its middle":
        (line,) = re.findall(r"after line (\d+)", str(caught.value))
        assert math.isclose(int(line), 30_000, rel_tol=0.3)
