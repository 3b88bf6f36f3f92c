"""Swap two tiles."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import Field, model_validator

from creme.errors import SequenceError
from creme.perturbation import Perturbation
from creme.sequence import Edit, Mutant, Sequence
from creme.tiling import Tile


class Swap(Perturbation):
    """Exchange two intervals of the same length that do not overlap."""

    name: ClassVar[str] = "swap"

    first: tuple[int, int] = Field(description="[start, end) of one interval, 0-based")
    second: tuple[int, int] = Field(description="[start, end) of the other, of the same length")

    @model_validator(mode="after")
    def _exchangeable(self) -> Self:
        for start, end in (self.first, self.second):
            if not 0 <= start < end:
                raise ValueError(f"[{start}, {end}) is not an interval: give 0 <= start < end")
        one, other = Tile(*self.first), Tile(*self.second)
        if len(one) != len(other):
            raise ValueError(f"first has {len(one)} bp and second {len(other)}: give equal lengths")
        if one.overlaps(other):
            raise ValueError(f"first {self.first} and second {self.second} overlap")
        return self

    def __call__(self, sequence: Sequence, *, seed: int = 0) -> Mutant:
        """Swap; an interval outside the sequence is a SequenceError."""
        one, other = Tile(*self.first), Tile(*self.second)
        for tile in (one, other):
            if tile.end > len(sequence):
                raise SequenceError(
                    f"swap: interval [{tile.start}, {tile.end}) does not fit into a sequence of "
                    f"{len(sequence)} bp"
                )
        return Mutant(
            sequence,
            [Edit(one.start, other.of(sequence)), Edit(other.start, one.of(sequence))],
        )
