"""Interactions that a grammar has planted: their kinds, with the error of their epistasis.

The oracle is exact, so that what is off is due to sites that shuffles make and break.
"""

from __future__ import annotations

import numpy as np
import pytest

from creme.analysis.epistasis import MINIMUM_LOG, MINIMUM_SHARE
from creme.demo.rules import grammar
from planted_interactions import every, found_pairs

KINDS = {
    "AND": "cooperative",
    "OR": "redundant",
    "multiplicative": "multiplicative",
    "insulator": "insulating",
}


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """The table of pairs with the truth beside it."""
    planted = every(grammar("cis"), (*KINDS, "additive", "nothing"), 1)
    return found_pairs(planted, "cis", 4, tmp_path_factory.mktemp("planted"))


def test_planted_kinds_are_found(pairs):
    found = pairs[pairs["planted"] != ""].set_index("planted")["kind"]
    assert {name: found[name] for name in KINDS} == KINDS
    # By the truth, the additive pair is additive or a little less: the response is not linear.
    assert found["additive"] in ("additive", "redundant")
    of_sum = pairs.set_index("planted").loc["additive"]
    assert of_sum["true_log"] < -MINIMUM_LOG
    assert abs(of_sum["true_share"]) < 0.1
    # The kind is that of the activity, after a response that bends: by the truth, at the limit.
    beyond = of_sum["true_share"] < -MINIMUM_SHARE
    if abs(abs(of_sum["true_share"]) - MINIMUM_SHARE) > 0.002:
        assert found["additive"] == ("redundant" if beyond else "additive")


def test_epistasis_is_near_the_truths(pairs):
    here = pairs["planted"] != ""
    assert (abs(pairs["epistasis"] - pairs["true_log"])[here] < 0.2).all()
    assert (abs(pairs["additive_epistasis"] - pairs["true_share"])[here] < 0.05).all()


def test_nothing_is_found_where_nothing_is_planted(pairs):
    inert = (abs(pairs["true_log"]) < MINIMUM_LOG / 2) & (
        abs(pairs["true_share"]) < MINIMUM_SHARE / 2
    )
    assert inert.sum() > 120
    assert (pairs[inert]["kind"] == "none").all()
    empty = pairs[pairs["locus"].str.startswith("nothing")]
    assert len(empty) == 28
    assert (empty["kind"] == "none").all()


def test_nothing_is_found_in_a_grammar_without_interactions(tmp_path):
    planted = every(grammar("simple"), ["strong promoter"], 1)
    table = found_pairs(planted, "simple", 3, tmp_path)
    assert len(table) == 28
    assert (table["kind"] == "none").all()


def test_the_insulators_pair_says_who_insulates_whom(pairs):
    row = pairs.set_index("planted").loc["insulator"]
    first, second = row["first_change"], row["second_change"]
    assert first < 0 < second  # the second tile lies nearer to the TSS, and its loss raises
    assert abs(row["second_distance"]) < abs(row["first_distance"])
    assert np.sign(row["epistasis"]) == -1
