"""Evidence that an effect is more than the luck of the draw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import digamma, polygamma

from creme.analysis import scipy_stats as stats
from creme.analysis.variances import variance
from creme.errors import ConfigError

COMPARED = {
    "necessity": ("wild_type", "shuffled"),
    "sufficiency": ("mutant", "control"),
    "context_dependence": ("wild_type", "mutant"),
}
"""Two activities by test, whose difference is its effect: within a replicate where both have it."""
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
    finite = variances[np.isfinite(variances)]
    if len(finite) < 3 or not (finite > 0).any():
        return Prior(0.0, 0.0)
    floor = _LEAST_SHARE * float(np.median(finite[finite > 0]))
    logs = np.log(np.maximum(finite, floor)) - digamma(df / 2) + np.log(df / 2)
    excess = float(logs.var(ddof=1) - polygamma(1, df / 2))
    if excess <= 0:
        return Prior(np.inf, float(np.exp(logs.mean())))
    prior = 2 * _inverse_trigamma(excess)
    return Prior(prior, float(np.exp(logs.mean() + digamma(prior / 2) - np.log(prior / 2))))


def evidence(
    dataset: xr.Dataset,
    *,
    measure: str = "effect",
    scale: Literal["auto", "log", "measure"] = "auto",
) -> xr.Dataset:
    """How likely effects as large as a test's are where the native bases do nothing.

    The null hypothesis is that the native bases of a tile (or of a context) are exchangeable with
    their shuffles: one more draw of the same kind. Their effect then varies by s^2 (1 + 1 / R), s
    being the spread between R shuffles, so ::

        t = effect / (s sqrt(1 + 1 / R)),   with d0 + R - 1 degrees of freedom,

    where s^2 is moderated by the variances of all effects of the same track, worth d0 degrees of
    freedom. A one-sample t over the replicates, effect / (s / sqrt(R)), takes the native bases for
    a mean over many and calls most inert tiles significant once there are enough replicates.

    Parameters
    ----------
    dataset : Dataset
        Of necessity, sufficiency, context dependence, or another test with ``MEASURE_replicates``.
    measure : str
    scale : {'auto', 'log', 'measure'}
        Differences of logarithms of activities, on which the spread between shuffles depends least
        on the activity (necessity: log WT - log SHUFFLE; sufficiency: log CRE-TSS-MUTANT - log
        TSS-CONTROL within a background; context dependence: log WT - log MUTANT); or replicates of
        the measure. By default logarithms for the tracks of these tests whose activities are all
        above 0, and the measure elsewhere.

    Returns
    -------
    Dataset
        ``t``, ``p`` (two-sided) and ``q`` (Benjamini and Hochberg, over all effects of a track),
        with the dimensions of the measure; ``prior_df``, ``prior_variance`` and ``log``, whether
        logarithms were compared, (track,). NaN for an effect that is NaN or has a single replicate.

    Raises
    ------
    ConfigError
        If the Dataset has no replicates of the measure; if logarithms are required of another test,
        or of activities that are not above 0.

    Notes
    -----
    Effects that share backgrounds are correlated, which Benjamini and Hochberg's procedure bears
    where correlations are positive. Rare shuffles that are far off (one in twenty) make small p
    too frequent; percentiles among loci that carry nothing do not have this fault.
    """
    name = f"{measure}_replicates"
    if name not in dataset:
        raise ConfigError(
            f"test {dataset.attrs.get('test', '?')!r} has no {name}: evidence needs the replicates"
        )
    replicates = dataset[name]
    logs = _log_differences(dataset, measure, scale)
    if logs is not None:
        taken = logs["positive"] if scale == "auto" else xr.ones_like(logs["positive"])
        replicates = xr.where(taken, logs["difference"], replicates).transpose(*replicates.dims)
    used = replicates.notnull().sum("replicate")
    spread = variance(replicates, "replicate").where(used > 1)
    effect = replicates.mean("replicate", skipna=True)
    tracks = []
    for track in range(dataset.sizes["track"]):
        tracks.append(
            _of_track(effect.isel(track=track), spread.isel(track=track), used.isel(track=track))
        )
    tested = xr.concat(tracks, dim="track", coords="different", compat="equals").transpose(
        *(dim for dim in replicates.dims if dim != "replicate")
    )
    log = np.zeros(dataset.sizes["track"], bool) if logs is None else taken.values
    return tested.assign(log=("track", log))


def _log_differences(dataset: xr.Dataset, measure: str, scale: str) -> xr.Dataset | None:
    """``difference`` of logarithms of activities, of each replicate, and ``positive``, (track,).

    The latter is whether all activities are above 0. None where the measure itself is to be taken.
    """
    pair = COMPARED.get(str(dataset.attrs.get("test", "")))
    if scale == "measure":
        return None
    if measure != "effect" or pair is None or not set(pair) <= set(dataset.data_vars):
        if scale == "log":
            raise ConfigError(
                f"scale = 'log': of test {dataset.attrs.get('test', '?')!r} no two activities are "
                f"known whose difference its {measure} is"
            )
        return None
    activities = [dataset[name].astype(np.float64) for name in pair]
    positive = xr.ones_like(dataset["track"], dtype=bool).drop_vars("track", errors="ignore")
    for activity in activities:
        rest = [dim for dim in activity.dims if dim != "track"]
        positive = positive & ((activity > 0) | activity.isnull()).all(rest)
    if scale == "log" and not positive.all():
        raise ConfigError("scale = 'log': some activities are not above 0; take scale = 'auto'")
    above, below = (np.log(activity.where(activity > 0)) for activity in activities)
    return xr.Dataset({"difference": above - below, "positive": positive})


def _of_track(effect: xr.DataArray, variance: xr.DataArray, used: xr.DataArray) -> xr.Dataset:
    counts = used.values[np.isfinite(variance.values)]
    # Where a tolerance left replicates out, the prior is that of the most common number.
    usual = int(np.bincount(counts).argmax()) if counts.size else 2
    alike = variance.values[(used.values == usual) & np.isfinite(variance.values)]
    prior = fit_prior(alike, usual - 1)
    df = np.maximum(used.values - 1, 1)
    moderated = np.where(
        np.isfinite(variance.values), _moderated(prior, variance.values, df), np.nan
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        t = effect.values / np.sqrt(moderated * (1 + 1 / np.maximum(used.values, 1)))
        p = 2 * stats.student.sf(np.abs(t), np.minimum(prior.df + df, 1e9))
    q = np.full_like(p, np.nan)
    tested = np.isfinite(p)
    if tested.any():
        q[tested] = stats.false_discovery_control(p[tested])
    values = {key: effect.copy(data=array) for key, array in (("t", t), ("p", p), ("q", q))}
    return xr.Dataset(values).assign(prior_df=prior.df, prior_variance=prior.variance)


def _moderated(
    prior: Prior, variances: NDArray[np.float64], df: NDArray[np.int64]
) -> NDArray[np.float64]:
    moderated = np.empty_like(variances)
    for each in np.unique(df):
        moderated[df == each] = prior.moderated(variances[df == each], float(each))
    return moderated


def _inverse_trigamma(value: float) -> float:
    """The x whose trigamma is `value`, by Newton's method on 1 / trigamma, which is convex."""
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
