"""The units of a log, read: their structures, and their values when they are needed."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator
from collections.abc import Sequence as SequenceOf
from dataclasses import replace
from typing import Any, BinaryIO

import numpy as np

from creme.results import records
from creme.results.structures import Structure, objects, restored

TEST, STRUCTURE, UNIT = range(3)
"""Kinds of a log's records; see `creme.results.units`."""


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
            if record.kind == TEST:
                self.attrs = record.header["attrs"]
            elif record.kind == STRUCTURE:
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
