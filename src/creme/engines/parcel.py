"""Sequences on their way to another process: edits, and the bases that it does not have."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from creme.engines.engine import BASES
from creme.sequence import Codes, Edit, Mutant, Sequence, Sequenceable


@dataclass(frozen=True)
class Parcel:
    """Sequences as a few arrays.

    Attributes
    ----------
    digests : tuple of bytes
        Of the bases that the sequences have.
    bases : dict of bytes to array of uint8
        The codes of those that travel along, by digest.
    of_base : array of int32, shape (sequences,)
        The place in `digests` of each one's base.
    edits : array of int32, shape (sequences,)
        How many edits each has.
    spans : array of int64, shape (edits of all, 2)
        Where each edit starts, and its length.
    codes : array of uint8
        Those of all edits, one after another.
    inputs : dict of bytes to tuple of float
        Beside those of the bases that travel along, where they have any.
    """

    digests: tuple[bytes, ...]
    bases: dict[bytes, Codes]
    of_base: NDArray[np.int32]
    edits: NDArray[np.int32]
    spans: NDArray[np.int64]
    codes: Codes
    inputs: dict[bytes, tuple[float, ...]] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        """Of everything that travels, but for a header."""
        own = self.of_base.nbytes + self.edits.nbytes + self.spans.nbytes + self.codes.nbytes
        return 32 * len(self.digests) + own + sum(codes.nbytes for codes in self.bases.values())


def packed(sequences: SequenceOf[Sequenceable], lacks: Callable[[bytes], bool]) -> Parcel:
    """Sequences for a process, with the bases that it lacks.

    Parameters
    ----------
    sequences : sequence of Sequence or Mutant
    lacks : callable
        Whether it lacks the base of a digest.
    """
    places: dict[bytes, int] = {}
    bases: dict[bytes, Codes] = {}
    inputs: dict[bytes, tuple[float, ...]] = {}
    of_base = np.empty(len(sequences), dtype=np.int32)
    for row, sequence in enumerate(sequences):
        digest = sequence.base.digest
        of_base[row] = places.setdefault(digest, len(places))
        if digest not in bases and lacks(digest):
            bases[digest] = sequence.base.codes
            if sequence.base.inputs:
                inputs[digest] = sequence.base.inputs
    edits = [edit for sequence in sequences for edit in sequence.edits]
    return Parcel(
        tuple(places),
        bases,
        of_base,
        np.array([len(sequence.edits) for sequence in sequences], dtype=np.int32),
        np.array([(edit.start, edit.codes.size) for edit in edits], np.int64).reshape(-1, 2),
        np.concatenate([edit.codes for edit in edits]) if edits else np.empty(0, dtype=np.uint8),
        inputs,
    )


class Bases:
    """The base sequences that a process was sent last, `BASES` of them.

    The driver has one for each worker as well, of digests alone, to know which it lacks.
    """

    def __init__(self) -> None:
        self._all: OrderedDict[bytes, Sequence | None] = OrderedDict()

    def lacks(self, digest: bytes) -> bool:
        """Whether a base is not there; it counts as used, and as sent if it was not."""
        if digest in self._all:
            self._all.move_to_end(digest)
            return False
        self._put(digest, None)
        return True

    def unpacked(self, parcel: Parcel) -> list[Sequenceable] | None:
        """The sequences of a parcel; None if one of their bases is neither in it nor here."""
        for digest in parcel.digests:
            if digest in self._all:
                self._all.move_to_end(digest)
            elif digest in parcel.bases:
                base = Sequence.owning(np.array(parcel.bases[digest]))
                self._put(digest, base.with_inputs(parcel.inputs.get(digest, ())))
        bases = [self._all.get(digest) for digest in parcel.digests]
        if None in bases:
            return None
        ends = np.cumsum(parcel.spans[:, 1])
        sequences: list[Sequenceable] = []
        at = 0
        for place, n in zip(parcel.of_base, parcel.edits, strict=True):
            base = bases[place]
            assert base is not None
            edits = [
                Edit(int(start), parcel.codes[end - length : end])
                for (start, length), end in zip(
                    parcel.spans[at : at + n], ends[at : at + n], strict=True
                )
            ]
            sequences.append(Mutant(base, edits) if edits else base)
            at += n
        return sequences

    def clear(self) -> None:
        """Forget all."""
        self._all.clear()

    def _put(self, digest: bytes, base: Sequence | None) -> None:
        self._all[digest] = base
        # More than that only if a single parcel has them.
        while len(self._all) > 2 * BASES:
            self._all.popitem(last=False)
