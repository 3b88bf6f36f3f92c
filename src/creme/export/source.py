"""What is exported: the Datasets of a study, or of one experiment."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from creme.analysis.thresholds import Categories, Classes
from creme.errors import ResultsError
from creme.results.directory import STATE, Results
from creme.runner.experiment import read_text
from creme.study.config import parse
from creme.study.folder import STATE as STUDY_STATE
from creme.study.folder import STUDY
from creme.study.view import StudyResults

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


@dataclass(frozen=True)
class Source:
    """A study's folder, or a results directory.

    Attributes
    ----------
    path : Path
    name : str
    study : StudyResults or None
        None for a results directory.
    labels : list of str
        The stages, or tests, that have results.
    categories, classes : Categories, Classes
        Thresholds; the paper's for a results directory, which has none.
    """

    path: Path
    name: str
    labels: list[str]
    study: StudyResults | None = None
    categories: Categories = field(default_factory=Categories)
    classes: Classes = field(default_factory=Classes)

    @classmethod
    def of(cls, path: Path) -> Source:
        """What a path holds.

        Raises
        ------
        ResultsError
            If it is neither, or nothing in it is finished.
        """
        if (path / STUDY_STATE).is_file():
            source = cls._of_study(path)
        elif (path / STATE).is_file():
            source = cls(path, path.resolve().name.removesuffix(".results"), Results(path).labels())
        else:
            raise ResultsError(
                f"{path} is neither the folder of a study nor a results directory: it has no "
                f"{STUDY_STATE} and no {STATE}"
            )
        if not source.labels:
            raise ResultsError(f"{path} has no results yet: there is nothing to export")
        return source

    @classmethod
    def _of_study(cls, path: Path) -> Source:
        study = StudyResults(path)
        given = parse(read_text(path / STUDY), str(path / STUDY))
        done = [
            stage
            for stage, known in study.stages.items()
            if known["state"] == "finished" and not known.get("note")
        ]
        return cls(path, given.name, done, study, given.categories, given.classes)

    def load(self, label: str) -> xr.Dataset:
        """A Dataset; of a study with ``category`` along `locus`."""
        return self.study.dataset(label) if self.study else Results(self.path).load(label)

    def datasets(self, *wanted: str) -> Iterator[tuple[str, xr.Dataset]]:
        """Labels and Datasets, those of some tests or all, one after the other."""
        for label in self.labels:
            dataset = self.load(label)
            if not wanted or dataset.attrs.get("test") in wanted:
                yield label, dataset

    @cached_property
    def cre_classes(self) -> pd.DataFrame:
        """Class of each tile of the sufficiency test, by every track; see `features`."""
        import pandas as pd

        from creme.export.features import cre_class_features

        found = [
            cre_class_features(dataset, self.classes) for _, dataset in self.datasets("sufficiency")
        ]
        keys = ["locus", "track", "tile_from", "tile_to"]
        if not found:
            return pd.DataFrame(columns=[*keys, "cre_class"])
        # Two sufficiency tests of the same tiles may differ; the first one's classes are told.
        return pd.concat(found, ignore_index=True).drop_duplicates(keys)

    def about(self) -> dict[str, Any]:
        """What the exported files say of their origin: JSON values."""
        state = self.study.raw if self.study else Results(self.path).state()
        first = self.load(self.labels[0])
        return {
            "name": self.name,
            "kind": "study" if self.study else "results",
            "path": str(self.path.resolve()),
            "updated": state.get("updated", ""),
            "results": self.labels,
            "categories": self.categories.configuration(),
            "classes": self.classes.configuration(),
            "model": json.loads(first.attrs.get("model", "{}")),
            "seed": first.attrs.get("seed", ""),
            "creme_version": first.attrs.get("creme_version", ""),
        }
