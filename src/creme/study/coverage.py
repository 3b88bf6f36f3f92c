"""Predicted coverage of a few loci, as they are and with their context shuffled (Figure 2b)."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from collections.abc import Sequence as SequenceOf
from itertools import islice
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from pydantic import Field

from creme.analysis.thresholds import Categories
from creme.errors import ModelError, reason
from creme.genome import Locus
from creme.runner.tasks import Progress, Task
from creme.sequence import Sequenceable
from creme.study.stages.grouping import loci_by_category
from creme.suite.context_dependence import ContextDependence
from creme.test import Activities, Profiles, Request, Steps

if TYPE_CHECKING:
    import pandas as pd

    from creme.store import Store
    from creme.study.prepared import PreparedStudy

COLUMNS = ("locus", "category", "track", "position", "wild_type", "shuffled", "shuffled_std")

_AT_ONCE = 16
"""Profiles that are in memory at a time: thousands of kept tracks are megabytes a sequence."""


class ContextCoverage(ContextDependence):
    """The profiles behind a context dependence test: the same sequences, asked for once more."""

    name: ClassVar[str] = "context_coverage"

    profile: list[int] = Field(description="kept tracks whose mean is the activity's profile")
    used: dict[str, int] = Field(description="replicates of each locus that were measured")

    def run(self, unit: Locus) -> Steps:
        """``wild_type``, (bin,), and ``shuffled``, (replicate, bin); float64."""
        wild_type = yield from self._profiles([unit.sequence])
        wanted = range(self.used[unit.name])
        shuffled = yield from self._profiles(self.controls(unit, replicates=wanted))
        return xr.Dataset(
            {"wild_type": ("bin", wild_type[0]), "shuffled": (("replicate", "bin"), shuffled)}
        )

    def _profiles(
        self, sequences: Iterable[Sequenceable]
    ) -> Generator[Request, Activities, NDArray[np.float64]]:
        """The activity's profile of each, (n, bins)."""
        coming = iter(sequences)
        parts = []
        while batch := list(islice(coming, _AT_ONCE)):
            values = yield Profiles(batch)
            parts.append(values[:, :, self.profile].mean(axis=2, dtype=np.float64))
        return np.concatenate(parts)


def examples(dataset: xr.Dataset, thresholds: Categories, track: str) -> dict[str, str]:
    """The most typical locus of each category that has any, as ``at_most = 1`` would take it.

    Parameters
    ----------
    dataset : Dataset
        Of the context dependence test.
    thresholds : Categories
    track : str
    """
    first = thresholds.model_copy(update={"at_most": 1})
    typical = loci_by_category(dataset, first, track)
    return {category: names[0] for category, names in typical.items()}


def coverage(
    prepared: PreparedStudy, dataset: xr.Dataset, loci: SequenceOf[Locus], store: Store
) -> tuple[pd.DataFrame, Progress]:
    """``coverage.csv`` (see `creme.study.folder`), and the counts of making it.

    Everything is read from the store, where the test has left it; what is lost there is predicted
    anew.

    Parameters
    ----------
    prepared : PreparedStudy
    dataset : Dataset
        Of the context dependence test.
    loci : sequence of Locus
    store : Store

    Returns
    -------
    DataFrame
        Without rows if a single bin is kept, since there is nothing to draw then, or no locus has a
        category.
    Progress

    Raises
    ------
    ModelError
        If a profile that is lost cannot be predicted.
    """
    import pandas as pd

    plan, model = prepared.plan, prepared.plan.model
    bins = np.array(plan.selection.bins)
    if len(bins) < 2:
        return pd.DataFrame(columns=COLUMNS), Progress()
    typical = examples(dataset, prepared.study.categories, prepared.label)
    position = model.output_start + bins * model.bin_size - model.tss
    order = np.argsort(position)
    scheduler = plan.scheduler(store, lambda progress: None)
    outcomes = scheduler.run(_tasks(prepared, dataset, typical, loci))
    profiles: dict[str, xr.Dataset] = {}
    for outcome in outcomes:
        if outcome.dataset is None:
            raise ModelError(f"coverage of {outcome.task.unit.name}: {reason(outcome.error)}")
        profiles[outcome.task.unit.name] = outcome.dataset
    parts = [
        pd.DataFrame(
            {
                "locus": locus,
                "category": category,
                "track": prepared.label,
                "position": position[order],
                "wild_type": profiles[locus]["wild_type"].values[order],
                "shuffled": profiles[locus]["shuffled"].mean("replicate").values[order],
                "shuffled_std": _std(profiles[locus]["shuffled"].values)[order],
            }
        )
        for category, locus in typical.items()
    ]
    return (pd.concat(parts) if parts else pd.DataFrame(columns=COLUMNS)), scheduler.progress


def _tasks(
    prepared: PreparedStudy, dataset: xr.Dataset, typical: dict[str, str], loci: SequenceOf[Locus]
) -> Iterable[Task]:
    """The test on each of the loci, with the replicates that were measured of it."""
    named = {locus.name: locus for locus in loci}
    test = prepared.study.test("context_dependence")
    used = dict.fromkeys(typical.values(), dataset.sizes["replicate"])
    if "replicates_used" in dataset:  # the test may stop before it has all of them
        counts = dataset["replicates_used"].sel(locus=list(used))
        used = dict(zip(used, counts.values.astype(int).tolist(), strict=True))
    profiles = prepared.activity.profiles
    assert profiles is not None
    profile = profiles[prepared.track]
    profiles_test = ContextCoverage(**test.configuration(), profile=profile, used=used)
    for name in typical.values():
        yield Task(profiles_test.name, profiles_test, named[name])


def _std(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standard deviation over replicates, (replicate, bins) to (bins,); NaN of a single one."""
    return values.std(axis=0, ddof=1) if len(values) > 1 else np.full(values.shape[1], np.nan)
