"""Running an experiment: from its file to its results."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

import creme
from creme.errors import ConfigError, CremeError
from creme.genome import Locus
from creme.model import Model, Readout, Selection
from creme.runner.cache import Cache, source_fingerprint
from creme.runner.device import Device
from creme.runner.experiment import Experiment, build_model, build_tests, parse, select
from creme.runner.results import Results
from creme.runner.scheduler import Scheduler
from creme.runner.tasks import Progress, Task
from creme.store import Store
from creme.test import Test
from creme.weights import digest

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True)
class Plan:
    """An experiment made ready: everything checked, nothing predicted.

    Attributes
    ----------
    model, selection, readouts
        What predicts, what is kept, and the activities that are read from it.
    tests : dict of label to Test
    loci : list of Locus
    seed : int
    """

    model: Model
    selection: Selection
    readouts: tuple[Readout, ...]
    tests: Mapping[str, Test]
    loci: SequenceOf[Locus]
    seed: int = 0
    batch_size: int | Literal["auto"] | None = None

    @classmethod
    def of(cls, experiment: Experiment, folder: Path) -> Plan:
        """Make an experiment ready.

        Raises
        ------
        CremeError
            Whatever is wrong with the model, the tests, the genome or the loci.
        """
        model, selection = build_model(experiment.model, folder)
        loci = experiment.loci.load(model.input_length, model.tss, folder)
        plan = cls(
            model=model,
            selection=selection,
            readouts=tuple(experiment.readouts) or (Readout(),),
            tests=build_tests(experiment.tests, experiment.seed),
            loci=loci,
            seed=experiment.seed,
            batch_size=experiment.batch_size,
        )
        plan.readout()
        plan.size()
        return plan

    def readout(self) -> tuple[Callable[[NDArray[np.float32]], NDArray[np.float32]], list[str]]:
        """All readouts as one function from kept values to activities, and their labels.

        Raises
        ------
        ConfigError
            If a readout asks for what is not kept, or two activities have one label.
        """
        bound = [self.model.bind(readout, self.selection) for readout in self.readouts]
        labels = [label for each in bound for label in each.labels]
        if len(set(labels)) < len(labels):
            raise ConfigError(
                f"readouts: two activities have the label {_first_repeated(labels)!r}; give each "
                f"readout a name of its own"
            )
        return lambda values: np.concatenate([each(values) for each in bound], axis=1), labels

    def tasks(self) -> Iterator[Task]:
        """The tests' units, those of one locus together, so that its sequence is read once."""
        units = [(label, test, iter(test.units(self.loci))) for label, test in self.tests.items()]
        while units:
            rest = []
            for label, test, coming in units:
                unit = next(coming, None)
                if unit is not None:
                    yield Task(label, test, unit)
                    rest.append((label, test, coming))
            units = rest

    def size(self) -> int | None:
        """Sequences that will be asked for, where all tests know; checks every tiling.

        Raises
        ------
        ConfigError
            If a tile does not fit; it names the test and the locus.
        """
        total: int | None = 0
        for task in self.tasks():
            try:
                size = task.test.size(task.unit)
            except CremeError as error:
                raise ConfigError(f"{task}: {error}") from None
            total = None if size is None or total is None else total + size
        return total

    def scheduler(self, store: Store, on_progress: Callable[[Progress], None]) -> Scheduler:
        """What runs tasks of this plan through a store."""
        cache = Cache(store, self.model, self.selection)
        return Scheduler(
            Device(self.model, self.selection, self.batch_size, cache.compared()),
            self.readout()[0],
            cache,
            on_progress=on_progress,
        )

    def _genomes(self) -> set[Path]:
        """FASTA files of the loci."""
        return {locus.genome.path for locus in self.loci if locus.genome is not None}

    def identity(self) -> dict[str, Any]:
        """What makes this experiment: JSON values by section."""
        described = {
            "seed": self.seed,
            "model": source_fingerprint(self.model, self.selection),
            "readouts": [readout.configuration() for readout in self.readouts],
            "loci": {locus.name: locus.key for locus in self.loci},
            "genome": sorted(map(digest, self._genomes())),
            "tests": {
                label: {"name": test.name, **test.configuration()}
                for label, test in self.tests.items()
            },
        }
        return json.loads(json.dumps(described))


@dataclass
class Report:
    """What a run came to.

    Attributes
    ----------
    datasets : dict of label to Dataset
        Of the units that ended well.
    failures : list of (test, unit, message)
    progress : Progress
    seconds : dict of str to float
        Where the time went; see `creme.runner.scheduler.PROFILED`.
    batch_size : int
        Sequences a batch, at the end.
    batch_differences : dict of int to float
        By size of batch; see `creme.runner.device.Device`. What earlier runs measured is included.
    interrupted : bool
        Stopped before its end; then there are no datasets.
    """

    datasets: dict[str, xr.Dataset] = field(default_factory=dict)
    failures: list[tuple[str, str, str]] = field(default_factory=list)
    progress: Progress = field(default_factory=Progress)
    seconds: dict[str, float] = field(default_factory=dict)
    batch_size: int = 0
    batch_differences: dict[int, float] = field(default_factory=dict)
    interrupted: bool = False


