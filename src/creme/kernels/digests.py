"""SHA-256 of many mutants of one base at once, each in a lane of the processor's vectors.

The digest of a mutant is that of its whole sequence, and SHA-256 is a chain: what follows the first
edit has to go through it, though it is the base's. But mutants of one base have these blocks of 64
bases in common. What SHA-256 makes of a block before its 64 rounds, the schedule, is made once for
all of them, and the rounds are made for 16 mutants by each instruction. A block with an edit has a
schedule of its own in each lane. Mutants join on the way, where their first edit is, with the
state that the base has there.
"""

from __future__ import annotations

from collections.abc import Sequence as SequenceOf
from functools import cache

import numpy as np
from llvmlite.binding import get_host_cpu_features
from numpy.typing import NDArray

from creme.kernels.sha256 import BEGIN, BLOCK, LANES, STATE, STEP, compiled
from creme.sequence import Edit, Mutant, Sequence


@cache
def suits() -> bool:
    """Whether this is quicker here than one by one, and gives the same.

    Where vectors are short it is no quicker. A wrong digest would bring another sequence's
    prediction, so each process first compares some digests with those of `hashlib`.
    """
    if not get_host_cpu_features().get("avx2", False):
        return False
    base = Sequence(np.arange(3 * STEP + 7) % 5)
    starts = range(0, len(base) - BLOCK, len(base) // (2 * LANES))
    mutants = [Mutant(base, [Edit(start, base.codes[:BLOCK])]) for start in starts]
    return digests(base, mutants) == [mutant.digest for mutant in mutants]


def digests(base: Sequence, mutants: SequenceOf[Mutant]) -> list[bytes]:
    """The digests of mutants of one base, as `Mutant.digest` has them.

    Parameters
    ----------
    base : Sequence
        Remembers its states, so that the next mutants of it begin at their edits.
    mutants : sequence of Mutant
        Each with an edit.

    Returns
    -------
    list of bytes
        32 bytes each.
    """
    order = sorted(range(len(mutants)), key=lambda place: mutants[place].edits[0].start)
    edits = [edit for place in order for edit in mutants[place].edits]
    counts = [len(mutants[place].edits) for place in order]
    spans = np.array([(edit.start, edit.end) for edit in edits], dtype=np.uint64)
    whole = len(base) // BLOCK * BLOCK
    finals, base.midstates = _hash(
        base.codes[:whole],
        _tail(base, whole),
        np.array([0, *counts], dtype=np.uint64).cumsum(dtype=np.uint64),
        spans,
        np.concatenate([edit.codes for edit in edits]),
        base.midstates,
    )
    made = finals.astype(">u4").tobytes()
    by_place = [b""] * len(mutants)
    for row, place in enumerate(order):
        by_place[place] = made[32 * row : 32 * row + 32]
    return by_place


def _tail(base: Sequence, whole: int) -> NDArray[np.uint8]:
    """The end of a base after its whole blocks: codes, what is hashed beside them, the length."""
    last = base.codes[whole:].tobytes() + base.hashed_inputs
    bits = 8 * (whole + len(last))
    last += b"\x80"
    last += bytes(-(len(last) + 8) % BLOCK) + bits.to_bytes(8, "big")
    return np.frombuffer(last, dtype=np.uint8)


def _hash(
    codes: NDArray[np.uint8],
    tail: NDArray[np.uint8],
    first: NDArray[np.uint64],
    spans: NDArray[np.uint64],
    edited: NDArray[np.uint8],
    midstates: NDArray[np.uint32] | None,
) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """States at the end, (mutants, 8), and those of the base before each `STEP`, (steps, 8).

    Parameters
    ----------
    codes, tail : array of uint8
        Of the base, in blocks.
    first : array, (mutants + 1,)
        Where each mutant's edits begin in `spans`; mutants are sorted by their first edit.
    spans : array, (edits, 2)
        Start and end of each.
    edited : array of uint8
        The codes of all edits.
    midstates : array, (steps, 8), optional
        Those of the base, from before.
    """
    number = len(first) - 1
    steps = -(-(len(codes) + len(tail)) // STEP)
    enter = spans[first[:-1].astype(np.intp), 0] // STEP
    base_lane = int(midstates is None)
    if midstates is None:
        # The base is hashed as the first of them.
        midstates = np.empty((steps, STATE), dtype=np.uint32)
        midstates[0] = BEGIN
        first = np.concatenate([first[:1], first])
        enter = np.concatenate([np.zeros(1, dtype=np.uint64), enter])
    lanes = -(-(number + base_lane) // LANES) * LANES
    at_end = np.empty((lanes // LANES, STATE, LANES), dtype=np.uint32)
    runs = np.empty((len(spans), 3), dtype=np.uint64)
    room = len(edited) // BLOCK + 1 + 2 * len(spans)
    blocks = np.empty(BLOCK * room, dtype=np.uint8)
    compiled()(
        np.require(codes.view(np.uint32), requirements="A"),
        tail.view(np.uint32),
        codes,
        tail,
        first,
        spans,
        edited,
        enter,
        midstates,
        runs,
        blocks,
        blocks.view(np.uint32),
        at_end,
        base_lane,
    )
    finals = at_end.transpose(0, 2, 1).reshape(lanes, STATE)
    return finals[base_lane : base_lane + number], midstates
