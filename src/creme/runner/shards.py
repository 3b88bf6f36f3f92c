"""One part of an experiment's units, predicted into a store of its own: a job of an array.

The parts share nothing but the files that they read. Their stores are merged afterwards, and one
run of the experiment makes the results from what is stored.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Sequence as SequenceOf
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from creme.engines.cluster import ClusterLike, OpenCluster, opened
from creme.errors import ConfigError, StoreError, reason
from creme.results import ALL_UNITS
from creme.runner.plan import Plan
from creme.runner.report import Report
from creme.runner.spread_of_units import SpreadOfUnits
from creme.store import Store
from creme.store.others import NamedPlace, open_store
from creme.store.place import Place

if TYPE_CHECKING:
    from distributed import Client

    from creme.runner.experiment import Experiment


@dataclass(frozen=True)
class Shard:
    """One of several parts of the same units.

    Attributes
    ----------
    number : int
        From 1.
    of : int
        How many there are.
    """

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """A shard from ``3/16``.

        Raises
        ------
        ConfigError
        """
        match = re.fullmatch(r"\s*(\d{1,9})\s*/\s*(\d{1,9})\s*", text)
        if match is None or not 1 <= int(match[1]) <= int(match[2]):
            raise ConfigError(
                f"--shard {text}: give the number of the part and of all parts, from 1/16 to 16/16"
            )
        return cls(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def deal(self, names: Iterable[str]) -> frozenset[str]:
        """The names that fall to this shard: in turns by their order as text, each to one shard."""
        return frozenset(sorted(set(names))[self.number - 1 :: self.of])

    def store_place(self, store: Place) -> Place:
        """The shard's store, beside the one that it is to be merged into."""
        return store.beside(f".shard-{self.number}-of-{self.of}")

    def part(self, plan: Plan) -> Plan:
        """The units of this shard: those of one name, of whatever test, are in one part."""
        return replace(plan, only=self.deal(task.unit.name for task in plan.tasks()))


@contextmanager
def shard_store(
    shard: Shard,
    place: Place,
    index: str | None,
    origin: str,
    read_from: SequenceOf[NamedPlace] = (),
) -> Iterator[Store]:
    """The store that a shard writes to; what the experiment's store has need not be made again.

    That one is read where that can be done without writing to it: if it is sealed, or its index is
    on a server.

    Parameters
    ----------
    shard : Shard
    place : Place
        That of the experiment's store.
    index : str, optional
        URL of its index.
    origin : str
        Name of the experiment.
    read_from : sequence of (Place, str or None)
        Stores that the experiment reads first; see `creme.store.others`.
    """
    places = [*read_from]
    own = shard.store_place(place)
    with suppress(StoreError):
        Store(place, index_url=index, read_only=True).close()
        places.append((place, index))
    with open_store(own, origin=origin, read_from=places) as store:
        yield store


def run_shard(
    experiment: Experiment,
    shard: Shard,
    *,
    progress: Callable[[Plan], Any] | None = None,
    cluster: ClusterLike | Client | None = None,
) -> tuple[Report, Path]:
    """Predict a shard of an experiment into its own store; there is no results directory.

    Parameters
    ----------
    experiment : Experiment
    shard : Shard
    progress : callable, optional
        As for `creme.runner.run.run_experiment`.
    cluster : ClusterTable, mapping, int, str or Client; optional
        Whose workers predict, instead of the experiment's, which each part starts for itself.

    Returns
    -------
    Report
        Without Datasets: those are made of all shards, when they are merged.
    Path
        The directory of the shard's store.

    Raises
    ------
    CremeError
        Whatever is wrong with the file; or if the model fails. What was predicted is in the store.
    """
    place = experiment.store_place
    plan = shard.part(Plan.of(experiment))
    of_file = (experiment.index, experiment.name, experiment.other_stores)
    workers_of = cluster or experiment.cluster
    with shard_store(shard, place, *of_file) as store, opened(workers_of) as workers:
        return predict(plan, store, progress=progress, cluster=workers), store.path


def predict(
    plan: Plan,
    store: Store,
    *,
    progress: Callable[[Plan], Any] | None = None,
    cluster: OpenCluster | None = None,
) -> Report:
    """Predict all that the tests of a plan ask for, and make nothing of it.

    Parameters
    ----------
    plan : Plan
    store : Store
    progress : callable, optional
    cluster : OpenCluster, optional
        Whose workers predict.

    Returns
    -------
    Report
        With counts, failures, seconds and whether it was interrupted.
    """
    report = Report(notes=plan.notes())

    def fail(label: str, unit: str, error: BaseException) -> None:
        report.failures.append((label, unit, reason(error)))

    def failed(label: str, error: Exception) -> None:
        fail(label, ALL_UNITS, error)

    for label, error in plan.units.errors.items():
        failed(label, error)
    spread = SpreadOfUnits(plan, fail)
    with progress(plan) if progress else nullcontext((_ignore, _ignore)) as hooks:
        on_progress, on_start = hooks
        if not spread.measure_members(store, on_progress, report.progress, on_start, cluster):
            report.interrupted = True
            return report
        scheduler = plan.scheduler(store, on_progress, progress=report.progress, cluster=cluster)
        report.seconds = scheduler.seconds
        on_start(scheduler)
        with closing(scheduler.run(spread.tasks(plan.tasks(failed)))) as outcomes:
            for outcome in outcomes:
                ended = spread.take(outcome)
                if ended is None:
                    continue
                place, whole = ended
                spread.added_to(None, whole.task, place)  # which lets go of its values
                if whole.error is not None:
                    fail(whole.task.label, whole.task.unit.name, whole.error)
    report.workers = scheduler.engine.predictions()
    report.interrupted = scheduler.stopped
    return report


def _ignore(_: object) -> None:
    """Of a caller that watches nothing."""
