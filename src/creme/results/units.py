"""What a run has of each test's units so far: a log that grows by a record when a unit ends.

The log is for showing results while a run goes on, and for joining them at its end. A run never
continues from it, and begins it anew: predictions come from the store.

A record is a prefix (mark, kind, lengths, checksum), a header of JSON and raw bytes. The first
one has what the joined Dataset bears: its attributes and the labels of its tracks. Before the first
unit of each *structure* (variables with their dimensions, types and attributes, and the coordinates
of its dimensions) a record describes that, so a unit's record is little more than its numbers. Text
stands in the header. A tail that was cut short, by the death of the writer or because it is being
written, is left out.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from array import array
from collections.abc import Iterator, Mapping
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import quote, unquote

import numpy as np

from creme.errors import ConfigError
from creme.results.labels import Variable, labelled

if TYPE_CHECKING:
    import xarray as xr

FOLDER = ".units"
"""Of the logs, in the results directory."""

_MARK = b"CRU1"
_PREFIX = struct.Struct("<4sBIQ")  # mark, kind, length of the header, length of the bytes
_CHECKSUM = struct.Struct("<I")
_TEST, _STRUCTURE, _UNIT = range(3)
_STORED = "biufcSUmM"
"""Kinds of arrays whose bytes are stored as they are; objects are stored as JSON."""


class UnitLog:
    """The log of one test's units in a results directory.

    One process writes it; any number read it meanwhile.

    Parameters
    ----------
    directory : Path
        The results directory.
    label : str
        The test's.
    """

    def __init__(self, directory: Path, label: str) -> None:
        self.path = directory / FOLDER / f"{quote(label, safe='')}.log"
        self._file: BinaryIO | None = None
        self._structures: dict[Any, int] = {}
        self._tracks: tuple[str, ...] = ()

    def begin(self, attrs: Mapping[str, Any], tracks: SequenceOf[str]) -> None:
        """Begin it anew; a reader of the old one keeps that.

        Parameters
        ----------
        attrs : mapping
            Of the joined Dataset: JSON values.
        tracks : sequence of str
            Labels of the activities.
        """
        self.close()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.unlink(missing_ok=True)
        # Unbuffered: what is written survives the death of the process.
        self._file = self.path.open("xb", buffering=0)
        self._structures, self._tracks = {}, tuple(tracks)
        self._write(_TEST, {"attrs": dict(attrs), "tracks": list(tracks)})

    def append(self, place: int, dataset: object, unit: str, labels: Mapping[str, Any]) -> None:
        """Add what a test returned for a unit.

        Parameters
        ----------
        place : int
            Orders the units of the joined Dataset.
        dataset : Dataset
        unit : str
            Its name.
        labels : mapping of str to scalar

        Raises
        ------
        ConfigError
            If it cannot be joined or stored; nothing is added then.
        """
        variables = labelled(dataset, unit, labels, self._tracks)
        attrs = dict(getattr(dataset, "attrs", {}))
        key = (
            *((v.name, v.role, v.dims, v.by_unit, v.values.dtype.str) for v in variables),
            *((v.values.shape, repr(v.attrs) if v.attrs else "") for v in variables),
            *(_content(v.values) for v in variables if v.role == "index"),
            repr(attrs) if attrs else "",
        )
        number = self._structures.get(key)
        if number is None:
            for variable in variables:
                _require_storable(variable)
            number = len(self._structures)
            self._write(_STRUCTURE, *_described(variables, attrs))
            self._structures[key] = number
        inner = [v for v in variables if v.role != "index"]
        texts = [_listed(v) for v in inner if v.values.dtype.kind == "O"]
        raw = b"".join(v.values.tobytes() for v in inner if v.values.dtype.kind != "O")
        self._write(_UNIT, {"place": place, "structure": number, "texts": texts}, raw)

    def _write(self, kind: int, header: Mapping[str, Any], raw: bytes = b"") -> None:
        assert self._file is not None
        text = json.dumps(header).encode()
        prefix = _PREFIX.pack(_MARK, kind, len(text), len(raw))
        checksum = _CHECKSUM.pack(_checksum(prefix, text, raw))
        left = memoryview(b"".join((prefix, checksum, text, raw)))
        while left:
            left = left[self._file.write(left) :]

    def close(self) -> None:
        """Write no more."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def remove(self) -> None:
        """Remove it, and the folder of the logs with the last one."""
        self.close()
        self.path.unlink(missing_ok=True)
        if self.path.parent.is_dir() and not any(self.path.parent.iterdir()):
            self.path.parent.rmdir()

    def count(self) -> int:
        """How many units are in it."""
        try:
            with self.path.open("rb") as file:
                return sum(kind == _UNIT for kind, *_ in _lengths(file))
        except FileNotFoundError:
            return 0

    def read(self) -> Units | None:
        """The units that are in it by now; None if there are none."""
        try:
            file = self.path.open("rb")
        except FileNotFoundError:
            return None
        units = Units(file)
        if len(units):
            return units
        units.close()
        return None

    def read_joined(self) -> xr.Dataset | None:
        """The units that are in it by now as one Dataset; None if there are none.

        Raises
        ------
        ConfigError
            If the units do not fit together.
        """
        from creme.results.join import Joined

        units = self.read()
        if units is None:
            return None
        with units:
            return Joined(units).dataset()


