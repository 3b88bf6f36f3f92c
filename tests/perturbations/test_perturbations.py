"""What every perturbation promises, and what each one does."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import creme
from creme import registry
from creme.errors import ConfigError, SequenceError
from creme.kernels.shuffle import dinucleotide_shuffles, mononucleotide_shuffles
from creme.perturbation import Perturbation
from creme.perturbations.compose import Compose
from creme.perturbations.dinucleotide_shuffle import DinucleotideShuffle
from creme.perturbations.embed import Embed, embed
from creme.perturbations.interval import IntervalPerturbation
from creme.perturbations.mask import Mask
from creme.perturbations.mononucleotide_shuffle import MononucleotideShuffle
from creme.perturbations.reverse_complement import ReverseComplement
from creme.perturbations.swap import Swap
from creme.sequence import Edit, Mutant, Sequence, complement

INTERVALS: list[type[IntervalPerturbation]] = [
    DinucleotideShuffle,
    MononucleotideShuffle,
    Mask,
    ReverseComplement,
]
SHUFFLES: list[type[DinucleotideShuffle] | type[MononucleotideShuffle]] = [
    DinucleotideShuffle,
    MononucleotideShuffle,
]
SEEDS = st.integers(0, 2**128 - 1)
LETTERS = st.text("ACGTN", min_size=2, max_size=120)

TEXT = "".join("ACGTN"[i * i * i % 11 % 5] for i in range(400))
"""A sequence for golden values, which needs no random numbers."""

BASES = "".join("ACGT"[i * i * i % 11 % 4] for i in range(400))
"""The same without N."""

GOLDEN = {
    "dinucleotide": "9ca2ac9a362ba081e854f2d6fc20531b409b24bdaf14793513ac00cf6909f729",
    "dinucleotide tile": "9b4d226703fdf22e4bc33bb1fb39c504d560778541dbe59bd1da1cbabb1dba19",
    "mononucleotide": "57f70f4d395c6a9f8f6d482653bf8c0286e581669e4fc302339401f8f3e1f4ae",
    "mononucleotide tile": "e59d145427e28367d3b6a8b2e42e3db165113773dec682c4a66a45e73cf32d41",
    "composed": "c64524c6ccd2c2d8ecf7ebdad34632a4af484eb332c1b5a32a578aea13dae2be",
}

GOLDEN_WITH_N = {
    "dinucleotide": "a43658125998d3aabadc2ec75e0696b89242c06151218db9c1420559422f059d",
    "dinucleotide tile": "744fe4d1737e434552612c642b8ab1ef03645c8511b6312474d5729abed31298",
    "mononucleotide": "f5853ecc2e6cc5fddb85ab7449f8a76f4bc134a01a6766696b3075ac0b35a403",
    "mononucleotide tile": "28b945dcc799c1e669a717913bfa8701a4fa950330c2e00a67c27780819b3998",
    "composed": "17ffeb65e52345a90c418cd168d235e1ae2df8f4199657ef38c2f86f421a28af",
}


@st.composite
def perturbed(draw: Any) -> tuple[Perturbation, Sequence, set[int]]:
    """A perturbation, a sequence that it fits, and the positions that it may change."""
    sequence = Sequence.from_string(draw(LETTERS))
    length = len(sequence)
    kind = draw(st.sampled_from([*INTERVALS, Embed, Swap]))
    if kind is Swap:
        size = draw(st.integers(1, length // 2))
        first = draw(st.integers(0, length - 2 * size))
        second = draw(st.integers(first + size, length - size))
        tiles = [(first, first + size), (second, second + size)]
        tiles = draw(st.permutations(tiles))
        return (
            Swap(first=tiles[0], second=tiles[1]),
            sequence,
            {place for tile in tiles for place in range(*tile)},
        )
    start = draw(st.integers(0, length - 1))
    end = draw(st.integers(start + 1, length))
    if kind is Embed:
        insert = draw(st.text("ACGTNacgtn", min_size=end - start, max_size=end - start))
        return Embed(insert=insert, start=start), sequence, set(range(start, end))
    if draw(st.booleans()):
        return kind(start=start, end=end), sequence, set(range(start, end))
    return kind(), sequence, set(range(length))


@settings(deadline=None)
@given(perturbed(), SEEDS)
def test_length_base_and_all_outside_the_interval_stay(case, seed):
    perturbation, sequence, inside = case
    mutant = perturbation(sequence, seed=seed)
    assert mutant.base is sequence
    assert len(mutant) == len(mutant.sequence) == len(sequence)
    changed = np.flatnonzero(mutant.sequence.codes != sequence.codes)
    assert inside.issuperset(changed.tolist())
    assert {place for edit in mutant.edits for place in range(edit.start, edit.end)} == inside


@settings(deadline=None)
@given(perturbed(), SEEDS)
def test_a_perturbation_is_pure(case, seed):
    perturbation, sequence, _ = case
    before = str(sequence)
    first = perturbation(sequence, seed=seed)
    perturbation(sequence, seed=seed ^ 1)
    again = perturbation(Sequence.from_string(before), seed=seed)
    assert first.edits == again.edits
    assert str(sequence) == before
    assert not sequence.codes.flags.writeable


@settings(deadline=None)
@given(perturbed(), st.lists(SEEDS, max_size=5))
def test_many_equals_one_by_one(case, seeds):
    perturbation, sequence, _ = case
    many = perturbation.many(sequence, iter(seeds))
    assert [mutant.edits for mutant in many] == [
        perturbation(sequence, seed=seed).edits for seed in seeds
    ]
    assert all(mutant.base is sequence for mutant in many)
    sequence = sequence.with_inputs([0.5])
    whole = [mutant.sequence for mutant in perturbation.many(sequence, seeds)]
    assert perturbation.sequences(sequence, iter(seeds)) == whole


@settings(deadline=None)
@given(perturbed(), SEEDS)
def test_pickles_to_a_worker_with_the_same_result(case, seed):
    perturbation, sequence, _ = case
    mutant = perturbation(sequence, seed=seed)
    sent: Perturbation = pickle.loads(pickle.dumps(perturbation))
    assert sent == perturbation
    assert sent(sequence, seed=seed).digest == mutant.digest
    assert pickle.loads(pickle.dumps(mutant)).digest == mutant.digest


@settings(deadline=None)
@given(perturbed(), SEEDS)
def test_the_configuration_makes_it_again(case, seed):
    perturbation, sequence, _ = case
    table = json.loads(json.dumps({"name": perturbation.name, **perturbation.configuration()}))
    again = registry.create("perturbation", table)
    assert again == perturbation
    assert again(sequence, seed=seed).digest == perturbation(sequence, seed=seed).digest


@settings(deadline=None)
@given(LETTERS, st.data())
def test_reverse_complement_twice_is_the_sequence(text, data):
    sequence = Sequence.from_string(text)
    start = data.draw(st.integers(0, len(text) - 1))
    turn = ReverseComplement(start=start, end=data.draw(st.integers(start + 1, len(text))))
    once = turn(sequence).sequence
    assert turn(once).sequence == sequence
    assert ReverseComplement()(sequence).sequence == sequence.complemented


def test_reverse_complement_turns_the_interval_in_its_place():
    sequence = Sequence.from_string("AACGTNAA")
    assert str(ReverseComplement(start=1, end=6)(sequence).sequence) == "ANACGTAA"


@settings(deadline=None)
@given(perturbed().filter(lambda case: isinstance(case[0], Swap)))
def test_swap_twice_is_the_sequence_and_order_does_not_matter(case):
    swap, sequence, _ = case
    once = swap(sequence).sequence
    (a, b), (c, d) = swap.first, swap.second
    assert once[a:b] == sequence[c:d]
    assert once[c:d] == sequence[a:b]
    assert swap(once).sequence == sequence
    assert Swap(first=(c, d), second=(a, b))(sequence).sequence == once


@settings(deadline=None)
@given(LETTERS, st.data(), SEEDS)
def test_dinucleotide_shuffle_keeps_the_interval_s_dinucleotides_and_ends(text, data, seed):
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    shuffle = DinucleotideShuffle(start=start, end=end)
    shuffled = str(shuffle(Sequence.from_string(text), seed=seed).sequence)
    places = [place for place, letter in enumerate(text) if letter == "N"]
    assert [place for place, letter in enumerate(shuffled) if letter == "N"] == places
    within = [each[start:end].replace("N", "") for each in (text, shuffled)]
    assert Counter(pairwise(within[0])) == Counter(pairwise(within[1]))
    assert within[0][:1] + within[0][-1:] == within[1][:1] + within[1][-1:]
    # Ends stay, so the dinucleotides across the interval's borders stay too.
    whole = [each.replace("N", "") for each in (text, shuffled)]
    assert Counter(pairwise(whole[0])) == Counter(pairwise(whole[1]))


@settings(deadline=None)
@given(LETTERS, SEEDS)
def test_mononucleotide_shuffle_keeps_the_letters(text, seed):
    shuffled = MononucleotideShuffle()(Sequence.from_string(text), seed=seed)
    assert Counter(str(shuffled.sequence)) == Counter(text)


@pytest.mark.parametrize(
    ("kind", "kernel"),
    [
        (DinucleotideShuffle, dinucleotide_shuffles),
        (MononucleotideShuffle, mononucleotide_shuffles),
    ],
)
def test_shuffles_are_those_of_the_kernel_on_the_interval_alone(kind, kernel):
    sequence = Sequence.from_string(TEXT)
    mutants = kind(start=50, end=350).many(sequence, range(7))
    for mutant, row in zip(mutants, kernel(sequence.codes[50:350], range(7)), strict=True):
        assert mutant.edits == (Edit(50, row),)


@pytest.mark.parametrize("kind", SHUFFLES)
def test_seeds_make_different_shuffles(kind):
    mutants = kind().many(Sequence.from_string(TEXT), range(50))
    assert len({mutant.digest for mutant in mutants}) == 50


@pytest.mark.parametrize("kind", SHUFFLES)
def test_a_mutant_holds_its_own_bases_alone(kind):
    # Not a view that would keep the other shuffles' memory alive.
    for mutant in kind().many(Sequence.from_string(TEXT), range(3)):
        (edit,) = mutant.edits
        memory: Any = edit.codes.base
        assert memory.nbytes == edit.codes.nbytes
        assert memory.obj.base is None


@pytest.mark.parametrize("kind", SHUFFLES)
@pytest.mark.parametrize("seed", [-1, 2**128])
def test_a_seed_out_of_range_is_refused(kind, seed):
    with pytest.raises(ConfigError, match=f"seed = {seed} is not allowed"):
        kind()(Sequence.from_string(TEXT), seed=seed)


def test_mask_puts_n():
    mutant = Mask(start=2, end=5)(Sequence.from_string("ACGTACGT"))
    assert str(mutant.sequence) == "ACNNNCGT"
    assert mutant.edits == (Edit(2, Sequence.from_string("NNN")),)


def test_embed_replaces_and_takes_either_case():
    mutant = Embed(insert="gattN", start=3)(Sequence.from_string("A" * 10))
    assert str(mutant.sequence) == "AAAGATTNAA"


def test_embed_takes_a_tile_of_another_sequence():
    sequence, other = Sequence.from_string(TEXT), Sequence.from_string(TEXT).complemented
    mutant = embed(sequence, other[100:150], 350)
    assert mutant.base is sequence
    assert mutant.sequence[350:400] == other[100:150]
    assert mutant.sequence[:350] == sequence[:350]
    by_letters = Embed(insert=str(other[100:150]), start=350)(sequence)
    assert by_letters.edits == mutant.edits


@pytest.mark.parametrize("start", [-1, 8, 100])
def test_an_insert_that_does_not_fit_is_refused(start):
    sequence = Sequence.from_string("A" * 10)
    message = rf"insert of 3 bp at \[{start}, {start + 3}\) does not fit into a sequence of 10 bp"
    with pytest.raises(SequenceError, match=message):
        embed(sequence, Sequence.from_string("CCC"), start)
    if start >= 0:
        with pytest.raises(SequenceError, match=message):
            Embed(insert="CCC", start=start)(sequence)


@pytest.mark.parametrize("kind", INTERVALS)
@pytest.mark.parametrize(("start", "end"), [(0, 11), (5, 400), (10, 11), (2**40, 2**40 + 5)])
def test_an_interval_outside_the_sequence_is_refused(kind, start, end):
    message = rf"{kind.name}: interval \[{start}, {end}\) does not fit into a sequence of 10 bp"
    with pytest.raises(SequenceError, match=message):
        kind(start=start, end=end)(Sequence.from_string("ACGTACGTAC"))
    with pytest.raises(SequenceError, match=message):
        kind(start=start, end=end).many(Sequence.from_string("ACGTACGTAC"), [0, 1])


@pytest.mark.parametrize("kind", INTERVALS)
def test_an_open_interval_runs_to_the_end_of_any_sequence(kind):
    perturbation = kind(start=4)
    for length in (5, 10):
        (edit,) = perturbation(Sequence.from_string("ACGTACGTAC"[:length])).edits
        assert (edit.start, edit.end) == (4, length)
    with pytest.raises(SequenceError, match=r"interval \[4, 4\) does not fit .* of 4 bp"):
        perturbation(Sequence.from_string("ACGT"))
    with pytest.raises(SequenceError, match=r"interval \[0, 0\) does not fit .* of 0 bp"):
        kind()(Sequence.from_string(""))


@pytest.mark.parametrize(
    ("kind", "parameters", "message"),
    [
        (Mask, {"start": -1}, "start = -1 is not allowed"),
        (Mask, {"start": 5, "end": 5}, r"interval \[5, 5\) is empty: give start < end"),
        (DinucleotideShuffle, {"start": 9, "end": 3}, r"interval \[9, 3\) is empty"),
        (MononucleotideShuffle, {"strat": 1}, r"unknown key 'strat' \(did you mean 'start'"),
        (ReverseComplement, {"start": "here"}, "start = 'here' is not allowed"),
        (Mask, {"start": 1.5}, "start = 1.5 is not allowed"),
        (Embed, {"start": 3}, "'insert' is required"),
        (Embed, {"insert": "ACGU", "start": 0}, "character 'U' at position 3 is not one of ACGTN"),
        (Embed, {"insert": "", "start": 0}, "insert = '' is not allowed"),
        (Embed, {"insert": "A", "start": -2}, "start = -2 is not allowed"),
        (Swap, {"first": (0, 5)}, "'second' is required"),
        (Swap, {"first": (0, 5), "second": (10, 14)}, "first has 5 bp and second 4"),
        (Swap, {"first": (0, 5), "second": (4, 9)}, r"\(0, 5\) and second \(4, 9\) overlap"),
        (Swap, {"first": (0, 5), "second": (0, 5)}, "overlap"),
        (Swap, {"first": (5, 0), "second": (10, 15)}, r"\[5, 0\) is not an interval"),
        (Swap, {"first": (-5, 0), "second": (10, 15)}, r"\[-5, 0\) is not an interval"),
        (Swap, {"first": (0, 5, 9), "second": (10, 15)}, "first"),
    ],
)
def test_parameters_that_make_no_sense_are_refused_at_once(kind, parameters, message):
    with pytest.raises(ConfigError, match=message):
        kind(**parameters)


def test_touching_intervals_can_be_swapped():
    sequence = Sequence.from_string("AACC")
    assert str(Swap(first=(0, 2), second=(2, 4))(sequence).sequence) == "CCAA"


@pytest.mark.parametrize("tiles", [((0, 5), (8, 13)), ((8, 13), (0, 5))])
def test_a_swap_past_the_end_is_refused(tiles):
    swap = Swap(first=tiles[0], second=tiles[1])
    with pytest.raises(SequenceError, match=r"swap: interval \[8, 13\) does not fit .* of 12 bp"):
        swap(Sequence.from_string("ACGTACGTACGT"))


def test_parameters_cannot_be_changed_afterwards():
    mask = Mask(start=1, end=2)
    with pytest.raises(Exception, match="frozen"):
        setattr(mask, "start", 0)  # noqa: B010


@pytest.mark.parametrize(
    "kind", [*INTERVALS, Embed, Swap, Compose], ids=lambda kind: str(kind.name)
)
def test_registered_by_its_name(kind):
    assert registry.load("perturbation", kind.name) is kind


def golden_mutants(text: str) -> dict[str, Mutant]:
    sequence = Sequence.from_string(text)
    perturbations: dict[str, Perturbation] = {
        "dinucleotide": DinucleotideShuffle(),
        "dinucleotide tile": DinucleotideShuffle(start=100, end=301),
        "mononucleotide": MononucleotideShuffle(),
        "mononucleotide tile": MononucleotideShuffle(start=100, end=301),
        "composed": Compose(
            steps=[
                DinucleotideShuffle(start=10, end=390),
                *([Mask(start=200, end=210)] if "N" in text else []),
                MononucleotideShuffle(start=150, end=250),
                Swap(first=(0, 100), second=(300, 400)),
                ReverseComplement(start=20, end=40),
                Embed(insert="GATTACA", start=190),
            ]
        ),
    }
    return {what: each(sequence, seed=20_240) for what, each in perturbations.items()}


def test_the_same_bases_as_ever():
    # A change here is a change of every user's results: nothing may be mended by a new value.
    for text, golden in ((BASES, GOLDEN), (TEXT, GOLDEN_WITH_N)):
        mutants = golden_mutants(text)
        assert {what: mutant.digest.hex() for what, mutant in mutants.items()} == golden


def test_only_a_shuffle_loads_numba():
    script = (
        "import sys\n"
        "from creme.perturbations.dinucleotide_shuffle import DinucleotideShuffle\n"
        "from creme.perturbations.mononucleotide_shuffle import MononucleotideShuffle\n"
        "from creme.perturbations.compose import Compose\n"
        "from creme.sequence import Sequence\n"
        "sequence = Sequence.from_string('ACGT' * 10)\n"
        "DinucleotideShuffle(start=3), MononucleotideShuffle(end=4)\n"
        "Compose(steps=['mask', 'reverse_complement'])(sequence)\n"
        "assert 'numba' not in sys.modules\n"
        "DinucleotideShuffle()(sequence)\n"
        "assert 'numba' in sys.modules\n"
    )
    source = str(Path(creme.__file__).parents[1])
    subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {source!r})\n{script}"], check=True
    )


def test_reverse_complement_complements():
    sequence = Sequence.from_string(TEXT)
    (edit,) = ReverseComplement(start=7, end=90)(sequence).edits
    assert (edit.codes == complement(sequence.codes[7:90])[::-1]).all()
