"""Sites: as in plain loops, on both strands."""

from __future__ import annotations

import math

import numpy as np
import pytest

from creme.demo.rules import Grammar, bases_of, grammar
from creme.demo.sites import Scanner
from creme.demo.windows import random_window
from creme.sequence import complement, encode

TINY = Grammar(
    name="tiny",
    cell_types=("a",),
    binding={"probability": 0.7, "least": 0.02},
    factors={
        # Of all widths that the parts of a look-up meet: 6, 7, 12, 13, 18; a palindrome; variants.
        "six": {"motifs": ["TGACRC"]},
        "seven": {"motifs": ["TGACTCA", "TGACTTA"]},
        "palindrome": {"motifs": ["ACGCGT"]},
        "twelve": {"motifs": ["GCTATAAAAGGC"]},
        "eighteen": {"motifs": ["GCTATAAAAGGCTTAGCA"]},
    },
    promoters={
        "forward": {"motifs": ["CTTCCGGTCATGA"], "basal": 1},
        "both": {"motifs": ["GGCATTAC"], "basal": 1, "both_strands": True},
    },
)
PLANTED = ["TGACGC", "ACGCGT", "GCTATAAAAGGC", "GCTATAAAAGGCTTAGCA", "CTTCCGGTCATGA", "GGCATTAC"]


def slow(rules: Grammar, text: str):
    """(start, owner) to (affinity, width, minus), base by base."""
    best: dict[tuple[int, int], tuple[float, int, bool]] = {}
    kinds = [(one.motifs, True) for one in rules.factors.values()]
    kinds += [(one.motifs, one.both_strands) for one in rules.promoters.values()]
    for owner, (motifs, both) in enumerate(kinds):
        for motif in motifs:
            for minus in (False, True)[: 1 + both]:
                for start in range(len(text) - len(motif) + 1):
                    part = text[start : start + len(motif)]
                    if "N" in part:
                        continue
                    if minus:
                        part = part[::-1].translate(str.maketrans("ACGT", "TGCA"))
                    affinity = 1.0
                    for base, letter in zip(part, motif, strict=True):
                        allowed = bases_of(letter)
                        if base not in allowed:
                            share = (1 - 0.7) / (4 - len(allowed))
                            affinity *= share / (0.7 / len(allowed))
                    if affinity >= 0.02 and affinity > best.get((start, owner), (0.0,))[0] + 1e-12:
                        best[start, owner] = (affinity, len(motif), minus)
    return best


@pytest.mark.parametrize("number", range(3))
def test_as_in_plain_loops(number):
    random = np.random.default_rng(number)
    codes = random.integers(0, 4, 1500).astype(np.uint8)
    for k, motif in enumerate(PLANTED * 2):
        site = encode(motif)
        codes[40 + 100 * k : 40 + 100 * k + len(site)] = (
            site if k < len(PLANTED) else complement(site[::-1])
        )
    codes[random.integers(0, 1500, 5)] = 4
    codes[-18:] = encode("GCTATAAAAGGCTTAGCA")
    codes[:6] = encode("TGACAC")
    expected = slow(TINY, "".join("ACGTN"[code] for code in codes))
    sites = Scanner(TINY).sites(codes)
    assert len(sites) > 20
    assert list(zip(sites.start, sites.owner, strict=True)) == sorted(expected)
    for start, owner, width, affinity, minus in zip(
        sites.start, sites.owner, sites.width, sites.affinity, sites.minus, strict=True
    ):
        assert (pytest.approx(affinity), width, minus) == expected[start, owner]


def test_the_same_sites_on_the_reverse_complement():
    rules = grammar("cis")
    codes = random_window(rules, 8192, 0, "both strands").codes
    scanner = Scanner(rules)
    forward, reverse = scanner.sites(codes), scanner.sites(complement(codes[::-1]))
    there = {
        (len(codes) - start - width, owner, round(math.log(affinity), 6))
        for start, width, owner, affinity in zip(
            reverse.start, reverse.width, reverse.owner, reverse.affinity, strict=True
        )
    }
    here = set(zip(forward.start, forward.owner, np.log(forward.affinity).round(6), strict=True))
    assert len(here) > 10
    assert here == there


def test_short_sequences_and_n_have_no_sites():
    scanner = Scanner(TINY)
    assert len(scanner.sites(np.zeros(0, np.uint8))) == 0
    assert len(scanner.sites(encode("TGACA"))) == 0
    assert len(scanner.sites(encode("TGACAC"))) == 1
    assert len(scanner.sites(encode("TGANAC"))) == 0
    assert len(scanner.sites(np.full(1000, 4, np.uint8))) == 0


def test_within_and_centre():
    sites = Scanner(grammar("simple")).sites(encode("AAAAGCTATAAGGCACCGAAAA"))
    assert sites.start.tolist() == [4]
    assert sites.centre.tolist() == [11.0]
    assert sites.within(0, 4).tolist() == [False]
    assert sites.within(0, 5).tolist() == [True]
    assert sites.within(18, 22).tolist() == [False]
