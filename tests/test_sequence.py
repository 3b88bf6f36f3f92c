from __future__ import annotations

import hashlib
import pickle
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from creme.errors import SequenceError
from creme.sequence import Edit, Mutant, Sequence, encode

letters = st.text(alphabet="ACGTN", min_size=1, max_size=60)


@given(letters)
def test_text_round_trip_and_digest(text):
    sequence = Sequence.from_string(text.lower())
    assert str(sequence) == text
    assert sequence.digest == hashlib.sha256(bytes("ACGTN".index(c) for c in text)).digest()
    assert pickle.loads(pickle.dumps(sequence)) == sequence


@given(letters)
def test_reverse_complement(text):
    other = Sequence.from_string(text).complemented
    assert str(other) == text[::-1].translate(str.maketrans("ACGTN", "TGCAN"))
    assert other.complemented == Sequence.from_string(text)


def test_onehot_of_n():
    onehot = Sequence.from_string("AN").onehot()
    assert onehot.dtype == np.float32
    assert onehot.tolist() == [[1, 0, 0, 0], [0.25] * 4]
    assert Sequence.from_string("N").onehot(0.0).sum() == 0


@pytest.mark.parametrize("bad", ["ACX", "AC-", "AÉ"])
def test_other_letters_are_named(bad):
    with pytest.raises(SequenceError, match=r"position [12]"):
        encode(bad)


def test_codes_are_copied_and_frozen():
    codes = np.array([0, 1, 2], dtype=np.uint8)
    sequence = Sequence(codes)
    codes[0] = 3
    assert str(sequence) == "ACG"
    with pytest.raises(ValueError):
        sequence.codes[0] = 1
    with pytest.raises(SequenceError):
        Sequence([0, 5])


@pytest.mark.parametrize(
    "codes",
    [
        [0.9, 1.7],
        np.array([0.0, 1.0]),
        [True, False],
        [0, True, 2],
        np.array([True, False]),
        "ACGT",
        b"ACGT",
        ["A", "C"],
        np.array(["0", "1"]),
        [None],
        [0, 2**70],
        {0: 1},
        3,
        None,
        Sequence.from_string("ACGT"),
    ],
    ids=repr,
)
def test_what_is_no_integer_is_no_code(codes):
    with pytest.raises(SequenceError, match="are no codes: give integers from 0 to 4"):
        Sequence(codes)
    if not isinstance(codes, Sequence):
        with pytest.raises(SequenceError, match="are no codes"):
            Edit(0, codes)


@pytest.mark.parametrize("codes", [[[0, 1], [2]], [[0, 1], [2, 3]], np.zeros((2, 2), int)])
def test_codes_are_a_vector(codes):
    with pytest.raises(SequenceError, match=r"are no codes|must be a vector"):
        Sequence(codes)


