"""Composition: order, seeds, one mutant of the first sequence."""

from __future__ import annotations

import json
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from creme import registry
from creme.errors import ConfigError, SequenceError
from creme.perturbation import Perturbation
from creme.perturbations.compose import Compose
from creme.perturbations.dinucleotide_shuffle import DinucleotideShuffle
from creme.perturbations.embed import Embed
from creme.perturbations.mask import Mask
from creme.perturbations.mononucleotide_shuffle import MononucleotideShuffle
from creme.perturbations.reverse_complement import ReverseComplement
from creme.perturbations.swap import Swap
from creme.seeds import derive
from creme.sequence import Edit, Sequence

LENGTH = 60
SEEDS = st.integers(0, 2**128 - 1)
TEXTS = st.text("ACGTN", min_size=LENGTH, max_size=LENGTH)


@st.composite
def steps(draw: st.DrawFn) -> Perturbation:
    start = draw(st.integers(0, LENGTH - 1))
    interval = {"start": start, "end": draw(st.integers(start + 1, LENGTH))}
    return draw(
        st.sampled_from(
            [
                DinucleotideShuffle(**interval),
                MononucleotideShuffle(**interval),
                Mask(**interval),
                ReverseComplement(**interval),
                Embed(insert="GATTACA", start=min(start, LENGTH - 7)),
                Swap(first=(0, 20), second=(35, 55)),
            ]
        )
    )


@settings(deadline=None)
@given(TEXTS, st.lists(steps(), min_size=1, max_size=5), SEEDS)
def test_steps_follow_one_another_each_with_its_own_seed(text, parts, seed):
    sequence = Sequence.from_string(text)
    mutant = Compose(steps=parts)(sequence, seed=seed)
    expected = sequence
    touched = set()
    for place, part in enumerate(parts):
        step = part(expected, seed=derive(seed, "step", place))
        touched |= {at for edit in step.edits for at in range(edit.start, edit.end)}
        expected = step.sequence
    assert mutant.base is sequence
    assert mutant.sequence == expected
    assert str(sequence) == text
    assert {at for edit in mutant.edits for at in range(edit.start, edit.end)} == touched


@settings(deadline=None)
@given(TEXTS, st.lists(steps(), min_size=1, max_size=4), SEEDS)
def test_pickling_and_configuration_make_it_again(text, parts, seed):
    sequence = Sequence.from_string(text)
    compose = Compose(steps=[*parts, Compose(steps=parts)])
    digest = compose(sequence, seed=seed).digest
    sent: Compose = pickle.loads(pickle.dumps(compose))
    assert sent == compose
    assert sent(sequence, seed=seed).digest == digest
    table = json.loads(json.dumps({"name": "compose", **compose.configuration()}))
    again = registry.create("perturbation", table)
    assert again == compose
    assert again(sequence, seed=seed).digest == digest


def test_edits_are_merged_and_later_steps_win():
    sequence = Sequence.from_string("A" * 20)
    mutant = Compose(
        steps=[
            Embed(insert="CCCC", start=2),
            Mask(start=4, end=8),
            Embed(insert="G", start=15),
        ]
    )(sequence)
    assert str(mutant.sequence) == "AACCNNNNAAAAAAAGAAAA"
    assert mutant.edits == (
        Edit(2, Sequence.from_string("CCNNNN")),
        Edit(15, Sequence.from_string("G")),
    )


def test_the_order_of_steps_matters():
    sequence = Sequence.from_string("ACGTACGT")
    mask, turn = Mask(start=0, end=2), ReverseComplement()
    assert str(Compose(steps=[mask, turn])(sequence).sequence) == "ACGTACNN"
    assert str(Compose(steps=[turn, mask])(sequence).sequence) == "NNGTACGT"


def test_equal_steps_shuffle_differently():
    sequence = Sequence.from_string("ACGTTGCATCAGGATC" * 10)
    once = Compose(steps=["mononucleotide_shuffle"])(sequence, seed=5)
    assert once.digest == MononucleotideShuffle()(sequence, seed=derive(5, "step", 0)).digest
    other = Compose(steps=[Mask(start=0, end=1), "mononucleotide_shuffle"])(sequence, seed=5)
    assert str(other.sequence) != str(once.sequence)


def test_nested_composition_derives_seeds_anew():
    sequence = Sequence.from_string("ACGTTGCATCAGGATC" * 10)
    shuffle = DinucleotideShuffle()
    nested = Compose(steps=[Compose(steps=[shuffle])])(sequence, seed=9)
    seed = derive(derive(9, "step", 0), "step", 0)
    assert nested.digest == shuffle(sequence, seed=seed).digest


def test_steps_can_be_objects_names_and_tables():
    tables = Compose(
        steps=[
            "mask",
            {"name": "embed", "insert": "acgt", "start": 3},
            {"name": "compose", "steps": [{"name": "swap", "first": [0, 2], "second": [4, 6]}]},
        ]
    )
    objects = Compose(
        steps=[
            Mask(),
            Embed(insert="ACGT", start=3),
            Compose(steps=[Swap(first=(0, 2), second=(4, 6))]),
        ]
    )
    assert tables == objects
    assert str(tables(Sequence.from_string("T" * 9)).sequence) == "CGNANNTNN"
    assert tables.configuration() == {
        "steps": [
            {"name": "mask", "start": 0, "end": None},
            {"name": "embed", "insert": "ACGT", "start": 3},
            {"name": "compose", "steps": [{"name": "swap", "first": [0, 2], "second": [4, 6]}]},
        ]
    }


def test_a_table_is_not_changed():
    table = {"name": "mask", "start": 1}
    Compose(steps=[table])
    assert table == {"name": "mask", "start": 1}


def test_many_equals_one_by_one():
    sequence = Sequence.from_string("ACGTTGCATCAGGATC" * 4)
    compose = Compose(steps=["dinucleotide_shuffle", {"name": "mask", "end": 4}])
    many = compose.many(sequence, range(6))
    assert [m.digest for m in many] == [compose(sequence, seed=k).digest for k in range(6)]


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([], "steps = "),
        ("mask", "steps = 'mask' is not allowed"),
        ([5], "a step is a perturbation, a name or a table, not 5"),
        ([None], "a step is a perturbation, a name or a table, not None"),
        ([Mask], "a step is a perturbation, a name or a table"),
        (["maks"], r"no perturbation is called 'maks' \(did you mean 'mask'\?\)"),
        ([{"start": 3}], "needs its name"),
        ([{"name": "mask", "strat": 3}], r"mask: unknown key 'strat' \(did you mean 'start'"),
        ([{"name": "mask", "start": -3}], "mask: start = -3 is not allowed"),
        ([{"name": "compose", "steps": [{"name": "embed"}]}], "embed: 'insert' is required"),
    ],
)
def test_steps_that_make_no_sense_are_refused_at_once(steps, message):
    with pytest.raises(ConfigError, match=message):
        Compose(steps=steps)


def test_a_step_that_does_not_fit_is_named():
    compose = Compose(steps=["mask", {"name": "reverse_complement", "end": 50}])
    with pytest.raises(SequenceError, match=r"reverse_complement: interval \[0, 50\) does not fit"):
        compose(Sequence.from_string("ACGT"))
