"""Running an experiment: from its file to its results."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import creme
from creme.engines.cluster import ClusterLike, OpenCluster, opened
from creme.errors import ConfigError, ResultsError, reason
from creme.files.trusted import Trust
from creme.interrupts import held_back
from creme.results import ALL_UNITS
from creme.results.calibrated import keep_distributions, keep_panel
from creme.results.directory import Results
from creme.results.experiment_view import ExperimentResults
from creme.results.logged_units import Units
from creme.results.state import writing
from creme.results.units import FOLDER, UnitLog
from creme.runner.attributes import attributes_of
from creme.runner.pace import Pace
from creme.runner.plan import Plan
from creme.runner.remarks import Remarks
from creme.runner.report import Report
from creme.runner.scheduler import Scheduler
from creme.runner.spread_of_units import SpreadOfUnits
from creme.runner.tasks import Outcome, Progress, Task
from creme.store import Store
from creme.store.compact import compact_at_the_end

if TYPE_CHECKING:
    import xarray as xr
    from distributed import Client

    from creme.runner.experiment import Experiment

STATE_EVERY = 3.0
"""Seconds between counts of a run in ``run.json``."""


def measure(
    plan: Plan,
    store: Store,
    *,
    results: Results | None = None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    on_start: Callable[[Scheduler], None] = lambda scheduler: None,
    cluster: OpenCluster | None = None,
) -> Report:
    """Run the tests of a plan through a store.

    Each test is joined, and saved, when its last unit has ended. What fails of one test leaves the
    others alone.

    Parameters
    ----------
    plan : Plan
    store : Store
    results : Results, optional
        Has been claimed for the plan. It has each unit's result when that ends, says how far the
        run is, and is where the Datasets are saved. In memory unless given.
    on_progress, on_start : callable
        Called with the counts after each step; called once with the scheduler, whose ``stop`` ends
        the run cleanly.
    cluster : OpenCluster, optional
        Whose workers predict; the model is in this process unless it is given.

    Raises
    ------
    ConfigError
        If a test refuses its settings or the loci.
    ModelError
        If the model fails. What was predicted is in the store.
    ResultsError
        If the results directory is removed meanwhile, or is full.
    """
    with (
        nullcontext(results.path)
        if results is not None
        else tempfile.TemporaryDirectory(prefix="creme-units-")
    ) as folder:
        return _Run(plan, store, results, Path(folder), cluster).run(on_progress, on_start)


class _Run:
    """One run of a plan: each unit's result into its test's log, and each log into a Dataset."""

    def __init__(
        self,
        plan: Plan,
        store: Store,
        results: Results | None,
        folder: Path,
        cluster: OpenCluster | None,
    ) -> None:
        self._plan = plan
        self._cluster = cluster
        self._store = store
        self._results = results
        self._datasets: dict[str, xr.Dataset] = {}
        counts = plan.units.counts
        self._report = Report(
            datasets=self._datasets if results is None else results.datasets,
            notes=plan.notes(),
            units={label: {"finished": 0, "failed": 0, "of": of} for label, of in counts.items()},
        )
        sequences = None
        with suppress(ConfigError):  # a tile that does not fit is the failure of its unit
            sequences = plan.size()
        self._pace = Pace(sequences, sum(counts.values()) * plan.times)
        self._folder = folder
        self._logs: dict[str, UnitLog] = {}
        self._remarks: dict[str, Remarks] = defaultdict(Remarks)
        self._spread = SpreadOfUnits(plan, self._fail)
        self._written = time.monotonic()

    def run(
        self, on_progress: Callable[[Progress], None], on_start: Callable[[Scheduler], None]
    ) -> Report:
        """Run it; see `measure`."""
        report = self._report
        for label, error in self._plan.units.errors.items():
            self._fail(label, ALL_UNITS, error)

        def progressed(progress: Progress) -> None:
            on_progress(progress)
            self._pace.see(progress)
            if self._results is not None and time.monotonic() - self._written > STATE_EVERY:
                self._results.update(self._state())
                self._written = time.monotonic()

        if not self._spread.measure_members(
            self._store, progressed, report.progress, on_start, self._cluster
        ):
            report.interrupted = True
            return report
        self._scheduler = scheduler = self._plan.scheduler(
            self._store, progressed, progress=report.progress, cluster=self._cluster
        )
        report.seconds = scheduler.seconds
        on_start(scheduler)
        self._begin_logs()
        try:
            # Closed here, and not when an error's traceback goes: the store may be closed by then.
            with closing(scheduler.run(self._tasks())) as outcomes:
                for outcome in outcomes:
                    self._end(outcome)
            report.interrupted = scheduler.stopped
            for label in [] if report.interrupted else list(self._logs):
                self._save(label)
        except BaseException:
            if self._results is not None:
                with suppress(ResultsError):  # a directory that is gone; the error says so
                    self._results.update({**self._state(), "seconds_left": None})
            raise
        finally:
            for log in self._logs.values():
                log.close()
            # It calls back here: the circle would keep its buffers until garbage is collected.
            del self._scheduler
        report.batch_size = scheduler.engine.batch_size
        report.batch_differences = scheduler.differences
        report.environment = self._plan.model.environment()
        if self._cluster is not None and not report.environment:
            report.environment = next(iter(scheduler.engine.environments()), {})
        report.workers = scheduler.engine.predictions()
        report.predicted_again = scheduler.buffer.same_model.predictions
        if self._results is not None:
            seconds_left = None if report.interrupted else 0.0
            self._results.update({**self._state(), "seconds_left": seconds_left})
        return report

    def _begin_logs(self) -> None:
        tracks = self._plan.activities
        with writing(self._folder):
            shutil.rmtree(self._folder / FOLDER, ignore_errors=True)  # of a run that was killed
            for label in self._report.units:
                self._logs[label] = UnitLog(self._folder, label)
                self._logs[label].begin(attributes_of(self._plan, label), tracks)

    def _tasks(self) -> Iterator[Task]:
        tasks = self._plan.tasks(lambda label, error: self._fail(label, ALL_UNITS, error))
        return self._spread.tasks(tasks)

    def _end(self, ended: Outcome) -> None:
        """Take what became of a unit; save its test if it was the last one."""
        unit = self._spread.take(ended)
        if unit is None:
            return
        place, outcome = unit
        task, error = outcome.task, outcome.error
        if error is None:
            try:
                with writing(self._folder):
                    log = self._logs[task.label]
                    dataset = self._spread.added_to(outcome.dataset, task, place)
                    readout = self._plan.bound.of(task.unit)
                    dataset = readout.laid_out(dataset)
                    dataset = self._remarks[task.label].take(dataset, task.unit.name)
                    labels = {**task.unit.labels, **readout.labels}
                    log.append(place, dataset, task.unit.name, labels)
            except ResultsError:
                raise
            except Exception as mistake:  # whatever becomes of a plugin's Dataset
                error = mistake
        units = self._report.units[task.label]
        units["finished" if error is None else "failed"] += 1
        if error is not None:
            self._fail(task.label, task.unit.name, error)
        if units["finished"] + units["failed"] == units["of"]:
            self._save(task.label)

    def _save(self, label: str) -> None:
        """Join a test's units and save the Dataset, if one of them ended well."""
        log = self._logs.pop(label)
        log.close()
        with writing(self._folder):
            units = log.read()
        if units is None:
            log.remove()
            return
        with units:
            kept = self._saved(label, units)
        if not kept:
            log.remove()

    def _saved(self, label: str, units: Units) -> bool:
        """Join and save; returns whether the log remains the only place of what could be joined."""
        from creme.results.join import Joined

        remarks = self._remarks[label]
        if sentences := remarks.sentences():
            self._report.remarks[label] = sentences
        buffer = self._scheduler.buffer
        units.attrs |= buffer.read_from() | buffer.same_model.attributes() | remarks.attributes()
        try:
            joined = Joined(units)
            if self._results is None:
                self._datasets[label] = joined.dataset()
                return False
        except Exception as error:
            self._fail(label, ALL_UNITS, error, "its units do not fit together: ")
            return False
        try:
            self._results.save(label, joined)
        except Exception as error:
            if not self._results.begun:  # removed while it was run into
                raise
            self._fail(label, ALL_UNITS, error, "its results could not be saved: ")
            return True
        return False

    def _fail(self, label: str, unit: str, error: BaseException, what: str = "") -> None:
        self._report.failures.append((label, unit, what + reason(error)))

    def _state(self) -> dict[str, Any]:
        """The part of ``run.json`` that says how far the run is."""
        progress = self._report.progress
        left = self._pace.seconds_left
        return {
            "counts": vars(progress),
            "units": self._report.units,
            "rate": round(self._pace.rate, 3),
            "seconds_left": None if left is None else round(left, 1),
            "failures": self._report.failures,
        }


