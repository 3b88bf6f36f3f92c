"""What a run has to do, what becomes of it, and how far it is."""

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
    """What became of a task: its Dataset, or the error that ended it."""

    task: Task
    dataset: xr.Dataset | None = None
    error: Exception | None = None


@dataclass
class Progress:
    """Counts of a run so far.

    Attributes
    ----------
    asked : int
        Sequences that tests have asked for and that are known by now.
    predicted : int
        Forward passes made, in sequences.
    stored : int
        Of those asked for, answered from predictions that earlier runs had stored.
    finished, failed : int
        Tasks.
    """

    asked: int = 0
    predicted: int = 0
    stored: int = 0
    finished: int = 0
    failed: int = 0

    @property
    def repeated(self) -> int:
        """Asked for more than once within this run, and predicted once."""
        return self.asked - self.predicted - self.stored
