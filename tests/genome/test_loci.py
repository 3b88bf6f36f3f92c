"""select_loci and the table [loci]."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from creme.errors import ConfigError, CremeWarning, GenomeError
from creme.genome import TSS, Annotation, Genome, LociConfig, Locus, select_loci


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREME_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture
def genome(tmp_path: Path) -> Genome:
    path = tmp_path / "g.fa"
    path.write_text(f">chr1\n{'ACGTTGCATT' * 100}\n>chr2\n{'GATTACAGAT' * 20}\n")
    return Genome(path)


def tss(gene: str, position: int, strand: str = "+", contig: str = "chr1", name: str = "") -> TSS:
    return TSS(gene, gene, name or f"{gene}.t", contig, position, strand)


def bed(*records: TSS) -> Annotation:
    return Annotation(records, "a.bed", canonical=False)


def gtf(*records: TSS) -> Annotation:
    return Annotation(records, "a.gtf", canonical=True)


def names(loci: list[Locus]) -> list[str]:
    return [locus.name for locus in loci]


# ---------------------------------------------------------------- selection


def test_order_and_fields(genome: Genome) -> None:
    annotation = gtf(tss("A", 100), tss("B", 500, "-"), tss("C", 90, "+", "chr2"))
    loci = select_loci(genome, annotation, ["C", "B"], 20)
    assert loci == [
        Locus("C", "chr2", 90, "+", 20, genome, 10, "C", "C.t"),
        Locus("B", "chr1", 500, "-", 20, genome, 10, "B", "B.t"),
    ]
    assert all(locus.genome is genome for locus in loci)
    assert names(select_loci(genome, annotation, None, 20)) == ["A", "B", "C"]
    assert names(select_loci(genome, annotation, iter(["A"]), 20)) == ["A"]


def test_tss_index(genome: Genome) -> None:
    annotation = gtf(tss("A", 100))
    assert [select_loci(genome, annotation, None, n)[0].tss for n in (20, 21, 1)] == [10, 10, 0]
    (locus,) = select_loci(genome, annotation, None, 20, 0)
    assert (locus.tss, locus.start, locus.end) == (0, 100, 120)
    with pytest.raises(ConfigError, match="tss = 20"):
        select_loci(genome, annotation, None, 20, 20)


def test_asked_for_twice(genome: Genome) -> None:
    annotation = gtf(tss("A", 100), tss("B", 500))
    loci = select_loci(genome, annotation, ["B", "A", "B", "A.t"], 20)
    assert names(loci) == ["B", "A"]


def test_names_of_several_tss(genome: Genome) -> None:
    annotation = bed(tss("A", 100), tss("B", 500), tss("A", 300, "-"), tss("A", 90, "+", "chr2"))
    loci = select_loci(genome, annotation, None, 20)
    assert names(loci) == ["A@chr1:100:+", "A@chr1:300:-", "A@chr2:90:+", "B"]
    assert {locus.gene for locus in loci} == {"A", "B"}
    assert names(select_loci(genome, annotation, ["B"], 20)) == ["B"]


def test_two_transcripts_of_a_gene(genome: Genome) -> None:
    annotation = gtf(tss("A", 100, name="t1"), tss("A", 300, name="t2"))
    assert names(select_loci(genome, annotation, ["t2", "t1"], 20)) == [
        "A@chr1:300:+",
        "A@chr1:100:+",
    ]
    (locus,) = select_loci(genome, annotation, ["t2"], 20)
    assert (locus.name, locus.transcript) == ("A", "t2")


def test_two_genes_of_one_name(genome: Genome) -> None:
    records = [TSS("SNO", f"G{i}", f"T{i}", "chr1", 100 + i // 2, "+") for i in range(4)]
    loci = select_loci(genome, gtf(*records), None, 20)
    assert names(loci) == ["SNO@chr1:100:+", "SNO@chr1:101:+"]
    assert [locus.transcript for locus in loci] == ["T0", "T2"]


def test_genes_that_share_a_tss(genome: Genome) -> None:
    loci = select_loci(genome, gtf(tss("A", 100), tss("B", 100)), None, 20)
    assert names(loci) == ["A", "B"]
    assert loci[0].key == loci[1].key


def test_names_are_always_unique(genome: Genome) -> None:
    records = [
        TSS(gene, f"{gene}{i}", f"{gene}{i}.t", "chr1", 100 + i % 3, strand)
        for gene in "ABC"
        for i in range(7)
        for strand in "+-"
    ]
    for annotation in (gtf(*records), bed(*records)):
        got = names(select_loci(genome, annotation, None, 20))
        assert len(got) == len(set(got)) == {True: 9, False: 18}[annotation.canonical]


def test_contig_of_another_style(genome: Genome) -> None:
    annotation = bed(tss("A", 100, contig="1"), tss("A", 100), tss("A", 90, contig="2"))
    with pytest.warns(CremeWarning, match="'1' is called 'chr1'") as caught:
        loci = select_loci(genome, annotation, None, 20)
    assert len(caught) == 1
    assert names(loci) == ["A@chr1:100:+", "A@chr2:90:+"]
    assert [locus.contig for locus in loci] == ["chr1", "chr2"]


def test_no_sequence_is_read(genome: Genome, monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(*_: object) -> None:
        raise AssertionError("a sequence was fetched")

    monkeypatch.setattr(Genome, "fetch", fetch)
    loci = select_loci(genome, bed(tss("A", 100), tss("A", 200, "-")), None, 20)
    assert [locus.labels["start"] for locus in loci] == [90, 191]


def test_many_loci_are_cheap(genome: Genome) -> None:
    import time

    records = [
        TSS(f"G{i}", f"G{i}", f"T{i}", "chr1", 100 + i % 800, "+-"[i % 2]) for i in range(20_000)
    ]
    start = time.perf_counter()
    loci = select_loci(genome, gtf(*records), None, 20)
    assert time.perf_counter() - start < 5
    assert len(loci) == 20_000


# ---------------------------------------------------------------- what cannot be


def test_unknown_genes_are_told_together(genome: Genome) -> None:
    annotation = gtf(tss("PSMF1", 100), tss("FKBP1A", 200))
    with pytest.raises(GenomeError) as caught:
        select_loci(genome, annotation, ["PSMF2", "FKBP1A", "FKBP1B"], 20)
    message = str(caught.value)
    assert "no gene 'PSMF2' (did you mean 'PSMF1'?)" in message
    assert "no gene 'FKBP1B' (did you mean 'FKBP1A'?)" in message
    assert "more" not in message
    with pytest.raises(GenomeError) as caught:
        select_loci(genome, annotation, [f"zzz{i}" for i in range(9)], 20)
    assert str(caught.value).count("no gene") == 5
    assert str(caught.value).endswith("; and 4 more genes")


def test_ambiguous_genes_are_told_with_unknown_ones(genome: Genome) -> None:
    par = [TSS("P", f"G{i}", f"T{i}", f"chr{i}", 100, "+") for i in (1, 2)]
    with pytest.raises(GenomeError, match=r"no gene 'q'.*'P' stands for several genes"):
        select_loci(genome, gtf(*par), ["q", "T1", "P"], 20)
    unknown = [f"zzz{i}" for i in range(5)]
    with pytest.raises(GenomeError, match=r"; and 2 more genes$"):
        select_loci(genome, gtf(*par), [*unknown, "P", "T1", "q"], 20)


def test_contig_that_the_fasta_lacks(genome: Genome) -> None:
    with pytest.raises(GenomeError, match=r"locus 'B': .*no contig 'chr9'.*chr1, chr2"):
        select_loci(genome, gtf(tss("A", 100), tss("B", 100, contig="chr9")), None, 20)


@pytest.mark.parametrize("strand", ["+", "-"])
def test_tss_past_the_end(genome: Genome, strand: str) -> None:
    assert select_loci(genome, gtf(tss("A", 199, strand, "chr2")), None, 1)
    with pytest.raises(GenomeError, match=r"locus 'A': its position 200 .* 200 bp .*genome build"):
        select_loci(genome, gtf(tss("A", 200, strand, "chr2")), None, 1)


# ---------------------------------------------------------------- padding


@pytest.mark.parametrize(
    ("position", "strand", "left", "right"),
    [(4, "+", 6, 0), (4, "-", 0, 5), (195, "+", 0, 5), (195, "-", 6, 0)],
)
def test_padding_is_told(genome: Genome, position: int, strand: str, left: int, right: int) -> None:
    annotation = gtf(tss("A", position, strand, "chr2"), tss("B", 100))
    with pytest.warns(CremeWarning) as caught:
        loci = select_loci(genome, annotation, None, 20)
    (warning,) = caught
    message = str(warning.message)
    assert message.startswith("the window of A reaches past an end of contig chr2")
    assert f"{left} bp at its 5' end, {right} bp at its 3' end" in message
    assert warning.filename == __file__
    assert loci[0].padding == (left, right)
    text = str(loci[0].sequence)
    assert text[:left] + text[20 - right :] == "N" * (left + right)


def test_no_warning_where_windows_fit_exactly(genome: Genome) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        select_loci(genome, gtf(tss("A", 10), tss("B", 990), tss("C", 9, "-")), None, 20)


@pytest.mark.parametrize(("count", "told"), [(5, 5), (6, 1)])
def test_padding_of_many_is_told_at_once(genome: Genome, count: int, told: int) -> None:
    annotation = gtf(*(tss(f"G{i}", i) for i in range(count)), tss("fits", 500))
    with pytest.warns(CremeWarning) as caught:
        select_loci(genome, annotation, None, 20)
    assert len(caught) == told
    if told == 1:
        message = str(caught[0].message)
        assert "the windows of 6 loci" in message
        assert "G0, G1, G2, G3, G4 and 1 more" in message
        assert "G0, by 10 bp at its 5' end and 0 bp at its 3' end" in message


# ---------------------------------------------------------------- the table [loci]


@pytest.fixture
def folder(tmp_path: Path, genome: Genome) -> Path:
    (tmp_path / "a.bed").write_text("chr1\t100\t101\tA\t0\t+\nchr1\t300\t301\tB\t0\t-\n")
    (tmp_path / "a.csv").write_text("gene,contig,tss,strand\nA,chr1,100,+\nB,chr1,300,-\n")
    (tmp_path / "a.gtf").write_text(
        "".join(
            f'chr1\tx\ttranscript\t{start}\t{end}\t.\t{strand}\t.\tgene_id "{gene}"; '
            f'transcript_id "{gene}.t";\n'
            for gene, start, end, strand in (("A", 101, 200, "+"), ("B", 201, 301, "-"))
        )
    )
    return tmp_path


@pytest.mark.parametrize(("kind", "file"), [("gtf", "a.gtf"), ("bed", "a.bed"), ("table", "a.csv")])
def test_load(folder: Path, genome: Genome, kind: str, file: str) -> None:
    config = LociConfig(fasta="g.fa", **{kind: file})
    loci = config.load(20, base_dir=folder)
    assert [locus.key for locus in loci] == ["chr1:100:+", "chr1:300:-"]
    assert [locus.tss for locus in loci] == [10, 10]
    assert [locus.genome.path for locus in loci if locus.genome] == [genome.path] * 2
    some = LociConfig(fasta="g.fa", genes=["B"], **{kind: file})
    (locus,) = some.load(20, 3, base_dir=str(folder))
    assert (locus.name, locus.tss) == ("B", 3)


def test_paths(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    absolute = LociConfig(fasta=folder / "g.fa", bed=folder / "a.bed")
    assert len(absolute.load(20, base_dir="/nowhere")) == 2
    monkeypatch.chdir(folder)
    assert len(LociConfig(fasta="g.fa", bed="a.bed").load(20)) == 2
    monkeypatch.setenv("HOME", str(folder))
    assert len(LociConfig(fasta="~/g.fa", bed="~/a.bed").load(20, base_dir="/nowhere")) == 2


def test_missing_file_is_named_in_full(folder: Path) -> None:
    with pytest.raises(GenomeError, match=str(folder / "none.fa")):
        LociConfig(fasta="none.fa", bed="a.bed").load(20, base_dir=folder)
    with pytest.raises(GenomeError, match=str(folder / "none.bed")):
        LociConfig(fasta="g.fa", bed="none.bed").load(20, base_dir=folder)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"fasta": "g.fa"}, "exactly one of gtf, bed and table is needed, not none"),
        ({"fasta": "g.fa", "gtf": "a", "bed": "b"}, "not gtf and bed"),
        ({"fasta": "g.fa", "gtf": "a", "bed": "b", "table": "c"}, "not gtf and bed and table"),
        ({"bed": "a.bed"}, "'fasta' is required"),
        (
            {"fasta": "g.fa", "bed": "a", "gene": ["A"]},
            "unknown key 'gene' (did you mean 'genes'?)",
        ),
        ({"fasta": "g.fa", "bed": "a", "genes": []}, "genes = [] is not allowed"),
        ({"fasta": "g.fa", "bed": "a", "genes": "A"}, "genes = 'A' is not allowed"),
        ({"fasta": "g.fa", "bed": "a", "genes": [1]}, "genes.0 = 1 is not allowed"),
        ({"fasta": 3, "bed": "a"}, "fasta = 3 is not allowed"),
    ],
)
def test_bad_tables(values: dict, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        LociConfig(**values)
    assert words in str(caught.value)
    assert str(caught.value).startswith("[loci]: ")


def test_configuration_round_trip() -> None:
    config = LociConfig(fasta="g.fa", gtf="a.gtf", genes=["A"])
    plain = config.configuration()
    assert plain == {"fasta": "g.fa", "gtf": "a.gtf", "bed": None, "table": None, "genes": ["A"]}
    assert LociConfig(**plain) == config
