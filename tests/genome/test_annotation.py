"""Readers of GTF, BED and tables, and the choice of TSSs."""

from __future__ import annotations

import gzip
import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from creme.errors import GenomeError
from creme.genome import TSS, Annotation
from creme.genome.records import read_bed, read_gtf, read_table


def write(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def transcript(
    gene: str,
    gene_id: str,
    name: str,
    start: int,
    end: int,
    strand: str = "+",
    contig: str = "chr1",
    tags: tuple[str, ...] = (),
) -> str:
    """A GTF line; start and end are 1-based and closed."""
    attributes = [("gene_id", gene_id), ("transcript_id", name), ("gene_name", gene)]
    text = " ".join(f'{key} "{value}";' for key, value in attributes if value)
    text += "".join(f' tag "{tag}";' for tag in tags)
    return f"{contig}\tHAVANA\ttranscript\t{start}\t{end}\t.\t{strand}\t.\t{text}\n"


GTF = (
    "##description: a test\n"
    'chr1\tHAVANA\tgene\t101\t900\t.\t+\t.\tgene_id "G1.4"; gene_name "ONE";\n'
    + transcript("ONE", "G1.4", "T1.2", 101, 900)
    + 'chr1\tHAVANA\texon\t101\t200\t.\t+\t.\tgene_id "G1.4"; transcript_id "T1.2";\n'
    + transcript("TWO", "G2.1", "T2.1", 301, 700, "-", "chr2")
)


def gtf(tmp_path: Path, *lines: str) -> Annotation:
    return Annotation.from_gtf(write(tmp_path / "a.gtf", "".join(lines)))


def fails(reader, path: Path, *words: str) -> str:
    with pytest.raises(GenomeError) as caught:
        list(reader(path))
    message = str(caught.value)
    for word in (str(path), *words):
        assert word in message, message
    return message


# ---------------------------------------------------------------- files


@pytest.mark.parametrize("reader", [read_gtf, read_bed, read_table])
def test_missing_empty_and_folder(tmp_path: Path, reader) -> None:
    fails(reader, tmp_path / "none", "does not exist")
    fails(reader, tmp_path, "folder")
    fails(reader, write(tmp_path / "empty", ""), "is empty")
    fails(reader, write(tmp_path / "empty.gz", gzip.compress(b"")), "is empty")


@pytest.mark.parametrize("maker", [Annotation.from_bed, Annotation.from_table])
def test_nothing_but_comments(tmp_path: Path, maker) -> None:
    path = write(tmp_path / "a", "# nothing\n\n")
    with pytest.raises(GenomeError, match="holds no TSS"):
        maker(path)


def test_truncated_gzip(tmp_path: Path) -> None:
    lines = "".join(transcript(f"g{i}", f"i{i * 7919}", f"t{i**3}", 1, i + 1) for i in range(3000))
    packed = gzip.compress(lines.encode())
    for cut in (len(packed) - 4, len(packed) // 2):
        path = write(tmp_path / "a.gtf.gz", packed[:cut])
        with pytest.raises(GenomeError, match=r"a\.gtf\.gz is cut short or damaged"):
            Annotation.from_gtf(path)


def test_reading_is_lazy(tmp_path: Path) -> None:
    path = write(tmp_path / "a.bed", "chr1\t5\t6\tA\t0\t+\nnot a line\n")
    lines = read_bed(path)
    assert next(lines).gene == "A"
    with pytest.raises(GenomeError, match="line 2"):
        next(lines)


# ---------------------------------------------------------------- GTF


def test_gtf(tmp_path: Path) -> None:
    one, two = read_gtf(write(tmp_path / "a.gtf", GTF))
    assert one == TSS("ONE", "G1.4", "T1.2", "chr1", 100, "+", "", 800)
    assert two == TSS("TWO", "G2.1", "T2.1", "chr2", 699, "-", "", 400)
    assert two.place == ("chr2", 699, "-")


@pytest.mark.parametrize(
    "change",
    [
        lambda text: gzip.compress(text.encode()),
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: text.rstrip("\n").encode(),
        lambda text: b"\xef\xbb\xbf" + text.encode(),
        lambda text: ("track name=x\nbrowser position chr1\n\n  \n" + text).encode(),
    ],
    ids=["gzip", "crlf", "no-last-newline", "byte-order-mark", "track-lines"],
)
def test_gtf_variants(tmp_path: Path, change) -> None:
    expected = list(read_gtf(write(tmp_path / "a.gtf", GTF)))
    assert list(read_gtf(write(tmp_path / "b", change(GTF)))) == expected


@pytest.mark.parametrize(
    "attributes",
    [
        'gene_id "G"; transcript_id "T"; gene_name "NAME";',
        'gene_name "NAME"; transcript_id "T"; gene_id "G"',
        'transcript_id "T";gene_id "G";gene_name "NAME";',
        "gene_id G; transcript_id T; gene_name NAME; level 2;",
        '  gene_id  "G" ; transcript_id "T";  gene_name "NAME" ;exon_number 1; ',
        'note "x; gene_id y; "; gene_id "G"; transcript_id "T"; gene "NAME"; db_xref "GeneID:1";',
        'gene_id "G"; transcript_id "T"; note "a; gene_name b"; gene_name "NAME";',
    ],
)
def test_order_and_form_of_attributes(tmp_path: Path, attributes: str) -> None:
    line = f"chr1\tx\ttranscript\t11\t20\t.\t+\t.\t{attributes}\n"
    (tss,) = read_gtf(write(tmp_path / "a.gtf", line))
    assert (tss.gene, tss.gene_id, tss.transcript) == ("NAME", "G", "T")


def test_gene_id_where_there_is_no_name(tmp_path: Path) -> None:
    (tss,) = read_gtf(write(tmp_path / "a.gtf", transcript("", "G", "T", 1, 1)))
    assert (tss.gene, tss.position, tss.span) == ("G", 0, 1)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("chr1\tx\ttranscript\t1\t20\t.\t+\n", ["7 instead of 9 tab-separated columns"]),
        ("chr1 x transcript 1 20 . + . gene_id\n", ["1 instead of 9"]),
        (transcript("A", "G", "T", 0, 5), ["start '0'", "1 <= start <= end"]),
        (transcript("A", "G", "T", 9, 5), ["start '9' and end '5'"]),
        (transcript("A", "G", "T", 1, 5).replace("\t1\t", "\t1_0\t"), ["'1_0'", "integers"]),
        (transcript("A", "G", "T", 1, 5).replace("\t5\t", "\t5.0\t"), ["'5.0'"]),
        (transcript("A", "G", "T", 1, 5, "."), ["strand '.'", "'+' or '-'"]),
        (transcript("A", "", "T", 1, 5), ["no attribute gene_id"]),
        (transcript("A", "G", "", 1, 5), ["no attribute transcript_id"]),
        (
            "chr1\tx\ttranscript\t1\t5\t.\t+\t.\tID=transcript:T;Parent=gene:G\n",
            ["no attribute gene_id", "gffread"],
        ),
        ("chr1\tx\texon\t1\t20\n", ["5 instead of 9"]),
    ],
)
def test_bad_gtf_lines(tmp_path: Path, line: str, words: list[str]) -> None:
    fails(read_gtf, write(tmp_path / "a.gtf", GTF + line), "line 6", *words)


