"""Our own random numbers, so that no library's upgrade changes a result.

SplitMix64 with a gamma for each stream (Steele, Lea and Flood, OOPSLA 2014): word i of a stream is
``mix(key + (i + 1) * gamma)``, a function of a counter, in integers only. What is drawn from a
stream, and in which order, must never change.

numba's cache on disk knows a kernel by its own file alone: after a change of the functions here,
touch those that call them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from operator import index

import numpy as np
from numba import njit
from numpy.typing import NDArray

from creme.errors import ConfigError
from creme.seeds import MAX_SEED

_LOW = np.uint64(0xFFFFFFFF)
_HIGH = np.uint64(0xFFFFFFFF00000000)
_HALF = np.uint64(32)
_ONE, _TWO = np.uint64(1), np.uint64(2)
_RANGE = np.uint64(2**32)


def streams(seeds: Iterable[int]) -> NDArray[np.uint64]:
    """Key and gamma of the stream of each seed, shape (n, 2) uint64.

    Both come from the SHA-256 of the seed, so streams of neighbouring seeds have nothing in common.

    Raises
    ------
    ConfigError
        If a seed is not an integer from 0 to 2**128 - 1.
    """
    words = [_stream(seed) for seed in seeds]
    return np.array(words, dtype=np.uint64).reshape(-1, 2)


def _stream(seed: int) -> tuple[int, int]:
    try:
        number = index(seed)
    except TypeError:
        number = -1
    if not 0 <= number <= MAX_SEED:
        raise ConfigError(f"seed = {seed!r} is not allowed: give an integer from 0 to 2**128 - 1")
    digest = hashlib.sha256(b"creme-stream" + number.to_bytes(16, "little")).digest()
    key = int.from_bytes(digest[:8], "little")
    gamma = int.from_bytes(digest[8:16], "little") | 1
    # A gamma with few bit transitions mixes badly; the paper's repair flips every other bit.
    if (gamma ^ (gamma >> 1)).bit_count() < 24:
        gamma ^= 0xAAAAAAAAAAAAAAAA
    return key, gamma


@njit(inline="always")
def mix(word):  # type: ignore[no-untyped-def]
    """The finaliser of SplitMix64 (variant 13 of Stafford)."""
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return word ^ (word >> np.uint64(31))


@njit
def below(bound, state, gamma):  # type: ignore[no-untyped-def]
    """An exactly uniform integer in [0, bound), 0 < bound < 2**32, and the stream's next state.

    Lemire's multiplication with rejection (ACM TOMACS 29, 2019), on the upper halves of the words.
    """
    threshold = _RANGE % bound
    while True:
        state += gamma
        product = (mix(state) >> _HALF) * bound
        if product & _LOW >= threshold:
            return product >> _HALF, state


@njit
def below_each(bound, picks, n, state, gamma):  # type: ignore[no-untyped-def]
    """Exactly uniform integers below `bound`, `bound` + 1, `bound` + 2, ...; the next state.

    Each of `n` words gives two: ``picks[k]`` holds one below ``bound + 2 k`` in its lower half and
    one below ``bound + 2 k + 1`` in its upper half. Both are drawn anew where either is rejected,
    so the pair is uniform. All bounds are above 0 and below 2**32.
    """
    # As if nothing were rejected: the compiler can make vector instructions of that.
    doubtful = False
    ahead, limit = state, bound
    for k in range(n):
        ahead += gamma
        word = mix(ahead)
        lower = (word & _LOW) * limit
        upper = (word >> _HALF) * (limit + _ONE)
        picks[k] = (lower >> _HALF) | (upper & _HIGH)
        # A product is rejected below 2**32 % bound, which is less than its bound.
        doubtful |= (lower & _LOW <= limit) | (upper & _LOW <= limit)
        limit += _TWO
    if not doubtful:
        return ahead
    limit = bound
    for k in range(n):
        while True:
            state += gamma
            word = mix(state)
            lower = (word & _LOW) * limit
            upper = (word >> _HALF) * (limit + _ONE)
            if lower & _LOW >= _RANGE % limit and upper & _LOW >= _RANGE % (limit + _ONE):
                break
        picks[k] = (lower >> _HALF) | (upper & _HIGH)
        limit += _TWO
    return state
