"""Every distinct arrangement is equally likely: all are enumerated, and 10**5 shuffles counted."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise, permutations

import numpy as np
import pytest
from scipy.stats import chi2_contingency, chisquare
from twin import arrangements

from creme.kernels.shuffle import dinucleotide_shuffles, mononucleotide_shuffles
from creme.sequence import Sequence, encode

DRAWS = 100_000


def strings(rows: np.ndarray) -> Counter[str]:
    powers = 5 ** np.arange(rows.shape[1], dtype=np.int64)
    _, first, times = np.unique(rows @ powers, return_index=True, return_counts=True)
    return Counter({str(Sequence(rows[at])): int(n) for at, n in zip(first, times, strict=True)})


def last_exits(text: str) -> dict[str, str]:
    exits = dict(pairwise(text))
    exits.pop(text[-1], None)
    return exits


def test_the_enumeration_is_right():
    # Against all permutations of the inner bases.
    for text in ("ACGTACGA", "AACCAACC", "GATTACA"):
        pairs = Counter(pairwise(text))
        inner = {"".join(order) for order in permutations(text[1:-1])}
        expected = {
            text[0] + order + text[-1]
            for order in inner
            if Counter(pairwise(text[0] + order + text[-1])) == pairs
        }
        assert set(arrangements(text)) == expected
        assert len(arrangements(text)) == len(expected)


@pytest.mark.parametrize(
    ("text", "n"),
    [
        ("GATCCTGAGAGC", 18),  # keeping each letter's last exit would show 4 of the 18
        ("ATCGCGACGCTA", 18),  # the same, and it ends as it begins
        ("ACGTACGTTGCA", 16),
        ("GATTACAGATTACA", 90),
        ("CCCGCGGCC", 20),  # two letters; A, T and N are never reached
        ("AACCAACAC", 18),
        ("GATNCCTNNGAGAGC", 18),  # N among the bases: as many as without them
        ("NNAACCNAACACN", 18),  # N at both ends
        ("TGCATGCCATTGAACGT", 2268),
        ("AAAACAAAGAAATAAAC", 1320),  # many steps from a letter to itself
        ("TGCATGNNCCATTGAACGT", 2268),
    ],
)
def test_all_arrangements_are_equally_likely(text, n):
    expected = arrangements(text)
    assert len(expected) == n
    assert 2 <= n <= DRAWS / 20  # enough of each for the statistic
    seen = strings(dinucleotide_shuffles(encode(text), range(DRAWS)))
    assert set(seen) == set(expected)
    assert chisquare([seen[one] for one in expected]).pvalue > 0.001


@pytest.mark.parametrize("text", ["GATCCTGAGAGC", "ATCGCGACGCTA"])
def test_kept_last_exits_would_be_noticed(text):
    kept = [one for one in arrangements(text) if last_exits(one) == last_exits(text)]
    assert len(kept) == 4


@pytest.mark.parametrize("text", ["AACGTT", "AAANCCN", "NNNNNA", "ACGT", "AAAA"])
def test_all_orders_of_letters_are_equally_likely(text):
    bases = text.replace("N", "")
    places = text.replace("N", "{N}").translate(dict.fromkeys(map(ord, "ACGT"), "{}"))
    expected = sorted({places.format(*order, N="N") for order in permutations(bases)})
    seen = strings(mononucleotide_shuffles(encode(text), range(DRAWS)))
    assert set(seen) == set(expected)
    if len(expected) > 1:
        assert chisquare([seen[one] for one in expected]).pvalue > 0.001


def test_the_last_bases_are_not_stuck():
    # Were last exits kept, the bases before the end would stay as they were half of the time.
    codes = np.random.default_rng(1).integers(0, 4, 2000).astype(np.uint8)
    stays = (dinucleotide_shuffles(codes, range(4000)) == codes).mean(axis=0)
    middle = stays[500:-500].mean()
    assert 0.2 < middle < 0.3
    assert abs(stays[-21:-1].mean() - middle) < 0.03


def test_both_ends_are_alike():
    # The arrangements of a reversed sequence are the reversed arrangements: so must be their
    # frequencies, at each end.
    codes = np.random.default_rng(2).integers(0, 4, 60).astype(np.uint8)
    forwards = dinucleotide_shuffles(codes, range(40_000))
    backwards = dinucleotide_shuffles(codes[::-1], range(40_000, 80_000))[:, ::-1]
    for place in (slice(1, 4), slice(-4, -1)):
        table = [
            np.bincount(rows[:, place] @ np.array([16, 4, 1]), minlength=64)
            for rows in (forwards, backwards)
        ]
        counts = np.array(table)
        counts = counts[:, counts.sum(axis=0) >= 20]
        assert chi2_contingency(counts).pvalue > 0.001


def test_shuffles_of_neighbouring_seeds_are_independent():
    # Joint frequencies of the arrangements that seeds 2 k and 2 k + 1 give.
    text = "ATATCGATAT"
    expected = arrangements(text)
    rows = dinucleotide_shuffles(encode(text), range(DRAWS))
    which = np.array([expected.index(str(Sequence(row))) for row in rows[:20_000]])
    joint = np.bincount(which[::2] * len(expected) + which[1::2], minlength=len(expected) ** 2)
    assert chisquare(joint).pvalue > 0.001
