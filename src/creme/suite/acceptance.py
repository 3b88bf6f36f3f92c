"""Whether shuffling a set of tiles does more than the luck of its bases and of the search."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb

import numpy as np
from numpy.typing import NDArray

from creme.analysis.evidence import Prior, fit_prior

SIGNIFICANCE = 0.05
"""Probability of accepting anything at all from a state where no tile does anything."""

FRESH = 10
"""Shuffles that a set is measured again with, at least."""


@dataclass(frozen=True)
class Verdict:
    """The verdict of fresh shuffles on a set.

    Attributes
    ----------
    gain : float
        Change of the mean activity in the direction of the search, as a share of the wild type's.
    p : float
        Two-sided, corrected for all sets that the search could have tried; at most 1.
    accepted : bool
    """

    gain: float
    p: float
    accepted: bool


@dataclass(frozen=True)
class Acceptance:
    """The test that a set of tiles has to pass, from one accepted state on.

    Attributes
    ----------
    candidates : int
        Tiles that the search may choose from the state.
    attempts : int
        Sets that it tries until it gives up.
    lowest : bool
        Whether it looks for lower activities, or for higher ones.
    wild_type, minimum : float
        Activity of the wild type, and the share of it that a set has to change.

    Notes
    -----
    Null hypothesis: the native bases of the set's tiles, with all else as in the accepted state,
    are exchangeable with their shuffles. Fresh shuffles of all tiles of the set together are then
    draws of the same kind as the accepted state itself, and their mean differs from it with the
    variance of a prediction (`prediction_p`). The shuffles by which the tiles were
    chosen are not among them; but that the tiles were chosen for the luck of their *native* bases
    remains, and is paid for: p counts for all sets of this many candidates, and for each attempt.
    Both directions of the search are in the two-sided p.
    """

    candidates: int
    attempts: int
    lowest: bool
    wild_type: float
    minimum: float

    def judge(self, before: float, fresh: NDArray[np.float32], tiles: int, prior: Prior) -> Verdict:
        """Judge a set.

        Parameters
        ----------
        before : float
            Activity of the state with the set's own bases.
        fresh : array of float32, (replicate,)
            Activities with the set's tiles shuffled.
        tiles : int
            Size of the set.
        prior : Prior
            Of the variance between shuffles of a single tile; tiles' variances add up.
        """
        values = fresh.astype(np.float64)
        change = float(values.mean()) - before
        gain = (-change if self.lowest else change) / abs(self.wild_type or np.nan)
        p = prediction_p(
            change,
            float(values.var(ddof=1)),
            len(values),
            Prior(prior.df, prior.variance * tiles),
        )
        # A p of nan, from activities that are, stays one and is not accepted.
        corrected = p * comb(self.candidates, tiles) * self.attempts
        corrected = 1.0 if corrected > 1 else corrected
        accepted = corrected <= SIGNIFICANCE and gain > 0 and gain >= self.minimum
        return Verdict(gain, corrected, bool(accepted))


def prior_of(values: NDArray[np.float32]) -> Prior:
    """The prior of the variance between shuffles of a tile.

    Parameters
    ----------
    values : array of float32, (candidate, replicate)
        NaN where a replicate was not measured; those that all candidates have are used.
    """
    complete = values[:, np.isfinite(values).all(axis=0)].astype(np.float64)
    n = complete.shape[1]
    return fit_prior(complete.var(axis=1, ddof=1), n - 1) if n > 1 else Prior(0.0, 0.0)


def prediction_p(change: float, variance: float, n: int, prior: Prior) -> float:
    """Two-sided p of a change to the mean of `n` draws from a value that would be one more draw.

    Parameters
    ----------
    change : float
        Mean of the draws minus the single value.
    variance : float
        Of the draws, ddof 1.
    n : int
    prior : Prior
        Of variances of this kind. It may make the variance larger, never smaller: a set of tiles
        may well vary more than others do.

    Returns
    -------
    float
        NaN for a single draw.

    Notes
    -----
    Of n + 1 exchangeable normal values the mean of n differs from the other one with a variance of
    s^2 (1 + 1 / n).
    """
    from scipy.special import stdtr

    if n < 2 or not np.isfinite(change):
        return float("nan")
    df = min(prior.df + n - 1, 1e9)
    moderated = float(prior.moderated(np.array([variance]), n - 1)[0])
    spread = np.sqrt(max(variance, moderated) * (1 + 1 / n))
    if spread == 0:
        return float(change == 0)
    return float(2 * stdtr(df, -abs(change) / spread))
