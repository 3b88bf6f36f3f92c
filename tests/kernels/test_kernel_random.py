"""The generator: against published values, a slow twin, and what a uniform draw must satisfy."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare
from twin import Twin, lemire

from creme.errors import ConfigError
from creme.kernels.random import below, below_each, mix, streams

U = np.uint64
SEEDS = st.integers(0, 2**128 - 1)

GOLDEN_STREAMS = [
    [13142799745700880437, 202937382447779643],
    [4479125148652322614, 1098234864608419953],
    [13758011059542133856, 5439464852222389183],
]


def test_mix_gives_the_published_values_of_splitmix64():
    # Seed 1234567 with the usual gamma: the reference values of the algorithm's collections.
    gamma, state = 0x9E3779B97F4A7C15, 1234567
    words = [int(mix(U((state + (i + 1) * gamma) % 2**64))) for i in range(5)]
    assert words == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]


@settings(deadline=None)
@given(SEEDS)
def test_streams_equal_the_twin(seed):
    (words,) = streams([seed]).tolist()
    twin = Twin(seed)
    assert words == [twin.state, twin.gamma]


def test_streams_of_a_seed_have_golden_key_and_gamma():
    assert streams([0, 1, 2**128 - 1]).tolist() == GOLDEN_STREAMS


def test_gammas_are_odd_and_have_enough_bit_transitions():
    gammas = [int(gamma) for _, gamma in streams(range(3000))]
    assert all(gamma % 2 for gamma in gammas)
    assert min((gamma ^ (gamma >> 1)).bit_count() for gamma in gammas) >= 24
    repaired = 0
    for seed, gamma in enumerate(gammas):
        digest = hashlib.sha256(b"creme-stream" + seed.to_bytes(16, "little")).digest()
        repaired += gamma != int.from_bytes(digest[8:16], "little") | 1
    assert repaired > 20  # the repair was put to use


def test_seeds_give_streams_of_their_own():
    words = streams([*range(5000), *(2**k for k in range(13, 128))])
    assert len(np.unique(words[:, 0])) == len(np.unique(words[:, 1])) == len(words)


def test_no_seeds_give_no_streams():
    assert streams([]).shape == (0, 2)


@pytest.mark.parametrize("seed", [np.int64(7), np.uint8(7), 7])
def test_any_kind_of_integer_is_a_seed(seed):
    assert streams([seed]).tolist() == streams([7]).tolist()


@pytest.mark.parametrize("seed", [-1, 2**128, 1.0, "7", None, np.float64(3)])
def test_other_seeds_are_refused_by_value(seed):
    with pytest.raises(ConfigError, match=r"seed = .* is not allowed: give an integer from 0 to"):
        streams([3, seed])


@settings(deadline=None)
@given(SEEDS, st.integers(1, 2**32 - 1))
def test_below_equals_the_twin_and_leaves_the_same_state(seed, bound):
    twin = Twin(seed)
    state, gamma = streams([seed])[0]
    for _ in range(5):
        pick, state = below(U(bound), U(state), gamma)
        assert pick == twin.below(bound)
        assert state == twin.state


@settings(deadline=None)
@given(SEEDS, st.integers(1, 2**31) | st.integers(1, 2000), st.integers(1, 128))
def test_below_each_equals_the_twin_and_leaves_the_same_state(seed, bound, n):
    # Bounds near 2**31 reject every third pair, so both ways through the function are taken.
    twin = Twin(seed)
    state, gamma = streams([seed])[0]
    picks = np.zeros(128, dtype=np.uint64)
    state = below_each(U(bound), picks, U(n), state, gamma)
    expected = [twin.pair(bound + 2 * k) for k in range(n)]
    assert [(int(pick) % 2**32, int(pick) >> 32) for pick in picks[:n]] == expected
    assert state == twin.state
    assert not picks[n:].any()


@pytest.mark.parametrize("bits", [4, 8])
def test_every_value_is_given_by_equally_many_words(bits):
    # Exhaustive, in small: all words of 4 and of 8 bits, all bounds.
    for bound in range(1, 2**bits):
        picks = [lemire(word, bound, bits) for word in range(2**bits)]
        times = {pick: picks.count(pick) for pick in set(picks) - {None}}
        assert set(times) == set(range(bound))
        assert set(times.values()) == {2**bits // bound}


@pytest.mark.parametrize("bound", [1, 2, 3, 5, 6, 1000, 49153, 3 * 2**30, 2**31 + 1, 2**32 - 1])
def test_every_value_is_given_by_equally_many_words_of_32_bits(bound):
    # A word gives `pick` where word * bound is from pick * 2**32 + threshold to (pick + 1) * 2**32.
    threshold = 2**32 % bound
    for pick in {*range(min(bound, 500)), bound // 2, bound - 1}:
        first = -(-(pick * 2**32 + threshold) // bound)
        end = -(-((pick + 1) * 2**32) // bound)
        assert end - first == 2**32 // bound
        assert lemire(first, bound) == lemire(end - 1, bound) == pick
        assert first == 0 or lemire(first - 1, bound) != pick


@pytest.mark.parametrize("bound", [2, 3, 5, 7, 10])
def test_small_draws_are_uniform(bound):
    state, gamma = streams([bound])[0]
    seen = np.zeros(bound, dtype=int)
    for _ in range(20_000):
        pick, state = below(U(bound), U(state), gamma)
        seen[pick] += 1
    assert chisquare(seen).pvalue > 0.001


def test_a_large_bound_is_not_biased():
    # Without rejection, two of four words would give a multiple of 3 here.
    state, gamma = streams([11])[0]
    seen = np.zeros(3, dtype=int)
    for _ in range(20_000):
        pick, state = below(U(3 * 2**30), U(state), gamma)
        seen[int(pick) % 3] += 1
    assert chisquare(seen).pvalue > 0.001


def test_the_two_draws_of_a_word_are_uniform_together():
    state, gamma = streams([5])[0]
    picks = np.zeros(1, dtype=np.uint64)
    seen = np.zeros((6, 7), dtype=int)
    for _ in range(40_000):
        state = below_each(U(6), picks, U(1), U(state), gamma)
        seen[int(picks[0]) % 2**32, int(picks[0]) >> 32] += 1
    assert chisquare(seen.ravel()).pvalue > 0.001
