"""SHA-256 of what has a base in common, in the instructions for vectors; see `digests`.

Vectors have 16 words whatever the processor has: LLVM makes two or four instructions of one where
its vectors are shorter.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from math import isqrt
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

LANES = 16
"""Mutants that are hashed by one instruction, and blocks whose schedules are made at once."""

BLOCK = 64
"""Bases that enter SHA-256 at once."""

STEP = LANES * BLOCK
"""Bases between two places at which the base's state is remembered, and mutants join."""

_ROUNDS = 64
_WORDS = 16  # of 32 bits in a block
STATE = 8


def _primes(n: int) -> list[int]:
    primes: list[int] = []
    number = 2
    while len(primes) < n:
        if all(number % prime for prime in primes):
            primes.append(number)
        number += 1
    return primes


def _root(prime: int, cubic: bool) -> int:
    """The first 32 bits of the fraction of a prime's square or cubic root."""
    scaled = prime << 64
    if not cubic:
        return isqrt(scaled) & 0xFFFFFFFF
    scaled <<= 32
    low, high = 0, 1 << 40
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if middle**3 <= scaled else (low, middle)
    return low & 0xFFFFFFFF


_CONSTANTS = np.array([_root(prime, cubic=True) for prime in _primes(_ROUNDS)], dtype=np.uint32)
BEGIN = np.array([_root(prime, cubic=False) for prime in _primes(STATE)], dtype=np.uint32)


@cache
def compiled() -> Callable[..., None]:
    """The machine code of `_sweep`: from numba's cache on disk, or compiled now."""
    readable = {
        bits: types.Array(kind, 1, "C", readonly=True)
        for bits, kind in ((8, types.uint8), (32, types.uint32))
    }
    signature = types.void(
        readable[32], readable[32], readable[8], readable[8],
        types.uint64[::1], types.uint64[:, ::1], readable[8], types.uint64[::1],
        types.uint32[:, ::1], types.uint64[:, ::1], types.uint8[::1], types.uint32[::1],
        types.uint32[:, :, ::1], types.uint64,
    )  # fmt: skip
    try:
        return njit(signature, nogil=True, cache=True)(_sweep)
    except Exception:
        # The cache may be unwritable, full or damaged.
        return njit(signature, nogil=True)(_sweep)


