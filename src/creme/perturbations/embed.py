"""Embed a tile."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, field_validator

from creme.errors import SequenceError
from creme.perturbation import Perturbation
from creme.sequence import Edit, Mutant, Sequence, encode


def embed(sequence: Sequence, insert: Sequence, start: int) -> Mutant:
    """Replace the bases at `start` with another sequence, such as a tile of a second locus.

    Parameters
    ----------
    sequence, insert : Sequence
    start : int
        0-based position of the insert's first base.

    Returns
    -------
    Mutant
        Its base is `sequence`.

    Raises
    ------
    SequenceError
        If the insert reaches past an end of the sequence.
    """
    end = start + len(insert)
    if start < 0 or end > len(sequence):
        raise SequenceError(
            f"embed: an insert of {len(insert)} bp at [{start}, {end}) does not fit into a "
            f"sequence of {len(sequence)} bp"
        )
    return Mutant(sequence, [Edit(start, insert)])


class Embed(Perturbation):
    """Replace the bases at `start` with others: a motif, or a tile of another sequence."""

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
        return embed(sequence, Sequence.from_string(self.insert), self.start)
