"""The rules of the synthetic model: invented motifs, and their effect on a promoter.

Nothing here was learned from data. The rules have the features that real ones are thought to have
(distance decay, saturation, cooperativity at low input and redundancy at high input), so that every
test has an effect to find whose truth is known.
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
"""Contribution of one instance to the drive (enhancer) or the repression (silencer), undecayed."""
CEILING = 100.0
FLOOR = 0.02
"""Largest response of a promoter, and the activity without one."""

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
    windows = np.empty(max(0, codes.size - WIDTH + 1), dtype=np.int32)
    whole = np.empty(windows.size, dtype=np.bool_)
    window: Any = 0
    last_n = -1
    for i in range(codes.size):
        code: Any = np.int64(codes[i])
        if code > 3:
            last_n = i
            code = 0
        window = ((window << 2) | code) & _WINDOW
        if i >= WIDTH - 1:
            windows[i - WIDTH + 1] = window
            whole[i - WIDTH + 1] = i - last_n >= WIDTH
    # Matches are rare: one pattern at a time they are counted, which runs in vector instructions.
    counts = np.zeros(packed.size, dtype=np.int64)
    for p in range(packed.size):
        pattern = np.int32(packed[p])
        count = 0
        for i in range(windows.size):
            count += _matches(windows[i], pattern) & whole[i]
        counts[p] = count
    starts = np.empty(counts.sum(), dtype=np.int64)
    kinds = np.empty_like(starts)
    total = 0
    for p in range(packed.size):
        if counts[p]:
            pattern = np.int32(packed[p])
            for i in range(windows.size):
                if whole[i] and _matches(windows[i], pattern):
                    starts[total] = i
                    kinds[total] = kind_of[p]
                    total += 1
    order = np.argsort(starts, kind="mergesort")
    return starts[order], kinds[order]


@njit(nogil=True, cache=True, inline="always")
def _matches(window, pattern):  # type: ignore[no-untyped-def]
    """Whether at most one base differs."""
    differing = window ^ pattern
    bases = (differing | (differing >> np.int32(1))) & np.int32(_LOW_BITS)
    return (bases & (bases - np.int32(1))) == 0


@njit(nogil=True, cache=True)
def codes_of(onehot):  # type: ignore[no-untyped-def]
    """Codes of a one-hot sequence, (length, 4) to (length,) uint8; 4 where no channel is 1."""
    codes = np.empty(onehot.shape[0], dtype=np.uint8)
    for i in range(onehot.shape[0]):
        code = 4
        for channel in range(4):
            code = channel if onehot[i, channel] > 0.5 else code
        codes[i] = code
    return codes
