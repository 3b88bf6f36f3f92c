"""The shuffles are exact: uniform over all arrangements, and the same everywhere."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from creme.errors import ConfigError
from creme.kernels.shuffle import dinucleotide_shuffles, mononucleotide_shuffles
from creme.sequence import encode


def pairs(text: str) -> Counter[str]:
    return Counter(a + b for a, b in pairwise(text))


def arrangements(text: str) -> set[str]:
    """All sequences with the same dinucleotides and the same first base, by brute force."""
    found = set()

    def extend(so_far: str, left: Counter[str]) -> None:
        if not left:
            found.add(so_far)
        for pair in list(left):
            if pair[0] == so_far[-1]:
                rest = left.copy()
                rest[pair] -= 1
                extend(so_far + pair[1], +rest)

    extend(text[0], pairs(text))
    return found


SHORT = ["ACGACGTACGNA", "ACAGATACA", "AACCACA", "ACNACGNCA", "TACCGATCAGT", "AAAACCCA", "ACGTGCAT"]


@pytest.mark.parametrize("text", SHORT)
def test_uniform_over_all_arrangements(text):
    expected = arrangements(text)
    assert len(expected) > 1
    drawn = dinucleotide_shuffles(encode(text), range(100_000))
    counts = Counter("".join("ACGTN"[c] for c in row) for row in drawn)
    assert set(counts) == expected
    assert chisquare(list(counts.values())).pvalue > 1e-3


@pytest.mark.parametrize("text", ["AACGN", "ACGT"])
def test_mononucleotide_is_uniform(text):
    expected = {"".join(p) for p in permutations(text)}
    drawn = mononucleotide_shuffles(encode(text), range(100_000))
    counts = Counter("".join("ACGTN"[c] for c in row) for row in drawn)
    assert set(counts) == expected
    assert chisquare(list(counts.values())).pvalue > 1e-3


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="ACGTN", max_size=200), st.integers(0, 2**128 - 1))
def test_counts_and_ends(text, seed):
    (row,) = dinucleotide_shuffles(encode(text), [seed])
    shuffled = "".join("ACGTN"[c] for c in row)
    assert pairs(shuffled) == pairs(text)
    assert shuffled[:1] == text[:1]
    assert shuffled[-1:] == text[-1:]
    (row,) = mononucleotide_shuffles(encode(text), [seed])
    assert Counter("ACGTN"[c] for c in row) == Counter(text)


@given(st.text(alphabet="ACGTN", min_size=4, max_size=80), st.integers(1, 9))
@settings(max_examples=60, deadline=None)
def test_many_at_once_equal_one_by_one(text, n):
    for kernel in (dinucleotide_shuffles, mononucleotide_shuffles):
        together = kernel(encode(text), range(n))
        alone = np.concatenate([kernel(encode(text), [seed]) for seed in range(n)])
        assert np.array_equal(together, alone)


def test_the_end_of_a_sequence_moves_too():
    codes = np.random.Generator(np.random.Philox(1)).integers(0, 4, 2000).astype(np.uint8)
    rows = dinucleotide_shuffles(codes, range(2000))
    # The base next to the last one stays by chance only: about one in four.
    assert 0.15 < (rows[:, -3] == codes[-3]).mean() < 0.35


GOLDEN_CODE = """
import hashlib
import numpy as np
from creme.kernels.shuffle import dinucleotide_shuffles, mononucleotide_shuffles
codes = (np.arange(5000, dtype=np.uint64) ** 2 // 7 % 5).astype(np.uint8)
for kernel in (dinucleotide_shuffles, mononucleotide_shuffles):
    print(hashlib.sha256(kernel(codes, [0, 1, 2**128 - 1]).tobytes()).hexdigest()[:16])
"""
GOLDEN = ["a5fdabde7031e181", "f4ad18653abb9ae7"]


def test_golden_values_in_another_process():
    """A change here gives users other bases for the same seed: it must be meant."""
    done = subprocess.run([sys.executable, "-c", GOLDEN_CODE], capture_output=True, check=True)
    assert done.stdout.decode().split() == GOLDEN


def test_seeds_matter_and_are_checked():
    codes = encode("ACGTTGCAAC" * 20)
    rows = dinucleotide_shuffles(codes, range(50))
    assert len({row.tobytes() for row in rows}) == 50
    assert np.array_equal(codes, encode("ACGTTGCAAC" * 20))
    for bad in (-1, 2**128):
        with pytest.raises(ConfigError, match="seed"):
            dinucleotide_shuffles(codes, [bad])
