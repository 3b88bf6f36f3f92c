"""A read-only view of a study, and of whatever results lie at a path."""

from __future__ import annotations

import warnings
from collections.abc import Collection
from collections.abc import Sequence as SequenceOf
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from creme.errors import ConfigError, CremeWarning, ResultsError, listing
from creme.files.small import parse_toml
from creme.passwords import masked
from creme.results.calibrated import panel_in
from creme.results.directory import STATE as RUN
from creme.results.directory import Results
from creme.results.experiment_view import ExperimentResults
from creme.results.kind import Kind, kind_of, mistaken
from creme.results.loci_table import PLACE
from creme.results.presentation import presentation_of
from creme.results.progress import RunProgress, UnitCounts, unit_counts
from creme.results.view import Failure, ResultsView
from creme.study.folder import STATE, STUDY, Folder, of_study
from creme.study.stages.loci import LOCI
from creme.suite.tss_activity import TssActivity
from creme.test import Presentation

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from creme.analysis.panel import Panel
    from creme.analysis.thresholds import Categories, Classes


def open_results(path: str | Path) -> ResultsView:
    """The results of an experiment or of a study, which may be running.

    Parameters
    ----------
    path : str or Path
        A results directory, or the folder of a study.

    Returns
    -------
    ExperimentResults or StudyResults

    Raises
    ------
    ResultsError
        If it is neither; the message says what it is instead, and which command takes it.
    """
    kind = kind_of(path)
    if kind is Kind.STUDY:
        return StudyResults(path)
    if kind is Kind.RESULTS:
        study = of_study(Path(path))
        return ExperimentResults(path) if study is None else StageResults(path, study)
    takes = "a results directory or the folder of a study"
    raise ResultsError(
        mistaken(path, takes)
        or f"{path} is neither the folder of a study nor a results directory: it has no {STATE} "
        f"and no {RUN}; 'creme study FILE' and 'creme run FILE' make them"
    )


class StageResults(ExperimentResults):
    """The results directory of a study's stage, which the study continues.

    Parameters
    ----------
    path, study : str or Path
        The directory, and the study's folder.
    """

    def __init__(self, path: str | Path, study: Path) -> None:
        super().__init__(path)
        self.study = study

    @property
    def further(self) -> str:
        """The command that continues what is not finished."""
        return f"creme study {self.study}"

    def resume(self, *, trust: bool = False, progress: bool | None = None) -> Self:
        """An error: the study goes on with it."""
        raise ResultsError(
            f"{self.path} is a stage of {self.study}, which takes it further: {self.further}"
        )

    @cached_property
    def panel(self) -> Panel | None:
        """The study's."""
        return panel_in(self.study)

    def _presentation(self, label: str) -> Presentation:
        declared = TssActivity.presentation() if label == LOCI.test else None
        return presentation_of(self.open(label), label, declared)


