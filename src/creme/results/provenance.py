"""How results came about: their model, readouts, seed and versions, as they are recorded."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Collection
from collections.abc import Sequence as SequenceOf
from typing import TYPE_CHECKING, Any

from creme.test import REMARKS

if TYPE_CHECKING:
    import xarray as xr


class Provenance(ABC):
    """How results came about, read from ``run.json`` or ``study.json`` and from their attributes.

    An earlier version recorded less in the file: then the first Dataset that has it is asked.
    """

    @property
    @abstractmethod
    def raw(self) -> dict[str, Any]:
        """``run.json`` or ``study.json`` as it stands."""

    @property
    @abstractmethod
    def tests(self) -> tuple[str, ...]:
        """Labels of the tests with results of all or of some units; of a study its stages."""

    @property
    @abstractmethod
    def _identity(self) -> SequenceOf[dict[str, Any]]:
        """The identity of the experiment, or of each stage: JSON values by section."""

    @property
    def sections(self) -> dict[str, Any]:
        """The identity of the results, by section of the file: JSON values."""
        return dict(self.raw.get("identity", {}))

    @abstractmethod
    def open(self, label: str, without: Collection[str] = ()) -> xr.Dataset:
        """A test's Dataset; see `creme.results.view.ResultsView.open`."""

    @property
    def model(self) -> dict[str, Any]:
        """Name, version, fingerprint, bins, tracks and configuration of the model."""
        recorded = self.raw.get("model")
        if isinstance(recorded, dict):
            return recorded
        attribute = self._attribute("model")
        return attribute if isinstance(attribute, dict) else {}

    @property
    def readouts(self) -> list[dict[str, Any]]:
        """How activities are read from predictions."""
        for identity in self._identity:
            if "readouts" in identity:
                return list(identity["readouts"])
        return list(self._attribute("readouts") or [])

    @property
    def seed(self) -> int | None:
        """The seed of everything random; None where it is not recorded."""
        for identity in self._identity:
            if identity.get("seed") is not None:
                return int(identity["seed"])
        return None

    @property
    def versions(self) -> dict[str, str]:
        """Versions of the programs that computed the results."""
        if self.raw.get("versions"):
            return dict(self.raw["versions"])
        for label in self.tests:
            return {"creme-toolkit": str(self.open(label).attrs.get("creme_version", "unknown"))}
        return {}

    @property
    def notes(self) -> list[str]:
        """Sentences that a reader of all values has to know."""
        return [str(note) for note in self.raw.get("notes") or []]

    def remarks(self, label: str) -> list[str]:
        """Sentences that a reader of a test's values has to know, with the loci."""
        sentences: list[str] = json.loads(self.open(label).attrs.get(REMARKS, "[]"))
        return sentences

    def _attribute(self, name: str) -> Any:
        """A JSON value from the attributes of the first Dataset that has it."""
        for label in self.tests:
            try:
                return json.loads(self.open(label).attrs[name])
            except (KeyError, TypeError, ValueError):
                continue
        return None
