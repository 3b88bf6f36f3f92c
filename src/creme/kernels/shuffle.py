"""Exact shuffles of codes: uniform over the distinct arrangements, without the GIL."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numba import njit
from numpy.typing import NDArray

from creme.kernels.random import below, streams
from creme.sequence import Codes

LETTERS = 5
"""A, C, G, T and N: N is a letter like the others."""


def dinucleotide_shuffles(codes: Codes, seeds: Iterable[int]) -> NDArray[np.uint8]:
    """Shuffles that keep the counts of all dinucleotides, and the first and the last base.

    Every distinct arrangement is equally likely: a random tree of last exits towards the last
    letter (Wilson's algorithm), the other exits permuted, then the Euler walk.

    Parameters
    ----------
    codes : array of uint8, shape (length,)
    seeds : iterable of int

    Returns
    -------
    array of uint8, shape (n_seeds, length)
        Row k depends on `codes` and seed k alone.
    """
    words = streams(seeds)
    out = np.empty((len(words), len(codes)), dtype=np.uint8)
    if len(codes) < 4:
        out[:] = codes
    else:
        _dinucleotide(codes, words, out)
    return out


def mononucleotide_shuffles(codes: Codes, seeds: Iterable[int]) -> NDArray[np.uint8]:
    """Shuffles that keep the counts of all letters, uniform over the distinct arrangements.

    Parameters and returned value as for `dinucleotide_shuffles`.
    """
    words = streams(seeds)
    out = np.empty((len(words), len(codes)), dtype=np.uint8)
    _mononucleotide(codes, words, out)
    return out


@njit(nogil=True, cache=True)
def _mononucleotide(codes, words, out):  # type: ignore[no-untyped-def]
    for row in range(words.shape[0]):
        state, gamma = words[row, 0], words[row, 1]
        shuffled = out[row]
        shuffled[:] = codes
        for last in range(codes.size - 1, 0, -1):
            pick, state = below(np.uint64(last + 1), state, gamma)
            other = np.int64(pick)
            shuffled[last], shuffled[other] = shuffled[other], shuffled[last]


@njit(nogil=True, cache=True)
def _dinucleotide(codes, words, out):  # type: ignore[no-untyped-def]
    length = codes.size
    counts = np.zeros((LETTERS, LETTERS), dtype=np.int64)
    for i in range(length - 1):
        counts[codes[i], codes[i + 1]] += 1
    starts = np.zeros(LETTERS + 1, dtype=np.int64)
    for letter in range(LETTERS):
        starts[letter + 1] = starts[letter] + counts[letter].sum()
    exits = np.empty((words.shape[0], length - 1), dtype=np.uint8)
    for row in range(words.shape[0]):
        _draw_exits(counts, starts, codes[length - 1], words[row, 0], words[row, 1], exits[row])
    # Two walks side by side: each step waits for memory, and the waits overlap.
    row = 0
    while row + 1 < words.shape[0]:
        _walk_two(codes[0], starts, exits[row], exits[row + 1], out[row], out[row + 1])
        row += 2
    if row < words.shape[0]:
        _walk(codes[0], starts, exits[row], out[row])


@njit(nogil=True, cache=True)
def _draw_exits(counts, starts, root, state, gamma, exits):  # type: ignore[no-untyped-def]
    """The order in which each letter is left: permuted, but for a last exit from the tree."""
    last = np.full(LETTERS, -1, dtype=np.int64)
    in_tree = np.zeros(LETTERS, dtype=np.bool_)
    in_tree[root] = True
    for letter in range(LETTERS):
        if starts[letter] == starts[letter + 1]:
            continue  # never left: absent, or the last letter alone
        here = letter
        while not in_tree[here]:
            degree = starts[here + 1] - starts[here]
            pick, state = below(np.uint64(degree), state, gamma)
            rank = np.int64(pick)
            to = 0
            while rank >= counts[here, to]:
                rank -= counts[here, to]
                to += 1
            last[here] = to  # walking in circles overwrites: loops are erased
            here = to
        here = letter
        while not in_tree[here]:
            in_tree[here] = True
            here = last[here]
    for letter in range(LETTERS):
        start, end = starts[letter], starts[letter + 1]
        if start == end:
            continue
        place = start
        for to in range(LETTERS):
            n = counts[letter, to] - (1 if last[letter] == to else 0)
            for _ in range(n):
                exits[place] = to
                place += 1
        if last[letter] >= 0:
            exits[end - 1] = last[letter]
        for i in range(place - 1, start, -1):
            pick, state = below(np.uint64(i - start + 1), state, gamma)
            other = start + np.int64(pick)
            exits[i], exits[other] = exits[other], exits[i]


@njit(nogil=True, cache=True)
def _walk(first, starts, exits, out):  # type: ignore[no-untyped-def]
    place = starts.copy()
    here = first
    out[0] = here
    for i in range(1, out.size):
        at = place[here]
        place[here] = at + 1
        here = exits[at]
        out[i] = here


@njit(nogil=True, cache=True)
def _walk_two(first, starts, exits, exits2, out, out2):  # type: ignore[no-untyped-def]
    place, place2 = starts.copy(), starts.copy()
    here, here2 = first, first
    out[0], out2[0] = here, here2
    for i in range(1, out.size):
        at, at2 = place[here], place2[here2]
        place[here], place2[here2] = at + 1, at2 + 1
        here, here2 = exits[at], exits2[at2]
        out[i], out2[i] = here, here2