class StudyResults(ResultsView):
    """A study's folder, read only; see `creme.results.view.ResultsView`.

    Its tests are called as the stages that ran them.

    Parameters
    ----------
    path : str or Path
        The folder.

    Raises
    ------
    ResultsError
        If it is not the folder of a study.
    """

    kind = "study"

    def __init__(self, path: str | Path) -> None:
        super().__init__(path)
        self.folder = Folder.existing(path)

    @property
    def raw(self) -> dict[str, Any]:
        """``study.json``."""
        return self.folder.state()

    @property
    def name(self) -> str:
        """The study's name."""
        return str(self.raw.get("name") or self.path.resolve().name)

    @property
    def state(self) -> str:
        """The state of its stages: ``running``, ``failed``, ``interrupted`` or ``outdated`` if one
        of them is; ``new`` before the first one, and ``stopped`` where some were not begun yet."""
        states = [stage["state"] for stage in self._stages.values()]
        for state in ("running", "failed", "interrupted", "outdated"):
            if state in states:
                return state
        if set(states) <= {"waiting"}:
            return "new"
        return "stopped" if "waiting" in states else "finished"

    @property
    def interrupted(self) -> bool:
        """Whether a stage was stopped before its end."""
        return any(stage["state"] == "interrupted" for stage in self._stages.values())

    @property
    def stages(self) -> dict[str, dict[str, Any]]:
        """State and counts of each stage."""
        return self._stages

    @property
    def _stages(self) -> dict[str, dict[str, Any]]:
        return self.folder.stages()

    @property
    def tests(self) -> tuple[str, ...]:
        """The stages that have results, in their order."""
        return tuple(stage for stage, of in self._stages.items() if self._has_results(stage, of))

    def _has_results(self, stage: str, of: dict[str, Any]) -> bool:
        if of["state"] == "finished":
            return not of.get("note")
        if of["state"] == "outdated":
            return False
        results, label = self._place(stage)
        return label in results.partial()

    @property
    def progress(self) -> RunProgress:
        """How far each stage is; rate and time are those of the stage that runs."""
        tests: dict[str, UnitCounts] = {}
        rate = seconds_left = None
        for stage, of in self._stages.items():
            results, label = self._place(stage)
            failed = len(of.get("failures", []))
            if of["state"] in ("finished", "outdated") or not (results.path / RUN).is_file():
                units = of.get("units") if of["state"] != "waiting" else None
                tests[stage] = UnitCounts(of["state"], (units or failed) - failed, units, failed)
                continue
            raw = results.state()
            counts = unit_counts(results, {**raw, "state": of["state"]}, [label])[label]
            tests[stage] = UnitCounts(of["state"], counts.finished, counts.of, counts.failed)
            if of["state"] == "running":
                rate, seconds_left = raw.get("rate"), raw.get("seconds_left")
        return RunProgress(tests, rate, seconds_left)

    @property
    def failures(self) -> list[Failure]:
        """The units that failed, each with its stage and the reason."""
        return [
            (stage, str(unit), str(message))
            for stage, of in self._stages.items()
            for unit, message in of.get("failures", [])
        ]

    @property
    def configuration(self) -> str:
        """The study file as it was run; empty if it is gone."""
        # An earlier version has copied passwords into it.
        return masked(self.folder.settings_text())

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of the CSV files below ``tables``, and ``loci``; without those of outdated stages;
        see `creme.study.folder`."""
        first = ("loci",) if self.folder.finished("loci") else ()
        return (*first, *(name for name in self.folder.tables() if name != "loci"))

    @property
    def limits(self) -> tuple[Categories, Classes]:
        """Thresholds of the study file."""
        from creme.analysis.thresholds import Categories, Classes

        try:
            # The rest of the file may name plugins that are not installed here.
            table = parse_toml(self.configuration, "it")
            return Categories(**table.get("categories", {})), Classes(**table.get("classes", {}))
        except (ConfigError, TypeError) as error:
            raise ResultsError(f"{self.path}: its {STUDY} cannot be read: {error}") from None

    @property
    def further(self) -> str:
        """The command that continues what is not finished."""
        return f"creme study {self.path}"

    def resume(self, *, trust: bool = False, progress: bool | None = None) -> Self:
        """Go on with what is not finished; see `ResultsView.resume`."""
        # By name: what runs studies gives views of them.
        study = import_module("creme.study.study").Study.from_file(self.path, trust=trust)
        study.run(self.path, progress=progress, trust=trust)
        return type(self)(self.path)

    @cached_property
    def loci(self) -> pd.DataFrame:
        """The selected loci: ``locus``, ``gene``, ``transcript``, ``contig``, ``tss_position``,
        ``strand`` and ``activity``, a row each, in the order of the study."""
        import pandas as pd

        columns = ["locus", *PLACE, "activity"]
        if not self.folder.finished("loci"):
            return pd.DataFrame(columns=columns)
        table = self.folder.selected(numbers=True)
        return table.rename(columns={"tss": "tss_position"})[columns]

    def dataset(self, label: str, without: Collection[str] = ()) -> xr.Dataset:
        """A stage's Dataset, in memory, with ``category`` along `locus` once that is known.

        Parameters
        ----------
        label : str
            One of `tests`.
        without : collection of str
            Variables that are left out.

        Raises
        ------
        ResultsError
            If the stage is unknown, has no results yet, or had nothing to do.
        """
        dataset = super().dataset(label, without)
        if label == "loci" or not self.folder.finished("context_dependence"):
            return dataset
        frame = self.folder.table("categories")
        return _with_category(dataset, dict(zip(frame["locus"], frame["category"], strict=True)))

    def _presentation(self, label: str) -> Presentation:
        # The first stage's test is not registered: it needs what only a study knows.
        declared = TssActivity.presentation() if label == "loci" else None
        return presentation_of(self.open(label), label, declared)

    @property
    def _identity(self) -> SequenceOf[dict[str, Any]]:
        by_stage = self.raw.get("identity", {})
        return [identity for identity in by_stage.values() if isinstance(identity, dict)]

    @property
    def sections(self) -> dict[str, Any]:
        """The identity of the results, as ``STAGE: SECTION``: JSON values."""
        return {
            f"{stage}: {section}": value
            for stage, identity in self.raw.get("identity", {}).items()
            for section, value in identity.items()
        }

    def _table(self, name: str) -> pd.DataFrame:
        return self.folder.loci() if name == "loci" else self.folder.table(name)

    def table(self, name: str) -> pd.DataFrame:
        """One of `tables`.

        Raises
        ------
        ResultsError
            If there is none of the name, or it is outdated.
        """
        return self._table(name)  # the folder knows why one is missing

    def _place(self, label: str) -> tuple[Results, str]:
        return self.folder.results(label), LOCI.test if label == "loci" else label

    def _absent(self, label: str) -> ResultsError:
        stages = self._stages
        if label not in stages:
            return ResultsError(f"{self.path} has no stage {label!r}: it has {listing(stages, 20)}")
        if note := stages[label].get("note"):
            return ResultsError(f"stage {label!r} has no results: {note}")
        return ResultsError(
            f"stage {label!r} of {self.path} is {stages[label]['state']}: go on with "
            f"'{self.further}'"
        )


def _with_category(dataset: xr.Dataset, categories: dict[str, str]) -> xr.Dataset:
    """A Dataset with the coordinate ``category`` along `locus`, empty where there is none."""
    import numpy as np

    names = [categories.get(str(name), "") for name in dataset["locus"].values]
    return dataset.assign_coords(category=("locus", np.array(names, dtype=object)))


class FormerStudy(StudyResults):
    """The former name of `StudyResults`, whose state and stages were methods."""

    def __init__(self, path: str | Path) -> None:
        warnings.warn(
            "creme.study.Study(PATH) is now creme.open_results(PATH), with properties 'state' and "
            "'stages'; the old name goes with the next version",
            CremeWarning,
            stacklevel=2,
        )
        super().__init__(path)

    def state(self) -> dict[str, Any]:  # type: ignore[override]
        """``study.json``."""
        return self.raw

    def stages(self) -> dict[str, dict[str, Any]]:  # type: ignore[override]
        """State and counts of each stage."""
        return self._stages
