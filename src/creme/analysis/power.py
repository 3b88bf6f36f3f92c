"""How many replicates find an effect of a given size."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from creme.analysis import scipy_stats as stats
from creme.analysis.evidence import COMPARED, evidence
from creme.analysis.noise import Q
from creme.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

MOST = 100
"""Replicates up to which a number is looked for."""
_STEPS = 48
"""Quantiles of a distribution that stand for it."""


@dataclass(frozen=True)
class Noise:
    """The spread of effects between replicates, and how many of a test's effects are called.

    Attributes
    ----------
    df, sd : float
        Of `creme.analysis.evidence.Prior`: degrees of freedom that the prior of variances is worth,
        and the square root of its typical variance, on the scale that is compared.
    log : bool
        Whether differences of logarithms are compared.
    control : float
        Median of the activity that an effect is added to, as a share of the wild type's: 1 but for
        sufficiency, where it is that of the TSS tile alone.
    called : float
        Share of effects with a q below 0.05.
    """

    df: float
    sd: float
    log: bool
    control: float
    called: float


def noise_of(dataset: xr.Dataset, track: int = 0) -> Noise:
    """The noise of necessity, sufficiency or context dependence.

    Parameters
    ----------
    dataset : Dataset
        With two replicates or more.
    track : int
        Number of the track.

    Raises
    ------
    ConfigError
        If it is of another test, or no variance is known.
    """
    test = str(dataset.attrs.get("test", ""))
    if test not in COMPARED or dataset.sizes.get("replicate", 0) < 2:
        raise ConfigError(f"no noise is known of test {test!r}: it needs two replicates or more")
    part = dataset.isel(track=[track])
    tested = evidence(part)
    q = tested["q"].values
    control = 1.0
    if test == "sufficiency":
        ratios = part["control"] / part["wild_type"].where(part["wild_type"] > 0)
        control = float(ratios.median())
    sd = float(np.sqrt(tested["prior_variance"].values[0]))
    if not np.isfinite(q).any() or not sd > 0:
        raise ConfigError(f"no noise is known of test {test!r}: none of its effects varies")
    return Noise(
        df=float(tested["prior_df"].values[0]),
        sd=sd,
        log=bool(tested["log"].values[0]),
        control=control,
        called=float(np.mean(q[np.isfinite(q)] < Q)),
    )


def power(effect: float, replicates: int, noise: Noise, *, q: float = Q) -> float:
    """The chance that an effect is called.

    Parameters
    ----------
    effect : float
        True effect, as a share of the wild type's activity; positive of an enhancer.
    replicates : int
        Two or more.
    noise : Noise
    q : float
        Below which an effect is called.

    Returns
    -------
    float
        That of `creme.analysis.evidence.evidence` at ``p < q * called``, which is where Benjamini
        and Hochberg's procedure draws the line if as many effects are called as of the noise.

    Raises
    ------
    ConfigError
        If the effect leaves no activity to take a logarithm of, or there is one replicate.

    Notes
    -----
    The native bases are one more draw of the same kind as their shuffles, so the error of an effect
    is ``sd * sqrt(1 + 1 / replicates)``: it does not vanish with replicates, and some effects are
    not found by any number of them. Variances differ between tiles as the prior says; sums are over
    48 quantiles of true variances and of sample variances each.
    """
    if replicates < 2:
        raise ConfigError(f"replicates = {replicates}: a q needs two or more")
    shift = _shift(effect, noise)
    middle = (np.arange(_STEPS) + 0.5) / _STEPS
    df = noise.df
    if math.isinf(df):
        variance = np.full(1, noise.sd**2)
    else:
        # The few variances that are far off say no more than that nothing is found there.
        share = np.maximum(stats.chi2.ppf(middle, df) / df, 1e-9)
        variance = noise.sd**2 / share
    rest = replicates - 1
    sample = variance[:, None] * stats.chi2.ppf(middle, rest) / rest
    if math.isinf(df):
        moderated, total = np.full_like(sample, noise.sd**2), 1e9
    else:
        moderated, total = (df * noise.sd**2 + rest * sample) / (df + rest), df + rest
    wide = np.sqrt(1 + 1 / replicates)
    line = (
        stats.student.isf(q * min(max(noise.called, 1e-3), 1.0) / 2, total)
        * np.sqrt(moderated)
        * wide
    )
    error = np.sqrt(variance)[:, None] * wide
    return float(
        np.mean(stats.norm.sf((line - shift) / error) + stats.norm.cdf((-line - shift) / error))
    )


def replicates_for(effect: float, noise: Noise, wanted: float = 0.8, *, q: float = Q) -> int | None:
    """The fewest replicates that find an effect, or None where `MOST` do not.

    Parameters
    ----------
    effect, noise, q
        As of `power`.
    wanted : float
        Chance that it is called.
    """
    if power(effect, MOST, noise, q=q) < wanted:
        return None
    low, high = 1, MOST
    while high - low > 1:
        middle = (low + high) // 2
        if power(effect, middle, noise, q=q) >= wanted:
            high = middle
        else:
            low = middle
    return high


def _shift(effect: float, noise: Noise) -> float:
    """The effect on the scale that is compared."""
    if not noise.log:
        return effect
    if noise.control == 1.0:
        if effect >= 1:
            raise ConfigError(f"effect = {effect}: below 1, or it leaves no activity")
        return -math.log1p(-effect)
    if effect <= -noise.control:
        raise ConfigError(f"effect = {effect}: above {-noise.control:.3g}, or no activity is left")
    return math.log1p(effect / noise.control)


@cache
def _benchmark_table() -> pd.DataFrame:
    import pandas as pd

    return pd.read_csv(Path(__file__).with_name("benchmark_noise.csv"))


def benchmark_noise(test: str, tile: int) -> tuple[Noise, str]:
    """The noise of a test in the benchmark of known truth, of the nearest size of tile.

    Parameters
    ----------
    test : str
        One of `creme.analysis.evidence.COMPARED`.
    tile : int
        Bp.

    Returns
    -------
    Noise
    str
        Of which model and tile it is.
    """
    table = _benchmark_table()
    rows = table[table["test"] == test]
    nearest = rows.loc[(np.log(rows["tile"]) - math.log(tile)).abs().idxmin()]
    numbers = {name: float(nearest[name]) for name in ("df", "sd", "control", "called")}
    noise = Noise(log=bool(nearest["log"]), **numbers)
    return noise, f"{nearest['model']}, tiles of {int(nearest['tile']):,} bp"
