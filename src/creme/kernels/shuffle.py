"""Exact shuffles of codes: uniform over the distinct arrangements, without the GIL."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import numpy as np
from numba import njit, types
from numpy.typing import NDArray

from creme.errors import SequenceError
from creme.kernels.random import below, below_each, streams
from creme.sequence import Codes, N, Sequence

MAX_LENGTH = 2**31 - 1
"""Longest sequence that can be shuffled, bp."""

LETTERS = 4
"""A, C, G and T: the kernels are given sequences without N."""

_NONE = -1
_TOGETHER = 4  # walks side by side: more of them are slower again (cache, store buffer)
_PAIRS = np.uint64(128)  # words drawn at once: many for vector instructions, few for the cache
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_ONE, _TWO = np.uint64(1), np.uint64(2)
_NEXT = np.uint32(1)


def dinucleotide_shuffles(
    codes: Codes, seeds: Iterable[int], out: NDArray[np.uint8] | None = None
) -> NDArray[np.uint8]:
    """Shuffles that keep the counts of all dinucleotides, and the first and the last base.

    N stay where they are: the other bases are shuffled as one string from which the N are cut out,
    and laid back around them. Counts are exact in that string, so that each run of N between other
    bases alters one junction at most; see `junctions`. Every distinct arrangement is equally
    likely. A sequence is a walk through all edges of the
    multigraph whose vertices are the letters and whose edges are the dinucleotides. The last
    exits of its letters form a tree towards the last letter: a random one is drawn with Wilson's
    algorithm (STOC 1996), each letter's other exits are permuted, and the walk is read off
    (Kandel, Matias, Unger and Winkler, 1996).

    Parameters
    ----------
    codes : array of uint8, shape (length,)
        Values 0 to 4; at most 2**31 - 1 of them.
    seeds : iterable of int
        From 0 to 2**128 - 1. Several at once cost less each than one by one.
    out : array of uint8, shape (n_seeds, length), optional
        Array to write into; C-contiguous.

    Returns
    -------
    array of uint8, shape (n_seeds, length)
        Row k depends on `codes` and seed k alone. Fewer than four bases come back as they are.

    Raises
    ------
    ConfigError
        If a seed is not allowed.
    SequenceError
        If `codes` is too long or no vector of codes, or `out` does not fit.
    """
    return _shuffles(_dinucleotide, codes, seeds, out)


def mononucleotide_shuffles(
    codes: Codes, seeds: Iterable[int], out: NDArray[np.uint8] | None = None
) -> NDArray[np.uint8]:
    """Shuffles that keep the counts of all bases, uniform over the distinct arrangements.

    N stay where they are. Parameters, returned value and errors as for `dinucleotide_shuffles`.
    """
    return _shuffles(_mononucleotide, codes, seeds, out)


def _shuffles(
    kernel: Callable[..., None],
    codes: Codes,
    seeds: Iterable[int],
    out: NDArray[np.uint8] | None,
) -> NDArray[np.uint8]:
    if len(codes) > MAX_LENGTH:
        raise SequenceError(f"{len(codes)} bp cannot be shuffled: at most {MAX_LENGTH} can")
    checked = Sequence(codes).codes
    words = streams(seeds)
    shape = (len(words), len(checked))
    if out is None:
        out = np.empty(shape, dtype=np.uint8)
    elif out.shape != shape or out.dtype != np.uint8 or not out.flags.carray:
        raise SequenceError(
            f"out must be a writable C-contiguous array of uint8 of shape {shape}, not one of "
            f"{out.dtype} of shape {out.shape}"
        )
    bases = np.flatnonzero(checked != N)
    if len(bases) == len(checked):
        if checked.size:
            _compiled(kernel)(checked, words, out)
        return out
    rows = np.empty((len(words), len(bases)), dtype=np.uint8)
    if bases.size:
        _compiled(kernel)(np.ascontiguousarray(checked[bases]), words, rows)
    # `out` may lie where the codes are, so the N are written too.
    out[:] = N
    out[:, bases] = rows
    return out


def junctions(codes: Codes) -> int:
    """How many dinucleotides a shuffle may alter: the runs of N between other bases."""
    is_base = codes != N
    if is_base.all():
        return 0
    starts = np.count_nonzero(is_base[1:] & ~is_base[:-1]) + int(is_base[:1].any())
    return max(0, int(starts) - 1)


@cache
def _compiled(kernel: Callable[..., None]) -> Callable[..., None]:
    """The machine code of a kernel: from numba's cache on disk, or compiled now."""
    signature = types.void(
        types.Array(types.uint8, 1, "C", readonly=True), types.uint64[:, ::1], types.uint8[:, ::1]
    )
    try:
        return njit(signature, nogil=True, cache=True)(kernel)
    except Exception:
        # The cache may be unwritable, full or damaged. If it was the kernel, this raises it again.
        return njit(signature, nogil=True)(kernel)


# The kernels keep to loops over single elements: array expressions double the time to compile.


def _mononucleotide(codes: Any, words: Any, out: Any) -> None:
    counts = np.zeros(LETTERS, dtype=np.int64)
    for code in codes:
        counts[code] += 1
    picks = np.empty(_PAIRS, dtype=np.uint64)
    for row in range(words.shape[0]):
        _arrange(counts, out[row], words[row, 0], words[row, 1], picks)


