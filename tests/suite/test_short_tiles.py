"""Tiles with few arrangements: shuffles that change nothing."""

from __future__ import annotations

import json
from itertools import pairwise, permutations

import numpy as np
import pytest

import creme
import toy
from creme import registry
from creme.errors import CremeWarning, MeasurementError
from creme.genome import Locus
from creme.kernels.arrangements import dinucleotide_arrangements, mononucleotide_arrangements
from creme.kernels.shuffle import dinucleotide_shuffles
from creme.sequence import N, Sequence
from creme.test import REMARKS


def pairs(codes) -> list[int]:
    return sorted(4 * a + b for a, b in pairwise(codes))


@pytest.mark.parametrize("length", range(2, 9))
def test_arrangements_are_as_many_as_enumerated(length):
    random = np.random.default_rng(length)
    for letters in (2, 3, 4):
        for _ in range(8):
            codes = tuple(int(code) for code in random.integers(0, letters, length))
            distinct = set(permutations(codes))
            kept = [
                other
                for other in distinct
                if (other[0], other[-1]) == (codes[0], codes[-1]) and pairs(other) == pairs(codes)
            ]
            array = np.array(codes, dtype=np.uint8)
            assert np.exp(dinucleotide_arrangements(array)) == pytest.approx(len(kept))
            assert np.exp(mononucleotide_arrangements(array)) == pytest.approx(len(distinct))


def test_n_are_no_bases():
    gapped = Sequence.from_string("ACNNGTANCTGNA").codes
    bases = gapped[gapped != N]
    for count in (dinucleotide_arrangements, mononucleotide_arrangements):
        assert count(gapped) == pytest.approx(count(bases))
        assert count(np.full(5, N, np.uint8)) == 0
        assert count(np.empty(0, np.uint8)) == 0


def test_long_sequences_have_finite_logarithms():
    codes = np.random.default_rng(0).integers(0, 4, 200_000, dtype=np.uint8)
    most = len(codes) * np.log(4)
    assert 0.99 * most < dinucleotide_arrangements(codes) < most
    assert dinucleotide_arrangements(np.tile(codes[:2], 1000)) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("text", "dinucleotide", "mononucleotide"),
    [
        ("ACG", False, True),
        ("ACACAC", False, True),
        ("ACNGN", False, True),
        ("AAAAAAAA", False, False),
        ("A", False, False),
        ("ACAGA", True, True),
    ],
)
def test_shuffles_say_whether_they_can_change_a_sequence(text, dinucleotide, mononucleotide):
    sequence = Sequence.from_string(text)
    for name, can in (("dinucleotide", dinucleotide), ("mononucleotide", mononucleotide)):
        shuffle = registry.create("perturbation", f"{name}_shuffle")
        assert shuffle.can_change(sequence) == can
        changed = any(str(m.sequence) != text for m in shuffle.many(sequence, range(50)))
        assert changed == can
    assert registry.create("perturbation", "mask").can_change(sequence)


def locus_with(text: str) -> Locus:
    """A locus whose bases from 200 on are these."""
    codes = np.array(toy.toy_loci(1)[0].sequence.codes)
    codes[200 : 200 + len(text)] = Sequence.from_string(text).codes
    return Locus.from_sequence(Sequence(codes), "locus")


def few(text: str, **more):
    return {"tile": 100, "tiles": [(200, 200 + len(text))], **more}


@pytest.mark.parametrize("text", ["ACG", "ACACAC", "AACN"])
@pytest.mark.parametrize("name", ["necessity", "higher_order"])
def test_a_tile_with_a_single_arrangement_is_an_error(name, text):
    parameters = few(text, **({"rounds": 1} if name == "higher_order" else {}))
    said = rf"tile \[200, {200 + len(text)}\) \('{text}'\) has no other arrangement.*'mask'.*'mono"
    with pytest.raises(MeasurementError, match=said):
        creme.measure(name, toy.MODEL, locus_with(text), **parameters)


