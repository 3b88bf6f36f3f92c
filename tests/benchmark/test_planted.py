"""Loci on which sets are planted: they are what was wanted, and the suite finds them."""

from __future__ import annotations

from itertools import chain

import numpy as np
import pandas as pd
import pytest

from creme.benchmark.curves import distance_errors, fine_tile_errors, saturation_errors
from creme.benchmark.planted import planted_pairs
from creme.benchmark.planted_scores import _of_loci, planted_pair_scores, planted_set_scores
from creme.benchmark.sets import ADDED, CLASSES, LEAST, confusion, pair_class
from creme.benchmark.subject import Subject
from creme.demo.rules import grammar
from creme.demo.windows import PlantedElement, planted_window
from creme.errors import SequenceError
from creme.models.oracle import OracleModel

LENGTH = 8192
TILE = 1000


@pytest.fixture(scope="module")
def subject(tmp_path_factory):
    store = tmp_path_factory.mktemp("planted") / "store"
    return Subject("oracle", OracleModel(length=LENGTH), store=store, progress=False)


@pytest.fixture(scope="module")
def pairs(subject):
    return planted_pairs(subject, 3, TILE)


def activity(locus, tiles):
    """With the bases of the tiles replaced by N, which make no site."""
    codes = locus.codes.copy()
    for start, end in tiles:
        codes[start:end] = 4
    sites = locus.truth.oracle.sites(codes)
    (promoter,) = [
        one
        for one in locus.truth.oracle.promoters(sites)
        if one.tss == locus.truth.tss and not one.minus
    ]
    return promoter.activities[0]


def test_pairs_are_of_their_class(pairs):
    """By the oracle's answer for the very bases."""
    assert list(pairs) == [*CLASSES, "silencers"]
    for name, loci in pairs.items():
        assert len(loci) == 3
        for one in loci:
            wild_type = activity(one.locus, [])
            first, second, both = (
                activity(one.locus, tiles) / wild_type
                for tiles in (one.tiles[:1], one.tiles[1:], one.tiles)
            )
            if name == "silencers":
                assert both >= 1 + LEAST
            else:
                assert both <= 1 - LEAST
                assert pair_class(first, second, both) == name
            for alone, other in ((first, second), (second, first)):
                assert max(abs(1 - alone), abs(both - other)) >= LEAST - 1e-9


def test_planted_loci_are_others_than_the_held_out_ones(subject, pairs):
    held_out = {locus.codes.tobytes() for locus in subject.loci(12)}
    planted = [one.locus for one in chain.from_iterable(pairs.values())]
    assert len({locus.codes.tobytes() for locus in planted}) == len(planted) == 15
    assert len({locus.gene for locus in planted}) == 15
    assert not held_out & {locus.codes.tobytes() for locus in planted}
    again = planted_pairs(subject, 3, TILE)
    for name, loci in pairs.items():
        for one, other in zip(loci, again[name], strict=True):
            assert np.array_equal(one.locus.codes, other.locus.codes)
            assert one.tiles == other.tiles


def test_pairs_are_classified(subject):
    table = planted_pair_scores(subject, loci=15, replicates=3)
    values = table.set_index(["pairs", "score"])
    assert values["value"]["enhancers", "right"] > 0.6
    assert values["value"]["enhancers", ADDED] == 0.25
    for name in CLASSES:
        assert values["n"]["enhancers", f"{name} as {name}"] == 3
        shares = [values["value"]["enhancers", f"{name} as {called}"] for called in CLASSES]
        assert sum(shares) == pytest.approx(1)
    assert values["n"]["silencers", "right"] == 3
    assert values["value"]["silencers", "right"] > 0.5


