"""The floor of a scorecard: effects guessed from the distance to the TSS alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def distance_guess(effects: pd.DataFrame) -> pd.DataFrame:
    """The mean true effect of other loci's tiles at the same distance, in place of a measured one.

    It knows more than any model is told, the truth of the other loci, and nothing of the sequence.

    Parameters
    ----------
    effects : DataFrame
        ``locus``, ``distance`` and ``truth``, NaN where it is not known.

    Returns
    -------
    DataFrame
        The same with ``effect`` and without ``q``, which are NaN where no other locus says
        anything.
    """
    away = effects["distance"].abs()
    defined = effects["truth"].notna()
    sums = effects["truth"].fillna(0.0).groupby(away).transform("sum")
    counts = defined.astype(float).groupby(away).transform("sum")
    mine = [effects["locus"], away]
    own_sums = effects["truth"].fillna(0.0).groupby(mine).transform("sum")
    own_counts = defined.astype(float).groupby(mine).transform("sum")
    others = (counts - own_counts).where(counts > own_counts)
    return effects.assign(effect=(sums - own_sums) / others, q=np.nan)


def average_precision(positive: NDArray[np.bool_], score: NDArray[np.float64]) -> float:
    """Mean precision at each positive, in the order of falling scores; ties count as their mean.

    NaN without positives. Of random scores it is the share of positives.
    """
    number = int(positive.sum())
    if not number:
        return np.nan
    order = np.argsort(-score, kind="stable")
    ranked, hits = score[order], positive[order]
    last = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))
    right = np.cumsum(hits)[last]
    precision = right / (last + 1)
    gained = np.diff(right, prepend=0)
    return float((precision * gained).sum() / number)
