"""Loci of a grammar: planted elements, their true effects, and files that a study can read."""

from __future__ import annotations

import csv
from itertools import pairwise

import numpy as np
import pytest

from creme.api import load_loci
from creme.demo.loci import random_loci, write_loci
from creme.demo.oracle import Oracle
from creme.demo.rules import grammar
from creme.demo.truth import LocusTruth
from creme.demo.windows import ELEMENT, random_window, shuffled_element
from creme.errors import SequenceError
from creme.models.oracle import OracleModel

CIS = grammar("cis")
LENGTH = 16_384
LOCI = random_loci(CIS, 6, LENGTH, seed=3)


def test_a_name_gives_a_window_and_another_name_another():
    one = random_window(CIS, LENGTH, 0, "a", tss=8192)
    same = random_window(CIS, LENGTH, 0, "a", tss=8192)
    assert np.array_equal(one.codes, same.codes)
    assert one.elements == same.elements
    assert one.promoters[0][1:] == (8192, False)
    for other in (random_window(CIS, LENGTH, 0, "b"), random_window(CIS, LENGTH, 1, "a")):
        assert not np.array_equal(one.codes, other.codes)


def test_what_was_planted_stands_there():
    """Every promoter and every element, as many sites as it says and no two over one another."""
    oracle = Oracle(CIS)
    for number in range(20):
        window = random_window(CIS, LENGTH, 0, f"planted {number}", tss=8192)
        sites = oracle.sites(window.codes)
        standing = {(one.name, one.tss, one.minus) for one in oracle.promoters(sites)}
        assert set(window.promoters) <= standing
        intervals = sorted((one.start, one.end) for one in window.elements)
        assert all(end <= start for (_, end), (start, _) in pairwise(intervals))
        for element in window.elements:
            assert element.end - element.start <= ELEMENT
            inside = sites[
                (sites.start >= element.start) & (sites.start + sites.width <= element.end)
            ]
            strong = inside[inside.affinity > 0.99]
            names = [oracle.owners[owner] for owner in strong.owner]
            counted = sum(names.count(factor) for factor in element.kind.split("+"))
            assert counted == element.sites


def test_a_shuffled_element_leaves_the_rest():
    window = random_window(CIS, LENGTH, 0, "shuffled", tss=8192, elements=(3, 3))
    element = window.elements[1]
    without = shuffled_element(window, 1, 0, "shuffled")
    assert not np.array_equal(without, window.codes)
    same = np.flatnonzero(without != window.codes)
    assert (same >= element.start).all()
    assert (same < element.end).all()
    inside = slice(element.start, element.end)
    assert np.array_equal(np.sort(without[inside]), np.sort(window.codes[inside]))


def test_a_window_that_is_too_short_is_refused():
    with pytest.raises(SequenceError, match="has no room"):
        random_window(CIS, 1000, 0, "short")


def test_the_truth_is_the_activity_without_the_sites():
    """An element of N has no sites: the sequence then has the activity that is true without it."""
    oracle = Oracle(CIS)
    effects = []
    for locus in LOCI:
        truth = locus.truth
        for element in locus.elements:
            codes = locus.codes.copy()
            # Sites that reach into the element go as well, as they do with a shuffled tile.
            touched = truth.sites[truth.sites.within(element.start, element.end)]
            for start, width in zip(touched.start, touched.width, strict=True):
                if start != truth.tss:
                    codes[start : start + width] = 4
            made = [
                one
                for one in oracle.promoters(oracle.sites(codes))
                if one.tss == truth.tss and not one.minus
            ]
            if len(oracle.sites(codes)) != len(truth.sites) - len(touched):
                continue  # an N cut another site that overlaps one of these
            (promoter,) = made
            expected = 1 - promoter.activities / truth.wild_type
            np.testing.assert_allclose(element.effect, expected, atol=1e-12)
            effects.append(element.effect)
    assert len(effects) > 15
    assert np.max(effects) > 0.2
    assert np.min(effects) < -0.2


def test_without_nothing_and_only_everything():
    truth = LOCI[0].truth
    np.testing.assert_array_equal(truth.without([]), truth.wild_type)
    np.testing.assert_array_equal(truth.only([(0, LENGTH)]), truth.wild_type)
    alone = truth.only([])
    np.testing.assert_array_equal(alone, truth.without([(0, LENGTH)]))
    basal = CIS.promoters[truth.promoter].basal ** CIS.hill
    np.testing.assert_allclose(alone, CIS.ceiling * basal / (CIS.half**CIS.hill + basal))
    with pytest.raises(SequenceError, match="no promoter of grammar cis starts at 100"):
        LocusTruth(truth.oracle, LOCI[0].codes, 100)


def test_files_on_both_strands(tmp_path):
    """What a study reads from them is each locus' own sequence; intervals are genomic."""
    genome = write_loci(tmp_path, CIS, 10, LENGTH, seed=3)
    model = OracleModel(length=8192)
    read = load_loci(model, fasta=genome.fasta, gtf=genome.gtf)
    by_gene = {locus.name.split("@")[0]: locus for locus in read}
    for locus in genome.loci:
        half = model.length // 2
        here = locus.codes[locus.truth.tss - half : locus.truth.tss + half]
        assert np.array_equal(by_gene[locus.gene].sequence.codes, here)
    contigs: dict[str, str] = {}
    for block in genome.fasta.read_text().split(">")[1:]:
        name, _, bases = block.partition("\n")
        contigs[name] = bases.replace("\n", "")
    strands = set()
    with genome.truth.open() as lines:
        for row in csv.DictReader(lines, delimiter="\t"):
            strands.add(row["strand"])
            text = contigs[row["contig"]][int(row["start"]) : int(row["end"])]
            locus = next(one for one in genome.loci if one.gene == row["gene"])
            (element,) = [
                one
                for one in locus.elements
                if locus.genomic(one.start, one.end) == (int(row["start"]), int(row["end"]))
                and one.kind == row["kind"]
            ]
            bases = "".join("ACGT"[code] for code in locus.codes[element.start : element.end])
            if locus.strand == "-":
                bases = bases[::-1].translate(str.maketrans("ACGT", "TGCA"))
            assert text == bases
            assert float(row["effect_alpha"]) == pytest.approx(element.effect[0], rel=1e-5)
    assert strands == {"+", "-"}
    before = genome.fasta.stat().st_mtime_ns
    write_loci(tmp_path, CIS, 10, LENGTH, seed=3)
    assert genome.fasta.stat().st_mtime_ns == before
