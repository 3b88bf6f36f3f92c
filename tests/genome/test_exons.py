"""Exons of an annotation, and the bins that they lie in."""

from __future__ import annotations

import os
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import stranded
from creme.errors import GenomeError
from creme.genome import TSS, Annotation
from creme.genome.exons import ExonTable, merged
from creme.genome.neighbours import bin_shares, neighbours
from creme.tiling import Tile

DATA = Path(os.environ.get("CREME_TEST_DATA", "../shared/data"))


def test_the_union_of_transcripts_and_single_ones(tmp_path):
    files = stranded.write(tmp_path)
    annotation = Annotation.from_gtf(files["gtf"])
    union = annotation.exons("A", "", "chr1", "+", "all")
    bases = {b for exons in stranded.GENES["A"][1].values() for s, e in exons for b in range(s, e)}
    assert {base for start, end in union for base in range(start, end)} == bases
    assert all(one[1] < other[0] for one, other in pairwise(union))
    first = stranded.GENES["A"][1]["A.1"]
    assert annotation.exons("A", "A.2", "1", "+", "representative") == first
    assert annotation.exons("A", "", "1", "+", "A.2") == stranded.GENES["A"][1]["A.2"]
    # Of a transcript its gene, whatever the locus is called.
    assert annotation.exons("a name", "B.1", "chr1", "-", "all") == stranded.GENES["B"][1]["B.1"]


def test_what_there_is_not(tmp_path):
    files = stranded.write(tmp_path)
    annotation = Annotation.from_gtf(files["gtf"])
    with pytest.raises(GenomeError, match="no gene 'A' on strand - of chr1"):
        annotation.exons("A", "", "chr1", "-", "all")
    with pytest.raises(GenomeError, match="with exons; it has A\\.1, A\\.2"):
        annotation.exons("A", "", "chr1", "+", "A.9")
    bed = tmp_path / "tss.bed"
    bed.write_text("chr1\t3000\t3001\tA\t0\t+\n")
    with pytest.raises(GenomeError, match="TSSs and no exons: give the readout a GTF"):
        Annotation.from_bed(bed).exons("A", "", "chr1", "+", "all")
    lines = files["gtf"].read_text().splitlines(keepends=True)
    bare = tmp_path / "bare.gtf"
    bare.write_text("".join(line for line in lines if "\texon\t" not in line))
    with pytest.raises(GenomeError, match="no lines of feature 'exon'"):
        Annotation.from_gtf(bare).exons("A", "", "chr1", "+", "all")
    bad = tmp_path / "bad.gtf"
    bad.write_text("".join(lines).replace("\t3041\t", "\t304x\t", 2))
    with pytest.raises(GenomeError, match="line 8: an exon has a start and an end"):
        ExonTable.read(bad)


def test_two_genes_of_one_name_are_not_mixed(tmp_path):
    files = stranded.write(tmp_path)
    text = files["gtf"].read_text().replace('gene_name "C"', 'gene_name "A"')
    files["gtf"].write_text(text)
    annotation = Annotation.from_gtf(files["gtf"])
    with pytest.raises(GenomeError, match="'A' stands for several genes on chr1: idA, idC"):
        annotation.exons("A", "", "chr1", "+", "all")
    assert annotation.exons("A", "C.1", "chr1", "+", "all") == stranded.GENES["C"][1]["C.1"]


def test_merged_intervals():
    assert merged([(5, 9), (1, 3), (3, 4), (6, 7), (8, 12)]) == [(1, 4), (5, 12)]
    assert merged([]) == []


