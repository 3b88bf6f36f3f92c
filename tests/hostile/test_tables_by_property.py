"""Genomes, annotations and tables with a structure that is right, or nearly."""

from __future__ import annotations

import csv
import gzip
import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from creme.adapters.targets import read_targets
from creme.analysis.categories import read_genes
from creme.analysis.crispri_table import read_pairs
from creme.genome import Annotation, Genome
from creme.results.csv_text import csv_text
from creme.study.table_files import read_table, separator_of
from properties import any_text, examples, plain_text, right_or_error, written

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CREME_CACHE_DIR", str(tmp_path / "cache"))


# FASTA

words = st.text("abcXYZ019_.-", min_size=1, max_size=8)
contigs = st.dictionaries(words, st.text("ACGTNacgtn", min_size=1, max_size=80), min_size=1)
ways = st.sampled_from(["plain", "gzip", "bgzip"])


def fasta(sequences: dict[str, str], width: int, end: str, note: str) -> str:
    lines = []
    for name, bases in sequences.items():
        lines.append(f">{name}{note}")
        lines += [bases[k : k + width] for k in range(0, len(bases), width)]
    return end.join(lines) + end


def packed(text: str, way: str) -> bytes:
    content = text.encode()
    if way == "gzip":
        return gzip.compress(content, mtime=0)
    if way == "bgzip":
        from Bio import bgzf

        stream = io.BytesIO()
        with bgzf.BgzfWriter(fileobj=stream) as writer:
            writer.write(content)
            writer.flush()
            return stream.getvalue() + bytes.fromhex(
                "1f8b08040000000000ff0600424302001b0003000000000000000000"
            )
    return content


@examples
@given(
    sequences=contigs,
    width=st.integers(1, 70),
    end=st.sampled_from(["\n", "\r\n"]),
    note=st.sampled_from(["", " a note", "\tx"]),
    way=ways,
    data=st.data(),
)
def test_a_genome_comes_back(tmp_path, sequences, width, end, note, way, data):
    for left in tmp_path.glob("g.fa*"):
        left.unlink()
    suffix = "" if way == "plain" else ".gz"
    path = written(tmp_path / f"g.fa{suffix}", packed(fasta(sequences, width, end, note), way))
    genome = Genome(path)
    assert genome.contigs == {name: len(bases) for name, bases in sequences.items()}
    name = data.draw(st.sampled_from(sorted(sequences)))
    bases = sequences[name].upper()
    start = data.draw(st.integers(-5, len(bases) + 5))
    stop = data.draw(st.integers(start, len(bases) + 6))
    padded = "N" * 10 + bases + "N" * 20
    right = padded[start + 10 : stop + 10]
    if start < stop and start < len(bases) and stop > 0:
        assert str(genome.fetch(name, start, stop)) == right
        other = right[::-1].translate(str.maketrans("ACGT", "TGCA"))
        assert str(genome.fetch(name, start, stop, "-")) == other
    else:
        right_or_error(lambda: genome.fetch(name, start, stop))


pieces = st.sampled_from(
    [
        ">a",
        ">a b",
        ">",
        "ACGT",
        "acgtN",
        "RYKM",
        "A C",
        "\n",
        "\r\n",
        "\r",
        "*",
        "-",
        "1",
        ";x",
        ">>",
    ]
)


@examples
@given(parts=st.lists(pieces | any_text, max_size=12), way=ways)
def test_nearly_a_genome(tmp_path, parts, way):
    for left in tmp_path.glob("g.fa*"):
        left.unlink()
    text = "".join(parts).encode(errors="replace").decode()
    path = written(tmp_path / ("g.fa" if way == "plain" else "g.fa.gz"), packed(text, way))

    def read():
        genome = Genome(path)
        for contig, length in genome.contigs.items():
            assert (
                len(genome.fetch(contig, -5, min(length, 1000) + 5, "-")) == min(length, 1000) + 10
            )

    right_or_error(read)


INDEX = [["a", 23, 9, 10, 11], ["b", 10, 39, 10, 11]]


@examples
@given(
    row=st.integers(0, 1),
    column=st.integers(0, 4),
    value=st.integers(-5, 60) | st.integers() | any_text,
    whole=st.booleans(),
)
def test_an_index_with_another_number(tmp_path, row, column, value, whole):
    for left in tmp_path.glob("g.fa*"):
        left.unlink()
    path = written(tmp_path / "g.fa", b">a first\nACGTACGTAC\nACGTACGTAC\nACG\n>b\nACGTNNACGT\n")
    lines = [list(each) for each in INDEX]
    lines[row][column] = value
    lines = lines if whole else lines[: row + 1]
    text = "".join("\t".join(map(str, line)) + "\n" for line in lines)
    written(tmp_path / "g.fa.fai", text)

    def read():
        genome = Genome(path)
        if whole or row == 1:
            assert genome.contigs == {"a": 23, "b": 10}
            assert str(genome.fetch("b", 0, 10)) == "ACGTNNACGT"
        # Past its end a letter > is refused: the index alone tells where the end is.
        assert str(genome.fetch("a", 18, 23)) == "ACACG"

    right_or_error(read)


