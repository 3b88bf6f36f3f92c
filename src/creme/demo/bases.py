"""Random bases of a synthetic genome: a Markov chain, of few CG but in islands of them."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from creme.sequence import Codes

# Probabilities of the next base: in a genome like the human one, and in an island of CG.
_GENOME = np.array(
    [
        [0.33, 0.17, 0.24, 0.26],
        [0.35, 0.26, 0.05, 0.34],
        [0.29, 0.21, 0.26, 0.24],
        [0.22, 0.20, 0.25, 0.33],
    ]
)
_ISLAND = np.array(
    [
        [0.18, 0.29, 0.40, 0.13],
        [0.18, 0.36, 0.26, 0.20],
        [0.17, 0.33, 0.36, 0.14],
        [0.10, 0.34, 0.38, 0.18],
    ]
)
_LIMITS = np.stack(
    [(np.cumsum(one, axis=1) * 2**32).astype(np.uint64) for one in (_GENOME, _ISLAND)]
)


def random_bases(words: NDArray[np.uint64], island: NDArray[np.uint8] | None = None) -> Codes:
    """Codes of bases, one from each random number.

    Parameters
    ----------
    words : ndarray of uint64
        Random numbers below 2**32.
    island : ndarray of uint8, optional
        1 where a base lies in an island of CG, and 0 elsewhere; there is none unless given.

    Returns
    -------
    ndarray of uint8
    """
    table = np.zeros(words.size, dtype=np.uint8) if island is None else island
    return np.asarray(_chain(words, table, _LIMITS), dtype=np.uint8)


@njit(cache=True)
def _chain(words, table, limits):  # type: ignore[no-untyped-def]
    codes = np.empty(words.size, dtype=np.uint8)
    here = 0
    for i in range(words.size):
        to = 0
        while to < 3 and words[i] >= limits[table[i], here, to]:
            to += 1
        codes[i] = to
        here = to
    return codes
