"""The tasks of a run, their outcomes, and the counts of its progress."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from creme.test import Test, Unit

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True)
class Task:
    """One test on one unit."""

    label: str
    test: Test
    unit: Unit

    def __str__(self) -> str:
        return f"test {self.label!r} on locus {self.unit.name!r}"


@dataclass(frozen=True)
class Outcome:
    """The end of a task: its Dataset, or the error that ended it."""

    task: Task
    dataset: xr.Dataset | None = None
    error: BaseException | None = None


@dataclass
class Progress:
    """Counts of a run so far, in sequences unless it says otherwise; none of them ever decreases.

    Each sequence that was asked for is counted once more: as predicted, stored or repeated when it
    is answered, and as waiting until then.

    Attributes
    ----------
    asked : int
        Asked for by tests and looked up by now.
    predicted : int
        Forward passes made.
    stored : int
        Answered with predictions that stood in the store before this run, or that another process
        put there.
    of_others : int
        Those of the stored ones that came from stores that are read and not written.
    repeated : int
        Answered with predictions that this run made for another request, or for the same sequence
        in the same request.
    finished, failed : int
        Tasks.
    """

    asked: int = 0
    predicted: int = 0
    stored: int = 0
    repeated: int = 0
    finished: int = 0
    failed: int = 0
    of_others: int = 0

    @property
    def answered(self) -> int:
        """Predicted, stored and repeated."""
        return self.predicted + self.stored + self.repeated

    @property
    def waiting(self) -> int:
        """Asked for and not answered.

        They wait for the model; at the end of a run they are those of units that failed before
        their turn came, and of a run that was stopped.
        """
        return self.asked - self.answered


@dataclass(frozen=True)
class AwaitedBatch:
    """The batch that the model is at.

    Attributes
    ----------
    size : int
        Sequences.
    task : Task, optional
        The one that asked for it first; None if it has failed since.
    seconds : float
        Since the model took it up.
    """

    size: int
    task: Task | None
    seconds: float

    def __str__(self) -> str:
        sequences = "1 sequence" if self.size == 1 else f"{self.size} sequences"
        first = "" if self.task is None else f", asked for first by {self.task}"
        return f"the model is at a batch of {sequences}{first}"