@pytest.mark.filterwarnings("ignore:test 'necessity', locus")  # few arrangements, but several
@pytest.mark.parametrize("perturbation", ["mask", "mononucleotide_shuffle"])
def test_what_the_error_names_is_a_way_out(perturbation):
    got = creme.measure(
        "necessity", toy.MODEL, locus_with("ACACAC"), **few("ACACAC", perturbation=perturbation)
    )
    assert (got.effect != 0).all()


@pytest.mark.parametrize("tolerance", [None, 1e-9])
def test_shuffles_that_are_the_tile_are_counted(tolerance):
    text = "ACAGACTTGC"
    loci = [locus_with(text), *toy.toy_loci(2)[1:]]
    tiles = {loci[0].name: [(200, 207), (600, 1000)], loci[1].name: [(600, 1000)]}
    parameters = {"tile": 100, "replicates": 20, "tolerance": tolerance, "tiles": tiles}
    with pytest.warns(CremeWarning, match="shuffles of tiles are the tile as it was"):
        got = creme.measure("necessity", toy.MODEL, loci, **parameters)
    same = (got.shuffled == got.wild_type).all("track").sum("replicate")
    counted = got.unchanged_replicates
    assert counted.dims == ("locus", "tile")
    assert counted.sel(locus=loci[0].name).values.tolist() == [int(same[0, 0]), 0]
    assert 0 < same[0, 0] < 20
    assert counted.sel(locus=loci[1].name).isnull().all()
    (remark,) = json.loads(got.attrs[REMARKS])
    assert remark.startswith(f"locus {loci[0].name}: {int(same[0, 0])} shuffles of tiles are")


@pytest.mark.parametrize("accept", ["all", "tested"])
def test_searches_count_unchanged_replicates_too(accept):
    loci = toy.toy_loci(1)
    tiles = [[400, 406], [1900, 2300]]
    parameters = {"tile": 400, "tiles": tiles, "replicates": 20, "rounds": 2, "accept": accept}
    with pytest.warns(CremeWarning, match="shuffles of tiles are the tile as it was"):
        got = creme.measure("higher_order", toy.MODEL, loci, searches=["enhancers"], **parameters)
    rounds = {"attempt": "round"} if accept == "tested" else {}
    one = got[["shuffled", "initial"]].rename(rounds).isel(locus=0, search=0)
    same = (one.shuffled == one.initial).isel(tile=0)
    counted = got.unchanged_replicates
    assert counted.dims == ("locus", "tile")
    assert counted[0, 1] == 0
    # Of the first round, which both tracks share, and of each track's second one.
    least = int(same.isel(round=0).all("track").sum())
    assert 0 < least <= counted[0, 0]
    if accept == "all":
        assert counted[0, 0] == least + int(same.isel(round=1).sum())
    (remark,) = json.loads(got.attrs[REMARKS])
    assert f"{int(counted[0, 0])} shuffles of tiles are" in remark


def test_nothing_is_counted_where_all_shuffles_differ():
    got = creme.measure("necessity", toy.MODEL, toy.toy_loci(1), tile=400, replicates=3)
    assert "unchanged_replicates" not in got
    assert REMARKS not in got.attrs


@pytest.mark.parametrize(("length", "share"), [(4, 0.953), (6, 0.666), (10, 0.112)])
def test_the_share_of_shuffles_that_change_nothing_is_as_documented(length, share):
    random = np.random.default_rng(length)
    tiles = random.integers(0, 4, (1500, length), dtype=np.uint8)
    drawn = [(dinucleotide_shuffles(t, range(4)) == t).all(axis=1).mean() for t in tiles]
    assert np.mean(drawn) == pytest.approx(share, abs=0.03)
    known = [np.exp(-dinucleotide_arrangements(t)) for t in tiles]
    assert np.mean(known) == pytest.approx(share, abs=0.03)
