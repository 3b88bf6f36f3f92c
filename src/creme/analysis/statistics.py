"""Means over loci with their uncertainty."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray as xr

from creme.analysis.categories import texts
from creme.analysis.resampling import FEW
from creme.errors import ConfigError


def mean_over(
    values: xr.DataArray,
    dim: str = "locus",
    *,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> xr.Dataset:
    """The mean along a dimension, its standard error and a bootstrap confidence interval.

    Parameters
    ----------
    values : DataArray
        NaN are left out, and not counted.
    dim : str
        Dimension of the draws: loci, which are independent, and not the tiles of one locus.
    confidence : float
        Of the interval, between 0 and 1.
    resamples : int
    seed : int

    Returns
    -------
    Dataset
        ``mean``; ``se``, the standard deviation of the mean (the paper's bands); ``low`` and
        ``high``, percentiles of the means of `resamples` draws with replacement; ``n``, the number
        of values, and ``few``, whether they are fewer than `creme.analysis.resampling.FEW`, so that
        the interval is too narrow. With a single value, only ``mean`` and ``n`` are defined.

    Raises
    ------
    ConfigError
        If `dim` is no dimension of the values, or the confidence no share.
    """
    if dim not in values.dims:
        raise ConfigError(f"the values have no dimension {dim!r}: theirs are {list(values.dims)}")
    if not 0 < confidence < 1:
        raise ConfigError(f"confidence = {confidence}: it lies between 0 and 1")
    moved = values.transpose(..., dim).astype(np.float64)
    rest, numbers = moved.dims[:-1], moved.values
    n = np.isfinite(numbers).sum(axis=-1)
    mean = _mean(numbers, n)
    squares = np.where(np.isfinite(numbers), (numbers - mean[..., None]) ** 2, 0).sum(axis=-1)
    spread = np.sqrt(np.divide(squares, n - 1, out=np.full(n.shape, np.nan), where=n > 1))
    means = np.stack(list(_draws(numbers, resamples, seed)), axis=-1)
    tail = (1 - confidence) / 2 * 100
    # A draw of few values may hold no finite one.
    with np.errstate(invalid="ignore"):
        low, high = np.nanpercentile(
            np.where(n[..., None] > 1, means, np.inf), [tail, 100 - tail], axis=-1
        )
    columns = {
        "mean": mean,
        "se": spread / np.sqrt(np.maximum(n, 1)),
        "low": np.where(n > 1, low, np.nan),
        "high": np.where(n > 1, high, np.nan),
        "n": n,
        "few": n < FEW,
    }
    coords = {name: c for name, c in values.coords.items() if dim not in c.dims}
    return xr.Dataset({name: (rest, array) for name, array in columns.items()}, coords)


def mean_by(
    values: xr.DataArray, groups: xr.DataArray, dim: str = "locus", **options: Any
) -> xr.Dataset:
    """`mean_over` within each group of loci; groups that are empty text or NaN are left out.

    Parameters
    ----------
    values : DataArray
    groups : DataArray of text
        Along `dim`, and along further dimensions of `values` if they differ there (``track``).
    dim : str
    **options
        Of `mean_over`.

    Returns
    -------
    Dataset
        As that of `mean_over`, along a new dimension ``group`` of text, sorted.
    """
    names = sorted(set(texts(groups).ravel().tolist()) - {""})
    parts = [mean_over(values.where(groups == name), dim, **options) for name in names]
    if not parts:
        empty = mean_over(values, dim, **options)
        none = np.array(names, dtype=str)
        return empty.expand_dims(group=1).isel(group=slice(0)).assign_coords(group=none)
    return xr.concat(parts, dim=xr.DataArray(names, dims="group", name="group"))


def _draws(numbers: np.ndarray, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """Means of as many values, drawn with replacement along the last axis."""
    random = np.random.default_rng(seed)
    size = numbers.shape[-1]
    finite = np.isfinite(numbers)
    filled = np.where(finite, numbers, 0)
    for _ in range(resamples):
        times = np.bincount(random.integers(0, max(size, 1), size), minlength=size).astype(float)
        n, total = finite @ times, filled @ times
        yield np.divide(total, n, out=np.full(n.shape, np.nan), where=n > 0)


def _mean(numbers: np.ndarray, n: np.ndarray) -> np.ndarray:
    total = np.where(np.isfinite(numbers), numbers, 0).sum(axis=-1)
    return np.divide(total, n, out=np.full(n.shape, np.nan), where=n > 0)
