"""Run an experiment and say what came of it."""

from __future__ import annotations

import time
from pathlib import Path

import creme
from creme.cli.choices import add_values, chosen
from creme.cli.terminal import out, progress, say_aside, say_failures, say_more, show_table
from creme.files.trusted import Trust
from creme.interrupts import STOPPED
from creme.results.directory import Results
from creme.results.words import units
from creme.runner.experiment import Experiment
from creme.runner.report import Report
from creme.runner.run import run_experiment
from creme.runner.shards import Shard, run_shard
from creme.runner.tables import build_model
from creme.runner.tasks import Progress

_ABOUT = {
    "perturb": "making mutants",
    "hash": "digests of their sequences",
    "look-up": "asking the store",
    "one-hot": "encoding batches",
    "model": "the model, beside all else",
    "wait": "waiting for the model",
    "write": "writing predictions",
    "tests": "what the tests make of activities",
}


def _say_what_runs(experiment: Experiment) -> None:
    """With --verbose, the version, the model and where predictions are kept."""
    if not chosen.verbose:
        return
    model = build_model(experiment.model, experiment.folder)[0]
    say_more(
        f"creme {creme.__version__}, experiment {experiment.name!r}, seed {experiment.seed}; model "
        f"{model.name} {model.version}, fingerprint {model.fingerprint[:12]}; store "
        f"{experiment.store_place}; results {experiment.results_path}"
    )


def execute_shard(experiment: Experiment, shard: Shard, cluster: int | str | None = None) -> int:
    """Predict one part of an experiment into a store of its own; returns the exit status."""
    report, store = run_shard(experiment, shard, progress=progress, cluster=cluster)
    return say_shard(report, shard, store)


def say_shard(report: Report, shard: Shard, store: Path) -> int:
    """Say what came of a shard; returns the exit status.

    Units that failed do not fail the job: the run that makes the results says so once more.
    """
    counts = report.progress
    add_values(
        store=store,
        units=counts.finished,
        asked=counts.asked,
        predicted=counts.predicted,
        stored=counts.stored,
        repeated=counts.repeated,
    )
    out.print(
        f"Shard {shard}: {units(counts.finished)}, {counts.asked} sequences asked for, "
        f"{counts.predicted} predicted, {taken(counts)}, {counts.repeated} repeated.",
    )
    say_failures(report.failures)
    for note in report.notes:
        say_aside(f"Note: {note}")
    if report.interrupted:
        out.print("Stopped before the end; the same command goes on from there")
        return STOPPED
    out.print(f"Predictions: {store}; creme cache merge joins those of all shards")
    return 0


def taken(counts: Progress) -> str:
    """How many predictions were there before."""
    of_others = f", {counts.of_others} of them from stores of others" if counts.of_others else ""
    return f"{counts.stored} taken from the store{of_others}"


def execute(
    experiment: Experiment,
    output: Path | None,
    *,
    profile: bool = False,
    trust: Trust = False,
    cluster: int | str | None = None,
) -> int:
    """Run an experiment; returns the exit status.

    With `profile`, a table says where the time went; `trust` is as in
    `creme.runner.run.run_experiment`; `cluster` is a number of workers or the address of a
    scheduler.
    """
    began = time.monotonic()
    _say_what_runs(experiment)
    try:
        report, results = run_experiment(
            experiment, output, progress=progress, trust=trust, cluster=cluster
        )
    except KeyboardInterrupt:  # before its first batch, or a second time
        directory = Results(output or experiment.results_path)
        if not directory.begun:
            raise
        return _say_stopped(directory)
    counts = report.progress
    seconds = time.monotonic() - began
    add_values(
        results=results.path,
        asked=counts.asked,
        predicted=counts.predicted,
        stored=counts.stored,
        repeated=counts.repeated,
        seconds=seconds,
    )
    out.print(
        f"{counts.asked} sequences asked for: {counts.predicted} predicted, "
        f"{taken(counts)}, {counts.repeated} repeated within this run; "
        f"{counts.stored + counts.repeated} predictions saved. {seconds:.1f} s.",
    )
    if report.workers:
        each = ", ".join(f"{name}: {n}" for name, n in report.workers.items())
        out.print(f"Predicted by {len(report.workers)} workers: {each}.")
    if profile or chosen.verbose:
        rows = [
            [what, _ABOUT[what], spent, f"{100 * spent / seconds:.1f} %"]
            for what, spent in report.seconds.items()
        ]
        columns = ["part", "of", "seconds", "of the run"]
        show_table("profile", columns, rows, "where the time went")
    say_failures(report.failures)
    for note in report.notes:
        say_aside(f"Note: {note}")
    for label, sentences in report.remarks.items():
        for sentence in sentences:
            say_aside(f"Note: {label}, {sentence}")
    if report.interrupted:
        return _say_stopped(results)
    if report.datasets:
        out.print(f"Results: {results.path} (creme results {results.path})")
    else:
        out.print(f"No test has results; {results.path} says why (creme status {results.path})")
    return 1 if report.failures else 0


def _say_stopped(results: Results) -> int:
    if results.state()["state"] == "finished":  # what was left is to pack the store
        out.print(f"Stopped when it had its results: {results.path} (creme results {results.path})")
    else:
        out.print(f"Stopped before the end. To continue: creme resume {results.path}")
    return STOPPED