def test_confusion_by_hand():
    table = pd.DataFrame(
        {
            "locus": ["a", "b", "c"],
            "true": ["additive", "additive", "redundant"],
            "called": ["additive", "redundant", "redundant"],
            "mse 0.3": ["additive"] * 3,
            "mse 0.01": ["additive"] * 3,
            "mse 0.001": ["redundant"] * 3,
        }
    )
    values = confusion(table, 0).set_index("score")["value"]
    assert values["right"] == pytest.approx(2 / 3)
    assert values[ADDED] == pytest.approx(2 / 3)
    assert values["additive as redundant"] == 0.5
    assert values["redundant as redundant"] == 1
    assert np.isnan(values["cooperative as additive"])
    assert "additive recall" not in values.index


@pytest.mark.parametrize(
    ("one", "other", "both", "kind"),
    [
        (1.5, 1.4, 1.9, "additive"),
        (1.5, 1.4, 2.1, "multiplicative"),
        (1.5, 1.4, 1.5, "cooperative"),
        (1.1, 1.05, 1.6, "redundant"),
    ],
)
def test_classes_of_silencers(one, other, both, kind):
    assert pair_class(one, other, both) == kind


def test_sets_of_each_size_are_searched(subject):
    table = planted_set_scores(subject, loci=7, tile=TILE, replicates=2, rounds=4)
    values = table.set_index(["accept", "search", "size", "score"])
    for search, sizes in (("enhancers", (1, 2, 3, 4)), ("silencers", (1, 2, 3))):
        for size in sizes:
            assert values["n"]["tested", search, size, "set named"] == size
    by_score = table[table["accept"] == "tested"].groupby("score")["value"].mean()
    assert by_score["set named"] > 0.7
    assert by_score["names one that does nothing"] < 0.4
    all_named = table[(table["accept"] == "all") & (table["size"] == 1)].set_index("score")["value"]
    # Four rounds name four tiles, of which one acts.
    assert all_named["names one that does nothing"].tolist() == [1, 1]


def test_whole_sets_counted_by_hand():
    table = pd.DataFrame(
        [
            ("a", True, 0.3, True),
            ("a", True, 0.0, False),
            ("b", False, np.nan, True),
            ("b", True, 0.2, True),
            ("c", True, 0.1, True),
        ],
        columns=["locus", "named", "change", "in_set"],
    )
    values = _of_loci(table, 0)["value"]
    assert values["whole set named"] == pytest.approx(2 / 3)
    assert values["names one that does nothing"] == pytest.approx(1 / 3)


def test_curves_of_silencers(subject):
    distance = distance_errors(subject, loci=4, replicates=4, kind="silencer")
    values = distance.set_index("score")["value"]
    assert values["slope"] == pytest.approx(1, abs=0.3)
    copies = saturation_errors(subject, loci=2, replicates=2, copies=3, kind="silencer")
    values = copies.set_index("score")["value"]
    assert "plateau ratio" not in values.index
    assert values["fold change error"] < 0.1


def test_sub_tiles_of_planted_enhancers(subject):
    table = fine_tile_errors(subject, loci=2, replicates=2, planted=True).set_index("score")
    assert table["n"]["sites kept"] == 2
    assert table["value"]["bases near a site"] > 0.8


def test_elements_stand_where_they_are_planted():
    cis = grammar("cis")
    elements = [PlantedElement("AXO", 500), PlantedElement("FEN", 2000, 48, 3)]

    def planted(elements):
        return planted_window(cis, LENGTH, 0, "x", tss=4096, promoter="tissue", elements=elements)

    window, again = planted(elements), planted(elements)
    assert np.array_equal(window.codes, again.codes)
    assert [one.kind for one in window.elements] == ["AXO", "FEN"]
    assert 500 <= window.elements[0].start < window.elements[0].end <= 900
    assert 2000 <= window.elements[1].start < window.elements[1].end <= 2048
    assert window.elements[1].sites == 3
    assert window.promoters == (("tissue", 4096, False),)
    for start in (4090, 250, -10, LENGTH - 100):
        with pytest.raises(SequenceError, match="there is no room for AXO"):
            planted([elements[0], PlantedElement("AXO", start)])