# Annotations

sites = st.lists(
    st.tuples(
        plain_text, words, st.integers(1, 10**9), st.integers(0, 10**6), st.sampled_from("+-")
    ),
    min_size=1,
    max_size=6,
)
names = plain_text.filter(lambda name: not set(name) & set('";\t') and name.strip())


def text_of(content: bytes | str, way: str) -> bytes:
    content = content.encode() if isinstance(content, str) else content
    return gzip.compress(content, mtime=0) if way == "gzip" else content


@examples
@given(
    genes=st.lists(st.tuples(names, words, st.integers(1, 10**9), st.integers(0, 10**6))),
    strand=st.sampled_from("+-"),
    way=st.sampled_from(["plain", "gzip"]),
)
def test_a_gtf_comes_back(tmp_path, genes, strand, way):
    lines = [
        f"{contig}\tx\ttranscript\t{start}\t{start + more}\t.\t{strand}\t.\t"
        f'gene_id "G{k}"; transcript_id "T{k}"; gene_name "{name}";\n'
        for k, (name, contig, start, more) in enumerate(genes)
    ]
    path = written(tmp_path / "a.gtf", text_of("#c\n" + "".join(lines), way))
    read = right_or_error(lambda: Annotation.from_gtf(path))
    if not genes:
        assert read is None
        return
    assert read is not None
    assert [
        (t.gene, t.gene_id, t.transcript, t.contig, t.strand, t.span) for t in read.records
    ] == [
        (name, f"G{k}", f"T{k}", contig, strand, more + 1)
        for k, (name, contig, _, more) in enumerate(genes)
    ]
    assert [t.position for t in read.records] == [
        start - 1 if strand == "+" else start + more - 1 for _, _, start, more in genes
    ]


attributes = st.lists(
    st.sampled_from(['gene_id "g"', 'transcript_id "t"', "; ", ";", '"', " ", "tag basic", "note"])
    | any_text,
    max_size=10,
).map("".join)
cells = (
    st.sampled_from(["chr1", ".", "transcript", "exon", "1", "9", "-3", "+", "-", "1e9"]) | any_text
)


@examples
@given(rows=st.lists(st.tuples(st.lists(cells, min_size=8, max_size=8), attributes), max_size=5))
def test_nearly_a_gtf(tmp_path, rows):
    right = 'chr1\tx\ttranscript\t1\t9\t.\t+\t.\tgene_id "g"; transcript_id "t";\n'
    text = right + "".join("\t".join([*row, more]) + "\n" for row, more in rows)
    path = written(tmp_path / "a.gtf", text)

    def read():
        annotation = Annotation.from_gtf(path)
        assert "g" in annotation
        annotation.representatives()
        annotation.find("g")

    right_or_error(read)


bed_names = words.filter(lambda name: not name.startswith(("track ", "browser ", "#")))


@examples
@given(
    rows=st.lists(
        st.tuples(
            bed_names, st.integers(0, 10**9), st.integers(1, 1000), bed_names, st.sampled_from("+-")
        ),
        min_size=1,
        max_size=6,
        unique_by=lambda row: row[3],
    ),
    separator=st.sampled_from(["\t", " "]),
    way=st.sampled_from(["plain", "gzip"]),
)
def test_a_bed_comes_back(tmp_path, rows, separator, way):
    lines = [
        separator.join([contig, str(start), str(start + size), name, "0", strand])
        for contig, start, size, name, strand in rows
    ]
    path = written(tmp_path / "a.bed", text_of("# sites\n" + "\n".join(lines) + "\n", way))
    read = Annotation.from_bed(path)
    assert [(t.contig, t.position, t.strand) for t in read.records] == [
        (contig, start if strand == "+" else start + size - 1, strand)
        for contig, start, size, name, strand in rows
    ]
    assert [t.gene for t in read.records if t.gene.count(":") < 2] == [
        name for *_, name, _ in rows if name != "." and name.count(":") < 2
    ]


@examples
@given(rows=st.lists(st.lists(cells, max_size=8), max_size=5), separator=st.sampled_from("\t ,"))
def test_nearly_a_bed_or_a_table(tmp_path, rows, separator):
    text = "".join(separator.join(row) + "\n" for row in rows)
    bed = written(tmp_path / "a.bed", "chr1\t1\t9\tg\t0\t+\n" + text)
    right_or_error(lambda: Annotation.from_bed(bed))
    table = written(
        tmp_path / "a.csv", separator.join(["gene", "contig", "tss", "strand"]) + "\n" + text
    )
    right_or_error(lambda: Annotation.from_table(table))


