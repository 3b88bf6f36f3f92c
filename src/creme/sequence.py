"""Sequences as codes, and mutants as a base sequence and its edits."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable
from collections.abc import Sequence as SequenceOf
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from creme.codes import as_array, no_codes, position, sealed
from creme.codes import onehot_table as onehot_table
from creme.errors import SequenceError

ALPHABET = "ACGTN"
N = 4
"""The code of N; A, C, G and T are 0 to 3."""

Codes = NDArray[np.uint8]

_LETTERS = np.frombuffer(ALPHABET.encode(), dtype=np.uint8)
_COMPLEMENT = np.array([3, 2, 1, 0, 4], dtype=np.uint8)
_INVALID = 255
_CODE_OF = np.full(256, _INVALID, dtype=np.uint8)
for _code, _letter in enumerate(ALPHABET):
    _CODE_OF[ord(_letter)] = _CODE_OF[ord(_letter.lower())] = _code


def encode(text: str | bytes) -> Codes:
    """Codes of a text in A, C, G, T and N, in either case.

    Raises
    ------
    SequenceError
        If any other character stands in the text; it names the first one and its position.
    """
    data = text.encode("ascii", "replace") if isinstance(text, str) else text
    codes = _CODE_OF[np.frombuffer(data, dtype=np.uint8)]
    bad = np.flatnonzero(codes == _INVALID)
    if bad.size:
        at = int(bad[0])
        letter = text[at] if isinstance(text, str) else chr(text[at])
        raise SequenceError(
            f"character {letter!r} at position {at} is not one of {ALPHABET} (either case)"
        )
    return codes


def complement(codes: Codes) -> Codes:
    """Codes of the complementary bases, in the same order."""
    return _COMPLEMENT[codes]


class Sequence:
    """A DNA sequence: an immutable vector of codes (A C G T N = 0 1 2 3 4).

    Parameters
    ----------
    codes : array of integers, shape (length,)
        Values 0 to 4. Copied unless they are those of another sequence: the memory of a sequence
        cannot be made writable, so nothing that is handed one can change it.

    Raises
    ------
    SequenceError
        If the codes are no vector of integers from 0 to 4: letters, fractions and truth values are
        refused.
    """

    __slots__ = ("__dict__", "_codes", "_digest", "_inputs")

    _codes: Codes
    _digest: bytes | None
    _inputs: tuple[float, ...]

    def __init__(self, codes: NDArray[np.integer] | SequenceOf[int]) -> None:
        array: NDArray = codes if isinstance(codes, np.ndarray) else as_array(codes)
        if array.ndim != 1:
            raise SequenceError(f"codes must be a vector, not an array of shape {array.shape}")
        if array.size:
            if array.dtype.kind not in "iu":
                raise SequenceError(no_codes(array[:20].tolist()))
            if array.min() < 0 or array.max() > N:
                raise SequenceError("codes must lie between 0 and 4 (A C G T N)")
        if not sealed(array):
            array = np.frombuffer(array.astype(np.uint8, copy=False).tobytes(), np.uint8)
        self._codes = array
        self._digest = None
        self._inputs = ()

    @classmethod
    def owning(cls, codes: Codes) -> Sequence:
        """Of contiguous codes that the caller gives away: neither checked nor copied."""
        codes.flags.writeable = False
        # An array that owns its memory could be made writable again; one of a buffer cannot.
        return cls._of(np.frombuffer(codes.data, np.uint8))

    @classmethod
    def _of(cls, codes: Codes) -> Sequence:
        sequence = cls.__new__(cls)
        sequence._codes = codes
        sequence._digest = None
        sequence._inputs = ()
        return sequence

    def with_inputs(self, inputs: Iterable[float]) -> Sequence:
        """The same bases with further inputs of a model beside them; mutants of it have these."""
        values = tuple(float(np.float32(value)) for value in inputs)
        if values == self.inputs:
            return self
        sequence = Sequence._of(self._codes)
        sequence._inputs = values
        return sequence

    @property
    def codes(self) -> Codes:
        """The codes, in memory that cannot be written."""
        return self._codes

    @property
    def inputs(self) -> tuple[float, ...]:
        """Numbers beside the bases, for a model that takes them; empty as a rule."""
        return self._inputs

    @classmethod
    def from_string(cls, text: str) -> Sequence:
        """A sequence from letters A, C, G, T and N, in either case."""
        return cls(encode(text))

    def __str__(self) -> str:
        return _LETTERS[self.codes].tobytes().decode()

    def __repr__(self) -> str:
        text = str(self) if len(self) <= 24 else f"{str(self[:12])}...{str(self[-9:])}"
        return f"Sequence({text!r}, length={len(self)})"

    def __len__(self) -> int:
        return self._codes.size

    def __getitem__(self, span: slice) -> Sequence:
        if not isinstance(span, slice):
            # Also where something iterates over a sequence.
            raise SequenceError(
                f"sequence[{span!r}]: a part of a sequence is a slice, as in sequence[3:4]; a "
                f"single sequence among several is given as [sequence]"
            )
        codes = self._codes[span]
        return Sequence._of(codes) if codes.flags.c_contiguous else Sequence.owning(codes.copy())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return self.inputs == other.inputs and np.array_equal(self.codes, other.codes)

    def __hash__(self) -> int:
        return hash(self.digest)

    def __reduce__(self) -> tuple[Any, ...]:
        return (_made, (self.codes, self.inputs)) if self.inputs else (Sequence, (self.codes,))

    @property
    def digest(self) -> bytes:
        """SHA-256 of the codes, one byte a base, and of the inputs beside them: 32 bytes."""
        # Remembered without cached_property, whose lock lets one thread hash at a time.
        if self._digest is None:
            state = hashlib.sha256(self._codes.data)
            state.update(self.hashed_inputs)
            self._digest = state.digest()
        return self._digest

    @property
    def hashed_inputs(self) -> bytes:
        """The inputs as they enter the digest, after the codes; nothing where there are none."""
        if not self.inputs:
            return b""
        # No code is 255: bases alone have no such digest.
        return b"\xff" + np.array(self.inputs, dtype="<f4").tobytes()

    def hashed_to(self, end: int) -> tuple[Any, int]:
        """A SHA-256 that has taken in the codes up to somewhere before `end`, and up to where.

        Mutants of one base begin like it. What was hashed is remembered every 4 kb, and no more of
        it than somebody asked for, so that asking once costs no more than hashing.
        """
        with _HASHING:
            states = self._states
            while len(states) * _STEP <= end:
                at = (len(states) - 1) * _STEP
                state = states[-1].copy()
                state.update(self.codes[at : at + _STEP].data)
                states.append(state)
            place = min(end // _STEP, len(states) - 1)
            return states[place].copy(), place * _STEP

    @cached_property
    def _states(self) -> list[Any]:
        return [hashlib.sha256()]

    midstates: NDArray[np.uint32] | None = None
    """The same for `creme.kernels.digests`, in steps of its own."""

    @cached_property
    def complemented(self) -> Sequence:
        """The reverse complement: the other strand, read 5' to 3'."""
        return Sequence.owning(complement(self.codes[::-1])).with_inputs(self.inputs)

    @property
    def sequence(self) -> Sequence:
        """Itself, so that a sequence can stand wherever a mutant can."""
        return self

    @property
    def base(self) -> Sequence:
        """Itself: the base of the mutant that has no edits."""
        return self

    @property
    def edits(self) -> tuple[Edit, ...]:
        """None: a sequence is a mutant without edits."""
        return ()

    def onehot(self, n_value: float = 0.25) -> NDArray[np.float32]:
        """One-hot encoding.

        Parameters
        ----------
        n_value : float
            The value of all four channels where the base is N.

        Returns
        -------
        array of float32, shape (length, 4)
        """
        return onehot_table(n_value).take(self.codes, axis=0)


class Edit:
    """Codes that replace what stood at `start`: a substitution of the same length.

    Parameters
    ----------
    start : int
        0-based position of the first replaced base.
    codes : Sequence, or array of integers 0 to 4

    Raises
    ------
    SequenceError
        If the start is negative or no integer, or the codes are not as those of `Sequence`.
    """

    __slots__ = ("codes", "start")

    start: int
    codes: Codes

    def __init__(self, start: int, codes: NDArray[np.integer] | SequenceOf[int] | Sequence) -> None:
        self.start = start if type(start) is int else position(start)
        self.codes = (codes if isinstance(codes, Sequence) else Sequence(codes)).codes
        if self.start < 0:
            raise SequenceError(f"an edit cannot start at {start}: positions are 0-based")

    @property
    def end(self) -> int:
        """Position after the last replaced base."""
        return self.start + self.codes.size

    def __repr__(self) -> str:
        return f"Edit({self.start}, {self.end})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Edit):
            return NotImplemented
        return self.start == other.start and np.array_equal(self.codes, other.codes)

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[type[Edit], tuple[int, Codes]]:
        return (Edit, (self.start, self.codes))


class Mutant:
    """A base sequence and its edits.

    Parameters
    ----------
    base : Sequence or Mutant
        The sequence that is edited. A mutant of a mutant has the first one's base: edits are
        merged.
    edits : iterable of Edit
        Later ones win where they overlap. Kept sorted and disjoint.

    Raises
    ------
    SequenceError
        If an edit reaches past the end of the base.
    """

    __slots__ = ("_digest", "base", "edits")

    base: Sequence
    edits: tuple[Edit, ...]
    _digest: bytes | None

    def __init__(self, base: Sequence | Mutant, edits: Iterable[Edit]) -> None:
        self.base = base.base
        self.edits = _merged([*base.edits, *edits])
        self._digest = None
        if self.edits and (edit := self.edits[-1]).end > self.base.codes.size:
            raise SequenceError(
                f"an edit of [{edit.start}, {edit.end}) does not fit into a sequence of "
                f"{len(self.base)} bp"
            )

    def __len__(self) -> int:
        return self.base.codes.size

    def __repr__(self) -> str:
        spans = ", ".join(f"[{e.start}, {e.end})" for e in self.edits)
        return f"Mutant({self.base!r}, edits={spans or 'none'})"

    @property
    def sequence(self) -> Sequence:
        """The edited sequence, materialised anew at each access: mutants stay small."""
        if len(self.edits) == 1 and self.edits[0].codes.size == len(self):
            whole = Sequence._of(self.edits[0].codes)
        else:
            whole = Sequence.owning(written(self, np.empty(len(self), dtype=np.uint8)))
        return whole.with_inputs(self.base.inputs)

    @property
    def digest(self) -> bytes:
        """SHA-256 of the materialised codes: 32 bytes, equal to ``self.sequence.digest``."""
        if self._digest is None:
            self._digest = self._hashed() if self.edits else self.base.digest
        return self._digest

    @property
    def hashed(self) -> bool:
        """Whether its digest is there already."""
        return self._digest is not None

    def remember(self, digest: bytes) -> None:
        """Take the digest from who has computed it, such as `creme.kernels.digests`."""
        self._digest = digest

    def _hashed(self) -> bytes:
        state, done = self.base.hashed_to(self.edits[0].start)
        codes = self.base.codes
        for edit in self.edits:
            state.update(codes[done : edit.start].data)
            state.update(edit.codes.data)
            done = edit.end
        state.update(codes[done:].data)
        state.update(self.base.hashed_inputs)
        return state.digest()

    def __reduce__(self) -> tuple[type[Mutant], tuple[Sequence, tuple[Edit, ...]]]:
        return (Mutant, (self.base, self.edits))


Sequenceable = Sequence | Mutant
"""A sequence or a mutant; both have ``base``, ``edits``, ``sequence`` and ``digest``."""


def _made(codes: Codes, inputs: tuple[float, ...]) -> Sequence:
    return Sequence(codes).with_inputs(inputs)


def written(sequence: Sequenceable, out: Codes) -> Codes:
    """The codes of a sequence or a mutant, written into an array of its length."""
    out[:] = sequence.base.codes
    for edit in sequence.edits:
        out[edit.start : edit.end] = edit.codes
    return out


# Two threads may ask the same base at once.
_HASHING = threading.Lock()
_STEP = 2**12


def _merged(edits: list[Edit]) -> tuple[Edit, ...]:
    """Sorted disjoint edits with the effect of the given ones in their order; none is empty."""
    edits = [edit for edit in edits if edit.codes.size]
    if len(edits) < 2:
        return tuple(edits)
    ordered = sorted(edits, key=lambda edit: edit.start)
    if all(a.end <= b.start for a, b in pairwise(ordered)):
        return tuple(ordered)
    # Overlapping or touching edits become islands; each is painted in the order given.
    islands: list[list[int]] = []
    for edit in ordered:
        if islands and edit.start < islands[-1][1]:
            islands[-1][1] = max(islands[-1][1], edit.end)
        else:
            islands.append([edit.start, edit.end])
    merged = []
    for start, end in islands:
        codes = np.empty(end - start, dtype=np.uint8)
        for edit in edits:
            if start <= edit.start and edit.end <= end:
                codes[edit.start - start : edit.end - start] = edit.codes
        merged.append(Edit(start, Sequence.owning(codes)))
    return tuple(merged)