def test_shares_are_those_of_single_bases():
    random = np.random.default_rng(2)
    for _ in range(50):
        start, size, n = (int(x) for x in (random.integers(0, 40), random.integers(1, 9), 7))
        edges = np.sort(random.choice(140, 8, replace=False)) - 20
        intervals = [(int(edges[k]), int(edges[k + 1])) for k in range(0, 8, 2)]
        shares = bin_shares(intervals, start, size, n)
        expected = np.zeros(n)
        outside = 0
        for low, high in intervals:
            for base in range(low, high):
                place = (base - start) // size
                if 0 <= place < n:
                    expected[place] += 1 / size
                else:
                    outside += 1
        counted = np.zeros(n)
        counted[list(shares.bins)] = shares.shares
        np.testing.assert_allclose(counted, expected, atol=1e-12)
        assert shares.bp_outside == outside
        assert shares.bp == sum(high - low for low, high in intervals)
        end = start + size * n
        assert shares.outside == sum(low < start or high > end for low, high in intervals)


@pytest.mark.parametrize("gene", ["A", "B", "C", "D", "E"])
def test_neighbours_are_those_of_a_loop_over_lines(gene, tmp_path):
    (locus,) = stranded.loci(tmp_path, gene)
    assert locus.annotation is not None
    window = Tile(stranded.START, stranded.LENGTH - stranded.START)
    around = neighbours(locus, locus.annotation, window)
    expected = {}
    for name, (strand, transcripts) in stranded.GENES.items():
        for transcript in transcripts:
            position = stranded.tss(name, transcript)
            if 0 <= stranded.bin_of(locus, position) < stranded.BINS:
                sign = 1 if locus.strand == "+" else -1
                expected[position, strand] = (name, transcript, sign * (position - locus.position))
    assert {one.place: (one.gene, one.transcript, one.distance) for one in around} == expected
    assert (around[0].gene, around[0].distance, around[0].index) == (gene, 0, locus.tss)
    away = [abs(one.distance) for one in around]
    assert away == sorted(away)
    for one in around:
        assert locus.index_of(one.position) == one.index
        start, end = locus.interval(Tile(one.index, one.index + 1))
        assert (start, end) == (one.position, one.position + 1)
        assert locus.span_of(start, end) == (one.index, one.index + 1)
    of_genes = neighbours(locus, locus.annotation, window, representative=True)
    assert {one.transcript for one in of_genes} == {t for _, t, _ in expected.values()} - {"A.2"}


@pytest.mark.parametrize("gene", ["A", "B"])
def test_a_locus_that_was_moved_is_no_neighbour_of_its_own_tss(gene, tmp_path):
    (locus,) = stranded.loci(tmp_path, gene)
    assert locus.annotation is not None
    window = Tile(stranded.START, stranded.LENGTH - stranded.START)
    before = neighbours(locus, locus.annotation, window)
    moved = replace(locus, position=locus.position + 7)
    around = neighbours(moved, locus.annotation, window)
    assert around[0].place == (locus.position + 7, locus.strand)
    assert {one.place for one in around[1:]} == {one.place for one in before[1:]}


def test_tss_at_one_place_are_one_and_contigs_have_two_names():
    sites = [
        TSS("x", "x", "x.2", "1", 10, "+", span=5),
        TSS("x", "x", "x.1", "chr1", 10, "+", span=9),
        TSS("y", "y", "y.1", "chr1", 10, "-"),
        TSS("z", "z", "z.1", "chr2", 10, "-"),
    ]
    annotation = Annotation(sites, "made", canonical=True)
    assert [tss.transcript for tss in annotation.within("chr1", 10, 11)] == ["x.1", "y.1"]
    assert annotation.within("1", 11, 99) == []
    assert annotation.within("chr3", 0, 99) == []


@pytest.mark.skipif(not DATA.is_dir(), reason="real data are not here")
def test_exons_of_a_real_annotation():
    annotation = Annotation.from_gtf(DATA / "annotation" / "sacCer3_chrIV.gtf.gz")
    longest = 0
    for tss in annotation.representatives():
        exons = annotation.exons(tss.gene, tss.transcript, tss.contig, tss.strand, "all")
        bp = sum(end - start for start, end in exons)
        assert 0 < bp <= exons[-1][1] - exons[0][0]
        assert tss.position in (exons[0][0], exons[-1][1] - 1)
        longest = max(longest, len(exons))
    assert longest > 1
