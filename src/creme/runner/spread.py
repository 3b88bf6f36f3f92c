"""Noise that is not between shuffles: between an ensemble's members, and positions of the TSS."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from collections.abc import Sequence as SequenceOf
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, SerializeAsAny, field_validator

from creme.genome import Locus
from creme.parameters import Parameters
from creme.sequence import Edit, Mutant, N, Sequence, Sequenceable
from creme.test import Profiles, Request, Steps, Test, Unit

if TYPE_CHECKING:
    import xarray as xr

MEMBERS, POSITIONS = "member", "shift_tss"
"""Dimensions of the values by ensemble member, and by position of the TSS."""

ENDINGS = {MEMBERS: "members", POSITIONS: "positions"}
"""Of variables by dimension: ``effect_members``, and ``effect_std_members`` for their spread."""


class Spread(Parameters):
    """Further kinds of noise that a run measures, beside that between shuffles."""

    name: ClassVar[str] = "[spread]"

    members: bool = Field(
        False, description="measure with each member of an ensemble as well, and keep its effects"
    )
    shift_tss: tuple[int, ...] = Field(
        (),
        description="measure also with the TSS moved by so many bp, positive downstream; the TSS "
        "itself, 0, is always among them",
    )

    @field_validator("shift_tss")
    @classmethod
    def _distinct(cls, shifts: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(shifts)) < len(shifts):
            raise ValueError("each is given once")
        return shifts

    @property
    def moved(self) -> tuple[int, ...]:
        """The positions other than the TSS itself, ascending."""
        return tuple(sorted(shift for shift in self.shift_tss if shift))

    def configuration(self) -> dict[str, Any]:
        """The parameters that ask for something."""
        return {key: value for key, value in super().configuration().items() if value}


class ShiftedTest(Test):
    """A test with every sequence that it asks for moved, so that the TSS is read elsewhere.

    The perturbed bases are the same, and lie `shift` bp further upstream in the window: what
    differs is the position alone. At the window's end genomic bases come in, or N where the unit
    has no genome.
    """

    name: ClassVar[str] = "shifted"

    of: SerializeAsAny[Test] = Field(description="the test")
    shift: int = Field(description="how far downstream the TSS is taken to be, bp")

    def units(self, loci: SequenceOf[Locus]) -> Iterable[Unit]:
        """Those of the test."""
        return self.of.units(loci)

    def run(self, unit: Any) -> Steps:
        """The test's own, asking for moved sequences."""
        steps = self.of.run(unit)
        incoming = _incoming(unit, self.shift)
        answer: Any = None
        while True:
            try:
                request = steps.send(answer)
            except StopIteration as end:
                dataset: xr.Dataset = end.value
                return dataset
            answer = yield self._moved(request, incoming)

    def _moved(self, request: Request, incoming: NDArray[np.uint8]) -> Request:
        if isinstance(request, Profiles):
            return Profiles(self._each(request.sequences, incoming))
        return self._each(request, incoming)

    def _each(
        self, sequences: Iterable[Sequenceable], incoming: NDArray[np.uint8]
    ) -> Iterator[Sequenceable]:
        bases: dict[bytes, Sequence] = {}
        for each in sequences:
            if isinstance(each, Sequence):
                yield moved(each, self.shift, incoming)
                continue
            if not isinstance(each, Mutant):
                yield each  # the scheduler refuses it
                continue
            digest = each.base.digest
            if digest not in bases:
                bases.clear()  # requests have one base after the other
                bases[digest] = moved(each.base, self.shift, incoming)
            yield Mutant(bases[digest], _moved_edits(each, self.shift))


def moved(sequence: Sequence, shift: int, incoming: NDArray[np.uint8]) -> Sequence:
    """A sequence `shift` bp further upstream, with bases that come in at its end.

    Parameters
    ----------
    sequence : Sequence
    shift : int
        Downstream if negative.
    incoming : array of uint8, (abs(shift),)
        Codes after the sequence's end; before its start if `shift` is negative.
    """
    codes = sequence.codes
    if shift > 0:
        return Sequence(np.concatenate([codes[shift:], incoming])).with_inputs(sequence.inputs)
    if not shift:
        return sequence
    return Sequence(np.concatenate([incoming, codes[:shift]])).with_inputs(sequence.inputs)


def _moved_edits(mutant: Mutant, shift: int) -> Iterator[Edit]:
    """Edits where they lie in the moved sequence; what leaves it is cut off."""
    length = len(mutant)
    for edit in mutant.edits:
        start, codes = edit.start - shift, edit.codes
        low, high = max(0, -start), min(len(codes), length - start)
        if low < high:
            yield Edit(start + low, Sequence(codes[low:high]))


def _incoming(unit: Any, shift: int) -> NDArray[np.uint8]:
    """The genomic bases next to a locus's window that come in when it is moved."""
    none = np.full(abs(shift), N, dtype=np.uint8)
    if not shift or not isinstance(unit, Locus) or unit.genome is None:
        return none
    downstream = (shift > 0) == (unit.strand == "+")
    start = unit.end if downstream else unit.start - abs(shift)
    return unit.genome.fetch(unit.contig, start, start + abs(shift), unit.strand).codes
