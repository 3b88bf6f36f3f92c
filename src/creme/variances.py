"""Variances of few replicates, moderated by those of many alike, and what they predict."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_LEAST_SHARE = 1e-5
"""Variances below this share of their median count as that: a variance of 0 has no logarithm."""


@dataclass(frozen=True)
class Prior:
    """The distribution of the true variances, a scaled inverse chi-square.

    Attributes
    ----------
    df : float
        Degrees of freedom that the prior is worth; infinite where all variances are equal.
    variance : float
        Its typical variance.
    """

    df: float
    variance: float

    def moderated(self, variances: NDArray[np.float64], df: float) -> NDArray[np.float64]:
        """Sample variances of `df` degrees of freedom, drawn towards the prior's."""
        if np.isinf(self.df):
            return np.full_like(variances, self.variance)
        return (self.df * self.variance + df * variances) / (self.df + df)


def fit_prior(variances: NDArray[np.float64], df: float) -> Prior:
    """The prior of sample variances, by the moments of their logarithms.

    Parameters
    ----------
    variances : array of float64
        NaN are left out.
    df : float
        Degrees of freedom of each.

    Returns
    -------
    Prior
        Of 0 degrees of freedom, which moderates nothing, where fewer than three variances are
        known.

    Notes
    -----
    Smyth, Linear models and empirical Bayes methods (2004), section 6.2.
    """
    known = variances[np.isfinite(variances)]
    if len(known) < 3 or not (known > 0).any():
        return Prior(0.0, 0.0)
    from scipy.special import digamma, polygamma

    floor = _LEAST_SHARE * float(np.median(known[known > 0]))
    logs = np.log(np.maximum(known, floor)) - digamma(df / 2) + np.log(df / 2)
    excess = float(logs.var(ddof=1) - polygamma(1, df / 2))
    if excess <= 0:
        return Prior(np.inf, float(np.exp(logs.mean())))
    prior = 2 * _inverse_trigamma(excess)
    return Prior(prior, float(np.exp(logs.mean() + digamma(prior / 2) - np.log(prior / 2))))


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


def _inverse_trigamma(value: float) -> float:
    """The x whose trigamma is `value`, by Newton's method on 1 / trigamma, which is convex."""
    from scipy.special import polygamma

    if value > 1e7:
        return float(1 / np.sqrt(value))
    if value < 1e-6:
        return 1 / value
    x = 0.5 + 1 / value
    for _ in range(50):
        trigamma = float(polygamma(1, x))
        step = trigamma * (1 - trigamma / value) / float(polygamma(2, x))
        x += step
        if -step / x < 1e-8:
            break
    return x
