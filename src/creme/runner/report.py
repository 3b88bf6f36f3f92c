"""The outcome of a run: its Datasets, what failed, and its counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from creme.runner.tasks import Progress

if TYPE_CHECKING:
    import xarray as xr


@dataclass
class Report:
    """The outcome of a run.

    Attributes
    ----------
    datasets : mapping of label to Dataset
        Of the tests whose units have all ended, and some of them well; each is loaded when it is
        taken, where they are in a results directory.
    failures : list of (test, unit, message)
        The unit is `ALL_UNITS` where a whole test failed.
    remarks : dict of label to list of str
        What a reader of a test's values has to know, with the loci; see `creme.test.remarked`.
    notes : list of str
        The same of all tests' values; see `creme.runner.plan.Plan.notes`.
    progress : Progress
    units : dict of label to dict
        How many units have ``finished`` and ``failed``, and how many there are (``of``).
    seconds : dict of str to float
        Where the time went; see `creme.runner.scheduler.PROFILED`.
    batch_size : int
        Sequences a batch, at the end.
    batch_differences : dict of int to float
        By size of batch; see `creme.inference.device.Device`. Those of earlier runs are included.
    predicted_again : int
        Predictions that were made to compare; see `creme.runner.same_model`. No count has them.
    environment : dict
        Device and versions that predicted; of the first worker, where there are several.
    workers : dict of str to int
        Predictions of each worker of a cluster.
    interrupted : bool
        Stopped before its end.
    """

    datasets: Mapping[str, xr.Dataset] = field(default_factory=dict)
    failures: list[tuple[str, str, str]] = field(default_factory=list)
    remarks: dict[str, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    progress: Progress = field(default_factory=Progress)
    units: dict[str, dict[str, int]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    batch_size: int = 0
    batch_differences: dict[int, float] = field(default_factory=dict)
    predicted_again: int = 0
    environment: dict[str, Any] = field(default_factory=dict)
    workers: dict[str, int] = field(default_factory=dict)
    interrupted: bool = False

    def ended(self) -> dict[str, str]:
        """The state at the run's end, and why it is no better one: a part of ``run.json``."""
        if self.interrupted:
            return {"state": "interrupted", "error": ""}
        if self.failures and not self.datasets:
            test, unit, message = self.failures[0]
            error = f"no test has results; the first failure, test {test!r} on {unit}: {message}"
            return {"state": "failed", "error": error}
        return {"state": "finished", "error": ""}