def test_binary_as_gtf(tmp_path: Path) -> None:
    fails(read_gtf, write(tmp_path / "a.gtf", b"\x89PNG\r\n\x1a\n\x00\xff"), "line 1", "PNG")


def test_a_long_bad_line_is_cut(tmp_path: Path) -> None:
    assert len(fails(read_bed, write(tmp_path / "a.bed", "x" * 10_000))) < 400


def test_gtf_without_transcripts(tmp_path: Path) -> None:
    text = "chr1\tx\texon\t1\t5\t.\t+\t.\tg\nchr1\tx\tCDS\t1\t5\t.\t+\t.\tg\n"
    path = write(tmp_path / "a.gtf", text)
    fails(read_gtf, path, "no lines of feature 'transcript'", "CDS, exon")
    fails(read_gtf, write(tmp_path / "b.gtf", "# nothing\n"), "its features are none")


# ---------------------------------------------------------------- the choice of a transcript


def chosen(tmp_path: Path, *transcripts: tuple[str, int, tuple[str, ...]]) -> TSS:
    """The choice among transcripts (name, length, tags) of a gene."""
    lines = [
        transcript("A", "G", name, 1000 + 10 * i, 999 + 10 * i + length, tags=tags)
        for i, (name, length, tags) in enumerate(transcripts)
    ]
    annotation = gtf(tmp_path, *lines)
    (tss,) = annotation.find("A")
    assert annotation.representatives() == [tss]
    assert annotation.find("G") == [tss]
    return tss


E, M = "Ensembl_canonical", "MANE_Select"


