"""The first stage: the activity of every TSS, and the loci that a study is about."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from collections.abc import Sequence as SequenceOf
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from creme.errors import ConfigError, reason
from creme.runner.plan import Plan
from creme.runner.scheduler import Scheduler
from creme.runner.tasks import Progress, Task
from creme.store import Store
from creme.study.candidates import Candidates
from creme.study.config import LocusSelection
from creme.study.selection import DecidingActivity
from creme.study.stages.loci import LOCI
from creme.suite.tss_activity import TssActivity

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from creme.engines.cluster import OpenCluster

Hooks = tuple[Callable[[Progress], None], Callable[[Scheduler], None]]
Watch = Callable[[Plan], AbstractContextManager[Hooks]]
"""Makes, from a plan, the functions that are called with its counts and with its scheduler."""

TEST = LOCI.test


@dataclass
class SiteActivities:
    """Everything measured, by site and track; its size is fixed from the start.

    Attributes
    ----------
    wild_type, summit_activity, summit_distance : array of float32, (sites, tracks)
    n : array of float32, (sites,)
    moved : array of int64, (sites,)
    failures : dict of number to message
    """

    wild_type: NDArray[np.float32]
    summit_activity: NDArray[np.float32]
    summit_distance: NDArray[np.float32]
    n: NDArray[np.float32]
    moved: NDArray[np.int64]
    failures: dict[int, str]

    @classmethod
    def empty(cls, sites: int, tracks: int) -> SiteActivities:
        """Nothing measured yet."""
        values = [np.full((sites, tracks), np.nan, dtype=np.float32) for _ in range(3)]
        n = np.full(sites, np.nan, dtype=np.float32)
        return cls(values[0], values[1], values[2], n, np.zeros(sites, np.int64), {})

    def take(self, number: int, dataset: xr.Dataset) -> None:
        """Fill in what a site's test returned."""
        self.n[number] = dataset["n"].item()
        for name in ("wild_type", "summit_activity", "summit_distance"):
            values = dataset[name].values if name in dataset else np.nan
            getattr(self, name)[number] = values

    def by_track(self, track: int) -> DecidingActivity:
        """By one track."""
        return DecidingActivity(
            self.wild_type[:, track].astype(np.float64),
            self.summit_activity[:, track].astype(np.float64),
            self.summit_distance[:, track].astype(np.float64),
            self.n.astype(np.float64),
            self.moved,
            self.failures,
        )


