"""A panel: distributions of effects of loci that carry nothing, as a file to compare with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from pydantic import ValidationError

from creme.analysis.calibration import Distribution, Place, distributions
from creme.analysis.panel_shape import panel_shape
from creme.errors import ConfigError, listing
from creme.files.durable import write_text
from creme.files.small import parse_json, read_text, reason

FORMAT = "creme panel"
VERSION = 1

FLOOR = 0.05
"""Quantile of the activities in shuffled contexts that is a track's floor."""

CONTEXTS = {"sufficiency": "control", "context_dependence": "mutant"}
"""Activities of TSS tiles in shuffled contexts, by test."""

_NO_MATTER = ("seed", "tiles", "groups", "minimum_activity", "label")
"""Parameters that choose or flag effects and do not change them."""


@dataclass(frozen=True)
class PanelTest:
    """The effects of one test.

    Attributes
    ----------
    test : str
        Its registered name.
    configuration : dict
        Parameters, without those that do not change effects.
    measure : str
    readings : dict of track to dict
        How each activity is read.
    distributions : dict of Place to Distribution
    """

    test: str
    configuration: Mapping[str, Any]
    measure: str
    readings: Mapping[str, Any]
    distributions: Mapping[Place, Distribution]


@dataclass(frozen=True)
class Panel:
    """Effects of a model where no effect is expected.

    Attributes
    ----------
    model : dict
        ``name``, ``version`` and ``fingerprint``.
    source : str
        A sentence: what the effects are of.
    tests : tuple of PanelTest
    floors : dict of track to dict
        ``activity``, the `FLOOR` quantile of ``n`` activities of TSS tiles in shuffled contexts.
    """

    model: Mapping[str, str]
    source: str
    tests: tuple[PanelTest, ...]
    floors: Mapping[str, Mapping[str, float]]

    @classmethod
    def of_datasets(
        cls,
        datasets: Iterable[tuple[str, xr.Dataset]],
        source: str,
        contexts: Mapping[str, Any] | None = None,
    ) -> Panel:
        """A panel of results.

        Parameters
        ----------
        datasets : iterable of (measure, Dataset)
            Whole Datasets of one model.
        source : str
        contexts : mapping of track to array, optional
            More activities of TSS tiles in shuffled contexts, for the floors.

        Raises
        ------
        ConfigError
            If there is none, they are of several models, or of a version that does not say how
            activities are read.
        """
        tests: list[PanelTest] = []
        models: list[dict[str, str]] = []
        activities: dict[str, list[Any]] = {k: [v] for k, v in (contexts or {}).items()}
        for measure, dataset in datasets:
            models.append(_model_of(dataset))
            name = str(dataset.attrs["test"])
            tests.append(
                PanelTest(
                    test=name,
                    configuration=_configuration(dataset),
                    measure=measure,
                    readings=_readings(dataset),
                    distributions=distributions(dataset[measure].load()),
                )
            )
            if name in CONTEXTS and CONTEXTS[name] in dataset:
                for track in dataset["track"].values:
                    values = dataset[CONTEXTS[name]].sel(track=track).values
                    activities.setdefault(str(track), []).append(values)
        if not models:
            raise ConfigError("there are no effects to make a panel of")
        if any(model["fingerprint"] != models[0]["fingerprint"] for model in models):
            raise ConfigError("a panel is of one model, and these results are of several")
        floors = {track: _floor(values) for track, values in activities.items()}
        return cls(models[0], source, tuple(tests), {k: v for k, v in floors.items() if v["n"]})

    @classmethod
    def from_file(cls, path: str | Path) -> Panel:
        """Read a panel's file.

        Raises
        ------
        ConfigError
            If it is missing, or no panel.
        """
        try:
            described = parse_json(read_text(Path(path)), f"the panel {path}")
        except FileNotFoundError:
            raise ConfigError(
                f"there is no panel {path}; 'creme calibrate' makes one of an experiment file or "
                f"of results"
            ) from None
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"the panel {path} cannot be read: {reason(error)}") from None
        if not isinstance(described, dict) or described.get("format") != FORMAT:
            raise ConfigError(f"{path} is no panel: 'creme calibrate' makes one")
        checksum = described.pop("checksum", None)  # an earlier version wrote none
        if checksum is not None and checksum != _checksum(described):
            raise ConfigError(
                f"the panel {path} is damaged, or was edited: it is not as it was written. If you "
                f"have edited it, remove 'checksum' from it; if not, make it again with 'creme "
                f"calibrate'"
            )
        if described.get("version") != VERSION:
            raise ConfigError(
                f"the panel {path} is of format version {described.get('version')}, and this "
                f"version of the toolkit reads {VERSION}: make it again with 'creme calibrate'"
            )
        try:
            shaped = panel_shape().validate_python(described)
            return cls(
                model=dict(shaped["model"]),
                source=shaped["source"],
                tests=tuple(_read_test(one) for one in shaped["tests"]),
                floors=dict(shaped["floors"]),
            )
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise ConfigError(f"the panel {path} is damaged: {where}: {first['msg']}") from None
        except (OverflowError, ValueError) as error:
            raise ConfigError(f"the panel {path} is damaged: {error}") from None

    def write(self, path: str | Path) -> None:
        """Write the panel's file in one step."""
        described = self.described()
        text = json.dumps({**described, "checksum": _checksum(described)})
        write_text(Path(path), text + "\n")

    def described(self) -> dict[str, Any]:
        """JSON values: the contents of its file."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "source": self.source,
            "model": dict(self.model),
            "floors": dict(self.floors),
            "tests": [
                {
                    "test": one.test,
                    "measure": one.measure,
                    "configuration": dict(one.configuration),
                    "readings": dict(one.readings),
                    "effects": [
                        {"of": dict(place), **null.described()}
                        for place, null in one.distributions.items()
                    ],
                }
                for one in self.tests
            ],
        }

    def floor(self, track: str) -> float:
        """The floor of a track's activity; NaN where none is known."""
        return float(self.floors.get(track, {}).get("activity", np.nan))

    def test_of(self, dataset: xr.Dataset) -> PanelTest | None:
        """The panel's effects of a Dataset's test; None where it has none of it.

        Raises
        ------
        ConfigError
            As `check`.
        """
        return self.check(
            _model_of(dataset)["fingerprint"],
            str(dataset.attrs["test"]),
            _configuration(dataset),
            _readings(dataset),
        )

    def check(
        self,
        fingerprint: str,
        test: str,
        configuration: Mapping[str, Any],
        readings: Mapping[str, Any],
    ) -> PanelTest | None:
        """The effects of a test, if the panel has it.

        Parameters
        ----------
        fingerprint : str
            The model's.
        test : str
            Its registered name.
        configuration : mapping
            All of its parameters.
        readings : mapping of track to dict
            How each activity is read.

        Raises
        ------
        ConfigError
            If the panel is of another model; or if it has the test with other parameters, or
            another readout of a track of that name.
        """
        if fingerprint != self.model["fingerprint"]:
            raise ConfigError(
                f"the panel is of model {self.model['name']} with the fingerprint "
                f"{self.model['fingerprint'][:12]}, and this one's is {fingerprint[:12]}: effects "
                f"of another model are no measure of this one's; make a panel for it with "
                f"'creme calibrate'"
            )
        named = [one for one in self.tests if one.test == test]
        wanted = _that_matter(configuration)
        alike = [one for one in named if dict(one.configuration) == wanted]
        if named and not alike:
            other = named[0].configuration
            keys = sorted(k for k in {*wanted, *other} if wanted.get(k) != other.get(k))
            raise ConfigError(
                f"the panel has test {test} with other parameters ({listing(keys)} differ): its "
                f"effects are no measure of this test's; make a panel with these parameters"
            )
        for one in alike:
            shared = [track for track in readings if track in one.readings]
            if differing := [t for t in shared if readings[t] != one.readings[t]]:
                raise ConfigError(
                    f"the panel reads activity {listing(differing)} in another way: make a panel "
                    f"with these readouts"
                )
            if not shared:
                raise ConfigError(
                    f"the panel has effects on {listing(one.readings)}, and none on "
                    f"{listing(readings)}: make a panel with these readouts"
                )
        return alike[0] if alike else None

    def smallest_p(self, test: str) -> float:
        """The smallest p that effects of a test can have; 1 where the panel has none."""
        every = [
            null.smallest_p
            for one in self.tests
            if one.test == test
            for null in one.distributions.values()
        ]
        return max(every, default=1.0)