@pytest.mark.parametrize("kind", ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", ">i4"])
def test_integers_of_any_type_are_codes(kind):
    assert str(Sequence(np.arange(5, dtype=kind))) == "ACGTN"


def test_lists_and_ranges_are_codes():
    given: list[Any] = [[0, 1, 2, 3, 4], (0, 1, 2, 3, 4), range(5), list(np.arange(5))]
    for codes in given:
        assert str(Sequence(codes)) == "ACGTN"
    assert len(Sequence([])) == len(Sequence(np.array([]))) == 0


@pytest.mark.parametrize("start", [1.7, 1.0, "1", True, np.True_, None, [1], np.float32(2)])
def test_an_edit_starts_at_an_integer(start):
    with pytest.raises(SequenceError, match=r"cannot start at .*a position is an integer"):
        Edit(start, Sequence.from_string("A"))


def test_an_edit_starts_at_integers_of_any_type():
    starts: list[Any] = [3, np.int64(3), np.uint8(3), np.array(3)]
    for start in starts:
        edit = Edit(start, [0])
        assert type(edit.start) is int
        assert (edit.start, edit.end) == (3, 4)


def test_a_sequence_is_cut_by_slices_and_not_iterated_over():
    sequence: Any = Sequence.from_string("ACGT")
    with pytest.raises(SequenceError, match=r"sequence\[2\]: a part of a sequence is a slice"):
        _ = sequence[2]
    with pytest.raises(SequenceError, match=r"is given as \[sequence\]"):
        list(sequence)


def test_codes_that_are_given_away_are_frozen_and_not_copied():
    codes = np.array([0, 1, 2], dtype=np.uint8)
    assert np.shares_memory(Sequence.owning(codes).codes, codes)
    with pytest.raises(ValueError):
        codes[0] = 3


def _sequences() -> list[Sequence]:
    text = "ACGTNACGT"
    base = Sequence.from_string(text)
    mutant = Mutant(base, [Edit(2, [0, 0])])
    return [
        base,
        base[2:7],
        base[::2],
        base.complemented,
        mutant.sequence,
        Mutant(base, [Edit(0, Sequence.from_string(text[::-1]))]).sequence,
        Sequence.owning(np.array([0, 1, 2], np.uint8)),
        Sequence.owning(np.arange(6, dtype=np.uint8).reshape(2, 3)[1] % 4),
        Sequence(np.array([0, 1, 2])),
        Sequence(base.codes),
        Sequence([]),
        pickle.loads(pickle.dumps(base)),
    ]


@pytest.mark.parametrize("which", range(12))
def test_nobody_can_write_the_codes_of_a_sequence(which):
    """Predictions are stored under the digest of its codes."""
    sequence: Any = _sequences()[which]
    text, digest = str(sequence), sequence.digest
    for codes in (sequence.codes, sequence.codes[1:], sequence.codes.view(), sequence.codes.base):
        if isinstance(codes, np.ndarray):
            with pytest.raises(ValueError, match="WRITEABLE"):
                codes.flags.writeable = True
            with pytest.raises(ValueError, match="WRITEABLE"):
                codes.setflags(write=True)
    with pytest.raises(AttributeError):
        sequence.codes = np.zeros(len(sequence), np.uint8)
    assert (str(sequence), sequence.digest) == (text, digest)


def test_codes_that_somebody_may_still_write_are_copied():
    own = np.array([0, 1, 2], np.uint8)
    own.flags.writeable = False
    memory = bytearray(b"\0\1\2")
    sequences = [Sequence(own), Sequence(np.frombuffer(memory, np.uint8))]
    sequences.append(Sequence(np.frombuffer(memoryview(memory).toreadonly(), np.uint8)))
    own.flags.writeable = True
    own[0] = memory[0] = 3
    assert [str(sequence) for sequence in sequences] == ["ACG"] * 3


def test_codes_of_a_sequence_are_not_copied():
    for sequence in _sequences():
        if len(sequence):
            assert np.shares_memory(Sequence(sequence.codes).codes, sequence.codes)
            assert np.shares_memory(sequence[1:].codes, sequence.codes)


@given(letters, st.slices(60))
def test_a_part_is_a_sequence_of_its_own(text, span):
    part = Sequence.from_string(text)[span]
    assert str(part) == text[span]
    assert part == Sequence.from_string(text[span])
    assert part.digest == Sequence.from_string(text[span]).digest
    assert not part.codes.flags.writeable


def test_an_edit_of_the_whole_is_the_whole():
    base, other = Sequence.from_string("ACGT"), Sequence.from_string("TTNA")
    mutant = Mutant(base, [Edit(0, other)])
    assert mutant.sequence == other
    assert mutant.digest == mutant.sequence.digest == other.digest


@given(
    letters,
    st.lists(st.tuples(st.integers(0, 59), st.text("ACGTN", min_size=1, max_size=9)), max_size=6),
)
def test_mutant_equals_painting_in_order(text, edits):
    edits = [(s, t) for s, t in edits if s + len(t) <= len(text)]
    expected = list(text)
    for start, new in edits:
        expected[start : start + len(new)] = new
    base = Sequence.from_string(text)
    mutant = Mutant(base, [Edit(s, Sequence.from_string(t)) for s, t in edits])
    assert str(mutant.sequence) == "".join(expected)
    assert mutant.digest == mutant.sequence.digest
    spans = [(e.start, e.end) for e in mutant.edits]
    assert all(a[1] <= b[0] for a, b in pairwise(spans))
    one_by_one = Mutant(base, [])
    for start, new in edits:
        one_by_one = Mutant(one_by_one, [Edit(start, Sequence.from_string(new))])
    assert one_by_one.base is base
    assert one_by_one.sequence == mutant.sequence
    assert str(base) == text


@pytest.mark.parametrize("overlapping", [True, False])
def test_edits_of_no_base_are_left_out(overlapping):
    base, nothing = Sequence.from_string("ACGTACGTACGT"), Sequence(np.empty(0, dtype=np.uint8))
    some = [Edit(2, Sequence.from_string("TTT")), Edit(4 if overlapping else 5, base.codes[:2])]
    mutant = Mutant(base, [Edit(0, nothing), *some, Edit(3, nothing), Edit(9, nothing)])
    assert mutant.edits == Mutant(base, some).edits
    assert mutant.digest == mutant.sequence.digest == Mutant(base, some).digest


def test_edit_past_the_end():
    with pytest.raises(SequenceError, match=r"\[2, 5\) does not fit into a sequence of 4 bp"):
        Mutant(Sequence.from_string("ACGT"), [Edit(2, Sequence.from_string("AAA"))])


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 70_000),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 20_000), st.integers(0, 5)), max_size=4),
    st.booleans(),
)
def test_a_mutants_digest_is_that_of_its_codes(length, places, warm):
    """Whatever was hashed of the base before."""
    base = Sequence(np.random.default_rng(length).integers(0, 5, length).astype(np.uint8))
    if warm:
        base.hashed_to(length)
    for n in range(len(places) + 1):
        edits = []
        for at, size, seed in places[:n]:
            start = int(at * length)
            codes = np.random.default_rng(seed).integers(0, 5, min(size, length - start))
            edits.append(Edit(start, codes.astype(np.uint8)))
        mutant = Mutant(base, edits)
        assert mutant.digest == hashlib.sha256(mutant.sequence.codes.tobytes()).digest()
        assert mutant.digest == mutant.sequence.digest
    again = pickle.loads(pickle.dumps(base))
    assert again == base
    assert Mutant(again, []).digest == base.digest


def test_several_threads_may_hash_mutants_of_one_base():
    random = np.random.default_rng(0)
    base = Sequence(random.integers(0, 4, 200_000).astype(np.uint8))
    edits = [Edit(900 * k, random.integers(0, 4, 500).astype(np.uint8)) for k in range(200)]
    mutants = [Mutant(base, [edit]) for edit in edits]
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda mutant: mutant.digest, mutants))
    assert got == [hashlib.sha256(one.sequence.codes.tobytes()).digest() for one in mutants]