def logged(directory: Path) -> list[str]:
    """The tests that have a log with units in a results directory."""
    labels = [unquote(path.stem) for path in (directory / FOLDER).glob("*.log")]
    return sorted(label for label in labels if UnitLog(directory, label).count())


@dataclass(eq=False)
class Structure:
    """What units have in common that differ in nothing but numbers and text.

    Attributes
    ----------
    variables : dict of str to Variable
        The values of those that are no index are of the first unit that was read.
    attrs : dict
        Of the units' Datasets.
    varying : set of str
        Variables that have one value for all units, by what the test returned, and have not.
    size : int
        Length of a unit's raw bytes.
    """

    variables: dict[str, Variable]
    attrs: dict[str, Any]
    varying: set[str] = field(default_factory=set)
    size: int = 0

    def __post_init__(self) -> None:
        self.places: dict[str, slice] = {}
        self.texts: dict[str, int] = {}
        for name, variable in self.variables.items():
            if variable.role == "index":
                continue
            if variable.values.dtype.kind == "O":
                self.texts[name] = len(self.texts)
            else:
                end = self.size + variable.values.nbytes
                self.places[name] = slice(self.size, end)
                self.size = end

    def values(self, name: str, header: Mapping[str, Any], raw: bytes) -> np.ndarray:
        """A variable of one unit."""
        like = self.variables[name].values
        if name in self.texts:
            return _objects(header["texts"][self.texts[name]], like.shape)
        return np.frombuffer(raw[self.places[name]], like.dtype).reshape(like.shape)


