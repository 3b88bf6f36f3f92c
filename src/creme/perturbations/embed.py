"""Embed a tile."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, field_validator

from creme.errors import SequenceError
from creme.perturbation import Perturbation
from creme.sequence import Edit, Mutant, Sequence, encode


class Embed(Perturbation):
    """Replace what stands at `start` with given bases: a motif, or a tile of another sequence."""

    name: ClassVar[str] = "embed"

    insert: str = Field(min_length=1, description="bases to embed, A C G T N")
    start: int = Field(ge=0, description="0-based position of their first base")

    @field_validator("insert")
    @classmethod
    def _bases(cls, insert: str) -> str:
        try:
            encode(insert)
        except SequenceError as error:
            raise ValueError(str(error)) from None
        return insert.upper()

    def __call__(self, sequence: Sequence, *, seed: int = 0) -> Mutant:
        """Embed; an insert that reaches past the sequence's end is a SequenceError."""
        return Mutant(sequence, [Edit(self.start, encode(self.insert))])
