"""Batches of codes or one-hot in memory that is used again; only what differs is written."""

from __future__ import annotations

from collections.abc import Sequence as SequenceOf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from creme.model import Model
from creme.sequence import Codes, Sequence, Sequenceable, onehot_table

SAMPLED = 997
"""Every so many bases of a row are looked at after a batch."""


def rows_for(model: Model, codes: Codes) -> NDArray[Any]:
    """Codes as a model takes them: themselves, or one-hot, (..., 4) float32."""
    return codes if model.takes_codes else onehot_table(model.n_value).take(codes, axis=0)


class Buffer:
    """Room for sequences as a model takes them, whose rows remember what stands in them.

    A mutant that follows another one of the same base has the other's edits undone and its own
    written, some kilobases instead of the whole sequence; one that follows another base's has such
    a row copied, if there is one. A model must leave its input as it is; where it did not, which is
    looked for, the rows are written anew.

    Parameters
    ----------
    rows, length : int
    n_value : float, optional
        What stands in all four channels of an N; codes are written without it.
    """

    def __init__(self, rows: int, length: int, n_value: float | None = None) -> None:
        self._table = None if n_value is None else onehot_table(n_value)
        self._array: NDArray[Any] = (
            np.empty((rows, length), dtype=np.uint8)
            if n_value is None
            else np.empty((rows, length, 4), dtype=np.float32)
        )
        self._holds: list[Sequenceable | None] = [None] * rows

    def __len__(self) -> int:
        return len(self._holds)

    def arranged(self, sequences: SequenceOf[Sequenceable]) -> list[int]:
        """The sequence to write into each of the first rows: one of the base that it holds."""
        if len({id(sequence.base) for sequence in sequences}) == 1:
            return list(range(len(sequences)))
        waiting: dict[int, list[int]] = {}
        for place in reversed(range(len(sequences))):
            waiting.setdefault(id(sequences[place].base), []).append(place)
        chosen = [
            waiting[id(held.base)].pop()
            if held is not None and waiting.get(id(held.base))
            else None
            for held in self._holds[: len(sequences)]
        ]
        rest = iter(sorted(place for places in waiting.values() for place in places))
        return [next(rest) if place is None else place for place in chosen]

    def write(self, sequences: SequenceOf[Sequenceable]) -> NDArray[Any]:
        """Sequences as rows, read-only: (len(sequences), length) of codes, (..., 4) of one-hot."""
        for row, sequence in enumerate(sequences):
            self._write(row, sequence)
        rows = self._array[: len(sequences)]
        rows.flags.writeable = False
        return rows

    def check(self, sequences: SequenceOf[Sequenceable], *, whole: bool) -> bool:
        """Whether the rows are still what was written; if not, they are forgotten.

        Parameters
        ----------
        sequences : sequence of Sequence or Mutant
            What was written last.
        whole : bool
            Look at all of it, or at a sample.
        """
        step, rows = (1, 1) if whole else (SAMPLED, len(sequences))
        for first in range(0, len(sequences), rows):
            part = sequences[first : first + rows]
            there = self._array[first : first + len(part), ::step]
            expected: NDArray[Any] = np.empty(there.shape[:2], dtype=np.uint8)
            for row, sequence in zip(expected, part, strict=True):
                _write_every(step, sequence, row)
            if self._table is not None:
                expected = self._table.take(expected, axis=0)
            if not np.array_equal(there, expected):
                self._holds = [None] * len(self)
                return False
        return True

    def _write(self, row: int, sequence: Sequenceable) -> None:
        before, base = self._holds[row], sequence.base
        self._holds[row] = None  # until all is written
        out = self._array[row]
        if before is None or before.base is not base:
            before = self._copied(base, out)
        if before is None:
            self._put(base.codes, out)
        else:
            for edit in before.edits:
                self._put(base.codes[edit.start : edit.end], out[edit.start : edit.end])
        for edit in sequence.edits:
            self._put(edit.codes, out[edit.start : edit.end])
        self._holds[row] = sequence

    def _copied(self, base: Sequence, out: NDArray[Any]) -> Sequenceable | None:
        """A sequence of some base, copied from another row: faster than encoding it."""
        for row, held in enumerate(self._holds):
            if held is not None and held.base is base:
                out[:] = self._array[row]
                return held
        return None

    def _put(self, codes: Codes, out: NDArray[Any]) -> None:
        if self._table is None:
            out[:] = codes
        else:
            np.take(self._table, codes, axis=0, out=out, mode="clip")


def _write_every(step: int, sequence: Sequenceable, out: NDArray[np.uint8]) -> None:
    """Write the codes at 0, `step`, 2 * `step`, and so on."""
    out[:] = sequence.base.codes[::step]
    for edit in sequence.edits:
        first, last = -(-edit.start // step), -(-edit.end // step)
        out[first:last] = edit.codes[first * step - edit.start :: step]
