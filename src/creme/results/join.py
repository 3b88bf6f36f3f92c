"""One labelled Dataset of a test, of the units in its log.

The outcome is that of `xarray.concat` along `LOCUS` with an outer join: coordinates of the other
dimensions are united and what a unit lacks is NaN (whole numbers become floats there); a
coordinate that the test gave has the dimension `LOCUS` where units differ in it. But all that is
found out from the few structures that the units have (`creme.results.structures`), and values are
copied once: in memory, or into Zarr chunk by chunk, so that the whole is never in memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from creme.errors import ConfigError
from creme.results.labels import LOCUS, Variable
from creme.results.logged_units import Units
from creme.results.structures import DATASET

CHUNK = 4 * 2**20
"""Bytes of a chunk on disk, at least of numbers; variables of less are written at once."""

READ = 8 * 2**20
"""Bytes of units that are read at once, at most."""

ROWS = 512
"""Units that are read at once, at most: their text takes more room than it seems."""


@dataclass(frozen=True)
class _Column:
    """A variable of the joined Dataset that has a value for each unit.

    Attributes
    ----------
    dims : tuple of str
        With `LOCUS`, which comes first but for odd mixtures.
    steps : dict of int to tuple of dtype
        By structure: what its values become, one after the other.
    fill : object
        Where a unit has no value; None if each has all.
    """

    name: str
    coordinate: bool
    dims: tuple[str, ...]
    dtype: np.dtype[Any]
    steps: Mapping[int, tuple[np.dtype[Any], ...]]
    fill: Any
    attrs: Mapping[str, Any]

    @property
    def inner(self) -> tuple[str, ...]:
        """Dimensions without `LOCUS`."""
        return tuple(dim for dim in self.dims if dim != LOCUS)


class Joined:
    """The units of a log as one Dataset, in the order of their places.

    Parameters
    ----------
    units : Units
        At least one; is read when it is needed.

    Raises
    ------
    ConfigError
        If the units do not fit together.
    """

    def __init__(self, units: Units) -> None:
        self._units = units
        numbers, first = np.unique(units.structure, return_index=True)
        # Structures in the order in which units have them: of several the first one's word counts.
        order = np.argsort(first)
        self._numbers = [int(number) for number in numbers[order]]
        self._structures = {
            number: units.of_first(int(row))
            for number, row in zip(self._numbers, first[order], strict=True)
        }
        self._indices: dict[str, xr.Variable] = {}
        self._positions: dict[tuple[int, str], np.ndarray] = {}
        self._unite_indices()
        self._constants: dict[str, xr.Variable] = {}
        self._columns: dict[str, _Column] = {}
        for name, having in self._names().items():
            self._add(name, having)

    def _unite_indices(self) -> None:
        """The coordinate of each dimension, and where in it those of each structure are."""
        dims = {
            name: None
            for structure in self._structures.values()
            for name, variable in structure.variables.items()
            if variable.role == "index"
        }
        for dim in dims:
            own = {
                number: structure.variables[dim]
                for number, structure in self._structures.items()
                if dim in structure.variables
            }
            if any(variable.role != "index" for variable in own.values()):
                raise ConfigError(f"{dim!r} is a dimension of some units and not of others")
            distinct: dict[Any, tuple[xr.Variable, list[int]]] = {}
            for number, variable in own.items():
                key = (variable.values.dtype.str, tuple(variable.values.tolist()))
                made = xr.Variable((dim,), variable.values, dict(variable.attrs))
                distinct.setdefault(key, (made, []))[1].append(number)
            if len(distinct) == 1:
                ((alike, _),) = distinct.values()
                self._indices[dim] = alike.to_index_variable()
                continue
            alone = [xr.Dataset(coords={dim: variable}) for variable, _ in distinct.values()]
            try:
                united = xr.align(*alone, join="outer", copy=False)[0]
            except ValueError as error:
                raise ConfigError(f"the units' coordinates {dim!r} do not fit: {error}") from None
            self._indices[dim] = united[dim].variable
            index = united.indexes[dim]
            for coordinate, numbers in distinct.values():
                at = index.get_indexer(coordinate.to_index())
                for number in numbers:
                    self._positions[number, dim] = at

    def _names(self) -> dict[str, list[int]]:
        """Variables that are no index, in order, with the structures that have them."""
        names: dict[str, list[int]] = {}
        for number, structure in self._structures.items():
            for name, variable in structure.variables.items():
                if variable.role != "index":
                    names.setdefault(name, []).append(number)
        return names

    def _add(self, name: str, having: SequenceOf[int]) -> None:
        """Decide what becomes of a variable."""
        variables = {number: self._structures[number].variables[name] for number in having}
        roles = {variable.role for variable in variables.values()}
        if len(roles) > 1:
            raise ConfigError(
                f"variable {name!r} holds measured values (floats) in some units, and text or "
                f"whole numbers, which are coordinates, in others"
            )
        coordinate = roles == {"coordinate"}
        lacking = len(having) < len(self._numbers)
        by_unit = any(variable.by_unit for variable in variables.values())
        if not by_unit:
            once = lacking and (having[0] != self._numbers[0] or self._of_one_unit(having))
            if self._equal(name, variables) and (once or not lacking):
                self._constants[name] = self._aligned(having[0], variables[having[0]])
                return
        if coordinate and lacking:
            raise ConfigError(
                f"some units have no variable {name!r}, and text and whole numbers have no missing "
                f"value: give all units the same ones"
            )
        dims = tuple(dict.fromkeys(dim for v in variables.values() for dim in _dims(v)))
        if LOCUS not in dims:
            dims = (LOCUS, *dims)
        partial = {
            number: self._partial(number, variable) for number, variable in variables.items()
        }
        own = {
            number: filled(variable.values.dtype)[0] if partial[number] else variable.values.dtype
            for number, variable in variables.items()
        }
        shared = _shared(tuple(dict.fromkeys(own.values())), name)
        final, fill = filled(shared) if lacking else (shared, None)
        if any(partial.values()) and not lacking:
            fill = filled(final)[1]
        steps = {number: tuple(dict.fromkeys((own[number], shared, final))) for number in having}
        attrs = variables[having[0]].attrs
        self._columns[name] = _Column(name, coordinate, dims, final, steps, fill, attrs)

    def _of_one_unit(self, having: SequenceOf[int]) -> bool:
        return int(np.isin(self._units.structure, having).sum()) == 1

    def _partial(self, number: int, variable: Variable) -> bool:
        """Whether a structure lacks some of what the dimensions of a variable have."""
        return any(
            (number, dim) in self._positions
            and len(self._positions[number, dim]) < self._indices[dim].size
            for dim in variable.dims
        )

    def _equal(self, name: str, variables: Mapping[int, Variable]) -> bool:
        """Whether all units have one value of a coordinate, after they are aligned."""
        if any(name in self._structures[number].varying for number in variables):
            return False
        numbers = list(variables)
        aligned = self._aligned(numbers[0], variables[numbers[0]])
        return all(
            aligned.equals(self._aligned(number, variables[number])) for number in numbers[1:]
        )

    def _aligned(self, number: int, variable: Variable) -> xr.Variable:
        """A structure's variable along the united coordinates."""
        values = variable.values
        if any((number, dim) in self._positions for dim in variable.dims):
            dtype, fill = values.dtype, None
            if self._partial(number, variable):
                dtype, fill = filled(dtype)
            shape = tuple(self._indices[dim].size for dim in variable.dims)
            out = _empty(shape, dtype, fill)
            if values.size:
                out[np.ix_(*self._places(number, variable.dims, variable.dims))] = values
            values = out
        return xr.Variable(variable.dims, values, dict(variable.attrs))

    def _places(self, number: int, dims: SequenceOf[str], own: SequenceOf[str]) -> list[np.ndarray]:
        """Where along dimensions the values of a structure go that have `own` dimensions."""
        everywhere = {dim: np.arange(self._indices[dim].size) for dim in dims}
        return [
            self._positions.get((number, dim), everywhere[dim]) if dim in own else everywhere[dim]
            for dim in dims
        ]

    @property
    def attrs(self) -> dict[str, Any]:
        """Attributes of the Dataset: those of the first unit's, and those of the log."""
        first = self._structures[self._numbers[0]]
        return {**first.attrs.get(DATASET, {}), **self._units.attrs}

    def dataset(self) -> xr.Dataset:
        """The Dataset, in memory."""
        values = self._values(self._columns.values(), 0, len(self._units))
        return xr.Dataset(*self._assembled(values), self.attrs)

    def write(self, path: Path) -> None:
        """Write the Dataset as Zarr; all of it is never in memory.

        Parameters
        ----------
        path : Path
            Nothing stands there.
        """
        import zarr

        units = len(self._units)
        large = {
            name: column
            for name, column in self._columns.items()
            if column.dtype.kind in "iufc" and self._bytes_of_a_unit(column) * units > CHUNK
        }
        small = [column for name, column in self._columns.items() if name not in large]
        values = self._values(small, 0, units)
        chunks = {}
        for name, column in large.items():
            # One value for all: it takes no room, and becomes the numbers below.
            blank = np.array(np.nan if column.dtype.kind in "fc" else 0, column.dtype)
            shape = (units, *self._inner_shape(column))
            values[name] = _in_place(np.broadcast_to(blank, shape), column)
            along = min(units, max(1, CHUNK // self._bytes_of_a_unit(column)))
            sizes = {**{dim: self._indices[dim].size for dim in column.inner}, LOCUS: along}
            chunks[name] = {"chunks": tuple(sizes[dim] for dim in column.dims)}
        data, coords = self._assembled(values)
        # An index of all loci would take more memory than all else.
        whole = xr.Dataset(data, xr.Coordinates(coords, indexes={}), self.attrs)
        whole.to_zarr(path, mode="w", consolidated=False, zarr_format=2, encoding=chunks)
        group = zarr.open_group(path, mode="r+", zarr_format=2, use_consolidated=False)
        for name, column in large.items():
            target: Any = group[name]
            place = column.dims.index(LOCUS)
            step = chunks[name]["chunks"][place]
            for start in range(0, units, step):
                stop = min(units, start + step)
                part = self._values([column], start, stop)[name]
                target[(*place * (slice(None),), slice(start, stop))] = part

    def _assembled(
        self, values: Mapping[str, np.ndarray]
    ) -> tuple[dict[str, xr.Variable], dict[str, xr.Variable]]:
        """Variables and coordinates, from the values of columns."""
        data: dict[str, xr.Variable] = {}
        coords = {**self._indices, **self._constants}
        for name, column in self._columns.items():
            # As it is: otherwise xarray makes each text anew, and none is shared any more.
            made = xr.Variable(column.dims, values[name], dict(column.attrs), fastpath=True)
            (coords if column.coordinate else data)[name] = made
        return data, coords

    def _inner_shape(self, column: _Column) -> tuple[int, ...]:
        return tuple(self._indices[dim].size for dim in column.inner)

    def _bytes_of_a_unit(self, column: _Column) -> int:
        return int(np.prod(self._inner_shape(column))) * column.dtype.itemsize

    def _values(self, columns: Iterable[_Column], start: int, stop: int) -> dict[str, np.ndarray]:
        """Values of columns, of the units from `start` to `stop`."""
        columns = list(columns)
        out = {}
        for column in columns:
            shape = (stop - start, *self._inner_shape(column))
            out[column.name] = _empty(shape, column.dtype, column.fill)
        for number, rows in self._batches(start, stop):
            structure = self._structures[number]
            chosen = [column for column in columns if column.name in structure.variables]
            for name, values in self._units.read(rows, [column.name for column in chosen]):
                self._put(out[name], self._columns[name], number, rows - start, values)
        return {column.name: _in_place(out[column.name], column) for column in columns}

    def _batches(self, start: int, stop: int) -> Iterator[tuple[int, np.ndarray]]:
        """Structures and the rows that have them, few enough to be read at once."""
        part = self._units.structure[start:stop]
        for number in np.unique(part):
            rows = start + np.flatnonzero(part == number)
            step = max(1, min(ROWS, READ // max(1, self._structures[int(number)].size)))
            for at in range(0, len(rows), step):
                yield int(number), rows[at : at + step]

    def _put(
        self, out: np.ndarray, column: _Column, number: int, rows: np.ndarray, values: np.ndarray
    ) -> None:
        """Put values of units of one structure where they belong."""
        own = self._structures[number].variables[column.name].dims
        for dtype in column.steps[number]:
            values = values.astype(dtype, copy=False)
        order = [own.index(dim) for dim in column.inner if dim in own]
        values = values.transpose(0, *(1 + place for place in order))
        shape = iter(values.shape[1:])
        sizes = [next(shape) if dim in own else 1 for dim in column.inner]
        values = values.reshape(len(rows), *sizes)
        if not any((number, dim) in self._positions for dim in own):
            out[rows] = values
        elif values.size:
            out[np.ix_(rows, *self._places(number, column.inner, own))] = values


def _dims(variable: Variable) -> tuple[str, ...]:
    return (LOCUS, *variable.dims) if variable.by_unit else variable.dims


def _in_place(values: np.ndarray, column: _Column) -> np.ndarray:
    """Values along `LOCUS` first, with it where the column has it."""
    return np.moveaxis(values, 0, column.dims.index(LOCUS))


def _empty(shape: tuple[int, ...], dtype: np.dtype[Any], fill: Any) -> np.ndarray:
    return np.empty(shape, dtype) if fill is None else np.full(shape, fill, dtype)


@cache
def filled(dtype: np.dtype[Any]) -> tuple[np.dtype[Any], Any]:
    """The type that has missing values in place of a type, and the missing value, as in xarray."""
    one = xr.Dataset({"v": ("x", np.zeros(1, dtype))}, {"x": [0]}).reindex(x=[0, 1])["v"]
    return one.dtype, one.values[1]


@cache
def _shared(dtypes: tuple[np.dtype[Any], ...], name: str) -> np.dtype[Any]:
    """The type of what has several types, as xarray has it."""
    if len(dtypes) == 1:
        return dtypes[0]
    ones = [xr.Variable((LOCUS,), np.zeros(1, dtype)) for dtype in dtypes]
    try:
        return xr.Variable.concat(ones, LOCUS).dtype
    except (TypeError, ValueError) as error:
        raise ConfigError(f"variable {name!r} differs in its type between units: {error}") from None