def _dinucleotide(codes: Any, words: Any, out: Any) -> None:
    length, n = codes.size, words.shape[0]
    if length < 4:  # a single arrangement
        for row in range(n):
            for i in range(length):
                out[row, i] = codes[i]
        return
    counts = np.zeros((LETTERS, LETTERS), dtype=np.int64)
    for i in range(length - 1):
        counts[codes[i], codes[i + 1]] += 1
    # The walk looks one exit ahead, hence the zeros. Rows a multiple of 4 KiB apart would share
    # their places in the cache.
    rows = min(n, _TOGETHER)
    exits = np.zeros((rows, length + 64), dtype=np.uint8)
    places = np.empty((rows, 8), dtype=np.uint32)
    picks = np.empty(_PAIRS, dtype=np.uint64)
    first, last = codes[0], codes[length - 1]
    done = 0
    while done < n:
        rows = _TOGETHER if n - done >= _TOGETHER else 1
        for k in range(rows):
            key, gamma = words[done + k, 0], words[done + k, 1]
            _draw_exits(counts, last, exits[k], places[k], key, gamma, picks)
        if rows == 1:
            _walk(first, exits[0], places[0], out[done])
        else:
            _walk_together(first, exits, places, out[done : done + _TOGETHER])
        done += rows


@njit
def _draw_exits(counts, root, exits, places, state, gamma, picks):  # type: ignore[no-untyped-def]
    """Draw the order of the exits of each letter; `places` are the first ones in `exits`."""
    last = np.empty(LETTERS, dtype=np.int64)
    state = _draw_last_exits(counts, root, last, state, gamma)
    free = np.empty(LETTERS, dtype=np.int64)
    start = 0
    for letter in range(LETTERS):
        places[letter] = start
        end = start
        for to in range(LETTERS):
            end += counts[letter, to]
            free[to] = counts[letter, to]
        stop = end
        if last[letter] != _NONE:
            free[last[letter]] -= 1
            stop = end - 1
            exits[stop] = last[letter]
        state = _arrange(free, exits[start:stop], state, gamma, picks)
        start = end


@njit
def _draw_last_exits(counts, root, last, state, gamma):  # type: ignore[no-untyped-def]
    """A random tree towards `root`, each as likely as it has edges to be made of; next state."""
    in_tree = np.empty(LETTERS, dtype=np.bool_)
    for letter in range(LETTERS):
        in_tree[letter] = letter == root
        last[letter] = _NONE
    for letter in range(LETTERS):
        here = letter
        while not in_tree[here]:
            # A step to the same letter would be erased with the other loops: it is not taken.
            exits = 0
            for to in range(LETTERS):
                if to != here:
                    exits += counts[here, to]
            if exits == 0:
                break  # a letter that the sequence does not have
            pick, state = below(np.uint64(exits), state, gamma)
            rank = np.int64(pick)
            to = 0
            while to == here or rank >= counts[here, to]:
                if to != here:
                    rank -= counts[here, to]
                to += 1
            last[here] = to  # a second visit overwrites the first: that erases the loop
            here = to
        here = letter
        while last[here] != _NONE and not in_tree[here]:
            in_tree[here] = True
            here = last[here]
    return state


@njit
def _arrange(counts, letters, state, gamma, picks):  # type: ignore[no-untyped-def]
    """Fill `letters` with a random arrangement of ``counts[c]`` times each c; the next state."""
    # Fisher-Yates, upwards. Among the most common letter alone there is nothing to exchange.
    common = 0
    for letter in range(LETTERS):
        if counts[letter] > counts[common]:
            common = letter
    # Unsigned places: a signed one is tested for being negative at each access.
    place = np.uint64(counts[common])
    for i in range(place):
        letters[i] = common
    end = place
    for letter in range(LETTERS):
        if letter != common:
            for _ in range(counts[letter]):
                letters[end] = letter
                end += _ONE
    while end - place >= _TWO:
        n = min((end - place) // _TWO, _PAIRS)
        state = below_each(place + _ONE, picks, n, state, gamma)
        for k in range(n):
            at = picks[k] & _LOW
            held = letters[place]
            letters[place] = letters[at]
            letters[at] = held
            place += _ONE
            at = picks[k] >> _HALF
            held = letters[place]
            letters[place] = letters[at]
            letters[at] = held
            place += _ONE
    if place < end:
        at, state = below(end, state, gamma)
        held = letters[place]
        letters[place] = letters[at]
        letters[at] = held
    return state


@njit
def _walk(first, exits, places, out):  # type: ignore[no-untyped-def]
    """Leave each letter by its exits in their order."""
    # Every letter's next exit is loaded ahead, so that a step waits for one load and not for two.
    following = np.empty(LETTERS, dtype=np.uint8)
    for letter in range(LETTERS):
        following[letter] = exits[places[letter]]
    here = first
    out[0] = first
    for i in range(1, out.size):
        to = following[here]
        places[here] += _NEXT
        following[here] = exits[places[here]]
        here = to
        out[i] = to


@njit
def _walk_together(first, exits, places, out):  # type: ignore[no-untyped-def]
    """Four walks, a step of each in turn: while one waits for its load, the others go on."""
    exits_a, exits_b, exits_c, exits_d = exits[0], exits[1], exits[2], exits[3]
    places_a, places_b, places_c, places_d = places[0], places[1], places[2], places[3]
    out_a, out_b, out_c, out_d = out[0], out[1], out[2], out[3]
    a = b = c = d = first
    out_a[0] = out_b[0] = out_c[0] = out_d[0] = first
    for i in range(1, out.shape[1]):
        at_a, at_b, at_c, at_d = places_a[a], places_b[b], places_c[c], places_d[d]
        places_a[a] = at_a + _NEXT
        places_b[b] = at_b + _NEXT
        places_c[c] = at_c + _NEXT
        places_d[d] = at_d + _NEXT
        a, b, c, d = exits_a[at_a], exits_b[at_b], exits_c[at_c], exits_d[at_d]
        out_a[i], out_b[i], out_c[i], out_d[i] = a, b, c, d
