"""Backgrounds whose activity is far from that of the others of their locus."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FEWEST = 5
"""Backgrounds that are needed to say that one is off."""

FOLD = 1.5
"""Of the median, at least, on the scale of logarithms: less does not matter."""

_SIZES = (5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 20, 30, 50, 100)
_LIMITS = (7.8, 5.5, 5.9, 4.9, 5.1, 4.6, 4.7, 4.35, 4.45, 4.2, 4.3, 4.1, 4.0, 3.83, 3.76, 3.75)
"""Robust standard deviations that the furthest of so many normal values is off in 1 of 20 sets."""

_TO_SD = 1.4826
"""Of a median absolute deviation, for normal values."""

RULE = (
    f"differs more than {FOLD}-fold from the median of its locus, and by more robust standard "
    f"deviations (4.6 for 10 backgrounds) than the furthest of as many normal values does in 1 of "
    f"20 loci"
)


def outliers(activities: NDArray[np.floating]) -> NDArray[np.bool_]:
    """The backgrounds whose activity is far from the median of all.

    An activity is an outlier if it is further from the median than the furthest of as many normal
    values is in 1 of 20 sets, in robust standard deviations (1.4826 times the median absolute
    deviation), and by more than `FOLD`. Logarithms are compared where all activities are above 0,
    and activities as they are elsewhere, then without the fold.

    Parameters
    ----------
    activities : array, (background, track)
        NaN for those that were not measured.

    Returns
    -------
    array of bool, (background, track)
        All False for fewer than `FEWEST` backgrounds.
    """
    off = np.zeros(activities.shape, dtype=bool)
    for track in range(activities.shape[1]):
        measured = np.isfinite(activities[:, track])
        values = activities[measured, track].astype(np.float64)
        if len(values) < FEWEST:
            continue
        least = 0.0
        if (values > 0).all():
            values, least = np.log(values), float(np.log(FOLD))
        away = np.abs(values - np.median(values))
        limit = float(np.interp(len(values), _SIZES, _LIMITS)) * _TO_SD * float(np.median(away))
        off[measured, track] = away > max(limit, least)
    return off
