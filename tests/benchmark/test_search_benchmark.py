"""Greedy searches against the exact one, which reads the truth."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from creme.api import measure
from creme.benchmark.detections import Strengths
from creme.benchmark.searches import LEAST, search_scores, search_table
from creme.benchmark.subject import held_out_loci, windows_of
from creme.demo.rules import grammar
from creme.models.oracle import OracleModel

CIS = grammar("cis")
MODEL = OracleModel(length=8192)
LOCI = held_out_loci(CIS, 5, MODEL.length, 0)
EDGES = np.arange(256, 7937, 1024)


def searched(selected):
    """A Dataset of two searches a locus on tiles of 1,024 bp."""
    return xr.Dataset(
        {"selected": (("locus", "search", "round", "track"), np.array(selected)[..., None])},
        coords={
            "search": ["enhancers", "silencers"],
            "tile_start": ("tile", EDGES[:-1]),
            "tile_end": ("tile", EDGES[1:]),
        },
    )


def test_changes_and_sets_in_plain_words():
    """Every row as the truth of its locus says, one by one."""
    selected = [[[0, 1, 2, 3], [4, 5, -1, -1]]] * len(LOCI)
    table = search_table(searched(selected), LOCI, 0)
    tiles = list(zip(EDGES[:-1].tolist(), EDGES[1:].tolist(), strict=True))
    for locus in LOCI:
        rows = table[(table["locus"] == locus.gene) & (table["search"] == "enhancers")]
        rows = rows.set_index("tile")
        wild_type = locus.truth.wild_type[0]
        for k in range(4):
            before = locus.truth.without(tiles[:k])[0] / wild_type
            after = locus.truth.without(tiles[: k + 1])[0] / wild_type
            assert rows["change"][k] == pytest.approx(before - after)
            alone = 1 - locus.truth.without([tiles[k]])[0] / wild_type
            assert rows["alone"][k] == pytest.approx(alone)
        # Of the exact set no single tile more or less changes more than it may.
        chosen = [tile for tile in rows.index if rows["in_set"][tile]]
        reached = locus.truth.without([tiles[k] for k in chosen])[0] / wild_type
        for tile in set(range(len(tiles))) - set(chosen):
            more = locus.truth.without([tiles[k] for k in [*chosen, tile]])[0] / wild_type
            assert reached - more < LEAST
    assert table["in_set"].sum() > 3


def test_the_exact_set_is_the_best_one_where_effects_do_not_interact():
    """Pairs of a locus with two strong tiles: the best pair is that of the search."""
    tiles = list(zip(EDGES[:-1].tolist(), EDGES[1:].tolist(), strict=True))
    table = search_table(searched([[[-1] * 4] * 2] * len(LOCI)), LOCI, 0)
    compared = 0
    for locus in LOCI:
        rows = table[(table["locus"] == locus.gene) & (table["search"] == "enhancers")]
        chosen = set(rows["tile"][rows["in_set"]])
        if len(chosen) == 2:
            best = min(
                combinations(range(len(tiles)), 2),
                key=lambda pair: locus.truth.without([tiles[k] for k in pair])[0],
            )
            assert set(best) == chosen
            compared += 1
    assert compared


def test_scores_counted_by_hand():
    table = pd.DataFrame(
        [
            ("a", "enhancers", 0, True, 0.3, True, 0.2),
            ("a", "enhancers", 1, True, 0.0, False, 0.0),
            ("a", "enhancers", 2, False, np.nan, True, 0.01),
            ("b", "silencers", 3, True, 0.1, True, 0.02),
        ],
        columns=["locus", "search", "tile", "named", "change", "in_set", "alone"],
    )
    scores = search_scores(table, Strengths(), seed=0)
    assert scores["value"].round(6).to_dict() == {
        "named that act": 0.666667,
        "set named": 0.666667,
        "hidden named": 0.5,
    }
    assert scores["n"].to_dict() == {"named that act": 3, "set named": 3, "hidden named": 2}


def test_the_suites_search_names_what_acts(tmp_path):
    dataset = measure(
        "higher_order",
        MODEL,
        windows_of(LOCI),
        tracks="cis:alpha",
        tile=1024,
        replicates=3,
        rounds=3,
        store=tmp_path / "store",
    )
    table = search_table(dataset, LOCI, 0)
    scores = search_scores(table, Strengths(), seed=0)["value"]
    assert table["named"].sum() >= 5
    assert scores["named that act"] > 0.9
    assert scores["set named"] > 0.8
