"""Whether replicates look about normal: what early stops take for granted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ENOUGH = 90
"""Values that can show rare shuffles: one in twenty is among 90 in 99 of 100 cases."""

DOUBT = 0.1
"""Share of sets of normal replicates that are taken for others: it costs predictions only."""

_RARE = 0.01
"""Values that are as far from the others of their row as this are counted."""


def about_normal(values: NDArray[np.floating], draws: int) -> bool:
    """Whether replicates may be taken for normal ones, by all rows together.

    Parameters
    ----------
    values : array, (row, n, track)
        Replicates of several effects. Rows that are not finite or do not vary say nothing.
    draws : int
        Values that were drawn by themselves: rows times n, or n where the rows share their draws.

    Returns
    -------
    bool
        False for fewer than `ENOUGH` draws; where the mean skewness of the rows is not about 0; and
        where too many values are far from the others of their row.

    Notes
    -----
    A few replicates of one effect cannot tell a rare shuffle, or a skewed distribution, from a
    normal one; those of many effects can. The skewness m3 / m2^1.5 of n normal values has a
    variance of 6 (n - 2) / ((n + 1) (n + 3)).
    """
    from scipy.special import ndtri, stdtr
    from scipy.stats import binom

    n = values.shape[1]
    if draws < ENOUGH or n < 4:
        return False
    tracks = [track for track in range(values.shape[2]) if np.isfinite(values[..., track]).any()]
    for track in tracks:
        rows = values[..., track].astype(np.float64)
        deviation = rows - rows.mean(axis=1, keepdims=True)
        variance = (deviation**2).mean(axis=1)
        deviation = deviation[np.isfinite(variance) & (variance > 0)]
        if not len(deviation):
            continue
        # Shared by the two ways to fail, and by the tracks.
        tail = DOUBT / 2 / len(tracks)
        variance = (deviation**2).mean(axis=1)
        skewness = float(((deviation**3).mean(axis=1) / variance**1.5).mean())
        spread = np.sqrt(6 * (n - 2) / ((n + 1) * (n + 3)) / len(deviation))
        if abs(skewness) > -float(ndtri(tail / 2)) * spread:
            return False
        # Of each value from the mean and by the variance of the others of its row.
        others = variance[:, None] * n - deviation**2 * n / (n - 1)
        with np.errstate(divide="ignore"):
            t = np.abs(deviation) * np.sqrt(n / (n - 1) * (n - 2) / np.maximum(others, 0))
        far = int((2 * stdtr(n - 2, -t) < _RARE).sum())
        if far > binom.ppf(1 - tail, deviation.size, _RARE):
            return False
    return True
