"""From the Datasets of units to one labelled Dataset of a test."""

from __future__ import annotations

from collections.abc import Sequence as SequenceOf

import numpy as np
import xarray as xr

from creme.errors import ConfigError
from creme.runner.tasks import Task


def label(dataset: object, task: Task, tracks: SequenceOf[str]) -> xr.Dataset:
    """A unit's Dataset with a dimension `locus` of one, and its labels.

    Text and whole numbers that vary along other dimensions (the genomic interval of a tile) become
    coordinates; so do the positions along dimensions that have none.

    Raises
    ------
    ConfigError
        If a test returned something else than a Dataset, or one with a `locus` of its own.
    """
    if not isinstance(dataset, xr.Dataset) or "locus" in dataset.dims:
        raise ConfigError(
            f"{task} returned {type(dataset).__name__}: it has to return an xarray.Dataset of one "
            f"unit, without a dimension 'locus'"
        )
    sizes = dict(dataset.sizes)
    if sizes.get("track", len(tracks)) != len(tracks):
        raise ConfigError(
            f"{task} returned {sizes['track']} tracks where {len(tracks)} activities were read"
        )
    # One construction: xarray takes milliseconds for each, and a study has many units.
    coords: dict[str, xr.Variable] = {
        str(dim): xr.Variable((dim,), np.arange(size))
        for dim, size in sizes.items()
        if dim not in dataset.coords
    }
    if "track" in coords:
        coords["track"] = xr.Variable(("track",), np.array(tracks, dtype=object))
    coords |= {str(name): values.variable for name, values in dataset.coords.items()}
    measured: dict[str, xr.Variable] = {}
    for name, values in dataset.data_vars.items():
        into = measured if values.dtype.kind in "fc" else coords
        variable = values.variable
        into[str(name)] = xr.Variable(
            ("locus", *variable.dims), variable.values[None], variable.attrs
        )
    for name, value in {"locus": task.unit.name, **task.unit.labels}.items():
        kind = object if isinstance(value, str) else None
        coords[name] = xr.Variable(("locus",), np.array([value], dtype=kind))
    return xr.Dataset(measured, coords, dataset.attrs)


def join(units: SequenceOf[xr.Dataset]) -> xr.Dataset:
    """One Dataset of all units, along `locus`, in their order.

    Units of different sizes are aligned by their coordinates and filled with NaN.
    """
    return xr.concat(
        units,
        dim="locus",
        data_vars="all",
        coords="different",
        compat="equals",
        join="outer",
        combine_attrs="override",
    )