@pytest.mark.parametrize(
    ("transcripts", "expected"),
    [
        ([("T1", 50, ()), ("T2", 60, ())], "T2"),
        ([("T2", 60, ()), ("T1", 60, ())], "T1"),
        ([("T1", 50, ("basic",)), ("T2", 60, ())], "T2"),
        ([("T1", 90, ()), ("T2", 10, ("appris_principal_1",))], "T2"),
        ([("T1", 90, ("appris_principal_2",)), ("T2", 10, ("appris_principal_1",))], "T2"),
        ([("T1", 90, ("appris_alternative_1",)), ("T2", 95, ())], "T2"),
        ([("T1", 90, ("appris_principal_1",)), ("T2", 10, (M,))], "T2"),
        ([("T1", 90, ("appris_principal_1", M)), ("T2", 10, (E,))], "T2"),
        ([("T1", 90, (M, "basic")), ("T2", 10, ("basic", "CCDS", E))], "T2"),
        ([("T1", 90, (M,)), ("T2", 95, (M,))], "T2"),
        ([("T1", 90, ("appris_principal",)), ("T2", 95, ())], "T1"),
        ([("T1", 90, ("MANE Select",)), ("T2", 95, ("basic",))], "T1"),
        ([("T1", 90, ("MANE_Plus_Clinical",)), ("T2", 95, ())], "T2"),
    ],
)
def test_choice(tmp_path: Path, transcripts, expected: str) -> None:
    assert chosen(tmp_path, *transcripts).transcript == expected
    assert chosen(tmp_path, *reversed(transcripts)).transcript == expected


def test_the_tag_is_recorded(tmp_path: Path) -> None:
    tss = chosen(tmp_path, ("T1", 5, ("basic", "appris_principal_1", M)), ("T2", 9, ("basic",)))
    assert tss.tag == M
    assert [record.tag for record in gtf(tmp_path, GTF).records] == ["", ""]


@given(
    st.permutations(
        [
            ("T1", 10, (E, M)),
            ("T2", 20, (M,)),
            ("T3", 30, ("appris_principal_1",)),
            ("T4", 40, ("appris_principal_3",)),
            ("T5", 50, ()),
            ("T6", 50, ()),
            ("T7", 45, ()),
        ]
    )
)
def test_choice_does_not_depend_on_the_order(transcripts) -> None:
    order = [name for name, _, _ in sorted(transcripts, key=lambda item: item[0])]
    left = [
        TSS("A", "G", name, "c", i, "+", next(iter(tags), ""), length)
        for i, (name, length, tags) in enumerate(transcripts)
    ]
    picked = []
    while left:
        (tss,) = Annotation(left, "x", canonical=True).find("A")
        picked.append(tss.transcript)
        left.remove(tss)
    assert picked == order


# ---------------------------------------------------------------- asking


@pytest.mark.parametrize("query", ["ENSG00000000001.4", "ENSG00000000001", "ONE"])
def test_gene_by_id(tmp_path: Path, query: str) -> None:
    annotation = gtf(
        tmp_path,
        transcript("ONE", "ENSG00000000001.4", "ENST00000000001.1", 1, 50),
        transcript("ONE", "ENSG00000000001.4", "ENST00000000002.1", 20, 90),
        transcript("TWO", "ENSG00000000002.4", "ENST00000000003.1", 20, 90),
    )
    assert [tss.transcript for tss in annotation.find(query)] == ["ENST00000000002.1"]


@pytest.mark.parametrize("query", ["ENST00000000001.1", "ENST00000000001"])
def test_transcript_by_id(tmp_path: Path, query: str) -> None:
    annotation = gtf(
        tmp_path,
        transcript("ONE", "ENSG00000000001.4", "ENST00000000001.1", 1, 50),
        transcript("ONE", "ENSG00000000001.4", "ENST00000000002.1", 20, 90, tags=(E,)),
    )
    (tss,) = annotation.find(query)
    assert (tss.transcript, tss.position, tss.gene) == ("ENST00000000001.1", 0, "ONE")


def test_version_asked_for_where_there_is_none(tmp_path: Path) -> None:
    annotation = gtf(tmp_path, transcript("A", "ENSMUSG00000000001", "NM_001234", 1, 50))
    assert annotation.find("ENSMUSG00000000001.7") == annotation.find("A")
    assert annotation.find("NM_001234.2") == annotation.find("A")


