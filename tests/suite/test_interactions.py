"""Interactions of tiles, against plain loops; its cost, its shared shuffles, its resumption."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from creme.analysis.epistasis import contrast
from creme.runner.plan import prepare
from creme.runner.run import measure
from creme.store import Store
from creme.suite.interactions import Interactions
from creme.suite.necessity import Necessity
from toy import MODEL, activity, run, toy_loci

LOCI = toy_loci(2)
REPLICATES = 3


def create(**changes):
    return Interactions(
        **{"tile": 200, "replicates": REPLICATES, "seed": 2, "strongest": 4, **changes}
    )


def mutant(test, locus, tiles, replicate):
    codes = locus.sequence.codes.copy()
    for tile in tiles:
        (one,) = test.shuffles(locus.sequence, tile, locus, replicates=[replicate])
        codes[tile.start : tile.end] = one.sequence.codes[tile.start : tile.end]
    return codes


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    return run(create(combine="all"), LOCI, tmp_path_factory.mktemp("interactions"))


def test_subsets_of_the_strongest_are_lost_together(measured):
    got, progress = measured
    test = create()
    assert got["combination"].values.tolist() == sorted(
        range(1, 16), key=lambda mask: (mask.bit_count(), mask)
    )
    for locus in LOCI:
        one = got.sel(locus=locus.name)
        tiles = list(test.tiling(locus))
        members = [tiles[int(at)] for at in one["member_tile"].values]
        assert [tile.start for tile in members] == one["member_start"].values.tolist()
        wild = activity(locus.sequence.codes)
        for mask in (1, 6, 13, 15):
            chosen = [tile for bit, tile in enumerate(members) if mask >> bit & 1]
            for k in range(REPLICATES):
                np.testing.assert_allclose(
                    one["combined"].sel(combination=mask)[k],
                    activity(mutant(test, locus, chosen, k)),
                    rtol=1e-5,
                )
        for place, (a, b) in enumerate(combinations(range(4), 2)):
            assert (one["pair_first"][place], one["pair_second"][place]) == (a, b)
            for k in range(REPLICATES):
                alone, other, both = (
                    activity(mutant(test, locus, [members[n] for n in chosen], k))
                    for chosen in ([a], [b], [a, b])
                )
                logs = [np.log2(x + 0.01 * wild) for x in (wild, alone, other, both)]
                np.testing.assert_allclose(
                    one["epistasis_replicates"][place, k],
                    logs[0] - logs[1] - logs[2] + logs[3],
                    atol=1e-4,
                )
                np.testing.assert_allclose(
                    one["additive_epistasis_replicates"][place, k],
                    (wild - alone - other + both) / wild,
                    atol=1e-4,
                )
    np.testing.assert_allclose(got["epistasis"], got["epistasis_replicates"].mean("replicate"))
    assert progress.asked == prepare([create(combine="all")], MODEL, LOCI).size()


def test_the_strongest_have_the_largest_effects(measured):
    got, _ = measured
    for locus in LOCI:
        one = got.sel(locus=locus.name)
        logs = np.log2(one["shuffled"] + 0.01 * one["wild_type"]) - np.log2(1.01 * one["wild_type"])
        size = abs(logs.mean("replicate")).max("track").values
        # No effect of the toy is significant among ten tiles with three shuffles each.
        assert set(np.argsort(-size)[:4]) == set(one["member_tile"].values.astype(int))


def test_eight_tiles_cost_36_shuffles_a_replicate_and_singles_are_necessitys(tmp_path):
    tiles = [(at, at + 100) for at in (0, 200, 400, 600, 1500, 1700, 1900, 2100)]
    pairs = create(tiles=tiles, tss_tile=200, strongest=8)
    every = create(tiles=tiles, tss_tile=200, strongest=8, combine="all")
    assert pairs.size(LOCI[0]) == 36 * REPLICATES + 1
    assert every.size(LOCI[0]) == 255 * REPLICATES + 1
    necessity = Necessity(tile=200, replicates=REPLICATES, seed=2)
    with Store(tmp_path / "store") as store:
        measure(prepare([necessity], MODEL, LOCI[:1]), store)
        after = measure(prepare([create()], MODEL, LOCI[:1]), store)
    assert after.progress.predicted == 6 * REPLICATES  # the pairs alone
    assert after.progress.asked == 1 + (10 + 6) * REPLICATES


def test_of_many_tiles_subsets_are_sampled(tmp_path):
    test = create(strongest=9, combine="all", orders=2, replicates=2)
    got, progress = run(test, LOCI[:1], tmp_path)
    assert progress.asked == test.size(LOCI[0])
    orders = got["order_of_loss"].isel(locus=0).values.astype(int)
    assert orders.shape == (4, 9)
    np.testing.assert_array_equal(orders[0], orders[1][::-1])
    assert all(sorted(order) == list(range(9)) for order in orders.tolist())
    masks = set(got["combination"].values.tolist())
    for order in orders.tolist():
        assert {sum(1 << n for n in order[:count]) for count in range(1, 10)} <= masks
    assert {1 << a | 1 << b for a, b in combinations(range(9), 2)} <= masks


class _Killed(Exception):
    pass


def test_killed_and_resumed_it_gives_the_same(measured, tmp_path):
    got, _ = measured

    def kill(progress):
        if progress.predicted > 20:
            raise _Killed

    plan = prepare([create(combine="all")], MODEL, LOCI)
    with Store(tmp_path / "store") as store, pytest.raises(_Killed):
        measure(plan, store, on_progress=kill)
    with Store(tmp_path / "store") as store:
        again = measure(prepare([create(combine="all")], MODEL, LOCI), store)
    whole = plan.size()
    assert whole is not None
    assert 0 < again.progress.predicted < whole
    resumed = again.datasets["interactions"]
    resumed.attrs.pop("compared_with_store", None)
    got.attrs.pop("compared_with_store", None)
    assert resumed.drop_attrs(deep=False).identical(got.drop_attrs(deep=False))


def test_a_contrast_takes_away_a_lucky_shuffle():
    wild = np.array([10.0])
    lucky = np.array([[1.0], [4.0], [2.0]])  # three shuffles of a tile, of very different activity
    together = contrast(wild, lucky, np.array([[5.0]]), lucky * 0.5, "log")
    np.testing.assert_allclose(together, 0, atol=1e-12)
