"""Activities under a grammar: as its documented rules say, in plain loops."""

from __future__ import annotations

import math

import numpy as np
import pytest

from creme.demo.genome import plant
from creme.demo.oracle import Oracle
from creme.demo.rules import Grammar, grammar
from creme.demo.windows import random_window
from creme.models.synthetic import SyntheticModel
from creme.sequence import complement, encode

CIS = grammar("cis")
ORACLE = Oracle(CIS)


def slow(rules: Grammar, sites, promoter_site) -> list[float]:
    """The activities of one promoter, from the docstrings of the rules."""
    names = [*rules.factors, *rules.promoters]
    rows = [
        (names[owner], start + width / 2, affinity)
        for start, width, owner, affinity in zip(
            sites.start, sites.width, sites.owner, sites.affinity, strict=True
        )
    ]
    name, here, strength = rows[promoter_site]
    promoter = rules.promoters[name]

    def through(at):
        share = 1.0
        for other, there, affinity in rows:
            factor = rules.factors.get(other)
            if factor and factor.effect == "insulating" and min(at, here) < there < max(at, here):
                share *= 1 - min(factor.weight * affinity, 1)
        return share

    def total(sums, one):
        return sum(
            one.weight * affinity * math.exp(-abs(at - here) / one.reach) * through(at)
            for at, affinity in sums
        )

    out = []
    for cell in rules.cell_types:
        drive, factor_of, repressed = promoter.basal, 1.0, 0.0
        for key, factor in rules.factors.items():
            x = total([(at, a) for other, at, a in rows if other == key], factor)
            x *= factor.cells.get(cell, 1) * promoter.responds.get(factor.group, 1)
            if factor.effect == "additive":
                drive += x
            elif factor.effect == "redundant":
                drive += factor.limit * (1 - math.exp(-x / factor.limit))
            elif factor.effect == "multiplicative":
                factor_of *= math.exp(x)
            elif factor.effect == "repressive":
                repressed += x
        for pair in rules.pairs:
            made = []
            for other, at, affinity in rows:
                if other == pair.factors[0]:
                    second = [(abs(y - at), b) for o, y, b in rows if o == pair.factors[1]]
                    if second and min(second)[0] <= pair.within:
                        nearest = min(second, key=lambda one: one[0])
                        made.append((at, affinity * nearest[1]))
            x = total(made, pair) * pair.cells.get(cell, 1)
            drive += x * promoter.responds.get(pair.group, 1)
        drive *= factor_of / (1 + repressed)
        half, hill = promoter.half or rules.half, promoter.hill or rules.hill
        top = promoter.ceiling or rules.ceiling
        out.append(strength * top * drive**hill / (half**hill + drive**hill))
    return out


@pytest.mark.parametrize("number", range(8))
def test_as_in_plain_loops(number):
    window = random_window(CIS, 16_384, 5, f"plain {number}", tss=8192, elements=(6, 8))
    sites = ORACLE.sites(window.codes)
    promoters = list(ORACLE.promoters(sites))
    places = np.flatnonzero(sites.owner >= len(CIS.factors))
    assert len(promoters) == len(places) >= 3
    for promoter, place in zip(promoters, places, strict=True):
        np.testing.assert_allclose(promoter.activities, slow(CIS, sites, place), rtol=1e-9)
    assert set(window.promoters) <= {(one.name, one.tss, one.minus) for one in promoters}


def test_every_kind_of_rule_is_met_in_those_windows():
    kinds = {
        element.kind
        for number in range(8)
        for element in random_window(
            CIS, 16_384, 5, f"plain {number}", tss=8192, elements=(6, 8)
        ).elements
    }
    effects = {CIS.factors[kind].effect for kind in kinds if "+" not in kind}
    assert effects >= {"additive", "redundant", "multiplicative", "repressive", "insulating"}
    assert "FEN+GOL" in kinds


def test_the_reverse_complement_has_the_same_activities():
    codes = random_window(CIS, 16_384, 0, "turned").codes
    here = ORACLE.coverage(ORACLE.sites(codes), 128, 2048, 96)
    there = ORACLE.coverage(ORACLE.sites(complement(codes[::-1])), 128, 2048, 96)
    assert here.max() > 5
    np.testing.assert_allclose(here[:, :-1], there[::-1, :-1], rtol=1e-9)


def test_the_synthetic_model_is_a_case_of_it():
    """Bit for bit."""
    model = SyntheticModel(length=49_152)
    oracle = Oracle(grammar("simple"))
    for number, promoter in enumerate(("weak_promoter", "medium_promoter", "strong_promoter") * 2):
        random = np.random.default_rng(number)
        places = random.choice(np.arange(1000, 48_000, 1000), 6, replace=False)
        sequence = plant(
            promoter,
            [
                (("enhancer", "silencer")[k % 2], int(place) + 137, 1 + number)
                for k, place in enumerate(places)
                if abs(place + 137 - 24_576) > 500
            ],
            length=49_152,
            seed=number,
        )
        expected = model.predict(sequence.onehot()[None])[0]
        coverage = oracle.coverage(
            oracle.sites(sequence.codes), 128, model.output_start, model.n_bins
        )
        assert expected.max() > 0.5
        assert np.array_equal(coverage[:, :-1].astype(np.float32), expected)


def test_coverage_is_spread_and_open_where_sites_are():
    text = "A" * 1000 + "ACTACGTCGCTG" + "A" * 1000
    sites = ORACLE.sites(encode(text))
    (promoter,) = ORACLE.promoters(sites)
    coverage = ORACLE.coverage(sites, 128, 0, 15)
    assert (promoter.name, promoter.tss) == ("house", 1000)
    shares = (coverage[6:9, :4] - CIS.floor) / promoter.activities
    np.testing.assert_allclose(shares, np.array([[0.25], [0.5], [0.25]]) * np.ones(4))
    np.testing.assert_allclose(coverage[7, 4], 0.8)
    np.testing.assert_allclose(coverage[6, 4], 1 - math.sqrt(0.2))
    assert (coverage[:6, 4] == 0).all()
    # A place before the first bin or behind the last is left out, not wrapped around.
    assert (ORACLE.coverage(sites, 128, 1280, 4)[:, :4] == CIS.floor).all()