def test_another_version_is_not_the_same(tmp_path: Path) -> None:
    annotation = gtf(tmp_path, transcript("A", "ENSG00000000001.4", "ENST00000000001.1", 1, 50))
    with pytest.raises(GenomeError, match=r"did you mean 'ENSG00000000001\.4'"):
        annotation.find("ENSG00000000001.5")
    with pytest.raises(GenomeError):
        annotation.find("ENST00000000001.2")


def test_a_dot_in_a_name_is_no_version(tmp_path: Path) -> None:
    annotation = gtf(
        tmp_path,
        transcript("RP11-314N13.10", "RP11-314N13.10", "RP11-314N13.10.1", 1, 50),
        transcript("AL136531.1", "AL136531.1", "AL136531.1.1", 1, 50),
    )
    for name in ("RP11-314N13", "AL136531"):
        with pytest.raises(GenomeError):
            annotation.find(name)
        assert len(annotation.find(name + (".10" if "-" in name else ".1"))) == 1


def test_a_name_goes_before_an_id(tmp_path: Path) -> None:
    annotation = gtf(
        tmp_path, transcript("B", "A", "T1", 1, 50), transcript("A", "C", "T2", 101, 150)
    )
    assert [tss.transcript for tss in annotation.find("A")] == ["T2"]
    assert [tss.transcript for tss in annotation.find("B")] == ["T1"]


def test_unknown_gene(tmp_path: Path) -> None:
    annotation = gtf(
        tmp_path,
        transcript("PSMF1", "ENSG00000000001.4", "T1", 1, 50),
        transcript("FKBP1A", "ENSG00000000002.4", "T2", 1, 50),
    )
    for query, clause in (
        ("FKBP1B", "(did you mean 'FKBP1A'?)"),
        ("psmf1", "(did you mean 'PSMF1'?)"),
        ("ENSG00000000003", "(did you mean 'ENSG0000000000"),
        ("zzz", "its genes are PSMF1, FKBP1A"),
    ):
        with pytest.raises(GenomeError) as caught:
            annotation.find(query)
        message = str(caught.value)
        assert f"no gene {query!r}" in message
        assert clause in message
        assert str(tmp_path / "a.gtf") in message


@pytest.mark.parametrize("query", ["", ".", "+"])
def test_nothing_goes_by_an_empty_name(tmp_path: Path, query: str) -> None:
    annotation = Annotation.from_bed(write(tmp_path / "a.bed", "chr1\t5\t6\tA\t0\t+\n"))
    with pytest.raises(GenomeError):
        annotation.find(query)


def test_one_name_of_two_genes(tmp_path: Path) -> None:
    par = "ENSG00000000001.4_PAR_Y"
    annotation = gtf(
        tmp_path,
        transcript("P", "ENSG00000000001.4", "ENST00000000001.1", 1, 50, contig="chrX"),
        transcript("P", par, "ENST00000000001.1_PAR_Y", 1, 50, contig="chrY"),
    )
    with pytest.raises(GenomeError) as caught:
        annotation.find("P")
    message = str(caught.value)
    assert "'P' stands for several genes" in message
    assert f"ENSG00000000001.4 (chrX), {par} (chrY)" in message
    assert "ask for one by its gene id" in message
    for query, contig in (
        ("ENSG00000000001.4", "chrX"),
        ("ENSG00000000001", "chrX"),
        (par, "chrY"),
        ("ENSG00000000001_PAR_Y", "chrY"),
        ("ENST00000000001_PAR_Y", "chrY"),
    ):
        assert [tss.contig for tss in annotation.find(query)] == [contig]
    assert [tss.contig for tss in annotation.representatives()] == ["chrX", "chrY"]


def test_one_gene_id_on_two_contigs(tmp_path: Path) -> None:
    annotation = gtf(
        tmp_path,
        transcript("P", "G", "T1", 1, 50, contig="chrX"),
        transcript("P", "G", "T2", 1, 50, contig="chrY"),
        transcript("Q", "H", "T3", 1, 50, contig="chrX"),
        transcript("Q", "H", "T3", 1, 50, contig="chrY"),
    )
    for query in ("P", "G"):
        with pytest.raises(GenomeError, match=r"T1 \(chrX\), T2 \(chrY\); ask .* transcript"):
            annotation.find(query)
    assert annotation.find("T2")[0].contig == "chrY"
    with pytest.raises(GenomeError, match=r"transcript 'T3' .* chrX:0:\+, chrY:0:\+"):
        annotation.find("T3")
    assert len(annotation.representatives()) == 4


