"""The floor of a scorecard: guesses from the distance to the TSS alone, without the sequence."""

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


def guessed_calls(effects: pd.DataFrame, q: float = 0.05) -> pd.DataFrame:
    """`distance_guess`, which calls as many tiles as the model: those of the largest guesses.

    Parameters
    ----------
    effects : DataFrame
        With the model's ``q`` besides.
    q : float
        The model's calls have one below it.
    """
    guess = distance_guess(effects)
    calls = int((effects["q"] < q).sum())
    largest = guess["effect"].abs().sort_values(ascending=False, kind="stable").index[:calls]
    called = pd.Series(1.0, index=guess.index)
    called[largest] = 0.0
    return guess.assign(q=called.where(guess["effect"].notna()))


def curve_guess(table: pd.DataFrame) -> pd.DataFrame:
    """The mean true curve of the other loci, in place of the measured one.

    Parameters
    ----------
    table : DataFrame
        `creme.benchmark.curves.distance_table`.

    Returns
    -------
    DataFrame
        The same without rows of which no other locus says anything.
    """
    guessed = distance_guess(table.rename(columns={"true": "truth"}))["effect"]
    return table.assign(measured=guessed).dropna(subset=["measured"])


def saturation_guess(table: pd.DataFrame) -> pd.DataFrame:
    """The median true fit of the other loci, in place of that of the measured curve.

    Parameters
    ----------
    table : DataFrame
        `creme.benchmark.curves.saturation_table`; a row a locus.
    """
    fits = {
        name: [table[f"true {name}"][table["locus"] != locus].median() for locus in table["locus"]]
        for name in ("half", "plateau")
    }
    return table.assign(**fits, error=np.nan)


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
