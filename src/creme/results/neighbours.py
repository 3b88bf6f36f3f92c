"""Activities of TSSs around a locus: the dimension `NEIGHBOUR` of results, and what is without.

A test sees activities along ``track`` alone, however many a locus has. Its Dataset is laid out here
by neighbour and track: neighbour 0 is the locus's own TSS, which activities that are read of no
neighbour stand at too; the others follow by their distance. What a locus lacks is NaN.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence as SequenceOf
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from creme.errors import ConfigError
from creme.results.join import filled

if TYPE_CHECKING:
    import xarray as xr

    Data = TypeVar("Data", xr.Dataset, xr.DataArray)

NEIGHBOUR = "neighbour"
PREFIX = f"{NEIGHBOUR}_"
"""Of the coordinates along it: gene, transcript, position, strand, distance."""


def laid_out(
    dataset: Any,
    places: SequenceOf[tuple[int, int]],
    tracks: int,
    coords: Mapping[str, SequenceOf[Any]] | None,
) -> Any:
    """A unit's Dataset with its activities at their neighbours and tracks.

    Parameters
    ----------
    dataset : Dataset
        What a test returned, with a dimension ``track`` of all activities of the unit, or without
        one; anything else is returned as it is.
    places : sequence of (neighbour, track)
        Of each activity.
    tracks : int
        How many there are of all units.
    coords : mapping of str to sequence, optional
        Coordinates along `NEIGHBOUR`, without `PREFIX`; there is no such dimension unless given.

    Raises
    ------
    ConfigError
        If the Dataset has another number of activities.
    """
    import xarray as xr

    if not isinstance(dataset, xr.Dataset) or "track" not in dataset.dims:
        return dataset
    if dataset.sizes["track"] != len(places):
        raise ConfigError(
            f"it returned {dataset.sizes['track']} tracks where {len(places)} activities were read"
        )
    around = 1 if coords is None else len(next(iter(coords.values())))
    shape = (around, tracks)
    flat = [neighbour * tracks + track for neighbour, track in places]
    variables = {}
    for name, variable in dataset.variables.items():
        if name == "track":
            continue
        if "track" not in variable.dims:
            variables[name] = variable
            continue
        values = np.moveaxis(variable.values, variable.dims.index("track"), -1)
        if len(flat) == around * tracks:
            out = np.empty((*values.shape[:-1], around * tracks), values.dtype)
        else:
            dtype, fill = filled(values.dtype)
            out = np.full((*values.shape[:-1], around * tracks), fill, dtype)
        out[..., flat] = values
        rest = [dim for dim in variable.dims if dim != "track"]
        new = out.reshape(*values.shape[:-1], *shape)
        made = xr.Variable((*rest, NEIGHBOUR, "track"), new, variable.attrs)
        if coords is None:
            made = made.isel({NEIGHBOUR: 0})
        order = [
            part
            for dim in variable.dims
            for part in ((NEIGHBOUR, "track") if dim == "track" else (dim,))
        ]
        variables[name] = made.transpose(*(dim for dim in order if dim in made.dims))
    # Whole numbers that are filled up with NaN are coordinates as without.
    whole = [
        name
        for name, variable in dataset.data_vars.items()
        if "track" in variable.dims and variable.dtype.kind not in "fc"
    ]
    named = [name for name in dataset.coords if name != "track"]
    made_again = xr.Dataset(variables, attrs=dataset.attrs).set_coords([*named, *whole])
    if coords is None:
        return made_again
    along = {PREFIX + name: (NEIGHBOUR, _array(values)) for name, values in coords.items()}
    return made_again.assign_coords({NEIGHBOUR: np.arange(around), **along})


def _array(values: SequenceOf[Any]) -> np.ndarray:
    return np.array(values, dtype=object if isinstance(values[0], str) else np.int64)


def own(data: Data) -> Data:
    """The activities of the loci's own TSSs alone, without the dimension `NEIGHBOUR`.

    Results without neighbours are returned as they are.
    """
    if NEIGHBOUR not in data.dims:
        return data
    around = [str(name) for name, values in data.coords.items() if NEIGHBOUR in values.dims]
    about: list[str] = [name for name in around if name.startswith(PREFIX)]
    part = data.isel({NEIGHBOUR: 0}).drop_vars([NEIGHBOUR, *about], errors="ignore")
    # Coordinates are text and whole numbers, which are floats only where others lack them.
    others = [name for name in around if name not in {NEIGHBOUR, *about}]
    whole = {
        name: part[name].astype(np.int64)
        for name in others
        if part[name].dtype.kind == "f" and bool(np.isfinite(part[name]).all())
    }
    return part.assign_coords(whole)
