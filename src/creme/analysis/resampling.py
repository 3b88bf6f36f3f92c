"""Draws with replacement of whole groups, and of backgrounds that tiles share."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from creme.errors import ConfigError

FEW = 20
"""Fewer groups than this give intervals that are too narrow, however many draws are made."""
_AT_ONCE = 100


def group_weights(groups: ArrayLike, resamples: int, seed: int) -> Iterator[NDArray[np.float64]]:
    """Weights of members: how often each is drawn, in draws of as many groups as there are.

    Members of a group are not independent (the tiles of a locus, the elements of a gene): they are
    drawn together. A statistic of weighted members is that of the members repeated so often.

    Parameters
    ----------
    groups : sequence of str or int, (members,)
        The group of each member.
    resamples : int
        Draws.
    seed : int
        The same seed and groups give the same draws, so that two scores can be compared in pairs.

    Yields
    ------
    array of float64, (draws, members)
        Up to 100 draws at a time; nothing where there are fewer than two groups.
    """
    names, group_of = np.unique(np.asarray(groups), return_inverse=True)
    if len(names) < 2:
        return
    random = np.random.default_rng(seed)
    share = np.full(len(names), 1 / len(names))
    for start in range(0, resamples, _AT_ONCE):
        times = random.multinomial(len(names), share, size=min(_AT_ONCE, resamples - start))
        yield times.astype(np.float64)[:, group_of]


def interval(draws: ArrayLike, confidence: float = 0.95) -> tuple[float, float]:
    """Percentiles of draws; NaN are left out, and NaN is returned if none remains.

    Raises
    ------
    ConfigError
        If the confidence is no share.
    """
    if not 0 < confidence < 1:
        raise ConfigError(f"confidence = {confidence}: it lies between 0 and 1")
    values = np.asarray(draws, dtype=np.float64)
    values = values[np.isfinite(values)]
    if not values.size:
        return float("nan"), float("nan")
    tail = (1 - confidence) / 2 * 100
    low, high = np.percentile(values, [tail, 100 - tail])
    return float(low), float(high)


def shared_interval(
    replicates: xr.DataArray,
    statistic: Callable[[xr.DataArray], xr.DataArray],
    *,
    dim: str = "replicate",
    jointly: bool = True,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> xr.Dataset:
    """A statistic of a locus's tiles, with an interval over the backgrounds that they share.

    The k-th background is the same for all tiles of a locus, so that their effects err together. A
    draw takes backgrounds with replacement, the same for every tile; effects are the means over
    those, and the statistic is that of these effects.

    Parameters
    ----------
    replicates : DataArray
        Effects of each replicate, with `dim`; NaN where a tile was not measured.
    statistic : callable
        Of the effects, without `dim` and maybe with a dimension ``draw``, which it keeps: for
        example ``lambda effects: effects.mean("tile")``, or
        ``lambda effects: (effects > 0.3).sum("tile")``.
    dim : str
    jointly : bool
        False for replicates that are drawn anew for each tile (``backgrounds_of = "tile"``, and
        necessity, whose shuffles are a tile's own).
    confidence : float
    resamples, seed : int

    Returns
    -------
    Dataset
        ``value``, of all replicates; ``low`` and ``high``, percentiles of the draws, NaN for one
        replicate.

    Raises
    ------
    ConfigError
        If the replicates lack the dimension, or the confidence is no share.

    Notes
    -----
    Draws of R replicates spread by sqrt((R - 1) / R) of what R new ones would. They are stretched
    about the value to make up for it.
    """
    if dim not in replicates.dims:
        raise ConfigError(f"the values have no dimension {dim!r}: theirs are {replicates.dims}")
    if not 0 < confidence < 1:
        raise ConfigError(f"confidence = {confidence}: it lies between 0 and 1")
    value = statistic(replicates.mean(dim))
    n = replicates.sizes[dim]
    if n < 2:
        return xr.Dataset({"value": value, "low": value * np.nan, "high": value * np.nan})
    moved = replicates.transpose(..., dim)
    numbers = moved.values.astype(np.float64)
    shape = (resamples,) if jointly else (*numbers.shape[:-1], resamples)
    times = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=shape)
    product = "...k,dk->...d" if jointly else "...k,...dk->...d"
    measured = np.isfinite(numbers)
    total = np.einsum(product, np.where(measured, numbers, 0), times)
    count = np.einsum(product, measured.astype(np.float64), times)
    effects = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    like = moved.isel({dim: 0}, drop=True)
    drawn = like.expand_dims(draw=resamples, axis=-1).copy(data=effects)
    spread = (statistic(drawn) - value) * np.sqrt(n / (n - 1))
    tail = (1 - confidence) / 2
    low, high = (spread.quantile(q, "draw").drop_vars("quantile") for q in (tail, 1 - tail))
    return xr.Dataset({"value": value, "low": value + low, "high": value + high})