def test_repeated_transcripts_collapse(tmp_path: Path) -> None:
    line = transcript("A", "G", "T", 1, 50)
    annotation = gtf(tmp_path, line, line, transcript("A", "G", "T", 1, 60))
    assert len(annotation) == 2
    assert [tss.span for tss in annotation.find("A")] == [60]
    assert len(annotation.find("T")) == 1


def test_contains(tmp_path: Path) -> None:
    annotation = gtf(
        tmp_path,
        transcript("A", "ENSG00000000001.4", "ENST00000000001.1", 1, 50),
        transcript("P", "G1", "T1", 1, 50),
        transcript("P", "G2", "T2", 1, 50, contig="chrX"),
    )
    for query in ("A", "P", "G1", "T2", "ENSG00000000001", "ENST00000000001.1"):
        assert query in annotation
    for query in ("", "a", "ENSG00000000001.5", "chr1", "ENST00000000002"):
        assert query not in annotation


def test_genes_and_repr(tmp_path: Path) -> None:
    annotation = gtf(tmp_path, GTF, transcript("ONE", "G1.4", "T9", 5, 6))
    assert annotation.genes == ["ONE", "TWO"]
    assert repr(annotation) == f"Annotation({str(tmp_path / 'a.gtf')!r}, genes=2, tss=3)"
    assert pickle.loads(pickle.dumps(annotation)).find("ONE") == annotation.find("ONE")


# ---------------------------------------------------------------- BED


BED = "chr1\t10\t20\tA\t0\t+\nchr1\t10\t20\tB\t0\t-\nchr2\t5\t6\tA\t0\t-\textra\t1\n"


@pytest.mark.parametrize(
    "change",
    [
        str.encode,
        lambda text: gzip.compress(text.encode()),
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: text.replace("\t", "  ").encode(),
        lambda text: ("#chr\tstart\n\ntrack name=a\nbrowser hide all\n" + text + "\n").encode(),
    ],
    ids=["plain", "gzip", "crlf", "spaces", "comments"],
)
def test_bed(tmp_path: Path, change) -> None:
    annotation = Annotation.from_bed(write(tmp_path / "a.bed", change(BED)))
    assert annotation.records == (
        TSS("A", "", "", "chr1", 10, "+"),
        TSS("B", "", "", "chr1", 19, "-"),
        TSS("A", "", "", "chr2", 5, "-"),
    )


def test_all_distinct_tss_of_a_name(tmp_path: Path) -> None:
    text = BED + "chr1\t10\t15\tA\t7\t+\nchr1\t10\t15\tA\t7\t-\n"
    annotation = Annotation.from_bed(write(tmp_path / "a.bed", text))
    places = [tss.place for tss in annotation.find("A")]
    assert places == [("chr1", 10, "+"), ("chr2", 5, "-"), ("chr1", 14, "-")]
    assert [(tss.gene, *tss.place) for tss in annotation.representatives()] == [
        ("A", "chr1", 10, "+"),
        ("A", "chr2", 5, "-"),
        ("A", "chr1", 14, "-"),
        ("B", "chr1", 19, "-"),
    ]


def test_bed_lines_without_name(tmp_path: Path) -> None:
    annotation = Annotation.from_bed(write(tmp_path / "a.bed", "chr1\t10\t20\t.\t0\t-\n"))
    assert annotation.genes == ["chr1:19:-"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("chr1\t10\t20\n", ["3 instead of at least 6 columns", "strand of a TSS is needed"]),
        ("chr1\t10\t20\tA\t0\n", ["5 instead of at least 6"]),
        ("chr1\t10\t20\tA\t0\t.\n", ["strand '.' (column 6)"]),
        ("chr1\t20\t10\tA\t0\t+\n", ["start '20' and end '10'", "0 <= start < end"]),
        ("chr1\t20\t20\tA\t0\t+\n", ["start < end"]),
        ("chr1\t-1\t20\tA\t0\t+\n", ["'-1'"]),
        ("chr1\t1e3\t2000\tA\t0\t+\n", ["'1e3'"]),
        ("chrom\tstart\tend\tname\tscore\tstrand\n", ["'start'"]),
    ],
)
def test_bad_bed_lines(tmp_path: Path, line: str, words: list[str]) -> None:
    fails(read_bed, write(tmp_path / "a.bed", BED + line), "line 4", *words)


# ---------------------------------------------------------------- tables


ROWS = [("A", "chr1", "10", "+", "T1"), ("B, C", "chr2", "0", "-", "")]


