"""How far results are: units finished of all, predictions a second, time left."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from creme.results.checksums import opened
from creme.results.directory import Results


@dataclass(frozen=True)
class UnitCounts:
    """How far a test or a stage is.

    Attributes
    ----------
    state : str
        ``waiting``, ``running``, ``finished``, ``interrupted``, ``failed``, ``stopped`` or
        ``outdated``.
    finished : int
        Units whose results are there.
    of : int or None
        Units in all, if that is known.
    failed : int
    """

    state: str
    finished: int
    of: int | None = None
    failed: int = 0


@dataclass(frozen=True)
class RunProgress:
    """How far results are.

    Attributes
    ----------
    tests : dict of label to UnitCounts
        Of a study by stage.
    rate : float or None
        Predictions a second; None where it is not recorded.
    seconds_left : float or None
        Until the running part ends, as far as it can be told.
    """

    tests: dict[str, UnitCounts]
    rate: float | None = None
    seconds_left: float | None = None


def unit_counts(
    results: Results, raw: dict[str, Any], labels: Collection[str]
) -> dict[str, UnitCounts]:
    """How far the tests of a results directory are.

    Parameters
    ----------
    results : Results
    raw : dict
        Its ``run.json``; where that has no counts of units, the stored Datasets are counted.
    labels : collection of str
    """
    whole = results.labels()
    failures = [str(failure[0]) for failure in raw.get("failures", [])]
    recorded = raw.get("units", {})
    counts: dict[str, UnitCounts] = {}
    for label in dict.fromkeys(labels):
        state = "finished" if label in whole else str(raw["state"])
        failed = failures.count(label)
        units = recorded.get(label)
        if isinstance(units, dict):
            finished, of = int(units.get("finished", 0)), units.get("of")
            failed = int(units.get("failed", failed))
        elif label in whole:
            with opened(results.path / f"{label}.zarr") as dataset:
                finished = dataset.sizes.get("locus", 0)
            of = finished + failed
        else:
            finished, of = 0, None
        if state == "finished" and label not in whole:
            state = "failed"  # the run went on without it
        counts[label] = UnitCounts(state, finished, of, failed)
    return counts