def measure(
    plan: Plan,
    store: Store,
    *,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    on_start: Callable[[Scheduler], None] = lambda scheduler: None,
) -> Report:
    """Run the tests of a plan through a store.

    Parameters
    ----------
    plan : Plan
    store : Store
    on_progress, on_start : callable
        Called with the counts after each step; called once with the scheduler, whose ``stop`` ends
        the run cleanly.

    Raises
    ------
    ModelError
        If the model fails. What was predicted is in the store.
    """
    from creme.runner.combine import join, label

    _, tracks = plan.readout()
    scheduler = plan.scheduler(store, on_progress)
    on_start(scheduler)
    report = Report(progress=scheduler.progress, seconds=scheduler.seconds)
    order: dict[tuple[str, str], int] = {}
    units: dict[str, dict[int, xr.Dataset]] = {name: {} for name in plan.tests}

    def numbered() -> Iterator[Task]:
        for place, task in enumerate(plan.tasks()):
            if (task.label, task.unit.name) in order:
                raise ConfigError(
                    f"test {task.label!r} has two units of the name {task.unit.name!r}: give each "
                    f"a name of its own"
                )
            order[task.label, task.unit.name] = place
            yield task

    for outcome in scheduler.run(numbered()):
        task = outcome.task
        error = outcome.error
        if error is None:
            try:
                place = order[task.label, task.unit.name]
                units[task.label][place] = label(outcome.dataset, task, tracks)
            except Exception as mistake:  # whatever xarray makes of a plugin's Dataset
                error = mistake
        if error is not None:
            report.failures.append((task.label, task.unit.name, told(error)))
    report.interrupted = scheduler.stopped
    report.batch_size, report.batch_differences = scheduler.batch_size, scheduler.differences
    if not report.interrupted:
        for name, found in units.items():
            if found:
                joined = join([found[place] for place in sorted(found)])
                report.datasets[name] = joined.assign_attrs(_provenance(plan, name))
    return report


def prepare(
    tests: Mapping[str, Test] | SequenceOf[Test],
    model: Model,
    loci: SequenceOf[Locus],
    *,
    tracks: int | str | list[int | str] = "all",
    bins: int | str | list[int] = "tss",
    readouts: SequenceOf[Readout] = (Readout(),),
) -> Plan:
    """A plan from objects, for use from Python: ``measure(prepare(...), Store("predictions"))``."""
    if isinstance(tests, Mapping):
        named = dict(tests)
    else:
        named = {test.name: test for test in tests}
        if len(named) < len(tests):
            repeated = _first_repeated([test.name for test in tests])
            raise ConfigError(
                f"tests: there are two {repeated!r}: give a dict, with a label of its own for each"
            )
    names = [locus.name for locus in loci]
    if len(set(names)) < len(names):
        raise ConfigError(f"loci: there are two {_first_repeated(names)!r}: give each its own name")
    return Plan(model, select(model, tracks, None, bins), tuple(readouts), named, loci)


def run_experiment(
    text: str,
    folder: Path,
    title: str,
    output: Path | None = None,
    *,
    progress: Callable[[Plan], Any] | None = None,
) -> tuple[Report, Results]:
    """Run an experiment file's text into its results directory.

    Parameters
    ----------
    text : str
        The file.
    folder : Path
        Where its relative paths start from.
    title : str
        What errors call it.
    output : Path, optional
        The results directory, instead of the file's.
    progress : callable, optional
        Makes, from the plan, a context manager that gives ``on_progress`` and ``on_start``.
    """
    experiment = parse(text, title)
    try:
        plan = Plan.of(experiment, folder)
    except ConfigError as error:
        raise ConfigError(f"{title}: {error}") from None
    results = Results(output or folder / (experiment.results or f"{experiment.name}.results"))
    store_path = folder / Path(experiment.store).expanduser()
    with results.held(), Store(store_path, index_url=experiment.index) as store:
        results.claim(text, folder, plan.identity())
        results.update({"state": "running", "store": str(store_path.resolve())})
        try:
            if progress is None:
                report = measure(plan, store)
            else:
                with progress(plan) as (on_progress, on_start):
                    report = measure(plan, store, on_progress=on_progress, on_start=on_start)
            for label, dataset in report.datasets.items():
                results.save(label, dataset)
        except BaseException as error:
            results.update({"state": "failed", "error": f"{type(error).__name__}: {error}"})
            raise
        results.update(
            {
                "state": "interrupted" if report.interrupted else "finished",
                "error": "",
                "counts": {**vars(report.progress), "repeated": report.progress.repeated},
                "seconds": {what: round(spent, 3) for what, spent in report.seconds.items()},
                "batch_size": report.batch_size,
                "batch_differences": report.batch_differences,
                "failures": report.failures,
                "environment": plan.model.environment() or results.state().get("environment", {}),
                "versions": {"creme-toolkit": creme.__version__, "numpy": np.__version__},
            }
        )
    return report, results


def told(error: Exception | None) -> str:
    """Why a unit failed; a fault that nobody foresaw with its kind."""
    kind = "" if isinstance(error, CremeError) else f"{type(error).__name__}: "
    return f"{kind}{error}"


def _provenance(plan: Plan, label: str) -> dict[str, str]:
    test = plan.tests[label]
    selected = {
        "name": plan.model.name,
        "version": plan.model.version,
        "fingerprint": plan.model.fingerprint,
        "bins": list(plan.selection.bins),
        "tracks": [plan.model.tracks[index].name for index in plan.selection.tracks],
        "configuration": plan.model.configuration(),
    }
    return {
        "test": test.name,
        "configuration": json.dumps(test.configuration()),
        "model": json.dumps(selected),
        "readouts": json.dumps([readout.configuration() for readout in plan.readouts]),
        "seed": str(test.seed),
        "creme_version": creme.__version__,
    }


def _first_repeated(labels: list[str]) -> str:
    return next(label for place, label in enumerate(labels) if label in labels[:place])
