"""Perturbations of an interval of a sequence."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from creme.errors import SequenceError
from creme.perturbation import Perturbation
from creme.sequence import Sequence
from creme.tiling import Tile


class IntervalPerturbation(Perturbation):
    """A perturbation of [start, end), or of the whole sequence where they are not given."""

    start: int = Field(0, ge=0, description="0-based start of the interval")
    end: int | None = Field(None, ge=1, description="its end, not included")

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.end is not None and self.start >= self.end:
            raise ValueError(f"interval [{self.start}, {self.end}) is empty: give start < end")
        return self

    def interval(self, sequence: Sequence) -> Tile:
        """The interval in this sequence.

        Raises
        ------
        SequenceError
            If it reaches past the sequence's end, or the sequence has no base there.
        """
        end = len(sequence) if self.end is None else self.end
        if not self.start < end <= len(sequence):
            raise SequenceError(
                f"{self.name}: interval [{self.start}, {end}) does not fit into a sequence of "
                f"{len(sequence)} bp"
            )
        return Tile(self.start, end)
