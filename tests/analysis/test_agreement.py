"""Two experiments on the same loci: what is paired, and how far they agree."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence as SequenceOf
from itertools import permutations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata

from creme.analysis.agreement import (
    check_tile_sizes,
    effect_agreement,
    paired_effects,
    paired_tracks,
)
from creme.analysis.categories import CONTEXTS, CRE_CLASSES
from creme.analysis.class_agreement import class_agreement, classes_of
from creme.analysis.comparison import _correlations, correlation
from creme.analysis.order_agreement import (
    order_agreement,
    overlap_by_chance,
    rank_biased_overlap,
)
from creme.errors import ConfigError

ONE = [("one", "one")]


def places(names, positions=None, strand="+"):
    return {
        "locus": list(names),
        "contig": ("locus", ["chr1"] * len(names)),
        "tss_position": ("locus", positions or [1000 * k for k in range(len(names))]),
        "strand": ("locus", [strand] * len(names)),
    }


def tiled(effects, names=None, *, size=100, first=-2, tracks=("one",), tss=1000, **config):
    """(locus, tile) effects of tiles of `size` bp, the TSS tile left out, from the first one on."""
    values = np.asarray(effects, dtype=float)
    values = values[..., None] * np.ones(len(tracks))
    numbers = [k for k in range(first, first + values.shape[1] + 1) if k != 0][: values.shape[1]]
    starts = np.array([tss - size // 2 + k * size for k in numbers])
    return xr.Dataset(
        {"effect": (("locus", "tile", "track"), values)},
        {
            **places(names or [f"L{k}" for k in range(len(values))]),
            "tile": np.arange(len(starts)),
            "track": list(tracks),
            "tile_start": ("tile", starts),
            "tile_end": ("tile", starts + size),
            "distance": ("tile", starts + size // 2 - tss),
        },
        {"test": "sufficiency", "configuration": json.dumps({"tile": size, **config})},
    )


def test_what_is_in_both_is_paired():
    random = np.random.default_rng(0)
    a = tiled(random.normal(size=(3, 4)))
    b = a.assign(effect=a["effect"] * 2)
    table, overlap = paired_effects(a, b, ONE)
    assert (overlap.loci, overlap.tiles, overlap.undefined) == (3, 12, 0)
    assert overlap.only_a == overlap.only_b == []
    assert overlap.tiles_only_a == overlap.tiles_only_b == 0
    np.testing.assert_allclose(table["b"], 2 * table["a"])
    assert sorted(table["a"]) == sorted(a["effect"].values.ravel())


def test_loci_and_tiles_of_one_only_are_counted():
    a = tiled(np.arange(12.0).reshape(3, 4), ["x", "y", "z"])
    # Another input length: the TSS is elsewhere in the sequence, and more tiles fit.
    b = tiled(np.arange(12.0).reshape(2, 6), ["w", "y"], first=-3, tss=5000)
    b["tss_position"].values[:] = [7, 1000]
    table, overlap = paired_effects(a, b, ONE)
    assert (overlap.only_a, overlap.only_b) == (["x", "z"], ["w"])
    assert (overlap.loci, overlap.tiles, overlap.tiles_only_a, overlap.tiles_only_b) == (1, 4, 0, 2)
    assert overlap.sentences("necessity") == [
        "necessity: 2 loci only in A: x, z.",
        "necessity: 1 locus only in B: w.",
        "necessity: 2 tiles of the common locus only in B.",
    ]
    by_distance = table.set_index("distance")
    assert by_distance["a"].to_dict() == {-200: 4, -100: 5, 100: 6, 200: 7}
    assert by_distance["b"].to_dict() == {-200: 7, -100: 8, 100: 9, 200: 10}


def test_the_same_name_elsewhere_is_another_locus():
    a, b = tiled(np.ones((2, 4))), tiled(np.ones((2, 4)))
    b["tss_position"].values[1] += 1
    overlap = paired_effects(a, b, ONE)[1]
    assert (overlap.loci, overlap.only_a, overlap.only_b) == (1, ["L1"], ["L1"])
    b["strand"].values[:] = "-"
    with pytest.raises(ConfigError, match=r"no locus .contig, TSS and strand. in common"):
        paired_effects(a, b, ONE)


def test_loci_of_other_names_are_paired_by_their_place():
    """Two annotations name genes and contigs in their own ways."""
    a = tiled(np.arange(20.0).reshape(5, 4), ["w", "x", "y", "z", "v"])
    a["tss_position"].values[:] = [0, 1000, 2000, 3000, 3000]
    # w is one in both; x is ENS1; y of B is elsewhere; ENS3 could be z or v.
    b = tiled(np.arange(16.0).reshape(4, 4), ["ENS3", "w", "ENS1", "y"])
    b["tss_position"].values[:] = [3000, 0, 1000, 2500]
    b["contig"] = ("locus", ["1"] * 4)
    table, overlap = paired_effects(a, b, ONE)
    assert overlap.renamed == [("x", "ENS1")]
    assert (overlap.loci, overlap.tiles) == (2, 8)
    assert (overlap.only_a, overlap.only_b) == (["v", "y", "z"], ["ENS3", "y"])
    values = {n: (p["a"].tolist(), p["b"].tolist()) for n, p in table.groupby("locus")}
    assert values == {"w": ([0, 1, 2, 3], [4, 5, 6, 7]), "x": ([4, 5, 6, 7], [8, 9, 10, 11])}
    assert set(table["contig"]) == {"chr1"}
    assert table.groupby("locus")["locus_b"].unique().map(list).to_dict() == {
        "w": ["w"],
        "x": ["ENS1"],
    }
    # The other strand is another TSS.
    b["strand"].values[:] = ["+", "+", "-", "+"]
    assert paired_effects(a, b, ONE)[1].renamed == []


def test_loci_on_no_contig_go_by_their_names():
    a, b = tiled(np.ones((2, 4)), ["x", "y"]), tiled(np.ones((2, 4)), ["x", "other"])
    for each in (a, b):
        each["contig"].values[:] = ""
        each["tss_position"].values[:] = 500
    overlap = paired_effects(a, b, ONE)[1]
    assert (overlap.loci, overlap.renamed) == (1, [])
    assert (overlap.only_a, overlap.only_b) == (["y"], ["other"])


def test_nan_is_left_out_and_counted():
    a, b = tiled(np.ones((2, 4))), tiled(np.ones((2, 4)))
    a["effect"].values[0, :2] = np.nan
    b["effect"].values[0, 1:3] = np.nan
    table, overlap = paired_effects(a, b, ONE)
    assert (len(table), overlap.undefined, overlap.tiles) == (5, 3, 8)


def test_tiles_that_loci_do_not_have_are_no_tiles():
    """Loci with different tiles are filled up with NaN where they are joined."""
    parts = [tiled(np.ones((1, n)), [f"L{n}"]) for n in (2, 4)]
    both = xr.concat(parts, "locus", join="outer", coords=["tile_start", "tile_end", "distance"])
    table, overlap = paired_effects(both, both, ONE)
    assert (overlap.loci, overlap.tiles, len(table), overlap.undefined) == (2, 6, 6, 0)


def test_different_tile_sizes_are_an_error():
    a = tiled(np.ones((1, 4)))
    with pytest.raises(ConfigError, match="A has a tile of 100 bp and B one of 50 bp"):
        paired_effects(a, tiled(np.ones((1, 4)), size=50), ONE)
    with pytest.raises(ConfigError, match="A has a TSS tile of 100 bp and B one of 60 bp"):
        paired_effects(a, tiled(np.ones((1, 4)), tss_tile=60), ONE)
    check_tile_sizes(a, tiled(np.ones((1, 4)), tss_tile=100))
    # Of chosen tiles the lengths are their own; those of one length and place are paired.
    chosen = tiled(np.ones((1, 4)), tiles=[[0, 1]])
    chosen["tile_end"].values[0] -= 10
    overlap = paired_effects(a, chosen, ONE)[1]
    assert (overlap.tiles, overlap.tiles_only_a, overlap.tiles_only_b) == (3, 1, 1)
    with pytest.raises(ConfigError, match="no tile of a locus in common"):
        paired_effects(a, tiled(np.ones((1, 2)), first=5), ONE)


def test_tracks():
    def of(*names):
        return tiled(np.ones((1, 4)), tracks=names)

    assert paired_tracks(of("x"), of("y")) == [("x", "y")]
    assert paired_tracks(of("x", "y", "z"), of("z", "w", "x")) == [("x", "x"), ("z", "z")]
    assert paired_tracks(of("x", "y"), of("v", "w"), "y", "v") == [("y", "v")]
    assert paired_tracks(of("x", "y"), of("w"), "y") == [("y", "w")]
    assert paired_tracks(of("x", "y"), of("y", "w"), "y") == [("y", "y")]
    with pytest.raises(ConfigError, match="no track of the same name, x, y and v, w"):
        paired_tracks(of("x", "y"), of("v", "w"))
    with pytest.raises(ConfigError, match="A has no track 'z'; it has x, y"):
        paired_tracks(of("x", "y"), of("v", "w"), "z")
    with pytest.raises(ConfigError, match="choose a track of B too: it has v, w"):
        paired_tracks(of("x", "y"), of("v", "w"), "x")


def test_a_swap_into_the_own_context_is_left_out():
    names = ["x in x", "x in y", "y in x", "y in y"]
    swap = xr.Dataset(
        {"effect": (("locus", "track"), np.array([[0.0], [1], [2], [0]]))},
        {
            **places(names),
            "track": ["one"],
            "source": ("locus", ["x", "x", "y", "y"]),
            "target": ("locus", ["x", "y", "x", "y"]),
        },
    )
    table, overlap = paired_effects(swap, swap, ONE)
    assert table["a"].tolist() == [1, 2]
    assert (overlap.loci, overlap.tiles) == (2, 0)


def at_source(swap, where):
    """With the place of each swap's source, and its target's name."""
    return swap.assign_coords(tss_position=("locus", [where[n] for n in swap["source"].values]))


def test_swaps_of_loci_with_other_names_are_paired_by_both():
    a = at_source(swaps(range(9), ["x", "y", "z"]), {"x": 10, "y": 20, "z": 30})
    b = at_source(swaps(range(9), ["y", "ENS1", "z"]), {"y": 20, "ENS1": 10, "z": 31})
    table, overlap = paired_effects(a, b, ONE)
    assert overlap.renamed == [("x", "ENS1")]
    got = {
        row.locus: (row.source, row.target, row.locus_b, row.a, row.b) for row in table.itertuples()
    }
    assert got == {"x in y": ("x", "y", "ENS1 in y", 1, 3), "y in x": ("y", "x", "y in ENS1", 3, 1)}
    # z has another TSS in B: nothing into it or out of it is the same.
    assert overlap.only_a == ["x in z", "y in z", "z in x", "z in y"]
    assert set(overlap.only_b) == {"x in z (1:31:+)", "y in z (1:31:+)", "z in x", "z in y"}


def correlations(a, b, **options):
    table, _ = paired_effects(a, b, [(n, n) for n in a["track"].values])
    found = effect_agreement(table, **options)
    return {(r["track_a"], r["method"]): r for r in found.to_dict("records")}


def test_correlations_are_scipys():
    from scipy.stats import pearsonr, spearmanr

    random = np.random.default_rng(3)
    effects = random.normal(size=(20, 6))
    a, b = tiled(effects), tiled(np.exp(effects) + random.normal(size=effects.shape))
    got = correlations(a, b, resamples=200)
    flat = a["effect"].values.ravel(), b["effect"].values.ravel()
    pearson, spearman = got["one", "pearson"], got["one", "spearman"]
    assert pearson["correlation"] == pytest.approx(pearsonr(*flat).statistic)
    assert spearman["correlation"] == pytest.approx(spearmanr(*flat).statistic)
    for row in (pearson, spearman):
        assert row["low"] < row["correlation"] < row["high"]
        assert (row["loci"], row["n"]) == (20, 120)
    assert got == correlations(a, b, resamples=200)
    assert got != correlations(a, b, resamples=200, seed=1)


def repeated(values, times):
    """The slow way: each row as often as it was drawn."""
    rows = np.repeat(values, np.asarray(times, dtype=int), axis=0)
    if len(rows) < 2 or (rows == rows[0]).all(axis=0).any():
        return {"pearson": np.nan, "spearman": np.nan}
    ranks = np.stack([rankdata(column) for column in rows.T], axis=1)
    return {
        "pearson": np.corrcoef(rows, rowvar=False)[0, 1],
        "spearman": np.corrcoef(ranks, rowvar=False)[0, 1],
    }


@given(
    st.lists(
        st.tuples(
            st.sampled_from([-2.0, 0.1, 0.3, 1.0, 1.7]),
            st.sampled_from([0.0, 0.25, 0.3, 5.0]),
            st.lists(st.integers(0, 3), min_size=4, max_size=4),
        ),
        min_size=1,
        max_size=12,
    )
)
def test_weighted_correlations_are_those_of_repeated_rows(rows):
    values = np.array([row[:2] for row in rows])
    weights = np.array([row[2] for row in rows], dtype=float).T
    weights = weights[weights.sum(axis=1) > 0]
    for method in ("pearson", "spearman"):
        got = _correlations(values, weights, method)
        want = [repeated(values, times)[method] for times in weights]
        np.testing.assert_allclose(got, want, atol=1e-9)


def test_a_correlation_far_from_zero_keeps_its_digits():
    random = np.random.default_rng(5)
    x = random.normal(size=(200, 2))
    table = pd.DataFrame({"locus": np.arange(200) // 4, "x": x[:, 0], "y": x[:, 0] + x[:, 1]})
    for method in ("pearson", "spearman"):
        plain = correlation(table, "x", "y", method=method, resamples=200)
        moved = correlation(
            table.assign(x=table["x"] + 1e6, y=table["y"] - 1e5),
            "x",
            "y",
            method=method,
            resamples=200,
        )
        for key in ("correlation", "low", "high"):
            assert moved[key] == pytest.approx(plain[key], abs=1e-7)


def swaps(values, names):
    n = len(names)
    units = [f"{a} in {b}" for a in names for b in names]
    return xr.Dataset(
        {"effect": (("locus", "track"), np.asarray(values, float).reshape(n * n, 1))},
        {
            **places(units),
            "track": ["one"],
            "source": ("locus", [a for a in names for _ in names]),
            "target": ("locus", [b for _ in names for b in names]),
        },
    )


def test_draws_without_a_swap_are_left_out():
    """One locus alone may be drawn, and its swap into itself is no row."""
    names = ["x", "y", "z"]
    a = swaps(np.random.default_rng(1).normal(size=9), names)
    table, _ = paired_effects(a, a.assign(effect=a["effect"] ** 3), ONE)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        got = effect_agreement(table, resamples=300)
    assert np.isfinite(got[["correlation", "low", "high"]].to_numpy()).all()
    none = np.zeros((1, 3))
    for method in ("pearson", "spearman"):
        assert np.isnan(_correlations(np.arange(6.0).reshape(3, 2), none, method)).all()


def test_swaps_are_drawn_by_both_of_their_loci():
    """What two models share of each source makes swaps of one source alike."""
    random = np.random.default_rng(6)
    names = [f"g{k}" for k in range(15)]
    own = random.normal(size=(15, 1))
    a, b = (swaps(own + 0.3 * random.normal(size=(15, 15)), names) for _ in range(2))
    table, _ = paired_effects(a, b, ONE)
    assert len(table) == 15 * 14
    assert table["source"].nunique() == table["target"].nunique() == 15
    for method in ("pearson", "spearman"):
        got = correlations(a, b, resamples=1000)["one", method]
        assert (got["loci"], got["n"]) == (15, 210)
        # By pairs, as if they were 210 loci, the interval would be far too narrow.
        pairs = correlation(table, "a", "b", method=method, resamples=1000)
        assert got["high"] - got["low"] > 2 * (pairs["high"] - pairs["low"])
        # The slow way: weights are products.
        draws = []
        for _ in range(400):
            times = np.bincount(random.integers(0, 15, 15), minlength=15)
            number = {name: times[k] for k, name in enumerate(names)}
            weights = table["source"].map(number) * table["target"].map(number)
            draws.append(repeated(table[["a", "b"]].to_numpy(), weights)[method])
        low, high = np.nanpercentile(draws, [2.5, 97.5])
        assert got["low"] == pytest.approx(low, abs=0.04)
        assert got["high"] == pytest.approx(high, abs=0.04)


def test_identical_and_monotone_effects():
    random = np.random.default_rng(4)
    a = tiled(random.normal(size=(5, 6)))
    for method in ("pearson", "spearman"):
        row = correlations(a, a, resamples=50)["one", method]
        np.testing.assert_allclose([row[k] for k in ("correlation", "low", "high")], 1)
    monotone = correlations(a, a.assign(effect=a["effect"] ** 3), resamples=50)
    assert monotone["one", "spearman"]["correlation"] == pytest.approx(1)
    assert monotone["one", "pearson"]["correlation"] < 0.95
    opposite = correlations(a, a.assign(effect=-a["effect"]), resamples=50)
    assert opposite["one", "pearson"]["high"] == pytest.approx(-1)


def test_constant_effects_have_no_correlation():
    a, b = tiled(np.full((3, 4), 0.1)), tiled(np.arange(12.0).reshape(3, 4))
    for row in correlations(a, b, resamples=20).values():
        assert np.isnan([row["correlation"], row["low"], row["high"]]).all()


def test_the_method_of_a_correlation():
    table = pd.DataFrame({"locus": [0, 0, 1, 1], "x": [1.0, 2, 3, 10], "y": [1.0, 2, 3, 4]})
    both = [correlation(table, "x", "y", method=m, resamples=5) for m in ("spearman", "pearson")]
    assert both[0]["correlation"] == pytest.approx(1)
    assert both[1]["correlation"] == pytest.approx(np.corrcoef(table.x, table.y)[0, 1])


def looped_kappa(a, b):
    n, names = len(a), set(a) | set(b)
    observed = sum(x == y for x, y in zip(a, b, strict=True)) / n
    expected = sum((a.count(k) / n) * (b.count(k) / n) for k in names)
    return (observed - expected) / (1 - expected) if expected < 1 else np.nan


labels = st.lists(
    st.tuples(st.sampled_from(["p", "q", ""]), st.sampled_from(["p", "q", ""])),
    min_size=1,
    max_size=25,
)


@given(labels)
def test_kappa_against_plain_loops(rows):
    a, b = (list(column) for column in zip(*rows, strict=True))
    got = class_agreement(a, b, range(len(a)), ["p", "q"], resamples=1)
    np.testing.assert_allclose(got.kappa, looped_kappa(a, b), atol=1e-12)
    assert got.agreement == pytest.approx(np.mean([x == y for x, y in rows]))
    assert got.n == len(rows)
    for x, y in permutations(["p", "q", "none"], 2):
        plain = (x.replace("none", ""), y.replace("none", ""))
        assert got.counts.loc[x, y] == rows.count(plain)
    swapped = class_agreement(b, a, range(len(a)), ["p", "q"], resamples=1)
    np.testing.assert_allclose(swapped.kappa, got.kappa)
    assert swapped.counts.equals(got.counts.T)


def test_kappa_against_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    random = np.random.default_rng(5)
    a = random.choice([*CRE_CLASSES, ""], 200)
    b = np.where(random.random(200) < 0.5, a, random.choice([*CRE_CLASSES, ""], 200))
    got = class_agreement(a, b, np.arange(200) // 5, CRE_CLASSES, resamples=500)
    assert got.kappa == pytest.approx(metrics.cohen_kappa_score(a, b))
    assert got.low < got.kappa < got.high
    table = metrics.confusion_matrix(a, b, labels=[*CRE_CLASSES, ""])
    np.testing.assert_array_equal(got.counts, table)


def test_kappa_of_the_same_of_chance_and_of_one_class():
    same = class_agreement(["p", "q", ""], ["p", "q", ""], list("abc"), ["p", "q"], resamples=50)
    assert same.kappa == same.agreement == same.high == 1
    # Independent by design: each of the four cells alike.
    a, b = ["p", "p", "q", "q"] * 10, ["p", "q", "p", "q"] * 10
    chance = class_agreement(a, b, range(40), ["p", "q"], resamples=300)
    assert chance.kappa == 0
    assert chance.low < 0 < chance.high
    one = class_agreement(["p"] * 4, ["p"] * 4, range(4), ["p", "q"], resamples=10)
    assert np.isnan([one.kappa, one.low, one.high]).all()
    assert one.agreement == 1
    assert np.isnan(class_agreement(["p"], ["p"], ["x"], ["p"], resamples=10).low)
    with pytest.raises(ConfigError, match="no class r"):
        class_agreement(["p"], ["r"], ["x"], ["p", "q"])


def test_tiles_of_a_locus_are_drawn_together():
    random = np.random.default_rng(6)
    a = random.choice(["p", "q"], 20)
    b = np.where(random.random(20) < 0.7, a, "p")
    by_locus = class_agreement(
        np.repeat(a, 12), np.repeat(b, 12), np.repeat(range(20), 12), ["p", "q"], seed=1
    )
    single = class_agreement(a, b, range(20), ["p", "q"], seed=1)
    assert (by_locus.low, by_locus.high) == pytest.approx((single.low, single.high))
    by_tile = class_agreement(np.repeat(a, 12), np.repeat(b, 12), range(240), ["p", "q"], seed=1)
    assert by_locus.high - by_locus.low > 2 * (by_tile.high - by_tile.low)


def test_classes_of_tests():
    values, names = classes_of("context_dependence", [0.99, 0.1, -0.9, 0.5])
    assert values.tolist() == ["enhancing", "neutral", "silencing", ""]
    assert names == CONTEXTS
    values, names = classes_of("sufficiency", [0.6, 0.4, 0.0, -0.9], weak=0.3)
    assert values.tolist() == ["strong enhancer", "weak enhancer", "", "strong silencer"]
    assert names == CRE_CLASSES
    assert classes_of("necessity", [0.6]) == (None, ())


def summed_overlap(a, b, p, terms=2000):
    """The infinite sum itself, with the last agreement going on for ever."""
    depth = min(len(a), len(b))
    total = 0.0
    for d in range(1, terms):
        k = min(d, depth)
        total += (1 - p) * p ** (d - 1) * len(set(a[:k]) & set(b[:k])) / k
    return total


orders = st.permutations(range(7)).flatmap(
    lambda order: st.integers(1, 7).map(lambda n: tuple(order[:n]))
)


@given(orders, orders, st.sampled_from([0.5, 0.9, 0.98]))
def test_rank_biased_overlap_is_the_sum(a, b, p):
    got = rank_biased_overlap(a, b, p)
    assert got == pytest.approx(summed_overlap(a, b, p), abs=1e-9)
    assert got == pytest.approx(rank_biased_overlap(b, a, p))
    assert -1e-12 <= got <= 1 + 1e-12


def test_rank_biased_overlap_by_hand():
    assert rank_biased_overlap("abc", "abc") == pytest.approx(1)
    assert rank_biased_overlap("abc", "xyz") == 0
    # Half of the weight on the first place, a quarter on each of the rest: 0, 1, 1.
    assert rank_biased_overlap("ab", "ba", 0.5) == pytest.approx(0.5)
    first, last = rank_biased_overlap("abcd", "bacd"), rank_biased_overlap("abcd", "abdc")
    assert first < last < 1
    # The longer one is cut.
    assert rank_biased_overlap("abcdef", "abc") == pytest.approx(1)
    assert np.isnan(rank_biased_overlap("", "abc"))
    with pytest.raises(ConfigError, match="persistence = 1"):
        rank_biased_overlap("a", "a", 1)


def test_overlap_by_chance_is_the_mean_over_all_orders():
    items: SequenceOf[int] = range(5)
    other = [3, 4, 5, 6]
    for depth in (1, 3, 4):
        mean = np.mean(
            [
                rank_biased_overlap(one[:depth], two[:depth], 0.8)
                for one in permutations(items)
                for two in permutations(other)
            ]
        )
        assert overlap_by_chance(depth, 5, 4, 2, 0.8) == pytest.approx(mean)


def greedy(selected, names=None, **options):
    """(locus, round) places of tiles."""
    chosen = np.asarray(selected, dtype=float)
    results = tiled(np.zeros((len(chosen), 6)), names, first=-3, **options).drop_vars("effect")
    dims = ("locus", "search", "round", "track")
    return results.assign_coords(
        search=["enhancers"], selected=(dims, chosen[:, None, :, None])
    ).assign(tile_fold_change=(dims, np.zeros(chosen[:, None, :, None].shape)))


def test_greedy_orders():
    a, b = greedy([[0, 1, 2], [3, 4, 5]]), greedy([[0, 1, 2], [3, 5, 0]])
    table, overlap = order_agreement(a, b, ONE, resamples=100)
    (row,) = table.to_dict("records")
    expected = (1 + rank_biased_overlap([3, 4, 5], [3, 5, 0])) / 2
    assert row["overlap"] == pytest.approx(expected)
    assert row["low"] == pytest.approx(rank_biased_overlap([3, 4, 5], [3, 5, 0]))
    assert row["high"] == pytest.approx(1)
    assert row["first"] == 1
    assert (row["loci"], row["rounds"]) == (2, "3")
    assert row["chance"] == pytest.approx(overlap_by_chance(3, 6, 6, 6))
    assert (overlap.loci, overlap.tiles) == (2, 12)
    assert order_agreement(a, b, ONE, resamples=100)[0].equals(table)


def test_greedy_orders_are_of_places_and_not_of_numbers():
    """More tiles fit into a longer input, and so the same tile has another number."""
    a = greedy([[0, 1, 2]])
    b = tiled(np.zeros((1, 8)), first=-4, tss=9000).drop_vars("effect")
    dims = ("locus", "search", "round", "track")
    b = b.assign_coords(
        search=["enhancers"], selected=(dims, np.array([1, 2, 3]).reshape(1, 1, 3, 1))
    )
    (row,) = order_agreement(a, b, ONE, resamples=5)[0].to_dict("records")
    assert row["overlap"] == pytest.approx(1)
    assert row["chance"] == pytest.approx(overlap_by_chance(3, 6, 8, 6))
    overlap = order_agreement(a, b, ONE, resamples=5)[1]
    assert (overlap.tiles, overlap.tiles_only_a, overlap.tiles_only_b) == (6, 0, 2)


def test_searches_that_end_early_are_cut():
    a = greedy([[0, 1, 2], [3, 4, np.nan]])
    b = greedy([[0, 1, np.nan], [3, 4, 5]])
    (row,) = order_agreement(a, b, ONE, resamples=5)[0].to_dict("records")
    assert row["overlap"] == pytest.approx(1)
    assert row["rounds"] == "2"
    (mixed,) = order_agreement(a, a, ONE, resamples=5)[0].to_dict("records")
    assert mixed["rounds"] == "2-3"


def test_a_search_that_chose_nothing_has_no_order():
    a = greedy([[0, 1, 2], [np.nan] * 3, [3, 4, 5]])
    b = greedy([[0, 1, 2], [np.nan] * 3, [4, 3, 5]])
    (row,) = order_agreement(a, b, ONE, resamples=5)[0].to_dict("records")
    assert (row["loci"], row["rounds"], row["first"]) == (2, "3", 0.5)
    assert row["chance"] == pytest.approx(overlap_by_chance(3, 6, 6, 6))
    nothing = greedy([[np.nan] * 3])
    with pytest.raises(ConfigError, match="no search of a locus in common"):
        order_agreement(nothing, nothing, ONE)


def test_greedy_orders_need_the_same():
    a = greedy([[0, 1, 2]])
    other = greedy([[0, 1, 2]], ["other"])
    assert order_agreement(a, other, ONE)[1].renamed == [("L0", "other")]
    other["tss_position"].values[:] += 1
    with pytest.raises(ConfigError, match="no search of a locus in common"):
        order_agreement(a, other, ONE)
    with pytest.raises(ConfigError, match="tile of 100 bp"):
        order_agreement(a, greedy([[0, 1, 2]], size=50), ONE)
    with pytest.raises(ConfigError, match="no search of a locus in common"):
        order_agreement(a, a.assign_coords(search=["silencers"]), ONE)


def test_random_orders_overlap_as_by_chance():
    random = np.random.default_rng(8)
    a, b = (greedy([random.permutation(6)[:4] for _ in range(400)]) for _ in range(2))
    (row,) = order_agreement(a, b, ONE, resamples=2000, confidence=0.999)[0].to_dict("records")
    assert row["low"] < row["chance"] < row["high"]
    assert abs(row["first"] - 1 / 6) < 0.06
