"""Which sequence goes to which slot, and beside which others."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from creme.engines.engine import BASES, DEPTH, Slot
from creme.inference.rows import Buffer
from creme.runner.waiting_line import OVERTAKING, WaitingLine
from creme.sequence import Edit, Mutant, Sequence, Sequenceable


def base(number):
    return Sequence(np.random.default_rng(number).integers(0, 4, 30, dtype=np.uint8))


def mutants(of, n):
    return [Mutant(of, [Edit(k, np.array([k % 4]))]) for k in range(n)]


def slots(n):
    return [Slot(str(k), 4) for k in range(n)]


def test_a_single_slot_is_given_the_oldest_of_each_base():
    line = WaitingLine(by_base=False)
    a, b = mutants(base(0), 5), mutants(base(1), 5)
    order = [one for pair in zip(a, b, strict=True) for one in pair]
    for one in order:
        line.push(one)
    (slot,) = slots(1)
    taken = [line.take(slot, 3) for _ in range(4)]
    assert [id(one) for part in taken for one in part] == [id(one) for one in order]
    assert len(line) == 0
    assert line.take(slot, 3) == []


def test_a_batch_takes_on_the_bases_of_the_one_that_it_is_written_over():
    line = WaitingLine(by_base=False)
    a, b, c, d = (mutants(base(number), 3) for number in range(4))
    (slot,) = slots(1)
    for one in [*a, *b, *c, *d]:
        line.push(one)
    assert line.take(slot, 2) == [a[0], b[0]]
    assert line.take(slot, 2) == [c[0], d[0]]
    assert line.take(slot, 2) == [a[1], b[1]]
    assert line.take(slot, 2) == [c[1], d[1]]
    e = mutants(base(4), 1)
    line.push(*e)
    assert line.take(slot, 3) == [a[2], b[2], e[0]]
    assert line.take(slot, 3) == [c[2], d[2]]


def test_a_base_is_told_by_the_object_where_rows_are():
    """As `creme.inference.rows.Buffer` does; digests of backgrounds would cost their hashing."""
    line = WaitingLine(by_base=False)
    same = base(0), base(0)
    assert same[0].digest == same[1].digest
    (slot,) = slots(1)
    for one in [*mutants(same[0], 4), *mutants(same[1], 4)]:
        line.push(one)
    taken = line.take(slot, 2)
    assert [one.base for one in taken] == list(same)
    assert taken[0].base is same[0]
    assert taken[1].base is same[1]


@settings(max_examples=60, deadline=None)
@given(
    st.booleans(),
    st.lists(st.tuples(st.lists(st.integers(0, 30), max_size=40), st.integers(1, 9)), max_size=12),
)
def test_all_are_taken_once_and_none_is_left_behind(favoured, turns):
    """One base is pushed again and again, as by a test that asks for a million mutants of it."""
    line = WaitingLine(by_base=False)
    (slot,) = slots(1)
    bases = [base(number) for number in range(31)]
    number_of: dict[int, int] = {}
    waiting: set[int] = set()
    pushed: list[tuple[int, Mutant]] = []

    def push(which):
        one = Mutant(bases[which], [Edit(0, np.array([len(pushed) % 4]))])
        number_of[id(one)] = len(pushed)
        waiting.add(len(pushed))
        pushed.append((which, one))
        line.push(one)

    def take(n):
        taken = [number_of[id(one)] for one in line.take(slot, n)]
        assert len(taken) == len(set(taken)) == min(n, len(waiting))
        for number in taken:
            which = pushed[number][0]
            assert all(other >= number for other in waiting if pushed[other][0] == which)
            assert number < min(waiting) + OVERTAKING
            waiting.remove(number)

    for some, n in turns:
        for which in some:
            push(which)
        for _ in range(60 if favoured else 0):
            for _ in range(n):
                push(0)
            take(n)
        take(n)
    while waiting:
        take(7)
    assert len(line) == 0


def written(room: Buffer, batch: list[Sequenceable]) -> int:
    """Write a batch; returns how many of its rows had another base before."""
    ordered = [batch[place] for place in room.arranged(batch)]
    before = list(room._holds[: len(ordered)])
    room.write(ordered)
    return sum(
        held is None or held.base is not one.base for held, one in zip(before, ordered, strict=True)
    )


@pytest.mark.parametrize(
    ("batch", "whole", "in_turn"), [(1, 20, 380), (4, 30, 180), (8, 55, 110), (32, 80, 80)]
)
def test_backgrounds_that_take_turns_stay_in_their_rows(batch, whole, in_turn):
    """Ten of 38 mutants each, pulled as the scheduler does; the last figure is by age alone."""
    backgrounds = [base(number) for number in range(10)]
    asked: list[Sequenceable] = [
        Mutant(b, [Edit(k % 25, np.array([k % 4]))]) for k in range(38) for b in backgrounds
    ]
    line = WaitingLine(by_base=False)
    (slot,) = slots(1)
    buffers = [Buffer(batch, 30, 0.25) for _ in range(DEPTH)]
    by_age = [Buffer(batch, 30, 0.25) for _ in range(DEPTH)]
    counts = [0, 0]
    coming = iter(asked)
    more = True
    for turn in range(len(asked)):
        while more and len(line) < DEPTH * batch:
            part = list(islice(coming, 256))
            for one in part:
                line.push(one)
            more = bool(part)
        first = turn * batch
        counts[0] += written(buffers[turn % DEPTH], line.take(slot, batch))
        counts[1] += written(by_age[turn % DEPTH], asked[first : first + batch])
    assert len(line) == 0
    assert counts[0] <= whole
    assert counts[1] >= in_turn


def test_mutants_of_a_base_stay_together():
    line = WaitingLine(by_base=True)
    a, b = mutants(base(0), 8), mutants(base(1), 8)
    for one in [*a[:6], *b[:6]]:
        line.push(one)
    first, second = slots(2)
    assert line.take(first, 4) == a[:4]
    assert line.take(second, 4) == b[:4], "the first base is at home at the other slot"
    for one in [*b[6:], *a[6:]]:
        line.push(one)
    assert line.take(second, 4) == b[4:]
    assert line.take(second, 4) == []
    assert line.take(first, 4) == a[4:]


def test_no_slot_is_without_work():
    """It takes of the base of which most wait, and is at home there from then on."""
    line = WaitingLine(by_base=True)
    a, b = mutants(base(0), 20), mutants(base(1), 4)
    first, second = slots(2)
    for one in [*b, *a]:
        line.push(one)
    line.take(first, 6)
    assert line.take(second, 4) == []
    assert line.take_from_others(second, 4, least=50) == []
    assert line.take_from_others(second, 4) == a[2:6]
    assert line.take(second, 4) == a[6:10]
    assert line.take(first, 4) == a[10:14]


def test_the_bases_of_a_slot_that_is_gone_are_nowhere_at_home():
    line = WaitingLine(by_base=True)
    a = mutants(base(0), 8)
    for one in a:
        line.push(one)
    first, second = slots(2)
    line.take(first, 4)
    assert line.take(second, 4) == []
    line.keep_homes([second])
    assert line.take(second, 4) == a[4:]


def test_a_slot_is_at_home_at_its_last_bases():
    line = WaitingLine(by_base=True)
    first, second = slots(2)
    for number in range(BASES + 1):
        line.push(base(number))
        assert len(line.take(first, 1)) == 1
    for number in (0, BASES):
        line.push(base(number))
    assert line.take(second, 2) == [base(0)], "which the first slot was given longest ago"


def test_the_single_slot_takes_what_came_after_it_was_asked():
    line = WaitingLine(by_base=False)
    (slot,) = slots(1)
    assert line.take(slot, 4) == []
    a = mutants(base(0), 6)
    for one in a:
        line.push(one)
    assert line.take_from_others(slot, 4, least=6) == []
    assert line.take_from_others(slot, 4) == a[:4]
    assert line.take(slot, 4) == a[4:]
    assert line.take_from_others(slot, 4) == []
