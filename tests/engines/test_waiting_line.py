"""Which sequence goes to which slot."""

from __future__ import annotations

import numpy as np

from creme.engines.engine import BASES, Slot
from creme.runner.waiting_line import WaitingLine
from creme.sequence import Edit, Mutant, Sequence


def base(number):
    return Sequence(np.random.default_rng(number).integers(0, 4, 30, dtype=np.uint8))


def mutants(of, n):
    return [Mutant(of, [Edit(k, np.array([k % 4]))]) for k in range(n)]


def slots(n):
    return [Slot(str(k), 4) for k in range(n)]


def test_a_single_slot_is_given_them_in_the_order_in_which_they_came():
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
