"""Mutants hashed many at once, beside their whole sequences hashed one by one."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from creme.kernels import digests as module
from creme.kernels.digests import digests, suits
from creme.kernels.sha256 import BLOCK, LANES, STEP
from creme.sequence import Edit, Mutant, Sequence


def random_base(length: int, seed: int = 0, inputs: tuple[float, ...] = ()) -> Sequence:
    codes = np.random.default_rng(seed).integers(0, 5, length).astype(np.uint8)
    return Sequence(codes).with_inputs(inputs)


def random_mutants(base: Sequence, n: int, edits: int, seed: int) -> list[Mutant]:
    random = np.random.default_rng(seed)

    def edit() -> Edit:
        start = int(random.integers(len(base)))
        longest = min(len(base) - start, int(random.choice([1, BLOCK, 3000])))
        return Edit(start, random.integers(0, 5, random.integers(1, longest + 1)))

    return [Mutant(base, [edit() for _ in range(random.integers(1, edits + 1))]) for _ in range(n)]


def one_by_one(mutants: list[Mutant]) -> list[bytes]:
    return [
        hashlib.sha256(mutant.sequence.codes.tobytes() + mutant.base.hashed_inputs).digest()
        for mutant in mutants
    ]


@settings(max_examples=100, deadline=None)
@given(
    st.integers(1, 3 * STEP) | st.sampled_from([55, 56, 63, 64, 65, STEP - 9, STEP, STEP + 1]),
    st.integers(1, 2 * LANES + 2),
    st.integers(1, 5),
    st.integers(0, 2**32 - 1),
    st.sampled_from([(), (0.5,), (1.0, -2.5)]),
)
def test_they_are_those_of_the_whole_sequences(length, n, edits, seed, inputs):
    base = random_base(length, seed, inputs)
    mutants = random_mutants(base, n, edits, seed)
    assert digests(base, mutants) == one_by_one(mutants)
    # From the states that the base has kept.
    more = random_mutants(base, 3, edits, seed + 1)
    assert digests(base, more) == one_by_one(more)


def test_the_digest_of_a_mutant_is_the_same_hashed_alone():
    base = random_base(20_000)
    mutants = random_mutants(base, 40, 2, 1)
    assert digests(base, mutants) == [mutant.digest for mutant in mutants]


def test_an_edit_that_changes_nothing_and_one_of_everything():
    base = random_base(2 * STEP + 7)
    other = random_base(len(base), 1)
    mutants = [Mutant(base, [Edit(5, base.codes[5:9])]), Mutant(base, [Edit(0, other)])]
    assert digests(base, mutants) == [base.digest, other.digest]


@pytest.mark.parametrize("begin", range(4))
def test_a_part_of_another_sequence_may_begin_anywhere_in_memory(begin):
    base = random_base(3 * STEP)[begin:]
    mutants = random_mutants(base, 20, 2, 1)
    assert digests(base, mutants) == one_by_one(mutants)


@pytest.mark.parametrize("starts", [[STEP * 5 + 1, 3], [3, STEP * 5 + 1]])
def test_states_are_kept_as_far_as_the_base_was_hashed(starts):
    base = random_base(8 * STEP)
    for start in starts:
        mutants = [Mutant(base, [Edit(start + k, [k % 5])]) for k in range(20)]
        assert digests(base, mutants) == one_by_one(mutants)
    assert base.midstates is not None
    assert len(base.midstates) == 9  # with the block of the length


def test_threads_may_hash_mutants_of_one_base_at_once():
    base = random_base(30_000)
    parts = [random_mutants(base, 20, 3, seed) for seed in range(8)]
    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(lambda part: digests(base, part), parts))
    assert made == [one_by_one(part) for part in parts]


@pytest.mark.skipif(not suits(), reason="vectors are too short here")
def test_machine_code_that_is_wrong_is_not_used(monkeypatch):
    right = module.compiled()

    def wrong(*arrays):
        right(*arrays)
        at_end = arrays[-2]
        at_end[0, 3, 2] ^= 1  # a bit of one mutant

    monkeypatch.setattr(module, "compiled", lambda: wrong)
    assert not suits.__wrapped__()
