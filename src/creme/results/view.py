"""A read-only view of results: what reports, exports, comparisons and notebooks read."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection
from collections.abc import Sequence as SequenceOf
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from creme.errors import ResultsError, listing, nearest
from creme.results.calibrated import calibrated, compared, panel_in
from creme.results.checksums import opened
from creme.results.directory import Results
from creme.results.loci_table import loci_of, no_loci
from creme.results.neighbours import own
from creme.results.presentation import presentation_of
from creme.results.progress import RunProgress
from creme.results.provenance import Provenance
from creme.results.units import UnitLog
from creme.test import Presentation

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from creme.analysis.panel import Panel
    from creme.analysis.thresholds import Categories, Classes

Failure = tuple[str, str, str]
"""A test's label or a stage, the unit that failed, and why."""


class ResultsView(Provenance):
    """Results of an experiment or of a study, as they lie on disk; nothing is changed.

    States, counts and the list of tests are read anew each time. What is derived from Datasets
    (`loci`, `categories`, `tracks`) is kept: open results again to see what a running experiment
    has found since.

    Parameters
    ----------
    path : str or Path
        The directory.

    Attributes
    ----------
    path : Path
    kind : {'experiment', 'study'}
    """

    kind: ClassVar[Literal["experiment", "study"]]

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._presentations: dict[str, Presentation] = {}
        self._last_joined: tuple[str, int, xr.Dataset] | None = None

    def __repr__(self) -> str:
        return f"<{self.kind} {self.name!r}, {self.state}: {listing(self.tests, 20)}>"

    @property
    @abstractmethod
    def name(self) -> str:
        """The name of the experiment or study."""

    @property
    @abstractmethod
    def state(self) -> str:
        """``new``, ``running``, ``interrupted``, ``stopped``, ``failed``, ``outdated``, or
        ``finished``."""

    @property
    @abstractmethod
    def progress(self) -> RunProgress:
        """How far each test or stage is."""

    @property
    @abstractmethod
    def stages(self) -> dict[str, dict[str, Any]]:
        """State and counts by stage; an experiment is one stage, called ``run``."""

    @property
    @abstractmethod
    def failures(self) -> list[Failure]:
        """The units that failed, each with its test's label and the reason."""

    @property
    @abstractmethod
    def configuration(self) -> str:
        """The text of the experiment file or study file, as it was run."""

    @property
    @abstractmethod
    def tables(self) -> tuple[str, ...]:
        """Names of the tables: a study's CSV files; of an experiment one a test."""

    @property
    @abstractmethod
    def limits(self) -> tuple[Categories, Classes]:
        """Thresholds of categories and of classes: the study's, or the paper's."""

    @property
    @abstractmethod
    def further(self) -> str:
        """The command that continues what is not finished."""

    @abstractmethod
    def _table(self, name: str) -> pd.DataFrame:
        """One of `tables`."""

    @abstractmethod
    def _place(self, label: str) -> tuple[Results, str]:
        """The results directory of one of `tests`, and the Dataset's label in there."""

    @abstractmethod
    def _absent(self, label: str) -> ResultsError:
        """The error for a test without results, with the reason."""

    @abstractmethod
    def resume(self, *, trust: bool = False, progress: bool | None = None) -> Self:
        """Go on with what is not finished.

        Parameters
        ----------
        trust : bool
            Whether Python files are run that the directory names and that you have not run before
            as they are now; the directory may come from somebody else.
        progress : bool, optional
            Whether to show how far it is; unless given, in notebooks and terminals only.

        Raises
        ------
        TrustError
            If such a file would be run.
        CremeError
            As the run that made the directory.
        """

    def open(self, label: str, without: Collection[str] = ()) -> xr.Dataset:
        """A test's Dataset, whose variables are read when they are used.

        Parameters
        ----------
        label : str
            One of `tests`.
        without : collection of str
            Variables that are left out.

        Raises
        ------
        ResultsError
            If there are no results of such a test, or they are damaged; when a variable is read,
            also if that is.
        """
        if label not in self.tests:
            raise self._absent(label)
        results, name = self._place(label)
        path = results.path / f"{name}.zarr"
        if not path.is_dir():
            return self._joined(results, name).drop_vars(list(without), errors="ignore")
        return opened(path, without)

    def _joined(self, results: Results, name: str) -> xr.Dataset:
        """The finished units of a test that is not; kept until there are more, or another test."""
        units = UnitLog(results.path, name).count()
        if self._last_joined is None or self._last_joined[:2] != (name, units):
            self._last_joined = (name, units, results.load(name))
        return self._last_joined[2].copy()

    def dataset(self, label: str, without: Collection[str] = ()) -> xr.Dataset:
        """A test's Dataset, in memory; of a study with ``category`` along `locus`, once known.

        While a run goes on, or where it was stopped, it has the units that are finished.

        Parameters
        ----------
        label : str
            One of `tests`.
        without : collection of str
            Variables that are left out.

        Raises
        ------
        ResultsError
            If there are no results of such a test.
        """
        with self.open(label, without) as opened:
            return opened.load()

    @cached_property
    def panel(self) -> Panel | None:
        """The effects that those of the tests are compared with, if the run or study named some."""
        return panel_in(self.path)

    def calibrated(self, label: str) -> xr.Dataset:
        """`dataset` with the percentile of each effect, and what a panel says of it.

        See `creme.results.calibrated.calibrated`.
        """
        return calibrated(self.dataset(label), self.presentation(label), self.panel)

    def table(self, name: str) -> pd.DataFrame:
        """One of `tables`.

        Raises
        ------
        ResultsError
            If there is none of the name.
        """
        if name not in self.tables:
            raise ResultsError(
                f"{self.path} has no table {name!r}{nearest(name, self.tables)}; it has "
                f"{listing(self.tables, 20)}"
            )
        return self._table(name)

    def test_name(self, label: str) -> str:
        """The name that a test is registered by."""
        if label not in self.tests:
            raise self._absent(label)
        results, name = self._place(label)
        tests = results.state().get("identity", {}).get("tests", {})
        recorded = tests.get(name, {}) if isinstance(tests, dict) else {}
        return str(recorded.get("name") or self.presentation(label).test)

    def presentation(self, label: str) -> Presentation:
        """How a test is shown: as its results say, its class, or its variables."""
        if label not in self._presentations:
            self._presentations[label] = self._presentation(label)
        return self._presentations[label]

    def _presentation(self, label: str) -> Presentation:
        return presentation_of(self.open(label), label)

    def labels_of(self, test: str) -> list[str]:
        """The labels in `tests` of one registered test."""
        return [label for label in self.tests if self.test_name(label) == test]

    @cached_property
    def tracks(self) -> list[str]:
        """Labels of the activities, the deciding one first."""
        deciding = self.raw.get("track")
        for label in self.tests:
            opened = self.open(label)
            if "track" in opened.coords:
                names = [str(name) for name in opened["track"].values]
                return sorted(names, key=lambda name: name != deciding)
        return [str(deciding)] if deciding else []

    @property
    def track(self) -> str:
        """The activity that decides; an experiment's first one."""
        if not self.tracks:
            raise ResultsError(f"{self.path} has no results with tracks yet")
        return self.tracks[0]

    @property
    def funnel(self) -> list[dict[str, Any]]:
        """Steps of a study's selection of TSSs, from all transcripts on."""
        return list(self.raw.get("funnel") or [])

    @cached_property
    def loci(self) -> pd.DataFrame:
        """The loci: ``locus``, `PLACE` and ``activity`` of the deciding track, a row each."""
        import pandas as pd

        parts = [loci_of(own(self.open(label)), self.track) for label in self.tests]
        whole = pd.concat([part for part in parts if part is not None] or [no_loci()])
        # The activity is that of the first test that measured one.
        activity_first = whole.sort_values(
            "activity", na_position="last", key=lambda column: column.isna()
        )
        place = {name: row for row, name in enumerate(dict.fromkeys(whole["locus"]))}
        first = activity_first.drop_duplicates("locus")
        return first.sort_values("locus", key=lambda names: names.map(place), ignore_index=True)

    @cached_property
    def categories(self) -> dict[str, str]:
        """Category of each locus that has one, by the deciding track."""
        from creme.analysis.categories import context_categories

        labels = self.labels_of("context_dependence")
        if not labels:
            return {}
        limits = self.limits[0]
        dataset = own(compared(self.open(labels[0]), self.panel).sel(track=[self.track]))
        if limits.q_below is None:
            # The replicates are many.
            dataset = dataset[[n for n in ("effect", "below_minimum") if n in dataset.variables]]
        categories = context_categories(dataset.load(), **limits.of_loci())
        pairs = zip(categories["locus"].values, categories.values[:, 0], strict=True)
        return {str(locus): str(category) for locus, category in pairs if category}

    @cached_property
    def descriptions(self) -> dict[str, str]:
        """Descriptions of the track of each activity in the model's table, where it has one.

        An activity that is of several tracks, or of results of an earlier version, has none.
        """
        kept = self._attribute("track_descriptions")
        if not isinstance(kept, dict):
            return {}
        # An activity is called after its track, with the readout's name before it.
        ends = {label: [n for n in kept if f":{label}".endswith(f":{n}")] for label in self.tracks}
        return {label: str(kept[max(of, key=len)]) for label, of in ends.items() if of}

    def report(self, path: str | Path | None = None, compare: str | Path | None = None) -> Path:
        """Write the report as one HTML file; see `creme.report.page.write_report`.

        Parameters
        ----------
        path : str or Path, optional
            The file; ``report.html`` in the directory unless given.
        compare : str or Path, optional
            Another study or experiment, to compare with.
        """
        # By name: reports and exports are made of views, and stand above this module.
        page = import_module("creme.report.page")
        written: Path = page.write_report(self.path, path, compare)
        return written

    def export(
        self,
        folder: str | Path,
        parts: SequenceOf[str] | None = None,
        kind: Literal["csv", "parquet"] = "csv",
    ) -> list[str]:
        """Write tracks of a genome browser, tables and a notebook; see `creme.export.export`.

        Parameters
        ----------
        folder : str or Path
            A new folder, or an earlier export.
        parts : sequence of str, optional
            Of ``tracks``, ``tables`` and ``notebook``; all unless given.
        kind : {'csv', 'parquet'}
            Of tables.
        """
        module = import_module("creme.export")
        files: list[str] = module.export(self.path, folder, parts or module.PARTS, kind)
        return files