@pytest.mark.parametrize(
    "text",
    [
        'gene,contig,tss,strand,transcript\nA,chr1,10,+,T1\n"B, C",chr2,0,-,\n',
        "gene\tcontig\ttss\tstrand\ttranscript\nA\tchr1\t10\t+\tT1\nB, C\tchr2\t0\t-\t\n",
        "Strand\tTranscript\tTSS\tx\tChrom\tName\n+\tT1\t10\t9\tchr1\tA\n-\t\t0\t9\tchr2\tB, C\n",
        "#chr\ttss\tstrand\tname\ttranscript\nchr1\t10\t+\tA\tT1\n# x\n\nchr2\t0\t-\tB, C\t\n",
        "# made by hand\n# gene\n gene , chr , tss , strand , transcript\n"
        ' A , chr1 , 10 , + , T1\n"B, C",chr2,0,-,\n',
    ],
    ids=["csv", "tsv", "order", "hash-header", "comments"],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_table(tmp_path: Path, text: str, end: str) -> None:
    path = write(tmp_path / "a", text.replace("\n", end))
    expected = [TSS(g, "", t, c, int(p), s) for g, c, p, s, t in ROWS]
    assert list(read_table(path)) == expected
    packed = write(tmp_path / "a.gz", gzip.compress(path.read_bytes()))
    assert list(read_table(packed)) == expected


def test_table_without_transcripts(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "\ufeffgene,contig,tss,strand\nA,chr1,5,-\nA,chr1,5,-\n")
    annotation = Annotation.from_table(path)
    assert annotation.find("A") == [TSS("A", "", "", "chr1", 5, "-")]


def test_table_by_transcript(tmp_path: Path) -> None:
    text = "gene,contig,tss,strand,transcript\nA,chr1,5,-,T1\nA,chr1,9,-,T2\n"
    annotation = Annotation.from_table(write(tmp_path / "a.csv", text))
    assert [tss.position for tss in annotation.find("A")] == [5, 9]
    assert [tss.position for tss in annotation.find("T2")] == [9]


def test_gene_goes_before_name(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "name,gene,contig,tss,strand\nx,A,chr1,5,-\n")
    assert Annotation.from_table(path).genes == ["A"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("gene,contig,tss\nA,chr1,5\n", ["line 1", "lacks 'strand'", "needs gene, contig, tss"]),
        ("a,b\n1,2\n", ["line 1", "'gene' or 'name' and 'contig' or 'chrom' or 'chr'"]),
        ("gene,contig,tss,strand\nA,chr1,5\n", ["line 2", "3 instead of 4 columns"]),
        ("gene,contig,tss,strand\nA,chr1,5,+,9\n", ["line 2", "5 instead of 4 columns"]),
        ("gene,contig,tss,strand\n\n#x\nA,chr1,-5,+\n", ["line 4", "tss '-5'", "0-based"]),
        ("gene,contig,tss,strand\nA,chr1,5.0,+\n", ["line 2", "tss '5.0'"]),
        ("gene,contig,tss,strand\nA,chr1,5,1\n", ["line 2", "strand '1'"]),
    ],
)
def test_bad_tables(tmp_path: Path, text: str, words: list[str]) -> None:
    fails(read_table, write(tmp_path / "a.csv", text), *words)


def test_all_starts_of_a_gene(tmp_path: Path) -> None:
    lines = [
        "chr1\tx\ttranscript\t11\t900\t.\t+\t.\t"
        'gene_id "ENSG00000000001.4"; gene_name "A"; transcript_id "ENST00000000001.1";',
        "chr1\tx\ttranscript\t51\t900\t.\t+\t.\t"
        'gene_id "ENSG00000000001.4"; gene_name "A"; transcript_id "ENST00000000002.1";',
        "chr2\tx\ttranscript\t51\t900\t.\t-\t.\t"
        'gene_id "ENSG00000000002.1"; gene_name "A"; transcript_id "ENST00000000003.1";',
    ]
    path = tmp_path / "a.gtf"
    path.write_text("\n".join(lines) + "\n")
    annotation = Annotation.from_gtf(path)
    assert [site.place for site in annotation.starts("A")] == [
        ("chr1", 10, "+"),
        ("chr1", 50, "+"),
        ("chr2", 899, "-"),
    ]
    assert [site.position for site in annotation.starts("ENSG00000000001")] == [10, 50]
    assert [site.position for site in annotation.starts("ENST00000000002")] == [50]
    with pytest.raises(GenomeError, match="has no gene 'B'"):
        annotation.starts("B")
