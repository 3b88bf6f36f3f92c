"""A read-only view of an experiment's results directory."""

from __future__ import annotations

from collections.abc import Sequence as SequenceOf
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from creme.errors import ResultsError, listing, nearest
from creme.passwords import masked
from creme.results.directory import Results
from creme.results.progress import RunProgress, unit_counts
from creme.results.view import Failure, ResultsView

if TYPE_CHECKING:
    import pandas as pd

    from creme.analysis.thresholds import Categories, Classes


class ExperimentResults(ResultsView):
    """An experiment's results directory, read only; see `ResultsView`.

    Raises
    ------
    ResultsError
        If the path is no results directory.
    """

    kind = "experiment"

    def __init__(self, path: str | Path) -> None:
        super().__init__(path)
        self._results = Results.existing(path)

    @property
    def raw(self) -> dict[str, Any]:
        """``run.json``."""
        return self._results.state()

    @property
    def name(self) -> str:
        """The directory's, without its ending ``.results``."""
        return self.path.resolve().name.removesuffix(".results")

    @property
    def state(self) -> str:
        """``new``, ``running``, ``interrupted``, ``stopped``, ``failed`` or ``finished``; a stage
        of a study may be ``outdated``."""
        return str(self.raw["state"])

    @property
    def tests(self) -> tuple[str, ...]:
        """Labels of the tests that have results, in the order of the experiment file."""
        labels = {*self._results.labels(), *self._results.partial()}
        ordered = [label for label in self._tests if label in labels]
        return (*ordered, *sorted(labels - set(ordered)))

    @property
    def _tests(self) -> dict[str, Any]:
        """Name and parameters of each test of the experiment, by label."""
        tests = self.raw.get("identity", {}).get("tests", {})
        return tests if isinstance(tests, dict) else {}

    @property
    def progress(self) -> RunProgress:
        """How far each test is."""
        raw = self.raw
        return RunProgress(
            tests=unit_counts(self._results, raw, [*self._tests, *self.tests]),
            rate=raw.get("rate"),
            seconds_left=raw.get("seconds_left") if raw["state"] == "running" else None,
        )

    @property
    def stages(self) -> dict[str, dict[str, Any]]:
        """One stage, ``run``."""
        raw = self.raw
        kept = {key: raw.get(key) for key in ("state", "failures", "updated")}
        units = len(raw.get("identity", {}).get("loci", {}))
        return {"run": {**kept, **raw.get("counts", {}), "units": units}}

    @property
    def failures(self) -> list[Failure]:
        """The units that failed, each with its test's label and the reason."""
        return [
            (str(label), str(unit), str(message))
            for label, unit, message in self.raw.get("failures", [])
        ]

    @property
    def configuration(self) -> str:
        """The experiment file as it was run; empty if it is gone."""
        # An earlier version has copied passwords into it.
        return masked(self._results.settings_text())

    @property
    def tables(self) -> tuple[str, ...]:
        """`tests`: each has a tidy table."""
        return self.tests

    @property
    def limits(self) -> tuple[Categories, Classes]:
        """The paper's thresholds."""
        from creme.analysis.thresholds import Categories, Classes

        return Categories(), Classes()

    @property
    def further(self) -> str:
        """The command that continues what is not finished."""
        return f"creme resume {self.path}"

    def resume(self, *, trust: bool = False, progress: bool | None = None) -> Self:
        """Go on with what is not finished; see `ResultsView.resume`."""
        # By name: what runs experiments stands above this module.
        experiment = import_module("creme.runner.experiment").Experiment.of_results(self.path)
        experiment.run(self.path, progress=progress, trust=trust)
        return type(self)(self.path)

    @property
    def _identity(self) -> SequenceOf[dict[str, Any]]:
        return [self.raw.get("identity", {})]

    def _table(self, name: str) -> pd.DataFrame:
        from creme.results.tidy import tidy

        return tidy(self.calibrated(name))

    def _place(self, label: str) -> tuple[Results, str]:
        return self._results, label

    def _absent(self, label: str) -> ResultsError:
        state = self.state
        hint = "" if state == "finished" else f"; the run is {state}: {self.further}"
        return ResultsError(
            f"{self.path} has no results of a test {label!r}{nearest(label, self.tests)}; it has "
            f"{listing(self.tests)}{hint}"
        )
