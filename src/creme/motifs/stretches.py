"""Stretches of bases that matter, from saturation mutagenesis."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LEAST = 0.01
"""The smallest importance of a base that matters, share of the wild type's activity."""
TIMES = 5.0
"""It is also so many times the median size of the importance at the locus."""
GAP = 2
"""Bases in a row that do not matter, within a stretch."""
SHORTEST, LONGEST = 5, 40
"""Bases of a stretch; of a longer one those in a row that matter most are taken."""
SHARPNESS = 5.0
"""How sharp a query is: log odds of the base against one that costs as much as the dearest."""


def important_stretches(
    importance: NDArray[np.floating], position: NDArray[np.integer]
) -> list[tuple[int, int, int]]:
    """The stretches of bases that matter, and in which direction.

    A base matters if the size of its importance is at least `LEAST`, and at least `TIMES` the
    median of all sizes. A stretch is a run of bases that matter, all with the same sign, with at
    most `GAP` others in a row between them. It begins and ends with a base that matters, and has
    from `SHORTEST` to `LONGEST` bases.

    Parameters
    ----------
    importance : array (n,)
        Of the measured positions of a locus, in their order: the mean effect of the three changes,
        positive where they cost activity. NaN where it is not known.
    position : array (n,) of int
        In the locus sequence. Where one is left out a stretch ends.

    Returns
    -------
    list of (first, end, sign)
        Indices into the arrays, `end` exclusive, and 1 or -1.

    Notes
    -----
    The median stands for the noise, so the measured regions should be at least twice as long as
    what matters in them. The rule is for regions of some hundred bp; seqlets as
    tangermeme calls them are ranked among thousands of positions.
    """
    size = np.abs(importance)
    if not np.isfinite(size).any():
        return []
    least = max(LEAST, TIMES * float(np.nanmedian(size)))
    matters = np.flatnonzero(np.nan_to_num(size) >= least)
    runs: list[list[int]] = []
    for k in matters.tolist():
        if runs:
            last = runs[-1][-1]
            near = position[k] - position[last] == k - last <= GAP + 1
            if near and np.sign(importance[k]) == np.sign(importance[last]):
                runs[-1].append(k)
                continue
        runs.append([k])
    stretches = []
    for run in runs:
        first, end = run[0], run[-1] + 1
        if end - first > LONGEST:
            sums = np.convolve(np.nan_to_num(size[first:end]), np.ones(LONGEST), "valid")
            first += int(sums.argmax())
            end = first + LONGEST
        if end - first >= SHORTEST:
            stretches.append((first, end, int(np.sign(importance[run[0]]))))
    return stretches


def query_of(effect: NDArray[np.floating], sign: int) -> NDArray[np.float64]:
    """The effects of a stretch as a matrix of probabilities, which can be compared with motifs.

    The probability of a base falls with the effect of a change to it, ``exp(-c effect)``. c is such
    that a change which costs as much as the dearest position of the stretch (by its mean) makes a
    base e**`SHARPNESS` times less likely. A position where no change matters has 1/4 each.

    Parameters
    ----------
    effect : array (n, 4)
        Effects of the changes to A, C, G and T; 0 for the base that stands there.
    sign : int
        1 if the stretch raises the activity, -1 if it lowers it: then the bases that are probable
        are those that keep it low.

    Returns
    -------
    array (4, n)
    """
    effect = sign * np.nan_to_num(np.asarray(effect, dtype=np.float64))
    dearest = float((effect.sum(axis=1) / 3).max())
    odds = -SHARPNESS * effect / dearest
    odds -= odds.max(axis=1, keepdims=True)
    weight = np.exp(odds)
    return np.ascontiguousarray((weight / weight.sum(axis=1, keepdims=True)).T)
