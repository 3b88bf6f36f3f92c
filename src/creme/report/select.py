"""The part of a Dataset that a figure draws: one track, search, locus; its finite values."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

import numpy as np
import xarray as xr

from creme.analysis.categories import CONTEXTS, texts
from creme.errors import ConfigError, listing, nearest

Data = TypeVar("Data", xr.Dataset, xr.DataArray)

MINUS = "\N{MINUS SIGN}"


def only(data: Data, **chosen: object) -> Data:
    """One value of each dimension that is named, without that dimension.

    Parameters
    ----------
    data : Dataset or DataArray
    **chosen
        The value by dimension; None where there is only one. Other labels that go with it stay.
        Dimensions that the data lack are passed over.

    Raises
    ------
    ConfigError
        If there are several and none is chosen, or there is no such value.
    """
    for dim, value in chosen.items():
        if dim not in data.dims:
            continue
        values = data[dim].values.tolist() if dim in data.coords else list(range(data.sizes[dim]))
        if not values:
            raise ConfigError(f"there is no {dim} in the results")
        if value is None:
            if len(values) != 1:
                raise ConfigError(
                    f"choose one of the {len(values)} along {dim!r}, {listing(values)}: {dim} = ..."
                )
            place = 0
        elif value in values:
            place = values.index(value)
        else:
            near = nearest(str(value), map(str, values))
            raise ConfigError(f"there is no {dim} {value!r}{near}: there are {listing(values)}")
        data = data.isel({dim: place}).drop_vars(dim, errors="ignore")
    return data


def finite(values: xr.DataArray | np.ndarray) -> np.ndarray:
    """The finite values as a flat float64 array."""
    flat = np.asarray(values, dtype=np.float64).ravel()
    return flat[np.isfinite(flat)]


def each_tile(part: xr.Dataset, measure: str) -> list[xr.Dataset]:
    """A Dataset for each locus and tile that has a finite value of `measure`."""
    each = [
        part.isel(locus=row, tile=tile)
        for row in range(part.sizes["locus"])
        for tile in range(part.sizes["tile"])
    ]
    return [one for one in each if finite(one[measure]).size]


def in_order(names: Iterable[object]) -> list[str]:
    """Distinct names that are not empty: the paper's categories first, then the others, sorted."""
    names_there = {str(name) for name in names} - {"", "nan", "None"}
    first = [name for name in CONTEXTS if name in names_there]
    return [*first, *sorted(names_there - set(first))]


def grouped(
    values: xr.DataArray, groups: xr.DataArray | None, dim: str = "locus"
) -> dict[str, xr.DataArray]:
    """Values by group along `dim`, matched by its labels; all as one group without `groups`.

    The paper's three contexts are all there, empty ones too, where any of them is.
    """
    if groups is None:
        return {"all": values}
    named = groups.astype(object)
    if dim in groups.coords and dim in values.coords:
        named = named.reindex({dim: values[dim].values}, fill_value="")
    text = texts(named).ravel()
    names = in_order(text)
    if set(names) & set(CONTEXTS) or not names:
        names = [*CONTEXTS, *(name for name in names if name not in CONTEXTS)]
    return {name: values.isel({dim: np.flatnonzero(text == name)}) for name in names}


def kilobases(values: object) -> np.ndarray:
    """bp as kb, float64."""
    return np.asarray(values, dtype=np.float64) / 1000.0
