"""From the Dataset that a test returns for a unit to its labelled variables."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from creme.errors import ConfigError

LOCUS = "locus"
"""The dimension that units are joined along."""


@dataclass(frozen=True)
class Variable:
    """A variable of one unit.

    Attributes
    ----------
    name : str
    role : {'data', 'coordinate', 'index'}
        An index is the coordinate of the dimension of its name.
    dims : tuple of str
        Without `LOCUS`.
    values : array
    by_unit : bool
        Whether it has a value for each unit. A coordinate that the test gave has one for all of
        them, unless they differ.
    attrs : dict
    """

    name: str
    role: str
    dims: tuple[str, ...]
    values: np.ndarray
    by_unit: bool = False
    attrs: Mapping[str, Any] = field(default_factory=dict)


def labelled(
    dataset: object, unit: str, labels: Mapping[str, Any], tracks: SequenceOf[str]
) -> list[Variable]:
    """A unit's variables with its labels.

    Text and whole numbers that vary along other dimensions (the genomic interval of a tile) become
    coordinates; so do the positions along dimensions that have none.

    Parameters
    ----------
    dataset : Dataset
        What a test returned.
    unit : str
        Its name, which becomes the coordinate `LOCUS`.
    labels : mapping of str to scalar
        Become coordinates along `LOCUS`.
    tracks : sequence of str
        Labels of the activities; coordinates of a dimension ``track`` that has none.

    Raises
    ------
    ConfigError
        If a test returned something else than a Dataset, or one with a `LOCUS` of its own.
    """
    import xarray as xr

    if not isinstance(dataset, xr.Dataset) or LOCUS in dataset.dims:
        what = "a dimension 'locus'" if isinstance(dataset, xr.Dataset) else _type_of(dataset)
        raise ConfigError(
            f"it returned {what}: a test returns an xarray.Dataset of one unit, without a "
            f"dimension 'locus'"
        )
    sizes, coordinates = dict(dataset.sizes), set(dataset.coords)
    if sizes.get("track", len(tracks)) != len(tracks):
        raise ConfigError(
            f"it returned {sizes['track']} tracks where {len(tracks)} activities were read"
        )
    own = {LOCUS: unit, **labels}
    for name in own:
        if name in sizes:
            raise ConfigError(
                f"it returned a dimension {name!r}, which is a label of every unit: give it "
                f"another name"
            )
    variables = []
    for name, values in dataset.variables.items():
        if name not in coordinates:
            kind = "data" if values.dtype.kind in "fc" else "coordinate"
        elif name in own:  # the unit's own label stands
            continue
        else:
            kind = "index" if name in sizes else "coordinate"
        if name in own:
            raise ConfigError(
                f"it returned a variable {str(name)!r}, which is a label of every unit: give it "
                f"another name"
            )
        dims = tuple(map(str, values.dims))
        by_unit = name not in coordinates
        variables.append(Variable(str(name), kind, dims, values.values, by_unit, values.attrs))
    for dim, size in sizes.items():
        if dim not in coordinates:
            if dim == "track":
                positions = np.array(tracks, dtype=object)
            else:
                positions = np.arange(size)
            variables.append(Variable(str(dim), "index", (str(dim),), positions))
    for name, value in own.items():
        label = np.array(value, dtype=object if isinstance(value, str) else None)
        variables.append(Variable(name, "coordinate", (), label, by_unit=True))
    return variables


def _type_of(value: object) -> str:
    return "nothing" if value is None else type(value).__name__
