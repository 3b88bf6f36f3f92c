"""Sequences that travel: the same on arrival, edits alone where the base is there."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from creme.engines import engine
from creme.engines.parcel import Bases, packed
from creme.sequence import Edit, Mutant, Sequence

LENGTH = 60

codes = st.lists(st.integers(0, 4), min_size=1, max_size=20)
edits = st.lists(st.tuples(st.integers(0, LENGTH - 20), codes), max_size=3)


def base(seed, length=LENGTH):
    return Sequence(np.random.default_rng(seed).integers(0, 5, length, dtype=np.uint8))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), edits), min_size=1, max_size=8), st.booleans())
def test_what_arrives_is_what_was_sent(rows, twice):
    sequences = [
        Mutant(base(seed), [Edit(at, np.array(some)) for at, some in parts])
        if parts
        else base(seed)
        for seed, parts in rows
    ]
    here, there = Bases(), Bases()
    for _ in range(1 + twice):
        parcel = packed(sequences, here.lacks)
        arrived = there.unpacked(parcel)
        assert arrived is not None
        assert [one.digest for one in arrived] == [one.digest for one in sequences]
        # Those of one base share it, as a buffer of one-hot rows needs.
        assert len({id(one.base) for one in arrived}) == len({seed for seed, _ in rows})
    if twice:
        assert not parcel.bases


def test_a_base_travels_once_and_a_mutant_as_its_edits():
    long = base(1, 196_608)
    mutants = [Mutant(long, [Edit(5000 * k, base(k, 5000).codes)]) for k in range(8)]
    here, there = Bases(), Bases()
    first = packed(mutants, here.lacks)
    again = packed(mutants, here.lacks)
    assert first.nbytes - again.nbytes == len(long)
    assert again.nbytes / len(mutants) < 5100
    assert there.unpacked(again) is None, "the base is in the first one"
    assert there.unpacked(first) is not None
    assert there.unpacked(again) is not None


def test_no_more_bases_are_kept_than_a_slot_is_at_home_to():
    here, there = Bases(), Bases()
    for seed in range(3 * engine.BASES):
        assert there.unpacked(packed([base(seed)], here.lacks)) is not None
    for bases in (here, there):
        assert len(bases._all) == 2 * engine.BASES
    assert here.lacks(base(0).digest)
    assert not here.lacks(base(3 * engine.BASES - 1).digest)
