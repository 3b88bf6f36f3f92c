"""Peaks of backgrounds away from the TSS, in profiles that the store has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from creme.errors import ConfigError
from creme.genome import Locus
from creme.model import Selection
from creme.runner.plan import Plan
from creme.runner.write_buffer import StoredPredictions
from creme.store import Store
from creme.suite.background import BackgroundTest

if TYPE_CHECKING:
    import pandas as pd

NEAR = 1000
"""bp from the TSS: the highest bin up to there is the TSS's own, and a peak elsewhere is beyond."""

COLUMNS = ("test", "locus", "background", "at_tss", "elsewhere", "distance", "ratio")


def background_peaks(plan: Plan, store: Store) -> pd.DataFrame:
    """The highest bin elsewhere in the profile of each background; nothing is predicted.

    Backgrounds have the TSS tile in them, and no other tile. Where one has a peak elsewhere, its
    random bases make a promoter, or, if they are of a genome, bring one.

    Parameters
    ----------
    plan : Plan
        Its tests of random contexts are looked at; of those with the same backgrounds the first.
    store : Store

    Returns
    -------
    DataFrame
        A row for each background whose prediction is stored: ``test``, ``locus``, ``background``,
        the replicate; of the mean over all kept tracks ``at_tss``, the highest bin whose centre is
        within `NEAR` of the TSS, ``elsewhere``, the highest of the others, ``distance``, from the
        TSS to that bin's centre in gene orientation, bp, and ``ratio``, elsewhere by at_tss.

    Raises
    ------
    ConfigError
        If no bin beyond `NEAR`, or none within it, is kept, or no test has backgrounds.
    """
    import pandas as pd

    tests = {label: test for label, test in plan.tests.items() if isinstance(test, BackgroundTest)}
    if not tests:
        raise ConfigError("none of the tests has backgrounds")
    model = plan.model
    bins = np.array(plan.selection.bins)
    distance = model.output_start + bins * model.bin_size + model.bin_size // 2 - model.tss
    near = np.abs(distance) <= NEAR
    if near.all() or not near.any():
        raise ConfigError(
            f"the kept bins reach from {distance.min()} to {distance.max()} bp around the TSS: "
            f"peaks elsewhere show where bins on both sides of {NEAR} bp are kept (bins = 'all')"
        )
    stored = StoredPredictions(store, model, plan.selection)
    rows: list[dict[str, Any]] = []
    seen: set[bytes] = set()
    for label, test in tests.items():
        for locus in plan.loci:
            for number, profile in _profiles(test, locus, stored, seen, plan.selection):
                far = np.flatnonzero(~near)[profile[~near].argmax()]
                at_tss = float(profile[near].max())
                rows.append(
                    {
                        "test": label,
                        "locus": locus.name,
                        "background": number,
                        "at_tss": at_tss,
                        "elsewhere": float(profile[far]),
                        "distance": int(distance[far]),
                        "ratio": float(profile[far]) / at_tss if at_tss > 0 else float("nan"),
                    }
                )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _profiles(
    test: BackgroundTest,
    locus: Locus,
    stored: StoredPredictions,
    seen: set[bytes],
    kept: Selection,
) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """Number and profile, (bins,), of the backgrounds that are stored and were not seen before."""
    for number in range(test.replicates):
        (control,) = test.controls(locus, replicates=[number])
        if control.digest in seen:
            continue
        values = stored.read([control.digest])
        if control.digest in values:
            seen.add(control.digest)
            profile = kept.values(values[control.digest][0][None])[0]
            yield number, profile.mean(axis=1, dtype=np.float64)