def _sweep(  # type: ignore[no-untyped-def]
    code_words, tail_words, codes, tail, first, spans, edited, enter,
    of_base, runs, blocks, block_words, at_end, base_lane,
):  # fmt: skip
    zero, one, two = np.uint64(0), np.uint64(1), np.uint64(2)
    block, words = np.uint64(64), np.uint64(16)
    lanes, groups = np.uint64(16), np.uint64(at_end.shape[0])
    whole = np.uint64(codes.size) // block
    total = whole + np.uint64(tail.size) // block
    number = np.uint64(enter.size)
    # Each lane's blocks with edits, as runs: the first one's number, the one after the last one's,
    # and where they are written whole.
    next_run = np.empty(groups * lanes, np.uint64)
    last_run = np.zeros(groups * lanes, np.uint64)
    next_run[:] = 0
    count, free, at = zero, zero, zero
    for lane in range(number):
        next_run[lane] = count
        for edit in range(first[lane], first[lane + one]):
            start, end = spans[edit, 0], spans[edit, 1]
            begin, stop = start // block, (end + block - one) // block
            if count > next_run[lane] and begin < runs[count - one, 1]:
                begin = runs[count - one, 1]
                runs[count - one, 1] = max(stop, begin)
            elif count > next_run[lane] and begin == runs[count - one, 1]:
                runs[count - one, 1] = stop
            else:
                runs[count, 0], runs[count, 1], runs[count, 2] = begin, stop, free
                count += one
            for here in range(begin, stop):
                if start > here * block or end < (here + one) * block:
                    for word in range(block):
                        blocks[free * block + word] = (
                            codes[here * block + word]
                            if here < whole
                            else tail[(here - whole) * block + word]
                        )
                free += one
            # Where the run's block zero would be written.
            shift = runs[count - one, 2] * block - runs[count - one, 0] * block
            for place in range(start, end):
                blocks[shift + place] = edited[at]
                at += one
        last_run[lane] = count
    due = np.zeros(groups, np.uint64)
    raw = np.empty((16, 16), np.uint32)
    schedule = np.empty((64, 16), np.uint32)
    own_raw = np.empty((16, 16), np.uint32)
    own = np.empty((64, 16), np.uint32)
    entered = zero
    for step in range(enter[0], (total + lanes - one) // lanes):
        while entered < number and enter[entered] == step:
            for word in range(8):
                at_end[entered // lanes, word, entered % lanes] = of_base[step, word]
            due[entered // lanes] = zero
            entered += one
        begin = step * lanes
        stop = min(begin + lanes, total)
        for column in range(stop - begin):
            current = begin + column
            for word in range(words):
                raw[word, column] = (
                    code_words[current * words + word]
                    if current < whole
                    else tail_words[(current - whole) * words + word]
                )
        _expand(raw, schedule, _CONSTANTS)  # type: ignore[call-arg]
        begun = (entered + lanes - one) // lanes
        for pair in range((begun + one) // two):
            group, last = pair * two, min(pair * two + two, begun)
            for here in range(begin, stop):
                column = here - begin
                # Each round of a group waits for the one before: two groups fill each other's gaps.
                if here < due[group] and here < due[last - one] and last - group == two:
                    _rounds_of_two(at_end[group], at_end[group + one], schedule, column)
                    continue
                for each in range(group, last):
                    some = False
                    if here >= due[each]:
                        soon = total
                        for k in range(lanes):
                            lane = each * lanes + k
                            run, end = next_run[lane], last_run[lane]
                            while run < end and runs[run, 1] <= here:
                                run += one
                            next_run[lane] = run
                            if run < end and runs[run, 0] <= here:
                                some = True
                                place = (runs[run, 2] + here - runs[run, 0]) * words
                                for word in range(words):
                                    own_raw[word, k] = block_words[place + word]
                            else:
                                if run < end:
                                    soon = min(soon, runs[run, 0])
                                for word in range(words):
                                    own_raw[word, k] = raw[word, column]
                        if not some:
                            due[each] = soon
                    if some:
                        _expand(own_raw, own, _CONSTANTS)
                        _rounds_own(at_end[each], own)
                    else:
                        _rounds(at_end[each], schedule, column)
        if base_lane and step + one < of_base.shape[0]:
            for word in range(8):
                of_base[step + one, word] = at_end[0, word, 0]


# The instructions themselves. numba has no vectors, so they are written for LLVM.

_WORD, _PLACE = ir.IntType(32), ir.IntType(64)
_VECTOR = ir.VectorType(_WORD, LANES)
_AT_ONCE = 8  # rounds after which each of the eight words of a state is in its place again


def _constant(value: int) -> ir.Constant:
    return ir.Constant(_VECTOR, [value] * LANES)


def _everywhere(builder: ir.IRBuilder, words: Any, place: Any) -> Any:
    """A word in all lanes."""
    word = builder.load(builder.gep(words, [place]))
    nothing = ir.Constant(_VECTOR, ir.Undefined)
    alone = builder.insert_element(nothing, word, ir.Constant(_WORD, 0))
    return builder.shuffle_vector(alone, nothing, _constant(0))


def _row(builder: ir.IRBuilder, words: Any, row: Any) -> Any:
    """Where a row of an array is, (rows, 16)."""
    row = ir.Constant(_PLACE, row) if isinstance(row, int) else row
    place = builder.gep(words, [builder.mul(row, ir.Constant(_PLACE, LANES))])
    return builder.bitcast(place, _VECTOR.as_pointer())


def _pointers(context: Any, builder: ir.IRBuilder, kinds: Any, arrays: Any) -> list[Any]:
    """Where the words of arrays are."""
    return [
        context.make_array(kind)(context, builder, array).data
        for kind, array in zip(kinds, arrays, strict=True)
    ]


def _turned(builder: ir.IRBuilder, value: Any, *turns: int) -> Any:
    """The exclusive or of rotations to the right."""
    first, *others = (
        builder.or_(builder.lshr(value, _constant(turn)), builder.shl(value, _constant(32 - turn)))
        for turn in turns
    )
    for other in others:
        first = builder.xor(first, other)
    return first


def _swapped(builder: ir.IRBuilder, value: Any) -> Any:
    """Words with their bytes in the other order: LLVM knows it for one instruction."""
    second = _constant(0xFF00)
    ends = builder.or_(builder.shl(value, _constant(24)), builder.lshr(value, _constant(24)))
    upper = builder.shl(builder.and_(value, second), _constant(8))
    lower = builder.and_(builder.lshr(value, _constant(8)), second)
    return builder.or_(ends, builder.or_(upper, lower))


def _total(builder: ir.IRBuilder, first: Any, *others: Any) -> Any:
    for other in others:
        first = builder.add(first, other)
    return first


@intrinsic
def _expand(typing: Any, raw: Any, schedule: Any, constants: Any) -> Any:
    """Schedules of 16 blocks.

    Parameters
    ----------
    raw : array of uint32, (16, 16)
        Their words as they lie in memory, (word, block).
    schedule : array of uint32, (64, 16)
        To be written: (round, block), with the rounds' constants added.
    constants : array of uint32, (64,)
    """

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        source, target, added = _pointers(context, builder, signature.args, arguments)
        last = [cgutils.alloca_once(builder, _VECTOR) for _ in range(_WORDS)]
        for place, word in enumerate(last):
            loaded = builder.load(_row(builder, source, place), align=4)
            builder.store(_swapped(builder, loaded), word)
        with cgutils.for_range(builder, ir.Constant(_PLACE, _ROUNDS // _WORDS)) as loop:
            before = builder.mul(loop.index, ir.Constant(_PLACE, _WORDS))
            words = [builder.load(word) for word in last]
            for place in range(_WORDS):
                now = builder.add(before, ir.Constant(_PLACE, place))
                word = builder.add(words[place], _everywhere(builder, added, now))
                builder.store(word, _row(builder, target, now), align=4)
            for place in range(_WORDS):
                early, late = words[(place + 1) % _WORDS], words[(place + 14) % _WORDS]
                small = builder.xor(
                    _turned(builder, early, 7, 18), builder.lshr(early, _constant(3))
                )
                large = builder.xor(
                    _turned(builder, late, 17, 19), builder.lshr(late, _constant(10))
                )
                words[place] = _total(
                    builder, words[place], words[(place + 9) % _WORDS], small, large
                )
                builder.store(words[place], last[place])
        return context.get_dummy_value()

    return types.void(raw, schedule, constants), generate


def _compress(builder: ir.IRBuilder, arrays: list[Any], word_of: Callable[[Any], Any]) -> None:
    """A block's rounds in all lanes of some states; `word_of` gives the schedule of a round."""
    places = [[_row(builder, states, row) for row in range(STATE)] for states in arrays]
    before = [[builder.load(place, align=4) for place in state] for state in places]
    kept = [[cgutils.alloca_once_value(builder, value) for value in state] for state in before]
    with cgutils.for_range(builder, ir.Constant(_PLACE, _ROUNDS // _AT_ONCE)) as loop:
        first = builder.mul(loop.index, ir.Constant(_PLACE, _AT_ONCE))
        now = [[builder.load(place) for place in state] for state in kept]
        for number in range(_AT_ONCE):
            word = word_of(builder.add(first, ir.Constant(_PLACE, number)))
            now = [_round(builder, state, word) for state in now]
        for state, values in zip(kept, now, strict=True):
            for place, value in zip(state, values, strict=True):
                builder.store(value, place)
    for rows, olds, news in zip(places, before, kept, strict=True):
        for place, old, new in zip(rows, olds, news, strict=True):
            builder.store(builder.add(old, builder.load(new)), place, align=4)


def _round(builder: ir.IRBuilder, state: list[Any], word: Any) -> list[Any]:
    a, b, c, d, e, f, g, h = state
    chosen = builder.xor(g, builder.and_(e, builder.xor(f, g)))
    one = _total(builder, h, word, chosen, _turned(builder, e, 6, 11, 25))
    most = builder.or_(builder.and_(a, b), builder.and_(c, builder.or_(a, b)))
    other = builder.add(_turned(builder, a, 2, 13, 22), most)
    return [builder.add(one, other), a, b, c, builder.add(d, one), e, f, g]


def _of_column(builder: ir.IRBuilder, words: Any, column: Any) -> Callable[[Any], Any]:
    """The word of a round in a column of a schedule, in all lanes."""

    def word_of(number: Any) -> Any:
        row = builder.mul(number, ir.Constant(_PLACE, LANES))
        return _everywhere(builder, words, builder.add(row, column))

    return word_of


@intrinsic
def _rounds(typing: Any, state: Any, schedule: Any, column: Any) -> Any:
    """Take a block that all lanes have, a column of `schedule`, into their states, (8, 16)."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        states, words = _pointers(context, builder, signature.args[:2], arguments[:2])
        _compress(builder, [states], _of_column(builder, words, arguments[2]))
        return context.get_dummy_value()

    return types.void(state, schedule, types.uint64), generate


@intrinsic
def _rounds_of_two(typing: Any, state: Any, other: Any, schedule: Any, column: Any) -> Any:
    """The same for two states at once."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        *states, words = _pointers(context, builder, signature.args[:3], arguments[:3])
        _compress(builder, states, _of_column(builder, words, arguments[3]))
        return context.get_dummy_value()

    return types.void(state, other, schedule, types.uint64), generate


@intrinsic
def _rounds_own(typing: Any, state: Any, schedule: Any) -> Any:
    """Take a block of its own in each lane into their states."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        states, words = _pointers(context, builder, signature.args, arguments)
        _compress(
            builder, [states], lambda number: builder.load(_row(builder, words, number), align=4)
        )
        return context.get_dummy_value()

    return types.void(state, schedule), generate
