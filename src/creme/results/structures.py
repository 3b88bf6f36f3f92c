"""Structures: what units have in common that differ in nothing but numbers, text and attributes."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from creme.errors import ConfigError
from creme.results.labels import Variable

_STORED = "biufcSUmM"
"""Kinds of arrays whose bytes are stored as they are; objects are stored as JSON."""

DATASET = ""
"""Whose attributes the Dataset's are, among those of variables by their names."""


@dataclass(eq=False)
class Structure:
    """Variables with their dimensions, types and shapes, and the coordinates of dimensions.

    Attributes
    ----------
    variables : dict of str to Variable
        The values of those that are no index are of the first unit that was read.
    attrs : dict of str to dict
        Attributes by the name of a variable, or `DATASET`.
    varying : set of str
        Variables that have one value for all units, by what the test returned, and have not.
    read : bool
        Whether a unit was read.
    """

    variables: dict[str, Variable]
    attrs: dict[str, dict[str, Any]]
    varying: set[str] = field(default_factory=set)
    read: bool = False

    def __post_init__(self) -> None:
        # Where numbers are among a unit's raw bytes, and which of its texts are whose.
        self.places: dict[str, slice] = {}
        self.texts: dict[str, int] = {}
        self.size = 0
        for name, variable in self.variables.items():
            if variable.role == "index":
                continue
            if variable.values.dtype.kind == "O":
                self.texts[name] = len(self.texts)
            else:
                end = self.size + variable.values.nbytes
                self.places[name] = slice(self.size, end)
                self.size = end

    def compare(self, header: Mapping[str, Any], raw: bytes) -> None:
        """Note which variables that have one value for all units have another one in this unit."""
        for name, variable in self.variables.items():
            if variable.role == "index" or variable.by_unit or name in self.varying:
                continue
            like = variable.values
            if name in self.texts:
                values = objects(header["texts"][self.texts[name]], like.shape)
            else:
                values = np.frombuffer(raw[self.places[name]], like.dtype).reshape(like.shape)
            if not self.read:
                self.variables[name] = replace(variable, values=values)
            elif not _same(like, values):
                self.varying.add(name)
        self.read = True


def key_of(variables: SequenceOf[Variable]) -> object:
    """The same for units of one structure, and for no others."""
    return (
        *((v.name, v.role, v.dims, v.by_unit, v.values.dtype.str) for v in variables),
        *(v.values.shape for v in variables),
        *(_content(v.values) for v in variables if v.role == "index"),
    )


def attributes(variables: SequenceOf[Variable], attrs: Mapping[Any, Any]) -> dict[str, Any]:
    """Attributes of a unit as JSON values, by the names of what has some.

    Raises
    ------
    ConfigError
        If one has no such form.
    """
    by_name = {v.name: _plain_attrs(v.attrs, f"variable {v.name!r}") for v in variables if v.attrs}
    return {**by_name, DATASET: _plain_attrs(attrs, "the Dataset")} if attrs else by_name


def described(
    variables: SequenceOf[Variable], attrs: Mapping[str, Any]
) -> tuple[dict[str, Any], bytes]:
    """A structure as a header and raw bytes, those of the indices."""
    rows = [
        {
            "name": v.name,
            "role": v.role,
            "dims": v.dims,
            "by_unit": v.by_unit,
            "dtype": v.values.dtype.str,
            "shape": v.values.shape,
            "texts": listed(v) if v.role == "index" and v.values.dtype.kind == "O" else None,
        }
        for v in variables
    ]
    indices = [v.values for v in variables if v.role == "index" and v.values.dtype.kind != "O"]
    return {"variables": rows, "attrs": attrs}, b"".join(values.tobytes() for values in indices)


def restored(header: Mapping[str, Any], raw: bytes) -> Structure:
    """The structure that was described."""
    variables = {}
    at = 0
    for row in header["variables"]:
        dtype, shape = np.dtype(row["dtype"]), tuple(row["shape"])
        if row["role"] != "index":
            values = np.zeros(shape, dtype)
        elif row["texts"] is not None:
            values = objects(row["texts"], shape)
        else:
            values = np.frombuffer(raw, dtype, int(np.prod(shape)), at).reshape(shape)
            at += values.nbytes
        name, dims = row["name"], tuple(row["dims"])
        variables[name] = Variable(name, row["role"], dims, values, row["by_unit"])
    return Structure(variables, header["attrs"])


def listed(variable: Variable) -> list[Any]:
    """Objects as JSON values.

    Raises
    ------
    ConfigError
        If one has no such form.
    """
    values = [_plain(value, f"variable {variable.name!r}") for value in variable.values.ravel()]
    for value in values:
        if isinstance(value, (list, dict)):
            raise ConfigError(
                f"it returned {type(value).__name__} as variable {variable.name!r}: text, numbers "
                f"and missing values can be stored"
            )
    return values


def objects(flat: SequenceOf[Any], shape: tuple[int, ...]) -> np.ndarray:
    """An array of objects."""
    out = np.empty(len(flat), dtype=object)
    out[:] = flat
    return out.reshape(shape)


def require_storable(variable: Variable) -> None:
    """An error if the type or the dimensions of a variable cannot be stored.

    Raises
    ------
    ConfigError
    """
    values = variable.values
    if values.dtype.kind not in _STORED + "O":
        raise ConfigError(
            f"it returned a variable {variable.name!r} of {values.dtype}: numbers, text and times "
            f"can be stored"
        )
    if variable.role == "index" and variable.dims != (variable.name,):
        raise ConfigError(
            f"it returned a coordinate {variable.name!r} along {', '.join(variable.dims)}: one "
            f"that is called as a dimension lies along that alone"
        )


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether values of one type and shape are equal; NaN is NaN."""
    if a.dtype.kind != "O" and a.tobytes() == b.tobytes():
        return True
    import xarray as xr

    dims = [f"dim_{k}" for k in range(a.ndim)]
    return bool(xr.Variable(dims, a).equals(xr.Variable(dims, b)))


def _content(values: np.ndarray) -> object:
    return tuple(values.tolist()) if values.dtype.kind == "O" else values.tobytes()


def _plain_attrs(attrs: Mapping[Any, Any], where: str) -> dict[str, Any]:
    return {
        str(name): _plain(value, f"attribute {str(name)!r} of {where}")
        for name, value in attrs.items()
    }


def _plain(value: Any, where: str) -> Any:
    """A value as JSON has it.

    Raises
    ------
    ConfigError
        If it has no such form; `where` says whose it is.
    """
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, np.ndarray):
        return _plain(value.tolist(), where)
    if isinstance(value, np.generic):
        return _plain(value.item(), where)
    if isinstance(value, (list, tuple)):
        return [_plain(one, where) for one in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(one, where) for key, one in value.items()}
    raise ConfigError(
        f"it returned {type(value).__name__} as {where}: text, numbers and lists of them can be "
        f"stored"
    )
