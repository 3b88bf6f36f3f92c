"""Where the filters of a stem begin: words that are more frequent where chromatin is open."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from torch_network import BIN, KERNEL, Stem

WORD = 10
_OPEN = 0.25
_LEAST = 12.0
"""Standard deviations above what closed chromatin leads one to expect."""


def _spell(words: NDArray[np.int64]) -> NDArray[np.uint8]:
    """(n,) words to (n, WORD) codes."""
    places = 4 ** np.arange(WORD - 1, -1, -1)
    return (words[:, None] // places % 4).astype(np.uint8)


def enriched(windows: list[tuple[NDArray[np.uint8], NDArray[np.float64]]]) -> NDArray[np.uint8]:
    """Words of either strand, the most enriched first, (n, WORD) codes.

    Parameters
    ----------
    windows : list of (codes, accessibility)
        (length,) codes without N, and (length / 128,) values.
    """
    counts = np.zeros((2, 4**WORD))
    places = 4 ** np.arange(WORD - 1, -1, -1)
    for codes, accessible in windows:
        pieces = np.lib.stride_tricks.sliding_window_view(codes, WORD).astype(np.int64)
        plus = pieces @ places
        minus = (3 - pieces[:, ::-1]) @ places
        is_open = np.repeat(accessible > _OPEN, BIN)[: len(plus)]
        words = np.minimum(plus, minus)
        for row, chosen in enumerate((~is_open, is_open)):
            counts[row] += np.bincount(words[chosen], minlength=4**WORD)
    expected = (counts[0] + 1) * counts[1].sum() / counts[0].sum()
    score = (counts[1] - expected) / np.sqrt(expected)
    order = np.argsort(-score, kind="stable")[: int((score > _LEAST).sum())]
    return _spell(order)


def _alike(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> bool:
    """Whether two words are one motif: all but one of 6 or more overlapping bases agree."""
    for turned in (other, 3 - other[::-1]):
        for shift in range(-(WORD - 6), WORD - 5):
            ours, theirs = (one[shift:], turned) if shift >= 0 else (one, turned[-shift:])
            overlap = min(len(ours), len(theirs))
            if (ours[:overlap] == theirs[:overlap]).sum() >= overlap - 1:
                return True
    return False


def seed_filters(stem: Stem, windows: list[tuple[NDArray[np.uint8], NDArray[np.float64]]]) -> int:
    """Lay enriched words that are unlike one another into filters; the others stay random.

    Returns
    -------
    int
        How many filters begin as a word.
    """
    chosen: list[NDArray[np.uint8]] = []
    for word in enriched(windows):
        if len(chosen) == len(stem.weight) * 2 // 3:
            break
        if not any(_alike(word, other) for other in chosen):
            chosen.append(word)
    first = (KERNEL - WORD) // 2
    with torch.no_grad():
        for row, word in enumerate(chosen):
            for place, base in enumerate(word, first):
                stem.weight[row, int(base), place] += 1.0
            stem.gain[row] = 2.0
            stem.threshold[row] = 4.0
    return len(chosen)
