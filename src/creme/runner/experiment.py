"""The experiment file: one TOML that is all that a run needs, and its object in Python."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import Field

from creme.analysis.thresholds import Calibration
from creme.engines.table import ClusterTable
from creme.genome import LociConfig
from creme.model import Readout
from creme.results.annotate import DESCRIPTION
from creme.results.directory import EXPERIMENT, Results
from creme.runner.failures import warn_of_failures, warn_of_remarks
from creme.runner.other_stores import READ_FROM, ReadFrom, places
from creme.runner.spread import Spread
from creme.runner.tables import FolderName as FolderName
from creme.runner.tables import build_model as build_model
from creme.runner.tables import build_tests as build_tests
from creme.runner.tables import select as select
from creme.runner.toml_file import TomlFile, read_text

if TYPE_CHECKING:
    from distributed import Client

    from creme.engines.cluster import ClusterLike
    from creme.results.experiment_view import ExperimentResults
    from creme.runner.planned_run import PlannedRun
    from creme.store import Store
    from creme.store.others import NamedPlace
    from creme.store.place import Place

BatchSize = Annotated[int, Field(ge=1)] | Literal["auto"] | None


class Experiment(TomlFile):
    """An experiment as its file describes it.

    Relative paths are relative to the folder of the file, or to the current directory for an
    object that is made in Python.

    Examples
    --------
    >>> experiment = Experiment.from_file("experiment.toml")   # doctest: +SKIP
    >>> print(experiment.plan())                               # doctest: +SKIP
    >>> results = experiment.run()                             # doctest: +SKIP
    """

    called: ClassVar[str] = "experiment"

    name: FolderName = Field(description="names the results directory")
    seed: int = Field(0, ge=0, description="seed of everything random")
    store: str = Field(
        "predictions",
        description="directory of predictions, shared by experiments; or s3://bucket/prefix",
    )
    index: str | None = Field(
        None,
        repr=False,  # a password may stand in it
        description="SQLAlchemy URL of the store's index, where it is not in the directory",
    )
    read_from: ReadFrom = Field([], description=READ_FROM)
    results: str | None = Field(None, description="results directory; NAME.results unless given")
    batch_size: BatchSize = Field(
        None,
        description="sequences a forward pass, or 'auto' to find it by trying; unless given that "
        "is done on a GPU, and on a CPU it is the model's own",
    )
    model: dict[str, Any] = Field(
        description="plugin, its parameters, and what is kept: tracks or tracks_file, strand, "
        "bins, and of further heads the same, heads.NAME"
    )
    loci: LociConfig
    readouts: list[Readout] = Field(default=[], description="activities that are read")
    calibration: Calibration = Field(
        Calibration(), description="the effects that those of the tests are compared with"
    )
    spread: Spread = Field(Spread(), description="further kinds of noise that a run measures")
    cluster: ClusterTable | None = Field(
        None, description="workers that are started for a run; see docs/clusters.md"
    )
    annotate: dict[str, str] = Field({}, description=DESCRIPTION)
    tests: list[dict[str, Any]] = Field(min_length=1, description="name and parameters of each")

    @classmethod
    def of_results(cls, directory: str | Path) -> Self:
        """The experiment that a results directory belongs to.

        Raises
        ------
        ResultsError
            If it is no results directory.
        ConfigError
            If its experiment file cannot be read.
        """
        results = Results.existing(directory)
        results.check_settings()
        file, folder = results.path / EXPERIMENT, Path(results.state()["folder"])
        return cls.from_directory(results.path, read_text(file), folder, str(file), False)

    @property
    def store_place(self) -> Place:
        """Where the store is."""
        from creme.store.location import place_at

        return place_at(self.store, self.folder)

    @property
    def other_stores(self) -> tuple[NamedPlace, ...]:
        """The stores that are read first, and the URLs of their indexes."""
        return places(self.read_from, self.folder)

    def open_store(self, place: Place) -> Store:
        """The store at a place, to be written to, with those that are read first."""
        from creme.store.others import open_store

        others = self.other_stores
        return open_store(place, index_url=self.index, origin=self.name, read_from=others)

    @property
    def results_path(self) -> Path:
        """The results directory, unless a run is given another."""
        return self.folder / Path(self.results or f"{self.name}.results").expanduser()

    def plan(self) -> PlannedRun:
        """Check everything, and say what a run will ask for; nothing is predicted or written.

        Returns
        -------
        PlannedRun
            The tests, the loci, the sequences that will be asked for, and how many of them are
            stored already; ``print`` shows it.

        Raises
        ------
        CremeError
            Whatever is wrong with the model, the tests, the genome or the loci.
        """
        from creme.runner.plan import Plan
        from creme.runner.planned_run import look_ahead

        return look_ahead(Plan.of(self), self.name, self.store_place, self.index, self.other_stores)

    def run(
        self,
        output: str | Path | None = None,
        *,
        progress: bool | None = None,
        trust: bool = False,
        cluster: ClusterLike | Client | None = None,
    ) -> ExperimentResults:
        """Run the experiment; what was predicted before comes from the store.

        Parameters
        ----------
        output : str or Path, optional
            The results directory, instead of the experiment's own.
        progress : bool, optional
            Whether to show how far the run is; unless given, in notebooks and terminals only.
        trust : bool
            Whether Python files are run that a results directory names and that you have not run
            before; those of an experiment file of your own are.
        cluster : int, str, Client, or dict; optional
            Whose workers predict, instead of the experiment's; see `creme.measure`.

        Returns
        -------
        ExperimentResults
            As ``creme.open_results`` gives them. Each locus that failed is a `CremeWarning`, and
            stands in ``failures``; so is each remark of a test on its values, which stands in its
            Dataset's ``attrs["remarks"]``.

        Raises
        ------
        CremeError
            Whatever is wrong with the experiment, its store or its results directory.
        KeyboardInterrupt
            After Ctrl-C; what was predicted is stored, and `run` again goes on from there.
        """
        from creme.results.experiment_view import ExperimentResults
        from creme.runner.progress_bar import shown_in_python
        from creme.runner.run import run_experiment

        report, results = run_experiment(
            self,
            None if output is None else Path(output).expanduser(),
            progress=lambda plan: shown_in_python(plan, progress),
            trust=trust,
            cluster=cluster,
        )
        if report.interrupted:
            raise KeyboardInterrupt(
                f"stopped before the end; what was predicted is in {self.store_place}, and another "
                f"run goes on from there"
            )
        warn_of_failures(report.failures)
        warn_of_remarks(report.remarks, report.notes)
        return ExperimentResults(results.path)


def parse(text: str, title: str = "experiment", folder: Path = Path()) -> Experiment:
    """An experiment from the text of a file.

    Parameters
    ----------
    text : str
    title : str
        Names it in errors.
    folder : Path
        Where its relative paths start from.
    """
    return Experiment.from_text(text, folder, title)
