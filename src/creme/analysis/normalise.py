"""Normalised values from raw activities, by the wild type or by a control."""

from __future__ import annotations

import numpy as np
import xarray as xr

from creme.errors import ConfigError, listing


def effect_by_wild_type(
    dataset: xr.Dataset, activity: str, control: str | None = None
) -> xr.DataArray:
    """A difference as a share of the wild type.

    (WT - ACTIVITY) / WT; with a control (ACTIVITY - CONTROL) / WT, as in the sufficiency test. NaN
    where the wild type is not above 0.

    Parameters
    ----------
    dataset : Dataset
        A test's results.
    activity, control : str
        Names of raw activities, ``shuffled``, ``mutant``, ``control``.
    """
    wild_type = _raw(dataset, "wild_type")
    wild_type = wild_type.where(wild_type > 0)
    if control is None:
        return (wild_type - _raw(dataset, activity)) / wild_type
    return (_raw(dataset, activity) - _raw(dataset, control)) / wild_type


def class_effect(dataset: xr.Dataset) -> xr.DataArray:
    """The effect that categories and classes are made from.

    Parameters
    ----------
    dataset : Dataset
        Of necessity, sufficiency or context dependence.

    Returns
    -------
    DataArray
        ``effect``; NaN, which has no class, where the wild type is ``below_minimum``
        (`minimum_activity`), and all of it where the effect is on another scale
        (``effect_scale``): thresholds are shares of the wild type's activity.
    """
    effect = dataset["effect"]
    if dataset.attrs.get("effect_scale", "relative") != "relative":
        return xr.full_like(effect, np.nan)
    if "below_minimum" not in dataset:
        return effect
    return effect.where(~dataset["below_minimum"].astype(bool)).transpose(*effect.dims)


def fold_change(dataset: xr.Dataset, activity: str, control: str = "wild_type") -> xr.DataArray:
    """ACTIVITY / CONTROL, within a replicate where both have them; NaN for one not above 0."""
    by = _raw(dataset, control)
    return _raw(dataset, activity) / by.where(by > 0)


def effect_by_control(dataset: xr.Dataset, activity: str, control: str = "control") -> xr.DataArray:
    """(ACTIVITY - CONTROL) / CONTROL, within a replicate; NaN for a control not above 0."""
    return fold_change(dataset, activity, control) - 1


def _raw(dataset: xr.Dataset, name: str) -> xr.DataArray:
    if name not in dataset.data_vars:
        raise ConfigError(f"the results have no {name!r}: they have {listing(dataset.data_vars)}")
    return dataset[name].astype("float64")
