"""A panel of loci that carry nothing but their TSS tile, measured by an experiment's own tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from collections.abc import Sequence as SequenceOf
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

import numpy as np

from creme.analysis.calibration import is_calibrated
from creme.analysis.panel import Panel
from creme.errors import ConfigError
from creme.genome import Locus
from creme.perturbations.dinucleotide_shuffle import DinucleotideShuffle
from creme.runner.experiment import Experiment
from creme.runner.plan import Plan
from creme.runner.report import Report
from creme.runner.run import measure
from creme.runner.spread import Spread
from creme.seeds import derive
from creme.sequence import Edit, Mutant
from creme.store import Store
from creme.suite.background import BackgroundTest
from creme.suite.tiled import TiledTest
from creme.test import Test
from creme.tiling import Tile


def measure_panel(
    experiment: Experiment,
    contexts: int = 1,
    *,
    progress: Callable[[Plan], AbstractContextManager[Any]] | None = None,
) -> tuple[Panel | None, Report]:
    """Measure an experiment's tests on its loci with everything but the TSS tile shuffled.

    The tiles of such loci carry nothing that a dinucleotide shuffle destroys. Predictions go to
    the experiment's store.

    Parameters
    ----------
    experiment : Experiment
    contexts : int
        Shuffled contexts of each locus.
    progress : callable, optional
        As `creme.runner.run.run_experiment`.

    Returns
    -------
    Panel or None, Report
        No panel where the run was interrupted, or no test has results.

    Raises
    ------
    ConfigError
        If no test has a measure with a neutral value.
    CremeError
        As `creme.runner.run.measure`.
    """
    of_loci = Plan.of(experiment)
    tests = {label: _everywhere(test) for label, test in of_loci.tests.items() if _fits(test)}
    if not tests:
        raise ConfigError(
            f"{experiment.title}: none of its tests has a measure with a neutral value, of which a "
            f"panel could be made"
        )
    loci = list(shuffled_loci(of_loci.loci, list(tests.values()), of_loci.seed, contexts))
    plan = replace(of_loci, tests=tests, loci=loci, panel=None, spread=Spread())
    plan.check()
    with (
        Store(experiment.store_place, index_url=experiment.index) as store,
        progress(plan) if progress else nullcontext((_ignore, _ignore)) as (on_progress, on_start),
    ):
        report = measure(plan, store, on_progress=on_progress, on_start=on_start)
    if report.interrupted or not report.datasets:
        return None, report
    source = f"{len(loci)} loci with their own TSS tile in shuffled context ({experiment.name})"
    datasets = [(plan.tests[label].measure, data) for label, data in report.datasets.items()]
    return Panel.of_datasets(datasets, source, _contexts(report)), report


def shuffled_loci(
    loci: SequenceOf[Locus], tests: SequenceOf[Test], seed: int, contexts: int
) -> Iterator[Locus]:
    """Loci with everything but the TSS tile shuffled, `contexts` of each.

    The tile that is kept is the longest TSS tile of the tests.
    """
    shuffle = DinucleotideShuffle()
    for locus in loci:
        tiles = [test.tss(locus) for test in tests if isinstance(test, BackgroundTest)]
        kept = max(tiles, key=len, default=Tile.centred(locus.tss, 1, locus.length))
        seeds = [derive(seed, locus.key, "panel", k) for k in range(contexts)]
        for k, mutant in enumerate(shuffle.many(locus.sequence, seeds)):
            whole = Mutant(mutant.sequence, [Edit(kept.start, kept.of(locus.sequence))])
            yield Locus.from_sequence(whole.sequence, f"{locus.name}:{k}", locus.tss)


def _fits(test: Test) -> bool:
    return is_calibrated(test.measure, test.neutral)


def _everywhere(test: Test) -> Test:
    """A test on all of its tiles: those that it names are of other loci."""
    if isinstance(test, TiledTest) and test.tiles is not None:
        return test.model_copy(update={"tiles": None})
    return test


def _contexts(report: Report) -> dict[str, Any]:
    """Activities of the panel's loci by track: those of TSS tiles in shuffled contexts."""
    for dataset in report.datasets.values():
        if "wild_type" in dataset and dataset["wild_type"].dims == ("locus", "track"):
            activity = dataset["wild_type"]
            return {str(t): np.asarray(activity.sel(track=t)) for t in activity["track"].values}
    return {}


def _ignore(_: object) -> None:
    """Of a caller that watches nothing."""
