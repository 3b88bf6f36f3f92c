"""The values of a run's units by ensemble member and by position of the TSS, and their spread."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from creme.runner.plan import Plan
from creme.runner.scheduler import Scheduler
from creme.runner.spread import ENDINGS, MEMBERS, POSITIONS, ShiftedTest
from creme.runner.tasks import Outcome, Progress, Task
from creme.store import Store

if TYPE_CHECKING:
    import xarray as xr

    from creme.engines.cluster import OpenCluster


def about_spread(plan: Plan) -> list[str]:
    """A sentence on what the spread costs, if it is measured: no count before a run has it."""
    members, moved = len(plan.by_member()), len(plan.spread.moved)
    parts = []
    if members:
        parts.append(f"by {members} members, whose means the ensemble's predictions then are")
    if moved:
        parts.append(f"with the TSS at {moved} more position{'s' * (moved > 1)}")
    return [f"[spread]: all of it is asked for again {' and '.join(parts)}"] if parts else []


Values = Mapping[str, tuple[tuple[str, ...], NDArray[Any]]]
"""Variables of a unit by name: their dimensions and numbers."""


def kept(dataset: object, measure: str) -> Values:
    """The measure and the wild type's activity of what a test returned for a unit."""
    variables = getattr(dataset, "data_vars", {})  # whatever a plugin returns; refused later
    names = [name for name in dict.fromkeys((measure, "wild_type")) if name in variables]
    return {name: (tuple(map(str, variables[name].dims)), variables[name].values) for name in names}


@dataclass
class Pending:
    """A unit with the TSS at several positions, of which some have not ended.

    Attributes
    ----------
    missing : int
        How many.
    outcome : Outcome, optional
        That of the TSS itself.
    values : dict of int to mapping
        By position, what `kept` gives; None for one that failed.
    """

    missing: int
    outcome: Outcome | None = None
    values: dict[int, Values | None] = field(default_factory=dict)


def with_spread(
    dataset: xr.Dataset,
    measure: str,
    dim: str,
    values: Mapping[int, Values | None],
    own: int | None = None,
) -> xr.Dataset:
    """A unit's Dataset with the values of each member, or position, and their spread.

    Parameters
    ----------
    dataset : Dataset
    measure : str
    dim : {'member', 'shift_tss'}
    values : mapping of int to mapping
        By member or position, what `kept` gives; None where it failed.
    own : int, optional
        The position of the Dataset itself.

    Returns
    -------
    Dataset
        ``NAME_members`` (or ``_positions``) along `dim`, and ``NAME_std_members``, their standard
        deviation (ddof 1), without it: NaN unless all are known. Values whose shape is another
        than in the Dataset, as of a search that took fewer rounds, are NaN.
    """
    places = sorted([*values, *([] if own is None else [own])])
    for name, (dims, array) in kept(dataset, measure).items():
        rows = np.full((len(places), *array.shape), np.nan)
        for row, place in zip(rows, places, strict=True):
            its = kept(dataset, name) if place == own else values[place]
            if its is not None and name in its and its[name][1].shape == array.shape:
                row[...] = its[name][1]
        ending = ENDINGS[dim]
        few = len(places) < 2
        std = np.full(array.shape, np.nan) if few else rows.std(axis=0, ddof=1)
        dataset = dataset.assign(
            {f"{name}_{ending}": ((dim, *dims), rows), f"{name}_std_{ending}": (dims, std)}
        )
    return dataset.assign_coords({dim: places})


class SpreadOfUnits:
    """Measures units with each member and at each position, and joins the values of each unit.

    Parameters
    ----------
    plan : Plan
    fail : callable
        Called with a test's label, words for a unit, and an error.
    """

    def __init__(self, plan: Plan, fail: Callable[[str, str, BaseException], None]) -> None:
        self._plan = plan
        self._fail = fail
        self._by_member: dict[tuple[str, str], dict[int, Values | None]] = defaultdict(dict)
        self._places: dict[int, tuple[int, int]] = {}
        self._pending: dict[int, Pending] = {}
        self._by_position: dict[int, dict[int, Values | None]] = {}

    def measure_members(
        self,
        store: Store,
        on_progress: Callable[[Progress], None],
        progress: Progress,
        on_start: Callable[[Scheduler], None],
        cluster: OpenCluster | None,
    ) -> bool:
        """Measure with each member of the ensemble; returns whether that came to its end.

        The ensemble's own predictions are then means of the members', at no forward pass.
        """
        for member, plan in enumerate(self._plan.by_member()):
            scheduler = plan.scheduler(store, on_progress, progress=progress, cluster=cluster)
            on_start(scheduler)
            with closing(scheduler.run(plan.tasks())) as outcomes:
                for outcome in outcomes:
                    self._take_member(member, outcome)
            if scheduler.stopped:
                return False
        return True

    def _take_member(self, member: int, outcome: Outcome) -> None:
        task, values = outcome.task, None
        if outcome.error is None:
            values = kept(outcome.dataset, task.test.measure)
        else:
            self._fail(task.label, f"{task.unit.name}, member {member} alone", outcome.error)
        self._by_member[task.label, task.unit.name][member] = values

    def tasks(self, tasks: Iterable[Task]) -> Iterator[Task]:
        """The tasks, each with the TSS at every position."""
        moved = self._plan.spread.moved
        for place, task in enumerate(tasks):
            self._pending[place] = Pending(1 + len(moved))
            self._places[id(task)] = (place, 0)
            yield task
            for shift in moved:
                shifted = Task(task.label, ShiftedTest(of=task.test, shift=shift), task.unit)
                self._places[id(shifted)] = (place, shift)
                yield shifted

    def take(self, outcome: Outcome) -> tuple[int, Outcome] | None:
        """Take an outcome; once a unit's are all there, its place and that of the TSS itself.

        By their places units are in order.
        """
        task, error = outcome.task, outcome.error
        place, shift = self._places.pop(id(task))
        pending = self._pending[place]
        pending.missing -= 1
        if not shift:
            pending.outcome = outcome
        elif error is None:
            measure = self._plan.tests[task.label].measure
            pending.values[shift] = kept(outcome.dataset, measure)
        else:
            pending.values[shift] = None
            self._fail(task.label, f"{task.unit.name}, TSS moved by {shift:+d} bp", error)
        if pending.missing:
            return None
        del self._pending[place]
        assert pending.outcome is not None
        self._by_position = {place: pending.values}
        return place, pending.outcome

    def added_to(self, dataset: Any, task: Task, place: int) -> Any:
        """The Dataset of the unit that `take` gave last, with its values and their spread."""
        measure = task.test.measure
        by_member = self._by_member.pop((task.label, task.unit.name), None)
        if not hasattr(dataset, "data_vars"):  # whatever a plugin returns; refused later
            return dataset
        if by_member:
            dataset = with_spread(dataset, measure, MEMBERS, by_member)
        if by_position := self._by_position.get(place):
            dataset = with_spread(dataset, measure, POSITIONS, by_position, own=0)
        return dataset
