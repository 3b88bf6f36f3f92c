"""Running an experiment: from its file to its results."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import creme
from creme.errors import ConfigError, reason
from creme.results.directory import Results
from creme.runner.experiment import parse
from creme.runner.plan import Plan
from creme.runner.scheduler import Scheduler
from creme.runner.tasks import Progress, Task
from creme.store import Store

if TYPE_CHECKING:
    import xarray as xr


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
        By size of batch; see `creme.inference.device.Device`. Those of earlier runs are included.
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
    from creme.results.labels import join, label

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
            report.failures.append((task.label, task.unit.name, reason(error)))
    report.interrupted = scheduler.stopped
    report.batch_size, report.batch_differences = scheduler.batch_size, scheduler.differences
    if not report.interrupted:
        for name, found in units.items():
            if found:
                joined = join([found[place] for place in sorted(found)])
                attrs = {**_provenance(plan, name), **scheduler.read_from()}
                report.datasets[name] = joined.assign_attrs(attrs)
    return report


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
        except KeyboardInterrupt:  # a second time, or where nobody waits for the batch in flight
            results.update({"state": "interrupted", "error": ""})
            raise
        except BaseException as error:
            results.update({"state": "failed", "error": f"{type(error).__name__}: {error}"})
            raise
        results.update(
            {
                "state": "interrupted" if report.interrupted else "finished",
                "error": "",
                "counts": vars(report.progress),
                "seconds": {what: round(spent, 3) for what, spent in report.seconds.items()},
                "batch_size": report.batch_size,
                "batch_differences": report.batch_differences,
                "failures": report.failures,
                "environment": plan.model.environment() or results.state().get("environment", {}),
                "versions": {"creme-toolkit": creme.__version__, "numpy": np.__version__},
            }
        )
    return report, results


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
