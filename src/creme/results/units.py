"""What a run has of each test's units so far: a log that grows by a record when a unit ends.

The log is for showing results while a run goes on, and for joining them at its end. A run never
continues from it, and begins it anew: predictions come from the store.

The first record has what the joined Dataset bears: its attributes and the labels of its tracks.
Before the first unit of each structure (`creme.results.structures`) a record describes that, so
that a unit's record is little more than its numbers. Text stands in the header, and attributes
where they differ from those of the structure's first unit.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator, Mapping
from collections.abc import Sequence as SequenceOf
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import quote, unquote

import numpy as np

from creme.results import records
from creme.results.labels import labelled
from creme.results.structures import (
    Structure,
    attributes,
    described,
    key_of,
    listed,
    objects,
    require_storable,
    restored,
)

if TYPE_CHECKING:
    import xarray as xr

FOLDER = ".units"
"""Of the logs, in the results directory."""

_TEST, _STRUCTURE, _UNIT = range(3)


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
        self._structures: dict[Any, tuple[int, str]] = {}
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
        records.write(self._file, _TEST, {"attrs": dict(attrs), "tracks": list(tracks)})

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
        assert self._file is not None, "begin it first"
        variables = labelled(dataset, unit, labels, self._tracks)
        inner = [variable for variable in variables if variable.role != "index"]
        texts = [listed(variable) for variable in inner if variable.values.dtype.kind == "O"]
        attrs = attributes(variables, getattr(dataset, "attrs", {}))
        as_text = json.dumps(attrs)
        key = key_of(variables)
        if key not in self._structures:
            for variable in variables:
                require_storable(variable)
            records.write(self._file, _STRUCTURE, *described(variables, attrs))
            self._structures[key] = (len(self._structures), as_text)
        number, usual = self._structures[key]
        header = {"place": place, "structure": number, "texts": texts}
        if as_text != usual:
            header["attrs"] = attrs
        raw = (v.values.tobytes() for v in inner if v.values.dtype.kind != "O")
        records.write(self._file, _UNIT, header, b"".join(raw))

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
                return records.count(file, _UNIT)
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
        self._texts: dict[str, str] = {}  # the same text, in many units, is one object
        self.attrs: dict[str, Any] = {}
        self.structures: list[Structure] = []
        # A plain list would need ten times the room of these numbers.
        numbers = array("q")
        for record in records.read(file):
            if record.kind == _TEST:
                self.attrs = record.header["attrs"]
            elif record.kind == _STRUCTURE:
                self.structures.append(restored(record.header, record.raw))
            else:
                number = record.header["structure"]
                self.structures[number].compare(record.header, record.raw)
                place = record.header["place"]
                numbers.extend((place, number, record.header_at, record.raw_at))
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

    def _header(self, row: int) -> dict[str, Any]:
        start, end = int(self._headers[row]), int(self._raws[row])
        self._file.seek(start)
        header: dict[str, Any] = json.loads(self._file.read(end - start))
        return header

    def of_first(self, row: int) -> Structure:
        """A unit's structure, with its own attributes: those of a structure's first unit count."""
        structure = self.structures[self.structure[row]]
        attrs = self._header(row).get("attrs", structure.attrs)
        variables = {
            name: replace(variable, attrs=attrs.get(name, {}))
            for name, variable in structure.variables.items()
        }
        return replace(structure, variables=variables, attrs=attrs)

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
            if len(places) < len(names):
                texts.append(self._header(row)["texts"])
            if high > low:
                self._file.seek(int(self._raws[row]) + low)
                block[at] = np.frombuffer(self._file.read(high - low), np.uint8)
        for name in names:
            like = structure.variables[name].values
            shape = (len(rows), *like.shape)
            if name in structure.texts:
                column = structure.texts[name]
                flat = [self._once(value) for unit in texts for value in unit[column]]
                yield name, objects(flat, shape)
            else:
                place = structure.places[name]
                part = np.ascontiguousarray(block[:, place.start - low : place.stop - low])
                yield name, part.view(like.dtype).reshape(shape)

    def _once(self, value: Any) -> Any:
        return self._texts.setdefault(value, value) if type(value) is str else value
