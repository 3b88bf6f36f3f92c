"""The shuffle within windows: exact counts in each, uniform draws, values that never change."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise, product

import numpy as np
import pytest
import twin
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from creme.kernels.local_shuffle import local_arrangements, local_shuffles, parts
from creme.perturbations.dinucleotide_shuffle import DinucleotideShuffle
from creme.perturbations.local_shuffle import LocalShuffle
from creme.seeds import derive
from creme.sequence import N, Sequence, encode

CODES = st.lists(st.integers(0, 4), max_size=200)
SEEDS = st.integers(0, 2**128 - 1)
WINDOWS = st.integers(4, 60)

BASES = "".join("ACGT"[i * i * i % 11 % 4] for i in range(400))
WITH_N = "".join("ACGTN"[i * i * i % 11 % 5] for i in range(400))
GOLDEN = {
    (BASES, 0, None): "992472257a45c162c0930dff1c0f290a02a1d86885bcbb8f22f806287ea8d5ea",
    (BASES, 100, 300): "b420be7f1070a3933f106bcdc2c00223534e616ab24e0ff1b628895d55e40647",
    (WITH_N, 0, None): "d1669ffbee6b275346999f663a6cef9d8cc1d4ddbe59730959b32996f88317db",
    (WITH_N, 100, 300): "d59cd27c6b17892cbeaa349df93bb86706dc678c3682c52dc083bf11e97ff421",
}


def windows_of(codes: list[int], window: int) -> list[list[int]]:
    """Positions of the bases of each window, by a plain loop; windows of N alone are left out."""
    number = max(1, round(len(codes) / window))
    found: list[list[int]] = [[] for _ in range(number)]
    for at, code in enumerate(codes):
        if code != N:
            # The window whose end, rounded down, is the first one above the position.
            found[next(k for k in range(number) if at < (k + 1) * len(codes) // number)].append(at)
    return [positions for positions in found if positions]


def by_twin(codes: list[int], seed: int, window: int) -> list[int]:
    out = list(codes)
    own = windows_of(codes, window)
    for number, positions in enumerate(own):
        part = positions + [later[0] for later in own[number + 1 : number + 2]]
        row = twin.dinucleotide([codes[at] for at in part], derive(seed, "window", number))
        for at, code in zip(part, row, strict=True):
            out[at] = code
    return out


@settings(deadline=None)
@given(CODES, SEEDS, WINDOWS)
def test_it_equals_the_twin(codes, seed, window):
    (row,) = local_shuffles(np.array(codes, dtype=np.uint8), [seed], window)
    assert row.tolist() == by_twin(codes, seed, window)


@settings(deadline=None)
@given(CODES, st.lists(SEEDS, min_size=1, max_size=3), WINDOWS)
def test_counts_are_exact_in_each_window_and_over_all(codes, seeds, window):
    own = windows_of(codes, window)
    for row in local_shuffles(np.array(codes, dtype=np.uint8), seeds, window).tolist():
        assert [code == N for code in row] == [code == N for code in codes]
        bases, joined = ([c for c in each if c != N] for each in (codes, row))
        assert Counter(pairwise(joined)) == Counter(pairwise(bases))
        for positions in own:
            was, now = ([each[at] for at in positions] for each in (codes, row))
            assert Counter(was) == Counter(now)
            # The first base of each window is the end of the part before, and stays.
            assert was[0] == now[0]


@settings(deadline=None)
@given(CODES, WINDOWS)
def test_each_pair_of_neighbouring_bases_is_in_one_part(codes, window):
    array = np.array(codes, dtype=np.uint8)
    pairs = [pair for part in parts(array, window) for pair in pairwise(part.tolist())]
    assert pairs == list(pairwise(np.flatnonzero(array != N).tolist()))


@pytest.mark.parametrize("text", ["GATCCTGAGAGCATTATAGCGATA", "GATNCCTNNGAGAGCATTATAG"])
def test_all_arrangements_are_equally_likely(text):
    codes, window, draws = encode(text), len(text) // 2, 100_000
    own = list(parts(codes, window))
    assert len(own) == 2
    each = [twin.arrangements("".join(text[at] for at in part)) for part in own]
    expected = []
    for chosen in product(*each):
        letters = list(text)
        for part, arrangement in zip(own, chosen, strict=True):
            for at, letter in zip(part, arrangement, strict=True):
                letters[at] = letter
        expected.append("".join(letters))
    assert 10 < len(expected) < draws / 20
    assert local_arrangements(codes, window) == pytest.approx(np.log(len(expected)))
    seen = Counter(str(Sequence(row)) for row in local_shuffles(codes, range(draws), window))
    assert set(seen) == set(expected)
    assert chisquare([seen[one] for one in expected]).pvalue > 0.001


@pytest.mark.parametrize(("text", "start", "end"), GOLDEN)
def test_shuffled_bases_never_change(text, start, end):
    mutant = LocalShuffle(window=50, start=start, end=end)(Sequence.from_string(text), seed=7)
    assert mutant.digest.hex() == GOLDEN[text, start, end]


_GC = (0.2, 0.8)


def test_regional_composition_stays_where_it_is():
    random = np.random.default_rng(3)
    halves = [random.choice(4, 5000, p=[(1 - gc) / 2, gc / 2, gc / 2, (1 - gc) / 2]) for gc in _GC]
    sequence = Sequence(np.concatenate(halves).astype(np.uint8))

    def gc(perturbation) -> list[float]:
        row = perturbation(sequence, seed=1).sequence.codes.reshape(10, -1)
        return np.isin(row, (1, 2)).mean(axis=1).tolist()

    kept = gc(LocalShuffle(window=1000))
    assert max(kept[:5]) < 0.25
    assert min(kept[5:]) > 0.75
    assert all(0.4 < share < 0.6 for share in gc(DinucleotideShuffle()))
