"""Normalised values of activities, and their statistics over replicates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import xarray as xr

from creme.test import remarked

ROUNDING = 1e-5
"""Relative to the mean: activities that differ by less are equally far from it."""

Variables = Mapping[str, tuple[tuple[str, ...], np.ndarray]]
"""Arrays by name, each with its dimensions."""


def relative(values: np.ndarray, to: np.ndarray) -> np.ndarray:
    """`values` / `to` in float64; NaN where `to` is not above 0.

    A share of 0 is not defined, and one of an activity below 0 has the other sign.
    """
    to = np.asarray(to, dtype=np.float64)
    return np.divide(values, np.where(to > 0, to, np.nan), dtype=np.float64)


def averaged(
    name: str, dims: tuple[str, ...], values: np.ndarray, used: np.ndarray | None = None
) -> xr.Dataset:
    """A quantity of each replicate with its mean and spread.

    Parameters
    ----------
    name : str
        Of the quantity: ``effect``, ``fold_change``.
    dims : tuple of str
        Dimensions of `values`; one of them is ``replicate``.
    values : array of float64
    used : array of int, optional
        Numbers of replicates that were measured, from the first on, by the dimensions before
        ``replicate``; all unless given.

    Returns
    -------
    xarray.Dataset
        ``name`` (mean over replicates), ``name_std`` (ddof 1), ``name_se`` (of the mean: the
        Monte-Carlo error, which more replicates lower, and no evidence; see docs/trust.md) and
        ``name_replicates``. With a single replicate std and se are NaN.
    """
    axis = dims.index("replicate")
    n = values.shape[axis]
    if n > 1:
        std = np.asarray(values.std(axis=axis, ddof=1))
    else:
        std = values.take(0, axis=axis) * np.nan
    mean, error = np.asarray(values.mean(axis=axis)), std / np.sqrt(n)
    for count, rows, part in _incomplete(values, axis, used):
        mean[rows] = part.mean(axis=1)
        std[rows] = part.std(axis=1, ddof=1)
        error[rows] = std[rows] / np.sqrt(count)
    others = tuple(dim for dim in dims if dim != "replicate")
    return xr.Dataset(
        {
            f"{name}_replicates": (dims, values),
            name: (others, mean),
            f"{name}_std": (others, std),
            f"{name}_se": (others, error),
        }
    )


def means(values: np.ndarray, axis: int, used: np.ndarray | None) -> np.ndarray:
    """Means over an axis, of its first `used` values where that is not all; NaN for none."""
    averages = values.mean(axis=axis)
    for _, rows, part in _incomplete(values, axis, used):
        averages[rows] = part.mean(axis=1)
    return averages


def _incomplete(
    values: np.ndarray, axis: int, used: np.ndarray | None
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Rows that lack replicates, by the number measured: number, rows, (rows, number, ...)."""
    if used is None:
        return
    # Complete rows are left as they were computed, to the last digit.
    moved = np.moveaxis(values, axis, used.ndim)
    for count in np.unique(used):
        if 0 < count < values.shape[axis]:
            rows = used == count
            yield int(count), rows, moved[rows][:, :count]


def nearest(activities: np.ndarray, mean: float) -> int:
    """The replicate whose activity is nearest to the mean; of equally near ones the first.

    Two replicates are always equally near, and the choice between them must not depend on the last
    digit of a prediction, which differs from machine to machine.
    """
    deviations = np.abs(activities.astype(np.float64) - mean)
    return int(np.flatnonzero(deviations <= deviations.min() + ROUNDING * abs(mean))[0])


def result(
    measured: xr.Dataset,
    activities: Variables,
    coords: Mapping[str, Any] | None = None,
    divisor: str | None = "wild_type",
) -> xr.Dataset:
    """A test's Dataset: raw activities and the values computed from them.

    Parameters
    ----------
    measured : Dataset
        The values.
    activities : mapping
    coords : mapping, optional
    divisor : str, optional
        The activities that the values are shares or multiples of: where one is not above 0, a
        remark says why values are NaN. None where there is no such.
    """
    computed = {name: measured.variables[name] for name in measured.data_vars}
    dataset = xr.Dataset({**activities, **computed}, {**measured.coords, **(coords or {})})
    if divisor is not None and (activities[divisor][1] <= 0).any():
        dataset = remarked(dataset, _NOT_POSITIVE.format(divisor.replace("_", " ")))
    return dataset


_NOT_POSITIVE = (
    "the activity of the {} is at or below 0, so that what is a share of it is not defined, and is "
    "NaN. Where the model's output is on a log scale, give the readout a transform ('exp', "
    "'expm1'); necessity, sufficiency and context dependence also take effect = 'difference'"
)
