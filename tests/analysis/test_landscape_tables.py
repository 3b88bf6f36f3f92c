"""Tables of landscapes against plain loops over the subsets."""

from __future__ import annotations

import json
from itertools import combinations, permutations
from math import factorial

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from creme.analysis.landscape_tables import index_table, landscapes, order_table, shapley_table
from creme.errors import ConfigError

FLOOR = 0.05
WILD = np.array([20.0, 10.0, 5.0])
MEMBERS = (4, 2, 1)
"""Of three loci; one member alone makes no landscape."""


def dataset(replicates: int = 4, seed: int = 3) -> xr.Dataset:
    random = np.random.default_rng(seed)
    combined = random.uniform(1, 30, (3, 15, replicates, 1)).astype(np.float32)
    start = np.full((3, 4), np.nan)
    for locus, members in enumerate(MEMBERS):
        combined[locus, (1 << members) - 1 :] = np.nan
        start[locus, :members] = 100 * np.arange(members)
    return xr.Dataset(
        {
            "combined": (("locus", "combination", "replicate", "track"), combined),
            "wild_type": (("locus", "track"), WILD[:, None]),
            "member_start": (("locus", "member"), start),
            "member_genomic_start": (("locus", "member"), np.nan_to_num(start) + 1000),
            "member_genomic_end": (("locus", "member"), np.nan_to_num(start) + 1100),
            "member_distance": (("locus", "member"), np.nan_to_num(start) - 50),
        },
        {
            "locus": ["A", "B", "C"],
            "contig": ("locus", ["chr1", "chr2", "chr2"]),
            "track": ["K562"],
            "combination": np.arange(1, 16),
        },
        {"test": "interactions", "configuration": json.dumps({"floor": FLOOR})},
    )


def activity(data: xr.Dataset, locus: int, mask: int) -> np.ndarray:
    """(replicate,) of the activity with the members of a mask lost."""
    wild = np.full(data.sizes["replicate"], WILD[locus])
    return data["combined"].values[locus, mask - 1, :, 0].astype(float) if mask else wild


def test_indices_of_pairs():
    data = dataset()
    table = index_table(data)
    assert [*table[["locus", "first", "second"]].itertuples(index=False, name=None)] == [
        *(("A", *pair) for pair in combinations(range(4), 2)),
        ("B", 0, 1),
    ]
    assert {*table["track"]} == {"K562"}

    def log(locus, mask):
        return np.log2(activity(data, locus, mask) + FLOOR * WILD[locus])

    for row in table.to_dict("records"):
        locus = "AB".index(row["locus"])
        a, b = 1 << row["first"], 1 << row["second"]
        apart = [s for s in range(1 << MEMBERS[locus]) if not s & (a | b)]
        terms = [
            log(locus, s | a | b) - log(locus, s | a) - log(locus, s | b) + log(locus, s)
            for s in apart
        ]
        size = MEMBERS[locus]
        weights = [
            factorial(s.bit_count()) * factorial(size - s.bit_count() - 2) / factorial(size - 1)
            for s in apart
        ]
        values = np.tensordot(weights, terms, 1)
        assert row["index"] == pytest.approx(values.mean())
        half = stats.t(len(values) - 1).ppf(0.975) * stats.sem(values)
        assert (row["low"], row["high"]) == pytest.approx(
            (values.mean() - half, values.mean() + half)
        )


def test_shares_of_members():
    data = dataset()
    table = shapley_table(data)
    assert [*table["locus"]] == ["A"] * 4 + ["B"] * 2
    assert [*table["contig"]] == ["chr1"] * 4 + ["chr2"] * 2
    assert [*table["genomic_start"]] == [1000, 1100, 1200, 1300, 1000, 1100]
    assert (table["sampling_error"] == 0).all()
    for locus, (name, part) in enumerate(table.groupby("locus")):
        members = MEMBERS[locus]
        lost = np.zeros((members, data.sizes["replicate"]))
        orders = [*permutations(range(members))]
        for order in orders:
            mask = 0
            for member in order:
                before = activity(data, locus, mask)
                mask |= 1 << member
                lost[member] += (before - activity(data, locus, mask)) / len(orders)
        np.testing.assert_allclose(part["value"], lost.mean(axis=1), err_msg=name)
        np.testing.assert_allclose(part["share"], lost.mean(axis=1) / WILD[locus])
        half = stats.t(lost.shape[1] - 1).ppf(0.975) * stats.sem(lost, axis=1)
        np.testing.assert_allclose(part["high"] - part["value"], half)


def test_a_single_replicate_has_no_interval():
    alone = dataset(replicates=1)
    for table in (shapley_table(alone), index_table(alone)):
        assert table[["low", "high"]].isna().all(axis=None)
    shares = order_table(alone)
    assert [*shares["order"]] == [1, 2, 3, 4] * 2 + [1, 2] * 2
    sums = shares.groupby(["locus", "scale"])["share"].sum()
    assert {*sums.index} == {(name, scale) for name in "AB" for scale in ("additive", "log")}
    np.testing.assert_allclose(sums, 1)


def test_where_orders_were_drawn_the_error_of_drawing_is_given():
    data = dataset().isel(locus=[0])
    orders = np.array([[0, 1, 2, 3], [3, 2, 1, 0], [1, 0, 3, 2], [2, 3, 0, 1]])
    measured = {mask for order in orders for mask in np.cumsum(1 << order)}
    lacking = [mask not in measured for mask in range(1, 16)]
    assert any(lacking)
    data["combined"] = data["combined"].where(~xr.DataArray(lacking, dims="combination"))
    assert [each.whole for each in landscapes(data)] == [False]
    assert index_table(data).empty
    assert order_table(data).empty
    assert shapley_table(data).empty  # without the orders it has no share to state
    data["order_of_loss"] = (("locus", "order", "member"), orders[None])
    table = shapley_table(data)
    assert (table["sampling_error"] > 0).all()
    lost = WILD[0] - activity(data, 0, 15)
    assert table["value"].sum() == pytest.approx(lost.mean())


def test_results_of_another_test_have_no_landscape():
    data = dataset()
    data.attrs["test"] = "necessity"
    with pytest.raises(ConfigError, match="this is 'necessity'"):
        index_table(data)
