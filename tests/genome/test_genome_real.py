"""Real genomes and annotations, against string slices."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from creme.errors import CremeWarning
from creme.genome import Annotation, Genome, LociConfig, Locus, select_loci
from creme.tiling import Tiling

LENGTH = 131_072
CONTIG = "chr20_hg19_1000000_2000000"
COMPLEMENT = str.maketrans("ACGTN", "TGCAN")


@pytest.fixture(autouse=True, scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CREME_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield


def letters(path: Path) -> str:
    """The bases of a FASTA of one contig, read in one go."""
    lines = gzip.decompress(path.read_bytes()).decode().split("\n")
    assert sum(line.startswith(">") for line in lines) == 1
    return "".join(lines[1:]).upper()


def window(text: str, position: int, strand: str, length: int = LENGTH) -> str:
    """The window of a gene, with its TSS at length // 2, cut from a long string."""
    half = length // 2
    far = "N" * length
    padded = far + text + far
    at = position + length
    if strand == "+":
        return padded[at - half : at - half + length]
    return padded[at - length + half + 1 : at + half + 1][::-1].translate(COMPLEMENT)


@pytest.fixture(scope="module")
def text(data: Path) -> str:
    return letters(data / "sequence" / "chr20_hg19_1Mb.fa.gz")


@pytest.fixture(scope="module")
def genome(data: Path) -> Genome:
    return Genome(data / "sequence" / "chr20_hg19_1Mb.fa.gz")


@pytest.fixture(scope="module")
def gtf(data: Path) -> Annotation:
    return Annotation.from_gtf(data / "annotation" / "chr20_hg19_1Mb.gtf")


@pytest.fixture(scope="module")
def bed(data: Path) -> Annotation:
    return Annotation.from_bed(data / "annotation" / "chr20_hg19_1Mb.tss.bed")


def one(genome: Genome, annotation: Annotation, gene: str) -> Locus:
    (locus,) = select_loci(genome, annotation, [gene], LENGTH)
    return locus


def test_contig(genome: Genome, text: str) -> None:
    assert dict(genome.contigs) == {CONTIG: len(text)}
    assert str(genome.fetch(CONTIG, 0, len(text))) == text


def test_psmf1(genome: Genome, gtf: Annotation, bed: Annotation, text: str) -> None:
    for annotation, position in ((gtf, 93_905), (bed, 99_235)):
        locus = one(genome, annotation, "PSMF1")
        assert (locus.position, locus.strand, locus.tss) == (position, "+", 65_536)
        assert str(locus.sequence) == text[position - 65_536 : position + 65_536]
        assert locus.padding == (0, 0)
    assert one(genome, gtf, "PSMF1.1").transcript == "PSMF1.1"


def test_fkbp1a(genome: Genome, gtf: Annotation, text: str) -> None:
    locus = one(genome, gtf, "FKBP1A")
    assert (locus.position, locus.strand) == (373_805, "-")
    sequence = str(locus.sequence)
    assert sequence[65_536] == text[373_805].translate(COMPLEMENT)
    assert sequence[65_535] == text[373_806].translate(COMPLEMENT)
    assert sequence == text[373_805 - 65_535 : 373_805 + 65_537][::-1].translate(COMPLEMENT)
    tiling = Tiling.around(LENGTH, locus.tss, 5000)
    assert tiling.tss is not None
    assert locus.interval(tiling.tss) == (373_806 - 2500, 373_806 + 2500)
    for tile in tiling:
        low, high = locus.interval(tile)
        assert sequence[tile.start : tile.end] == text[low:high][::-1].translate(COMPLEMENT)
        assert (locus.distance(tile) < 0) == (low > 373_805)


def test_pdyn_leaves_the_contig(genome: Genome, gtf: Annotation, text: str) -> None:
    with pytest.warns(CremeWarning, match=r"PDYN .* 39930 bp at its 5' end, 0 bp at its 3' end"):
        locus = one(genome, gtf, "PDYN")
    assert (locus.position, locus.strand, locus.end) == (974_393, "-", 1_039_930)
    assert locus.padding == (39_930, 0)
    sequence = str(locus.sequence)
    assert sequence == window(text, 974_393, "-")
    assert sequence[:39_930] == "N" * 39_930
    assert "N" not in sequence[39_930:]


def test_every_gene(genome: Genome, gtf: Annotation, bed: Annotation, text: str) -> None:
    for annotation, count in ((gtf, 16), (bed, 14)):
        with pytest.warns(CremeWarning, match="PDYN"):
            loci = select_loci(genome, annotation, None, LENGTH)
        assert len(loci) == count
        assert {locus.strand for locus in loci} == {"+", "-"}
        for locus in loci:
            assert str(locus.sequence) == window(text, locus.position, locus.strand)


def test_yeast(data: Path) -> None:
    fasta = data / "sequence" / "sacCer3_chrIV.fa.gz"
    config = LociConfig(fasta="sequence/sacCer3_chrIV.fa.gz", gtf="annotation/sacCer3_chrIV.gtf.gz")
    with pytest.warns(CremeWarning, match="reaches past an end of contig chrIV"):
        loci = config.load(2000, base_dir=data)
    assert len(loci) == len({locus.name for locus in loci}) == 885
    text = letters(fasta)
    for locus in loci[::20]:
        assert str(locus.sequence) == window(text, locus.position, locus.strand, 2000)
    first = next(locus for locus in loci if locus.name == "YDL248W")
    assert (first.position, first.strand, first.transcript) == (1801, "+", "YDL248W_mRNA")


def test_genes_have_start_codons(data: Path) -> None:
    """An independent fact: the yeast genes of this annotation start at their start codon."""
    genome = Genome(data / "sequence" / "sacCer3_chrIV.fa.gz")
    annotation = Annotation.from_gtf(data / "annotation" / "sacCer3_chrIV.gtf.gz")
    loci = select_loci(genome, annotation, None, 3, 0)
    coding = [locus for locus in loci if str(locus.sequence) == "ATG"]
    for strand in "+-":
        of_strand = [locus for locus in loci if locus.strand == strand]
        share = sum(locus.strand == strand for locus in coding) / len(of_strand)
        assert len(of_strand) > 300
        assert share > 0.9


def test_real_bed_with_many_columns(data: Path) -> None:
    annotation = Annotation.from_bed(data / "annotation" / "hg38_genes_tss500bp.bed.gz")
    assert len(annotation.genes) > 15_000
    (tss,) = annotation.find("GATA1")
    assert (tss.contig, tss.strand) == ("chrX", "+")
