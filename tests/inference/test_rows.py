from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from creme.inference.device import Device
from creme.inference.rows import SAMPLED, Buffer
from creme.model import Selection
from creme.sequence import Edit, Mutant, Sequence, Sequenceable
from toy import Toy

LENGTH = 3 * SAMPLED + 11
BASES = [
    Sequence(np.random.default_rng(k).integers(0, 5, LENGTH).astype(np.uint8)) for k in range(3)
]
# The same bases in another object: a base is told by what it is, not by what it says.
BASES.append(Sequence(BASES[0].codes.copy()))


@st.composite
def sequences(draw) -> Sequenceable:
    base = draw(st.sampled_from(BASES))
    edits = []
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, LENGTH))
        size = draw(st.integers(0, LENGTH - start))
        seed = draw(st.integers(0, 9))
        edits.append(Edit(start, np.random.default_rng(seed).integers(0, 5, size).astype(np.uint8)))
    return Mutant(base, edits) if edits or draw(st.booleans()) else base


def expected(batch: list[Sequenceable]) -> np.ndarray:
    return np.stack([one.sequence.onehot(0.25) for one in batch])


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(sequences(), min_size=1, max_size=4), min_size=1, max_size=6))
def test_a_buffer_used_again_equals_encoding_anew(batches):
    buffer = Buffer(4, LENGTH, 0.25)
    for batch in batches:
        np.testing.assert_array_equal(buffer.write(batch), expected(batch))
        assert buffer.check(batch, whole=True)


def mutants(n: int = 4) -> list[Sequenceable]:
    edits = [Edit(100 * k, BASES[1].codes[100 * k : 100 * k + 50]) for k in range(1, n + 1)]
    return [Mutant(BASES[0], [edit]) for edit in edits]


@pytest.mark.parametrize("where", [0, 55, 5 * 100 + 3, LENGTH - 1])
def test_what_a_model_did_to_its_first_batch_is_undone(where):
    buffer = Buffer(4, LENGTH, 0.25)
    buffer.write(mutants())
    buffer._array[2, where] = 7  # as a model that works in place
    assert not buffer.check(mutants(), whole=True)
    np.testing.assert_array_equal(buffer.write(mutants()[::-1]), expected(mutants()[::-1]))


def test_what_a_model_does_later_is_seen_in_a_sample():
    buffer = Buffer(4, LENGTH, 0.25)
    buffer.write(mutants())
    assert buffer.check(mutants(), whole=False)
    buffer._array[1] -= 0.25
    assert not buffer.check(mutants(), whole=False)
    np.testing.assert_array_equal(buffer.write(mutants()), expected(mutants()))


def test_only_what_differs_is_written():
    buffer = Buffer(1, LENGTH, 0.25)
    first, second = mutants(2)
    buffer.write([first])
    buffer._array[0, LENGTH - 1] = 7  # not looked at: `check` is not called
    got = buffer.write([second])
    assert (got[0, LENGTH - 1] == 7).all()
    np.testing.assert_array_equal(got[0, :-1], expected([second])[0, :-1])


def test_a_model_cannot_write_into_it():
    onehot = Buffer(1, LENGTH, 0.25).write(mutants(1))
    with pytest.raises(ValueError, match="read-only"):
        onehot[0, 0] = 1


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(sequences(), min_size=1, max_size=4), min_size=1, max_size=6))
def test_rows_go_to_sequences_of_the_base_that_they_hold(batches):
    buffer = Buffer(4, LENGTH, 0.25)
    held: list[Sequenceable] = []
    for batch in batches:
        order = buffer.arranged(batch)
        assert sorted(order) == list(range(len(batch)))
        rows = [batch[place] for place in order]
        before = held[: len(rows)]
        kept = sum(one.base is two.base for one, two in zip(before, rows, strict=False))
        bases = {id(one.base): one.base for one in before}.values()
        assert kept == sum(
            min(sum(one.base is base for one in some) for some in (before, rows)) for base in bases
        )
        np.testing.assert_array_equal(buffer.write(rows), expected(rows))
        held = [*rows, *held[len(rows) :]]


def test_a_device_answers_in_the_order_of_the_question():
    model = Toy()
    device = Device(model, Selection((0,), (0,)), 4)
    random = np.random.default_rng(3)
    bases = [Sequence(random.integers(0, 4, model.input_length).astype(np.uint8)) for _ in range(6)]
    asked = [
        Mutant(bases[k % 6], [Edit(10 * k, random.integers(0, 4, 50).astype(np.uint8))])
        for k in range(24)
    ]
    got = [device.predict(asked[at : at + 4]) for at in range(0, 24, 4)]
    alone = [Device(model, Selection((0,), (0,)), 1).predict([one])[0] for one in asked]
    np.testing.assert_array_equal(np.concatenate(got), np.stack(alone))


@pytest.mark.parametrize("enough", [True, False])
def test_there_is_room_for_full_batches_from_the_first_on(enough):
    """A wild type alone is written into rows that its mutants use, where there is memory."""
    model = Toy()
    # 2**62 bytes of one-hot are more than any machine can name.
    batch_size, rows = (4, 4) if enough else (2**58 // model.input_length, 1)
    one = Sequence(np.random.default_rng(0).integers(0, 4, model.input_length).astype(np.uint8))
    batch = Device(model, Selection((0,), (0,)), batch_size).prepare([one])
    assert batch.buffer is not None
    assert len(batch.buffer) == rows
    np.testing.assert_array_equal(batch.rows, expected([one]))