def run_experiment(
    experiment: Experiment,
    output: Path | None = None,
    *,
    progress: Callable[[Plan], Any] | None = None,
    trust: Trust = False,
    cluster: ClusterLike | Client | None = None,
) -> tuple[Report, Results]:
    """Run an experiment into its results directory.

    Parameters
    ----------
    experiment : Experiment
    output : Path, optional
        The results directory, instead of the experiment's.
    progress : callable, optional
        Makes, from the plan, a context manager that gives ``on_progress`` and ``on_start``.
    trust : bool or callable
        Whether Python files are run that a results directory names and that were not run before.
    cluster : ClusterTable, mapping, int, str or Client; optional
        Whose workers predict, instead of the experiment's; see `creme.engines.cluster.opened`.

    Returns
    -------
    Report, Results
        Also where units or whole tests failed, or all of them: the report says why.

    Raises
    ------
    CremeError
        Whatever is wrong with the file; if another process runs into the directory; if the model
        fails, or the directory is removed. What was predicted is in the store.
    """
    # Before the model, which may change the current directory, is made.
    results = Results(output or experiment.results_path)
    place = experiment.store_place
    with experiment.trusting(trust):
        plan = Plan.of(experiment)
    with (
        results.held(),
        experiment.open_store(place) as store,
    ):
        results.claim(experiment.text, experiment.folder, plan.identity())
        keep_panel(results.path, plan.panel)
        with _noting_how_it_ends(results):
            state = {"state": "running", "error": "", "failures": [], "units": {}}
            results.update({**state, "store": place.recorded()})
            with (
                progress(plan) if progress else nullcontext((_ignore, _ignore)) as hooks,
                opened(cluster or experiment.cluster) as workers,
            ):
                report = measure(
                    plan,
                    store,
                    results=results,
                    on_progress=hooks[0],
                    on_start=hooks[1],
                    cluster=workers,
                )
            if not report.interrupted:
                keep_distributions(ExperimentResults(results.path))
            spent = {what: round(seconds, 3) for what, seconds in report.seconds.items()}
            environment = report.environment or results.state().get("environment", {})
            results.update(
                {
                    **report.ended(),
                    "notes": report.notes,
                    "seconds": spent,
                    "batch_size": report.batch_size,
                    "batch_differences": report.batch_differences,
                    "predicted_again": report.predicted_again,
                    "environment": environment,
                    **({"workers": report.workers} if report.workers else {}),
                    "versions": {"creme-toolkit": creme.__version__, "numpy": np.__version__},
                }
            )
        if not report.interrupted:
            compact_at_the_end(store)
    return report, results


@contextmanager
def _noting_how_it_ends(results: Results) -> Iterator[None]:
    """The state of a run that fails, or that Ctrl-C ends where nobody waits for its batch."""
    try:
        yield
    except BaseException as error:
        interrupted = isinstance(error, KeyboardInterrupt)
        state = {"state": "failed", "error": f"{type(error).__name__}: {error}"}
        # A directory that is gone has no state; the error says so.
        with held_back(), suppress(ResultsError):
            results.update({"state": "interrupted", "error": ""} if interrupted else state)
        raise


def _ignore(_: object) -> None:
    """Of a caller that watches nothing."""
