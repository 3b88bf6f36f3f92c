"""Our own random numbers, so that no library's upgrade changes a result.

SplitMix64 with a gamma for each stream (Steele, Lea and Flood, OOPSLA 2014): word i of a stream is
``mix(key + (i + 1) * gamma)``, a function of a counter, in integers only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
from numba import njit
from numpy.typing import NDArray

from creme.errors import ConfigError
from creme.seeds import MAX_SEED

_MASK = 2**64 - 1


def streams(seeds: Iterable[int]) -> NDArray[np.uint64]:
    """Key and gamma of the stream of each seed, shape (n, 2) uint64.

    Raises
    ------
    ConfigError
        If a seed is negative or above 2**128 - 1.
    """
    words = []
    for seed in seeds:
        if not 0 <= seed <= MAX_SEED:
            raise ConfigError(f"seed = {seed} is not allowed: give 0 to 2**128 - 1")
        digest = hashlib.sha256(b"creme-stream" + int(seed).to_bytes(16, "little")).digest()
        key = int.from_bytes(digest[:8], "little")
        gamma = int.from_bytes(digest[8:16], "little") | 1
        # A gamma with few bit transitions mixes badly; the paper's repair flips every other bit.
        if (gamma ^ (gamma >> 1)).bit_count() < 24:
            gamma ^= 0xAAAAAAAAAAAAAAAA
        words.append((key, gamma & _MASK))
    return np.array(words, dtype=np.uint64).reshape(-1, 2)


@njit(inline="always", cache=True)
def mix(word):  # type: ignore[no-untyped-def]
    """The finaliser of SplitMix64 (variant 13 of Stafford)."""
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return word ^ (word >> np.uint64(31))


@njit(inline="always", cache=True)
def below(bound, state, gamma):  # type: ignore[no-untyped-def]
    """An exactly uniform integer in [0, bound), 0 < bound < 2**32, and the stream's next state.

    Lemire's multiplication with rejection, on the upper halves of the stream's words.
    """
    state += gamma
    product = (mix(state) >> np.uint64(32)) * bound
    low = product & np.uint64(0xFFFFFFFF)
    if low < bound:
        threshold = (np.uint64(0x100000000) - bound) % bound
        while low < threshold:
            state += gamma
            product = (mix(state) >> np.uint64(32)) * bound
            low = product & np.uint64(0xFFFFFFFF)
    return product >> np.uint64(32), state
