"""Dinucleotide shuffles within windows, which keep the composition of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from creme.kernels.arrangements import dinucleotide_arrangements
from creme.kernels.shuffle import dinucleotide_shuffles
from creme.seeds import derive
from creme.sequence import Codes, N


def parts(codes: Codes, window: int) -> Iterator[NDArray[np.intp]]:
    """Positions of the bases of each window, and of the next base after it.

    The sequence is divided evenly into windows of about `window` bp. The first base of a window is
    the last one of the part before, which a dinucleotide shuffle leaves in place: so each pair of
    neighbouring bases is in one part.

    Parameters
    ----------
    codes : array of uint8, (length,)
        N are in no part, and windows of N alone are none.
    window : int
        bp.
    """
    number = max(1, round(len(codes) / window))
    bases = np.flatnonzero(codes != N)
    ends = np.arange(1, number + 1) * len(codes) // number
    cuts = np.unique(np.searchsorted(bases, ends))
    begin = 0
    for cut in cuts.tolist():
        if cut > begin:
            yield bases[begin : cut + 1]
        begin = cut


def local_shuffles(codes: Codes, seeds: Iterable[int], window: int) -> NDArray[np.uint8]:
    """Shuffles that keep the counts of all dinucleotides in each window.

    Each part of `parts` is shuffled by `creme.kernels.shuffle.dinucleotide_shuffles` with a seed of
    its own, so that all distinct arrangements are equally likely. N stay where they are; of the
    bases, those at the ends of the parts do. The counts of the whole string of bases are exact too,
    across windows.

    Parameters
    ----------
    codes : array of uint8, (length,)
    seeds : iterable of int
        From 0 to 2**128 - 1.
    window : int
        Length of a window, bp.

    Returns
    -------
    array of uint8, (n_seeds, length)
    """
    chosen = list(seeds)
    out = np.tile(codes, (len(chosen), 1))
    for number, part in enumerate(parts(codes, window)):
        own = [derive(seed, "window", number) for seed in chosen]
        out[:, part] = dinucleotide_shuffles(codes[part], own)
    return out


def local_arrangements(codes: Codes, window: int) -> float:
    """The natural logarithm of the number of distinct arrangements."""
    return sum(dinucleotide_arrangements(codes[part]) for part in parts(codes, window))