@examples
@given(
    rows=st.lists(
        st.tuples(plain_text, plain_text, st.integers(0, 10**12), st.sampled_from("+-"), words),
        min_size=1,
        max_size=6,
        unique_by=lambda row: row[4],
    ),
    delimiter=st.sampled_from([",", "\t"]),
    order=st.permutations(range(5)),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_a_table_of_loci_comes_back(tmp_path, rows, delimiter, order, end):
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=delimiter, lineterminator=end)
    header = ("gene", "contig", "tss", "strand", "transcript")
    writer.writerow([header[k] for k in order])
    for row in rows:
        writer.writerow([row[k] for k in order])
    path = written(tmp_path / "a.csv", stream.getvalue())
    read = right_or_error(lambda: Annotation.from_table(path))
    # A line that begins with # is a comment.
    kept = [row for row in rows if not str(row[order[0]]).startswith("#")]
    if not kept:
        assert read is None
        return
    assert read is not None
    assert [
        (t.gene if row[0] != "." else ".", t.contig, t.position, t.strand, t.transcript)
        for t, row in zip(read.records, kept, strict=True)
    ] == kept


# Tables of analyses and of models

PAIRS = ("chrom", "chromStart", "chromEnd", "measuredGeneSymbol", "EffectSize", "Significant")
pair_rows = st.lists(
    st.tuples(
        words,
        st.integers(0, 10**9),
        st.integers(1, 5000),
        words,
        st.floats(-1, 1).map(lambda value: round(value, 6)),
        st.booleans(),
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda row: (row[0], row[1], row[2], row[3]),
)


@examples
@given(rows=pair_rows, separator=st.sampled_from("\t,"))
def test_a_crispri_table_comes_back(tmp_path, rows, separator):
    lines = [separator.join(PAIRS)] + [
        separator.join(
            [contig, str(start), str(start + size), gene, str(effect), str(call).upper()]
        )
        for contig, start, size, gene, effect, call in rows
    ]
    path = written(tmp_path / "p.tsv", "\n".join(lines) + "\n")
    read = right_or_error(lambda: read_pairs(path))
    assert read is not None
    table = read.table
    assert table["contig"].tolist() == [row[0] for row in rows]
    assert table["start"].tolist() == [row[1] for row in rows]
    assert table["end"].tolist() == [row[1] + row[2] for row in rows]
    assert table["gene"].tolist() == [row[3] for row in rows]
    np.testing.assert_allclose(table["effect_size"], [row[4] for row in rows])
    assert table["regulated"].tolist() == [row[5] and row[4] < 0 for row in rows]


@examples
@given(rows=st.lists(st.lists(cells | st.sampled_from(["TRUE", "nan", "-0.5", "inf"]), max_size=8)))
def test_nearly_a_crispri_table(tmp_path, rows):
    text = "\t".join(PAIRS) + "\n" + "".join("\t".join(row) + "\n" for row in rows)
    path = written(tmp_path / "p.tsv", text)
    right_or_error(lambda: read_pairs(path))


@examples
@given(tracks=st.lists(st.tuples(words, words, words), min_size=1, max_size=6))
def test_a_table_of_tracks_comes_back(tmp_path, tracks):
    lines = ["\tidentifier\tdescription"] + [
        f"{k}\t{name}\t{assay}:{cells}" for k, (name, assay, cells) in enumerate(tracks)
    ]
    path = written(tmp_path / "t.txt", "\n".join(lines) + "\n")
    table = right_or_error(lambda: read_targets(path, len(tracks)))
    assert table is not None
    assert [(track.name, track.description) for track in table.tracks] == [
        (name, f"{assay}:{cells}") for name, assay, cells in tracks
    ]
    assert right_or_error(lambda: read_targets(path, len(tracks) + 1)) is None


@examples
@given(rows=st.lists(st.lists(cells, max_size=9), max_size=5))
def test_nearly_a_table_of_tracks(tmp_path, rows):
    header = "\tidentifier\tdescription\tstrand_pair\n0\ta+\tx:y\t1\n1\ta-\tx:y\t0\n"
    text = header + "".join("\t".join(row) + "\n" for row in rows)
    path = written(tmp_path / "t.txt", text)
    right_or_error(lambda: read_targets(path, 2))
    right_or_error(lambda: read_targets(path, 2 + len(rows)))


@examples
@given(genes=st.sets(words, min_size=1), more=any_text)
def test_lists_of_genes(tmp_path, genes, more):
    path = written(tmp_path / "genes.txt", "\n".join(sorted(genes)) + "\n")
    assert read_genes(path) == genes
    written(path, f"gene,x\n{more}\n")
    right_or_error(lambda: read_genes(path))


@examples
@given(
    rows=st.lists(st.tuples(any_text, any_text, st.integers(-(2**40), 2**40)), min_size=1),
    name=st.sampled_from(["a.csv", "a.tsv"]),
)
def test_a_table_of_a_study_comes_back(rows, name):
    """Whatever its texts are: formulas, quotes, separators and ends of lines."""
    frame = pd.DataFrame(rows, columns=["locus", "gene", "tile_start"])
    text = csv_text(frame, separator_of(name))
    read = read_table(text.encode(errors="surrogatepass"), separator_of(name))
    assert read["locus"].tolist() == frame["locus"].tolist()
    assert read["gene"].tolist() == frame["gene"].tolist()
    assert read["tile_start"].tolist() == frame["tile_start"].tolist()
