"""The slow twin of `creme.results.join`: a Dataset for each unit, and xarray's concatenation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

Unit = tuple[xr.Dataset, str, Mapping[str, Any]]


def labelled(
    dataset: xr.Dataset, name: str, labels: Mapping[str, Any], tracks: list[str]
) -> xr.Dataset:
    """A unit's Dataset with a dimension `locus` of one, and its labels."""
    coords: dict[str, xr.Variable] = {
        str(dim): xr.Variable((dim,), np.arange(size))
        for dim, size in dataset.sizes.items()
        if dim not in dataset.coords
    }
    if "track" in coords:
        coords["track"] = xr.Variable(("track",), np.array(tracks, dtype=object))
    coords |= {str(name): values.variable for name, values in dataset.coords.items()}
    measured: dict[str, xr.Variable] = {}
    for variable_name, values in dataset.data_vars.items():
        into = measured if values.dtype.kind in "fc" else coords
        variable = values.variable
        into[str(variable_name)] = xr.Variable(
            ("locus", *variable.dims), variable.values[None], variable.attrs
        )
    for label, value in {"locus": name, **labels}.items():
        kind = object if isinstance(value, str) else None
        coords[label] = xr.Variable(("locus",), np.array([value], dtype=kind))
    return xr.Dataset(measured, coords, dataset.attrs)


def concatenated(units: Iterable[Unit], tracks: list[str]) -> xr.Dataset:
    """One Dataset of all units, along `locus`, in their order."""
    return xr.concat(
        [labelled(*unit, tracks) for unit in units],
        dim="locus",
        data_vars="all",
        coords="different",
        compat="equals",
        join="outer",
        combine_attrs="override",
    )


def saved(dataset: xr.Dataset, path: Path) -> xr.Dataset:
    """A Dataset written as a results directory has it, and read back by plain xarray."""
    dataset.to_zarr(path, mode="w", consolidated=False, zarr_format=2)
    return xr.open_zarr(path, consolidated=False, chunks=None).load()