def activity_test(plan: Plan, selection: LocusSelection, seed: int) -> TssActivity:
    """The test of the first stage, for what the model keeps.

    Raises
    ------
    ConfigError
        If the bins that are kept do not show where the summit is.
    """
    model, kept = plan.model, set(plan.selection.bins)
    tss = model.tss_bin()
    reach = 0
    if selection.summit == "tss" or selection.recentre:
        # A summit is one only where what lies beyond it is seen as well.
        reach = 1 + max(selection.within, -(-selection.recentre // model.bin_size))
    first, last = max(0, tss - reach), min(model.n_bins - 1, tss + reach)
    if not kept >= set(range(first, last + 1)):
        raise ConfigError(
            f"[model] bins keeps {len(kept)} of {model.n_bins} bins: to see where the summit is, "
            f"keep 'all', or at least '{first}-{last}' around the TSS's bin {tss}; or set "
            f"[selection] summit = 'any' and recentre = 0"
        )
    profiles: list[list[int]] = []
    for part in plan.bound.everywhere.parts:
        each = part.bound
        if each.part is not None and each.part.start:
            raise ConfigError(
                "a study finds TSSs by the model's own grid: its readouts are of that, and those "
                "of a head belong into an experiment on the loci that it found"
            )
        mean = each.over_tracks == "mean"
        profiles += [list(each.tracks)] if mean else [[track] for track in each.tracks]
    return TssActivity(
        bins=list(plan.selection.bins),
        tss_bin=tss,
        bin_size=model.bin_size,
        profiles=profiles,
        max_n=selection.max_n,
        seed=seed,
    )


def measure_sites(
    plan: Plan,
    candidates: Candidates,
    selection: LocusSelection,
    track: int,
    store: Store,
    watch: Watch,
    cluster: OpenCluster | None = None,
) -> tuple[SiteActivities, Progress, bool]:
    """Predict the sites; those with a summit nearby once more, moved there.

    Parameters
    ----------
    plan : Plan
        Its tests are the first stage's, without loci.
    candidates : Candidates
    selection : LocusSelection
    track : int
        The deciding one.
    store : Store
    watch : callable
    cluster : OpenCluster, optional
        Whose workers predict.

    Returns
    -------
    SiteActivities
    Progress
    bool
        Whether it was stopped before its end.
    """
    measured = SiteActivities.empty(len(candidates), len(plan.bound.everywhere.places))
    length, tss = plan.model.input_length, plan.model.tss
    numbers = np.flatnonzero(candidates.kept)
    loci = candidates.window(numbers, length, tss)
    scheduler = _measure(plan, loci, numbers, measured, store, None, watch, cluster)
    if selection.recentre and not scheduler.stopped:
        before = measured.by_track(track)
        shift = np.nan_to_num(before.summit_distance).astype(np.int64)
        near = (np.abs(shift) <= selection.recentre) & (np.abs(shift) > 0)
        worth = before.summit_activity >= selection.activity
        again = np.array(
            [k for k in np.flatnonzero(near & worth) if candidates.fits(int(k), int(shift[k]))],
            dtype=np.int64,
        )
        measured.moved[again] = shift[again]
        loci = candidates.window(again, length, tss, shift[again])
        if again.size:
            scheduler = _measure(plan, loci, again, measured, store, scheduler, watch, cluster)
    return measured, scheduler.progress, scheduler.stopped


def _measure(
    plan: Plan,
    loci: Any,
    numbers: NDArray[np.int64],
    measured: SiteActivities,
    store: Store,
    before: Scheduler | None,
    watch: Watch,
    cluster: OpenCluster | None,
) -> Scheduler:
    """Measure some sites into `measured`, going on with the counts of the pass before."""
    plan_of_sites = replace(plan, loci=loci, readouts_of_loci=False)
    ((label, test),) = plan_of_sites.tests.items()
    in_flight: dict[int, int] = {}

    def tasks() -> Iterator[Task]:
        for number, locus in zip(numbers, loci, strict=True):
            in_flight[id(locus)] = int(number)
            yield Task(label, test, locus)

    with watch(plan_of_sites) as (on_progress, on_start):
        scheduler = plan_of_sites.scheduler(store, on_progress, before=before, cluster=cluster)
        on_start(scheduler)
        for outcome in scheduler.run(tasks()):
            number = in_flight.pop(id(outcome.task.unit))
            if outcome.error is not None or outcome.dataset is None:
                measured.failures[number] = reason(outcome.error)
            else:
                measured.take(number, outcome.dataset)
    return scheduler


def dataset(
    table: pd.DataFrame, measured: SiteActivities, tracks: SequenceOf[str], attrs: dict[str, str]
) -> xr.Dataset:
    """The stage's Dataset: everything measured, along `locus` (all sites) and `track`.

    Parameters
    ----------
    table : DataFrame
        ``loci.tsv``.
    measured : SiteActivities
    tracks : sequence of str
    attrs : dict
    """
    import xarray as xr

    names = table["contig"] + ":" + table["tss"].astype(str) + ":" + table["strand"]
    texts = ("gene", "transcript", "contig", "strand", "step")
    by = ("locus", "track")
    return xr.Dataset(
        {
            "wild_type": (by, measured.wild_type),
            "summit_activity": (by, measured.summit_activity),
            "summit_distance": (by, measured.summit_distance),
            "n": ("locus", measured.n),
        },
        {
            "locus": names.to_numpy(dtype=object),
            "track": np.array(list(tracks), dtype=object),
            **{name: ("locus", table[name].to_numpy(dtype=object)) for name in texts},
            "tss_position": ("locus", table["used"].to_numpy(dtype=np.int64)),
        },
        attrs,
    )
