"""Activities of backgrounds: which are outliers, and whether answers depend on their choice."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from creme.analysis.background_choice import (
    perturbation_name,
    same_but_for_backgrounds,
    sign_and_rank,
)
from creme.analysis.backgrounds import background_table, control_activities, in_order_of_doubt
from creme.analysis.outliers import outliers

EIGHT = [0.92, 1.28, 1.03, 2.51, 1.1, 0.97, 1.19, 1.07]
"""Like a real gene's: seven backgrounds between 0.92 and 1.28, and one of 2.51."""


def off(*activities: float) -> list[int]:
    return np.flatnonzero(outliers(np.array(activities)[:, None])[:, 0]).tolist()


def test_a_background_far_from_the_others_is_named():
    assert off(*EIGHT) == [3]
    assert off(*EIGHT[:3], *EIGHT[4:]) == []
    # Two of them do not hide each other, and a low one is off as well.
    assert off(*EIGHT, 1.05, 1.12, 1.08, 2.6) == [3, 11]
    assert off(1, 1.1, 1.05, 0.95, 0.1, 1.02) == [4]


def test_little_is_no_outlier_and_a_few_say_nothing():
    assert off(1, 1, 1, 1, 1, 1.4) == []  # less than 1.5-fold
    assert off(1, 1, 1, 1, 1, 1.6) == [5]
    assert off(1, 1, 1, 9) == []
    assert off(1, np.nan, 1.1, 1.05, 9, 0.95, np.nan, 1) == [4]
    # Where an activity is not above 0 they are compared as they are.
    assert off(-0.1, 0, 0.1, 0.05, -0.05, 3) == [5]


@pytest.mark.parametrize("n", [5, 6, 8, 10, 16, 30, 100])
def test_of_normal_replicates_one_set_in_twenty_has_one(n):
    sets = np.random.default_rng(1).normal(0, 1, (2000, n))
    rate = float(outliers(np.exp(sets).T).any(axis=0).mean())
    assert 0.035 < rate < 0.07  # 2,000 sets: 0.05 with a standard error of 0.005


def dataset(test: str = "sufficiency", **more) -> xr.Dataset:
    control = np.array([[EIGHT, np.ones(8)], [np.ones(8) * 2, EIGHT]]).transpose(0, 2, 1)
    return xr.Dataset(
        {
            "control": (("locus", "replicate", "track"), control.astype(np.float32)),
            "wild_type": (("locus", "track"), [[2.0, 4.0], [1.0, 1.0]]),
            "sequence_gc": ("locus", [0.4, 0.5]),
            "sequence_n": ("locus", [0.0, 0.1]),
            "background_gc": (("locus", "replicate"), np.linspace(0.3, 0.5, 16).reshape(2, 8)),
            "background_n": (("locus", "replicate"), np.full((2, 8), 0.1)),
            **more,
        },
        {"locus": ["one", "two"], "track": ["x", "y"]},
        {"test": test},
    )


def table_of(dataset: xr.Dataset) -> pd.DataFrame:
    table = background_table(dataset)
    assert table is not None
    return table


def test_the_table_says_it_by_locus_and_track():
    table = table_of(dataset())
    assert table[["locus", "track"]].to_numpy().tolist() == [
        [locus, track] for locus in ("one", "two") for track in ("x", "y")
    ]
    first = table.iloc[0]
    assert first["backgrounds"] == 8
    assert first["wild_type"] == 2
    assert first["median"] == pytest.approx(np.median(EIGHT))
    assert first["std"] == pytest.approx(np.std(EIGHT, ddof=1))
    assert (first["lowest"], first["highest"]) == pytest.approx((0.92, 2.51))
    assert first["outlier_backgrounds"] == "3 (2.51)"
    assert first["mean_without_outliers"] == pytest.approx(np.mean(EIGHT[:3] + EIGHT[4:]))
    assert table["outliers"].tolist() == [1, 0, 0, 1]
    assert table["n"].tolist() == [0, 0, 0.1, 0.1]
    assert table["gc"].tolist() == [0.4, 0.4, 0.5, 0.5]
    assert first["background_gc_lowest"] == pytest.approx(0.3)
    assert in_order_of_doubt(table)["outliers"].tolist() == [1, 1, 0, 0]


def test_replicates_that_were_not_measured_are_left_out():
    one = dataset()
    one["control"][0, 5:] = np.nan
    table = table_of(one)
    assert table["backgrounds"].tolist() == [5, 5, 8, 8]


def test_backgrounds_of_each_tile_are_named_by_it():
    values = np.ones((2, 2, 8, 2))
    values[1, 1, 3, 0] = 7
    each = dataset(control=(("locus", "tile", "replicate", "track"), values))
    table = table_of(each)
    assert table["backgrounds"].tolist() == [16] * 4
    assert table["outlier_backgrounds"].tolist() == ["", "", "1.3 (7)", ""]


def test_a_test_without_backgrounds_has_no_table():
    assert background_table(dataset().drop_vars("control")) is None
    # The distance test's control has the tile in it.
    values = np.ones((2, 3, 8, 2))
    moved = dataset("distance", control=(("locus", "tile", "replicate", "track"), values))
    assert control_activities(moved) is None


def attributes(test: str = "necessity", **configuration) -> dict[str, str]:
    return {"test": test, "configuration": json.dumps({"tile": 5, "seed": 1, **configuration})}


def test_tests_that_differ_in_their_backgrounds_alone():
    of = {
        "a": attributes(perturbation="dinucleotide_shuffle"),
        "b": attributes(perturbation={"name": "local_shuffle", "window": 500}, seed=2),
        "longer": attributes(perturbation="mask", tile=6),
        "other": attributes("sufficiency", perturbation="mask"),
        "again": attributes(perturbation="dinucleotide_shuffle", seed=3),
        "without": attributes(),
    }
    assert list(same_but_for_backgrounds(of, of)) == [("a", "b"), ("b", "again")]
    assert perturbation_name(of["b"]) == "local_shuffle (window = 500)"


def test_signs_and_ranks_are_those_of_plain_loops():
    random = np.random.default_rng(2)
    rows = [
        {"locus": f"l{k}", "contig": "c", "tss_position": k, "strand": "+", "distance": d}
        for k in range(6)
        for d in range(9)
    ]
    table = pd.DataFrame(rows).assign(track_a="t", track_b="u")
    table["a"] = 1 + random.normal(0, 0.2, len(table))
    table["b"] = table["a"] + random.normal(0, 0.2, len(table))
    (row,) = sign_and_rank(table, neutral=1, small=0.1).to_dict("records")
    alike, large, firsts, ranks = 0, 0, 0, []
    for _, own in table.groupby("locus"):
        pairs = [(a - 1, b - 1) for a, b in zip(own["a"], own["b"], strict=True)]
        for a, b in pairs:
            if abs(a) >= 0.1 or abs(b) >= 0.1:
                large += 1
                alike += (a > 0) == (b > 0)
        strongest = max(range(9), key=lambda k: abs(pairs[k][0]))
        order = sorted(range(9), key=lambda k: -abs(pairs[k][1]))
        ranks.append(1 + order.index(strongest))
        firsts += ranks[-1] == 1
    assert row["signs"] == large
    assert row["same_sign"] == pytest.approx(alike / large)
    assert row["same_strongest"] == pytest.approx(firsts / 6)
    assert row["median_rank"] == np.median(ranks)
    assert row["difference"] == pytest.approx(np.mean(np.abs(table["a"] - table["b"])))
