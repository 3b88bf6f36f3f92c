"""The units of each test that have ended so far: a log that grows by a record when a unit ends.

The log is for showing results while a run goes on, and for joining them at its end. A run never
continues from it, and begins it anew: predictions come from the store.

The first record has what the joined Dataset bears: its attributes and the labels of its tracks.
Before the first unit of each structure (`creme.results.structures`) a record describes that, so
that a unit's record is little more than its numbers. Text stands in the header, and attributes
where they differ from those of the structure's first unit.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from collections.abc import Sequence as SequenceOf
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import quote, unquote

from creme.results import records
from creme.results.labels import labelled
from creme.results.logged_units import STRUCTURE, TEST, UNIT, Units
from creme.results.structures import attributes, described, key_of, listed, require_storable

if TYPE_CHECKING:
    import xarray as xr

FOLDER = ".units"
"""Of the logs, in the results directory."""


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
        records.write(self._file, TEST, {"attrs": dict(attrs), "tracks": list(tracks)})

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
            records.write(self._file, STRUCTURE, *described(variables, attrs))
            self._structures[key] = (len(self._structures), as_text)
        number, usual = self._structures[key]
        header = {"place": place, "structure": number, "texts": texts}
        if as_text != usual:
            header["attrs"] = attrs
        raw = (v.values.tobytes() for v in inner if v.values.dtype.kind != "O")
        records.write(self._file, UNIT, header, b"".join(raw))

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
                return records.count(file, UNIT)
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
