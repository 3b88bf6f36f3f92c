"""The rules of the synthetic model: invented motifs, and what they do to a promoter.

Nothing here was learned from data. The rules have what real ones are thought to have (distance
decay, saturation, cooperativity at low input and redundancy at high input), so that every test has
something to find whose truth is known.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from creme.sequence import Codes, complement, encode

WIDTH = 14
"""Length of every motif, bp. One mismatch is tolerated, so chance matches are rare."""

MOTIFS = {
    "weak_promoter": "GCTATAAGGCACCG",
    "medium_promoter": "CTTCCGGTCATGAC",
    "strong_promoter": "ACGCGCCATTGGCA",
    "enhancer": "TGACTCAGCAGTTC",
    "silencer": "GTCAGCACCACGGA",
}
KINDS = tuple(MOTIFS)
BASAL = {"weak_promoter": 0.1, "medium_promoter": 1.2, "strong_promoter": 4.0}
"""Drive of a promoter without any enhancer."""
INSTANCE = 0.25
"""What one instance adds to the drive (enhancer) or to the repression (silencer), undecayed."""
CEILING = 100.0
FLOOR = 0.02
"""Largest response of a promoter, and what is read where there is none."""

# Promoters count in the direction of the sequence only, the others in both.
_PATTERNS = [(k, encode(m)) for k, m in enumerate(MOTIFS.values())] + [
    (k, complement(encode(m)[::-1]))
    for k, (name, m) in enumerate(MOTIFS.items())
    if "promoter" not in name
]
_KIND_OF = np.array([kind for kind, _ in _PATTERNS], dtype=np.int64)
_PACKED = np.array(
    [sum(int(c) << 2 * (WIDTH - 1 - i) for i, c in enumerate(codes)) for _, codes in _PATTERNS],
    dtype=np.int64,
)
_WINDOW = (1 << 2 * WIDTH) - 1
_LOW_BITS = 0x5555555


def find_motifs(codes: Codes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Start and kind (index into `KINDS`) of every match with at most one mismatch, by start.

    Codes of N match nothing.
    """
    starts, kinds = _scan(codes, _PACKED, _KIND_OF)
    return starts, kinds


def response(
    promoter: str, enhancement: float, repression: float, half: float = 1.0, hill: float = 2.0
) -> float:
    """Activity of a promoter: a Hill function of (basal + enhancement) / (1 + repression)."""
    drive = (BASAL[promoter] + enhancement) / (1.0 + repression)
    power = drive**hill
    return CEILING * power / (half**hill + power)


@njit(nogil=True, cache=True)
def _scan(codes, packed, kind_of):  # type: ignore[no-untyped-def]
    n = codes.size - WIDTH + 1
    # Room for any number of matches; memory that is not touched costs nothing.
    starts = np.empty(max(0, n) * packed.size, dtype=np.int64)
    kinds = np.empty_like(starts)
    found = 0
    window: Any = 0
    last_n = -1
    for i in range(codes.size):
        code: Any = np.int64(codes[i])
        if code > 3:
            last_n = i
            code = 0
        window = ((window << 2) | code) & _WINDOW
        if i - last_n < WIDTH:
            continue
        for p in range(packed.size):
            differing = window ^ packed[p]
            bases = (differing | (differing >> 1)) & _LOW_BITS
            if (bases & (bases - 1)) == 0:  # at most one bit is set: one base differs
                starts[found] = i - WIDTH + 1
                kinds[found] = kind_of[p]
                found += 1
    return starts[:found].copy(), kinds[:found].copy()


@njit(nogil=True, cache=True)
def codes_of(onehot):  # type: ignore[no-untyped-def]
    """Codes of a one-hot sequence, (length, 4) to (length,) uint8; 4 where no channel is 1."""
    codes = np.empty(onehot.shape[0], dtype=np.uint8)
    for i in range(onehot.shape[0]):
        codes[i] = 4
        for channel in range(4):
            if onehot[i, channel] > 0.5:
                codes[i] = channel
    return codes
