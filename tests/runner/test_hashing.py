"""Digests by several threads, and of mutants at once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from creme.kernels import digests as kernel
from creme.runner.hashing import LONG, SHARED, TOGETHER, Hashers
from creme.sequence import Edit, Mutant, Sequence, Sequenceable

LENGTH = LONG // TOGETHER + 64


@pytest.fixture
def hashers() -> Iterator[Hashers]:
    made = Hashers()
    yield made
    made.close()


def base(seed: int, length: int = LENGTH) -> Sequence:
    return Sequence(np.random.default_rng(seed).integers(0, 4, length).astype(np.uint8))


def mutants(of: Sequence, n: int, at: int = 0) -> list[Mutant]:
    return [Mutant(of, [Edit(at + k % 50, [k % 5, k // 5 % 5, k // 25 % 5])]) for k in range(n)]


@pytest.fixture
def at_once(monkeypatch) -> list[int]:
    """Numbers of mutants that were hashed at once."""
    numbers: list[int] = []
    whole = kernel.digests

    def digests(of, mutants):
        numbers.append(len(mutants))
        return whole(of, mutants)

    monkeypatch.setattr(kernel, "digests", digests)
    return numbers


@pytest.mark.skipif(not kernel.suits(), reason="vectors are too short here")
def test_many_mutants_of_a_base_are_hashed_at_once(hashers, at_once):
    one, two = base(1), base(2)
    many: list[Sequenceable] = [*mutants(one, 5 * TOGETHER), *mutants(two, TOGETHER), one]
    few: list[Sequenceable] = [*mutants(base(3), TOGETHER - 1), base(4), Mutant(two, [])]
    order = np.random.default_rng(0).permutation(len(many) + len(few))
    asked = [[*many, *few][place] for place in order]
    assert hashers.digests(asked) == [one.sequence.digest for one in asked]
    assert sum(at_once) == 6 * TOGETHER


def test_few_bases_are_not_worth_it(hashers, at_once):
    late = mutants(base(1), 2 * TOGETHER, at=LENGTH - 60)
    short = mutants(base(2, 500), SHARED)
    asked = [*late, *short]
    assert hashers.digests(asked) == [one.sequence.digest for one in asked]
    assert at_once == []


def test_digests_that_are_there_are_not_made_again(hashers, at_once):
    asked = mutants(base(1), 2 * TOGETHER)
    before = [one.digest for one in asked]
    assert hashers.digests(asked) == before
    assert hashers.digests([]) == []
    assert at_once == []


def test_processors_with_short_vectors_hash_one_by_one(hashers, at_once, monkeypatch):
    monkeypatch.setattr(kernel, "suits", lambda: False)
    asked = mutants(base(1), 2 * TOGETHER)
    assert hashers.digests(asked) == [one.sequence.digest for one in asked]
    assert at_once == []
