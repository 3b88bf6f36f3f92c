"""How near to natural sequence a designed one is."""

from __future__ import annotations

from collections.abc import Sequence as SequenceOf

import numpy as np
from numpy.typing import NDArray

from creme.codes import share_of_gc
from creme.sequence import Codes, N, complement

K = 4
"""Length of the words whose frequencies are compared, bp."""
WINDOWS = 200
"""Natural sequences of the same length that a design is ranked among."""


def naturalness(
    designs: SequenceOf[Codes], natural: Codes
) -> dict[str, tuple[tuple[str, ...], NDArray[np.float64]]]:
    """The distance of sequences of one length from natural sequence.

    Parameters
    ----------
    designs : sequence of Codes
    natural : Codes
        Such as that of a locus, at least as long.

    Returns
    -------
    dict of str to (dims, array)
        By ``design``: ``gc``, the share of G and C; ``kmer_distance``, the Jensen-Shannon distance
        (0 to 1) of the frequencies of words of `K` bp, on either strand, from those of the natural
        sequence; ``kmer_rank``, the share of `WINDOWS` windows of the natural sequence, as long as
        the design and evenly spaced, that are nearer to the whole than it; ``nearest_identity``,
        the share of bases that the most similar window has in common with it, on the strand that is
        more similar; and ``nearest_start``, the start of that window, 0-based, the first of equally
        similar ones.
    """
    length = len(designs[0])
    whole = _frequencies(natural)
    starts = np.unique(np.linspace(0, len(natural) - length, WINDOWS).astype(int))
    usual = np.array([_distance(_frequencies(natural[s : s + length]), whole) for s in starts])
    usual = usual[np.isfinite(usual)]
    rows = []
    for codes in designs:
        distance = _distance(_frequencies(codes), whole)
        nearer = float(np.mean(usual < distance)) if usual.size else float("nan")
        rows.append((share_of_gc(codes), distance, nearer, *_nearest(codes, natural)))
    names = ("gc", "kmer_distance", "kmer_rank", "nearest_identity", "nearest_start")
    columns = np.array(rows, dtype=np.float64).T
    return {name: (("design",), column) for name, column in zip(names, columns, strict=True)}


def _frequencies(codes: Codes) -> NDArray[np.float64]:
    """Of all words without N, each with its reverse complement; NaN without any."""
    counts = np.zeros(4**K)
    for strand in (codes, complement(codes[::-1])):
        windows = np.lib.stride_tricks.sliding_window_view(strand, K)
        words = windows[(windows != N).all(axis=1)] @ 4 ** np.arange(K)[::-1]
        counts += np.bincount(words, minlength=4**K)
    total = counts.sum()
    return counts / total if total else np.full(4**K, np.nan)


def _distance(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Jensen-Shannon, the square root of the divergence in bits."""
    middle = (one + other) / 2
    bits = sum(
        np.sum(part * np.log2(np.divide(part, middle, out=np.ones_like(part), where=part > 0)))
        for part in (one, other)
    )
    return float(np.sqrt(max(0.0, float(bits) / 2))) if np.isfinite(bits) else float("nan")


def _nearest(codes: Codes, natural: Codes) -> tuple[float, int]:
    """Identity and start of the most similar window."""
    length = len(codes)
    best = (-1, 0)
    for strand in (codes, complement(codes[::-1])):
        same = np.zeros(len(natural) - length + 1, dtype=np.int32)
        for place, base in enumerate(strand.tolist()):
            if base != N:
                same += natural[place : place + same.size] == base
        at = int(same.argmax())
        best = max(best, (int(same[at]), -at))
    return best[0] / length, -best[1]