def _checksum(described: Mapping[str, Any]) -> str:
    """SHA-256 of a panel's contents, however they are laid out; hexadecimal."""
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()


def _that_matter(configuration: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in configuration.items() if key not in _NO_MATTER}


def _configuration(dataset: xr.Dataset) -> dict[str, Any]:
    return _that_matter(json.loads(dataset.attrs["configuration"]))


def _model_of(dataset: xr.Dataset) -> dict[str, str]:
    model = json.loads(dataset.attrs["model"])
    return {key: str(model[key]) for key in ("name", "version", "fingerprint") if key in model}


def _readings(dataset: xr.Dataset) -> dict[str, Any]:
    try:
        return dict(json.loads(dataset.attrs["readings"]))
    except KeyError:
        raise ConfigError(
            f"the results of test {dataset.attrs.get('test', '?')!r} do not say how activities are "
            f"read: they are of an earlier version; run again, which takes all predictions from "
            f"the store"
        ) from None


def _floor(values: list[Any]) -> dict[str, float]:
    every = np.concatenate([np.asarray(part, dtype=np.float64).ravel() for part in values])
    every = every[np.isfinite(every)]
    activity = float(np.quantile(every, FLOOR)) if every.size else float("nan")
    return {"activity": activity, "quantile": FLOOR, "n": int(every.size)}


def _read_test(described: Mapping[str, Any]) -> PanelTest:
    return PanelTest(
        test=str(described["test"]),
        configuration=dict(described["configuration"]),
        measure=str(described["measure"]),
        readings=dict(described["readings"]),
        distributions={
            tuple(sorted(effects["of"].items())): Distribution.read(effects)
            for effects in described["effects"]
        },
    )