class Units:
    """The units of a log, in the order of their places.

    Parameters
    ----------
    file : binary file
        Is closed with this.

    Attributes
    ----------
    attrs : dict
        Of the joined Dataset.
    structures : list of Structure
    structure : array of int
        That of each unit.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.attrs: dict[str, Any] = {}
        self.structures: list[Structure] = []
        # A plain list would need ten times the room of these numbers.
        numbers = array("q")
        seen: set[int] = set()
        for kind, text, raw, start in _records(file):
            header = json.loads(text)
            if kind == _TEST:
                self.attrs = header["attrs"]
            elif kind == _STRUCTURE:
                self.structures.append(_structure(header, raw))
            else:
                number = header["structure"]
                self._compare(number, header, raw, first=number not in seen)
                seen.add(number)
                numbers.extend((header["place"], number, start, start + len(text)))
        rows = np.array(numbers, dtype=np.int64).reshape(-1, 4)
        rows = rows[np.argsort(rows[:, 0], kind="stable")]
        self.structure, self._headers, self._raws = rows[:, 1], rows[:, 2], rows[:, 3]

    def __len__(self) -> int:
        return len(self.structure)

    def __enter__(self) -> Units:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the log."""
        self._file.close()

    def _compare(self, number: int, header: Mapping[str, Any], raw: bytes, *, first: bool) -> None:
        """Note which variables that have one value for all units have another one here."""
        structure = self.structures[number]
        for name, variable in structure.variables.items():
            if variable.role == "index" or variable.by_unit or name in structure.varying:
                continue
            values = structure.values(name, header, raw)
            if first:
                structure.variables[name] = replace(variable, values=values)
            elif not _same(variable.values, values):
                structure.varying.add(name)

    def read(self, rows: np.ndarray, names: SequenceOf[str]) -> Iterator[tuple[str, np.ndarray]]:
        """Variables of units of one structure, each (unit, ...).

        Parameters
        ----------
        rows : array of int
        names : sequence of str
            Of variables that the structure has and that are no index.
        """
        structure = self.structures[self.structure[rows[0]]]
        places = [structure.places[name] for name in names if name in structure.places]
        low = min((place.start for place in places), default=0)
        high = max((place.stop for place in places), default=0)
        block = np.empty((len(rows), high - low), np.uint8)
        texts: list[list[list[Any]]] = []
        for at, row in enumerate(rows):
            header, raw = int(self._headers[row]), int(self._raws[row])
            if len(places) < len(names):
                self._file.seek(header)
                texts.append(json.loads(self._file.read(raw - header))["texts"])
            if high > low:
                self._file.seek(raw + low)
                block[at] = np.frombuffer(self._file.read(high - low), np.uint8)
        for name in names:
            like = structure.variables[name].values
            shape = (len(rows), *like.shape)
            if name in structure.texts:
                column = structure.texts[name]
                yield name, _objects([text for unit in texts for text in unit[column]], shape)
            else:
                place = structure.places[name]
                part = np.ascontiguousarray(block[:, place.start - low : place.stop - low])
                yield name, part.view(like.dtype).reshape(shape)


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether values of one type and shape are equal; NaN is NaN."""
    if a.dtype.kind != "O" and a.tobytes() == b.tobytes():
        return True
    import xarray as xr

    dims = [f"dim_{k}" for k in range(a.ndim)]
    return bool(xr.Variable(dims, a).equals(xr.Variable(dims, b)))


def _lengths(file: BinaryIO) -> Iterator[tuple[int, bytes, int, int]]:
    """Kind, prefix, length of header and of bytes of each record; the file stands behind both."""
    end = os.fstat(file.fileno()).st_size
    while len(prefix := file.read(_PREFIX.size + _CHECKSUM.size)) == _PREFIX.size + _CHECKSUM.size:
        mark, kind, header, raw = _PREFIX.unpack_from(prefix)
        start = file.tell()
        if mark != _MARK or start + header + raw > end:
            return
        yield kind, prefix, header, raw
        file.seek(start + header + raw)


def _records(file: BinaryIO) -> Iterator[tuple[int, bytes, bytes, int]]:
    """Kind, header, bytes and place of the header of each record that is whole."""
    for kind, prefix, header, raw in _lengths(file):
        start = file.tell()
        text, content = file.read(header), file.read(raw)
        (checksum,) = _CHECKSUM.unpack_from(prefix, _PREFIX.size)
        if checksum != _checksum(prefix[: _PREFIX.size], text, content):
            return
        yield kind, text, content, start


def _checksum(*parts: bytes) -> int:
    checksum = 0
    for part in parts:
        checksum = zlib.crc32(part, checksum)
    return checksum


def _described(
    variables: SequenceOf[Variable], attrs: Mapping[Any, Any]
) -> tuple[dict[str, Any], bytes]:
    """A structure as a header and raw bytes, those of the indices."""
    listed = [
        {
            "name": v.name,
            "role": v.role,
            "dims": v.dims,
            "by_unit": v.by_unit,
            "dtype": v.values.dtype.str,
            "shape": v.values.shape,
            "attrs": _plain_attrs(v.attrs, f"variable {v.name!r}"),
            "texts": _listed(v) if v.role == "index" and v.values.dtype.kind == "O" else None,
        }
        for v in variables
    ]
    indices = [v.values for v in variables if v.role == "index" and v.values.dtype.kind != "O"]
    header = {"variables": listed, "attrs": _plain_attrs(attrs, "the Dataset")}
    return header, b"".join(values.tobytes() for values in indices)


def _structure(header: Mapping[str, Any], raw: bytes) -> Structure:
    variables = {}
    at = 0
    for one in header["variables"]:
        dtype, shape = np.dtype(one["dtype"]), tuple(one["shape"])
        if one["role"] != "index":
            values = np.zeros(shape, dtype)
        elif one["texts"] is not None:
            values = _objects(one["texts"], shape)
        else:
            count = int(np.prod(shape))
            values = np.frombuffer(raw, dtype, count, at).reshape(shape)
            at += values.nbytes
        variables[one["name"]] = Variable(
            one["name"], one["role"], tuple(one["dims"]), values, one["by_unit"], one["attrs"]
        )
    return Structure(variables, header["attrs"])


def _content(values: np.ndarray) -> object:
    return tuple(values.tolist()) if values.dtype.kind == "O" else values.tobytes()


def _objects(flat: SequenceOf[Any], shape: tuple[int, ...]) -> np.ndarray:
    out = np.empty(len(flat), dtype=object)
    out[:] = flat
    return out.reshape(shape)


def _require_storable(variable: Variable) -> None:
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


def _listed(variable: Variable) -> list[Any]:
    """Objects as JSON values."""
    values = [_plain(value, f"variable {variable.name!r}") for value in variable.values.ravel()]
    for value in values:
        if isinstance(value, (list, dict)):
            raise ConfigError(
                f"it returned {type(value).__name__} in variable {variable.name!r}: text, numbers "
                f"and missing values can be stored"
            )
    return values


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
