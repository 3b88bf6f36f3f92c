"""What a report is made from: a study's folder, or an experiment's results directory."""

from __future__ import annotations

import json
from collections.abc import Collection
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from creme.analysis.categories import context_categories
from creme.analysis.evidence import evidence
from creme.analysis.thresholds import Categories, Classes
from creme.errors import ConfigError, ResultsError
from creme.report.page.genes import Neighbours
from creme.results.directory import EXPERIMENT, Results
from creme.results.directory import STATE as RUN
from creme.study.config import TESTS, parse
from creme.study.folder import LOCI, SELECTED, STATE, STUDY, Folder

PLACE = ("gene", "transcript", "contig", "tss_position", "strand")
"""Labels of a locus, as results have them."""
HEAVY = ("shuffled", "moved", "placed", "dinuc", "dinuc_mutant", "whole")
"""Raw activities, which are large, and which neither figures nor comparisons use."""
REPLICATES = ("effect_replicates", "dinuc_effect_replicates", "fold_change_replicates", "mutant")
"""What figures do not use either."""


class Source:
    """A study, or an experiment, read from its folder and never changed.

    Parameters
    ----------
    path : str or Path
        A study's folder or a results directory.

    Raises
    ------
    ResultsError
        If it is neither, or cannot be read.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.study = (self.path / STATE).is_file()
        if not self.study and not (self.path / RUN).is_file():
            raise ResultsError(
                f"{path} is neither the folder of a study (it has no {STATE}) nor a results "
                f"directory (it has no {RUN}): 'creme study FILE' and 'creme run FILE' make them"
            )
        self._folder = Folder(self.path)
        self._results = Results(self.path)
        self.state: dict[str, Any] = self._folder.state() if self.study else self._results.state()

    @property
    def name(self) -> str:
        """The study's name; an experiment's is its directory's."""
        return str(self.state.get("name") or self.path.resolve().name)

    @cached_property
    def configuration(self) -> str:
        """The study file or the experiment file, as it was run."""
        path = self.path / (STUDY if self.study else EXPERIMENT)
        return path.read_text(encoding="utf-8") if path.is_file() else ""

    @cached_property
    def stages(self) -> dict[str, dict[str, Any]]:
        """State and counts by stage; an experiment is one stage, called ``run``."""
        if self.study:
            return self._folder.stages()
        counts = self.state.get("counts", {})
        kept = {key: self.state.get(key) for key in ("state", "failures", "updated")}
        units = len(self.state.get("identity", {}).get("loci", {}))
        return {"run": {**kept, **counts, "units": units}}

    @cached_property
    def tests(self) -> dict[str, Results]:
        """Where the results of each test lie that a study has; of several the first."""
        return {test: results for test, (results, _) in self._labels.items()}

    @cached_property
    def _labels(self) -> dict[str, tuple[Results, str]]:
        if self.study:
            each = [(test, self._folder.results(test), test) for test in TESTS]
            return {
                test: (results, label)
                for test, results, label in each
                if self._folder.finished(test) and label in results.labels()
            }
        found: dict[str, tuple[Results, str]] = {}
        known = self.state.get("identity", {}).get("tests", {})
        for label in self._results.labels():
            test = known.get(label, {}).get("name", label)
            if test in TESTS:
                found.setdefault(test, (self._results, label))
        return found

    @property
    def not_shown(self) -> list[str]:
        """Labels of an experiment's tests that the page has no place for."""
        shown = {label for _, label in self._labels.values()}
        return [] if self.study else [x for x in self._results.labels() if x not in shown]

    def open(self, test: str, without: Collection[str] = ()) -> xr.Dataset:
        """A test's Dataset, whose variables are read when they are used.

        Parameters
        ----------
        test : str
            One of `tests`.
        without : collection of str
            Variables to leave where they are.
        """
        results, label = self._labels[test]
        path = results.path / f"{label}.zarr"
        return xr.open_zarr(path, consolidated=False, chunks=None, drop_variables=list(without))

    @cached_property
    def tracks(self) -> list[str]:
        """Labels of the activities, the deciding one first."""
        for test in self._labels:
            known = [str(name) for name in self.open(test)["track"].values]
            first = self.state.get("track")
            return sorted(known, key=lambda name: name != first) if first in known else known
        return [str(self.state["track"])] if self.state.get("track") else []

    @property
    def track(self) -> str:
        """The activity that decides; an experiment's first one."""
        return self.tracks[0]

    @cached_property
    def limits(self) -> tuple[Categories, Classes]:
        """Thresholds of categories and classes: the study's, or the paper's."""
        if not self.study:
            return Categories(), Classes()
        try:
            file = parse(self.configuration, str(self.path / STUDY))
        except ConfigError as error:
            raise ResultsError(f"{self.path}: its {STUDY} cannot be read: {error}") from None
        return file.categories, file.classes

    @cached_property
    def funnel(self) -> list[dict[str, Any]]:
        """Steps of the selection, from all transcripts on."""
        return list(self.state.get("funnel") or [])

    @cached_property
    def loci(self) -> pd.DataFrame:
        """The loci: ``locus``, `PLACE` and ``activity``, a row each, in the order of the study."""
        columns = ["locus", *PLACE, "activity"]
        if self.study:
            if not self._folder.finished("loci"):
                return pd.DataFrame(columns=columns)
            table = pd.read_csv(
                self.path / SELECTED,
                sep="\t",
                dtype={"tss": int, "activity": float, **dict.fromkeys(_TEXT, str)},
                keep_default_na=False,
            )
            return table.rename(columns={"tss": "tss_position"})[columns]
        parts = [self._loci_of(test) for test in self._labels if test != "context_swap"]
        if not parts:
            return pd.DataFrame(columns=columns)
        return pd.concat(parts).drop_duplicates("locus", ignore_index=True)[columns]

    def _loci_of(self, test: str) -> pd.DataFrame:
        opened = self.open(test)
        named = {key: opened[key].values for key in ("locus", *PLACE)}
        activity = opened["wild_type"].sel(track=self.track).values.astype(float)
        return pd.DataFrame({**named, "activity": activity}).astype(
            {"locus": str, **dict.fromkeys(_TEXT[1:], str)}
        )

    @cached_property
    def categories(self) -> dict[str, str]:
        """Category of each locus that has one, by the deciding track."""
        if "context_dependence" not in self._labels:
            return {}
        limits = self.limits[0]
        opened = self.open("context_dependence")[["effect"]].sel(track=self.track).load()
        found = context_categories(
            opened,
            enhancing=limits.enhancing,
            neutral=limits.neutral,
            silencing=limits.silencing,
        )
        named = zip(found["locus"].values, found.values, strict=True)
        return {str(locus): str(category) for locus, category in named if category}

    @cached_property
    def evidence(self) -> xr.Dataset:
        """Evidence of the effects of all tiles by sufficiency."""
        return evidence(self.open("sufficiency").load())

    def table(self, name: str) -> pd.DataFrame | None:
        """A table of the study, if it is there."""
        if not self.study or name not in self._folder.tables():
            return None
        return self._folder.table(name)

    @cached_property
    def neighbours(self) -> Neighbours | None:
        """The TSSs of the study's annotation; None for an experiment, whose results have none."""
        path = self.path / LOCI
        return Neighbours(path) if self.study and path.is_file() else None

    @cached_property
    def model(self) -> dict[str, Any]:
        """What the results say of the model."""
        known = self.state.get("model")
        if isinstance(known, dict):
            return known
        return self._attribute("model")

    @cached_property
    def readouts(self) -> Any:
        """How activities are read."""
        for stage in self.state.get("identity", {}).values():
            if isinstance(stage, dict) and "readouts" in stage:
                return stage["readouts"]
        return self.state.get("identity", {}).get("readouts", [])

    @property
    def seed(self) -> object:
        """The experiment's seed."""
        identity = self.state.get("identity", {})
        known = identity.get("seed", identity.get("loci", {}).get("seed"))
        return "unknown" if known is None else known

    @property
    def versions(self) -> dict[str, Any]:
        """Versions of what computed the results."""
        known = self.state.get("versions")
        if known:
            return dict(known)
        for test in self._labels:
            return {"creme-toolkit": self.open(test).attrs.get("creme_version", "unknown")}
        return {}

    def _attribute(self, name: str) -> dict[str, Any]:
        for test in self._labels:
            try:
                return dict(json.loads(self.open(test).attrs.get(name, "{}")))
            except ValueError:
                continue
        return {}


_TEXT = ("locus", "gene", "transcript", "contig", "strand")
