"""Parts of enhancers and of promoters under a grammar: their effects, to a stated error.

The truth is the oracle's answer to the same promoter and element between bases that are unknown: no
site of chance is in it.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from planted_pairs import LENGTH, TILE

import creme
from creme.analysis.compatibility_parts import parts_of_pairs
from creme.demo.oracle import Oracle
from creme.demo.rules import Grammar
from creme.genome import Locus
from creme.models.oracle import OracleModel
from creme.sequence import N, Sequence, encode
from creme.suite.compatibility import Compatibility

TSS, AT, WIDE = LENGTH // 2, -700, 100
PROMOTERS = ("tissue", "common", "house")
SITES = {0: "AXO", 2: "BIR"}
"""The sub-tiles of the element that hold a site, and the factor; the other two hold none."""
ACTING, INERT = (-150, -90), (90, 150)
"""A part of each promoter with a site, and one without."""
ERROR = 0.12
"""Of an effect, log2, root mean square; docs/suite/compatibility.md states it."""


def locus_of(grammar: Grammar, promoter: str, number: int) -> Locus:
    """A promoter with a site of its own beside it, and an element of four parts."""
    random = np.random.default_rng([9, number])
    codes = random.integers(0, 4, LENGTH, dtype=np.uint8)

    def put(at: int, motif: str) -> None:
        codes[at : at + len(motif)] = encode(motif)

    put(TSS, grammar.promoters[promoter].motifs[0])
    put(TSS + ACTING[0] + 20, grammar.factors["AXO"].motifs[0])
    for part, factor in SITES.items():
        for copy in range(3):
            put(2400 + part * WIDE + 10 + 25 * copy, grammar.factors[factor].motifs[0])
    return Locus.from_sequence(Sequence(codes), f"{promoter}{number}")


@pytest.fixture(scope="module")
def measured():
    """The table of parts, with the truth beside it."""
    grammar = Grammar.read("cis")
    loci = [locus_of(grammar, PROMOTERS[k % 3], k) for k in range(6)]
    parts = [(2400 + k * WIDE, 2400 + (k + 1) * WIDE) for k in range(4)]
    test = Compatibility(
        tile=TILE, seed=3, distances=[AT], tiles={loci[0].name: parts},
        promoters=[locus.name for locus in loci[:3]], ablated=[ACTING, INERT],
    )  # fmt: skip
    model = OracleModel(length=LENGTH, grammar="cis")
    table = parts_of_pairs(creme.measure(test, model, loci, tracks="alpha"))
    oracle, by_name = Oracle(grammar), {locus.name: locus for locus in loci}

    def activity(promoter: str, part: int | None, lost: tuple[int, int] | None) -> float:
        own = by_name[promoter].sequence.codes
        codes = np.full(LENGTH, N, np.uint8)
        codes[TSS - TILE // 2 : TSS + TILE // 2] = own[TSS - TILE // 2 : TSS + TILE // 2]
        if lost is not None:
            codes[TSS + lost[0] : TSS + lost[1]] = N
        if part is not None:
            at = TSS + AT - WIDE // 2
            bases = loci[0].sequence.codes[2400 + part * WIDE : 2400 + (part + 1) * WIDE]
            codes[at : at + WIDE] = bases
        (one,) = oracle.promoters(oracle.sites(codes), TSS)
        return float(one.activities[0])

    rows = []
    for row in table.to_dict("records"):
        if "shuffled" in row["enhancer"]:
            continue
        part = (int(row["enhancer"].split(":")[1].split("-")[0]) - 2400) // WIDE
        lost = ACTING if row["part"] == "[-150, -90)" else INERT
        whole, ablated = (
            np.log2(activity(row["promoter"], part, x) / activity(row["promoter"], None, x))
            for x in (None, lost)
        )
        alone = np.log2(
            activity(row["promoter"], None, lost) / activity(row["promoter"], None, None)
        )
        truth = {"true_effect": whole, "true_change": ablated - whole, "true_alone": alone}
        place = {"number": part, "acting": lost == ACTING}
        rows.append({str(k): v for of in (row, truth, place) for k, v in of.items()})
    return pd.DataFrame(rows)


def test_effects_of_parts_are_the_truths_to_a_stated_error(measured):
    errors = {
        name: float(np.sqrt(((measured[name] - measured[true]) ** 2).mean()))
        for name, true in (("effect", "true_effect"), ("change", "true_change"))
    }
    errors["promoter_change"] = float(
        np.sqrt(((measured["promoter_change"] - measured["true_alone"]) ** 2).mean())
    )
    assert max(errors.values()) < ERROR, errors
    assert measured["true_effect"].max() > 10 * ERROR
    assert measured["true_change"].max() > 3 * ERROR


def test_parts_without_a_site_do_nothing_and_the_others_act(measured):
    of = measured.groupby("number")["effect"]
    assert of.max()[[1, 3]].abs().max() < 2 * ERROR
    tissue = measured[measured["promoter"].str.startswith("tissue")]
    assert tissue.groupby("number")["effect"].min()[[0, 2]].min() > 1
    # BIR acts on tissue promoters, and hardly on house ones.
    house = measured[measured["promoter"].str.startswith("house")]
    assert house.groupby("number")["effect"].max()[2] < 2 * ERROR


def test_a_promoter_without_its_own_site_responds_more(measured):
    """As the grammar has it: what a site adds is a larger share of less."""
    here = measured[measured["number"].isin(SITES) & measured["acting"]]
    here = here[~here["promoter"].str.startswith("house")]
    assert (here["change"] > 0).all()
    assert (here["promoter_change"] < 0).all()
    elsewhere = measured[~measured["acting"]]
    assert elsewhere[["change", "promoter_change"]].abs().max().max() < 2 * ERROR
