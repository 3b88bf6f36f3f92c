"""The distance test, against plain loops."""

from __future__ import annotations

import numpy as np
import pytest

from creme.errors import ConfigError
from creme.kernels.shuffle import dinucleotide_shuffles
from creme.seeds import derive
from creme.suite.distance import Distance
from toy import activity, run, toy_loci

TILES = [(200, 600), (1800, 2200)]


def test_fold_change_over_control(tmp_path):
    loci = toy_loci(2)
    test = Distance(tile=400, tiles=TILES, replicates=3, seed=9)
    got, progress = run(test, loci, tmp_path)
    assert test.size(loci[0]) == 1 + 2 * 5 * 3
    assert progress.asked == 2 * (1 + 2 * 5 * 3)
    # Each tile is its own control where it stands: 2 of 4 positions, 3 replicates, 2 loci less.
    assert progress.predicted == progress.asked - 2 * 2 * 3
    assert got.position_start.values.tolist() == [200, 600, 1400, 1800]
    assert got.position_distance.values.tolist() == [-800, -400, 400, 800]
    for locus in loci:
        wild = locus.sequence.codes
        for tile, (start, end) in enumerate(TILES):
            changes = np.empty((4, 3, 2))
            for k in range(3):
                seed = derive(9, locus.key, "background", k)
                (background,) = dinucleotide_shuffles(wild, [seed])
                background[1000:1400] = wild[1000:1400]
                control = background.copy()
                control[start:end] = wild[start:end]
                for place, at in enumerate((200, 600, 1400, 1800)):
                    moved = background.copy()
                    moved[at : at + 400] = wild[start:end]
                    changes[place, k] = activity(moved) / activity(control)
            one = got.sel(locus=locus.name).isel(tile=tile)
            np.testing.assert_allclose(one.fold_change_replicates, changes, rtol=1e-5)
            np.testing.assert_allclose(one.fold_change, changes.mean(axis=1), rtol=1e-5)
            std = changes.std(axis=1, ddof=1)
            np.testing.assert_allclose(one.fold_change_se, std / np.sqrt(3), rtol=1e-4, atol=1e-6)


def test_at_its_own_position_the_fold_change_is_one(tmp_path):
    got, _ = run(Distance(tile=400, replicates=2), toy_loci(1), tmp_path)
    assert got.sizes["tile"] == got.sizes["position"] == 4
    own = got.fold_change_replicates.values[0][np.arange(4), np.arange(4)]
    assert (own == 1).all()
    assert not (got.fold_change_replicates.values[0, 0, 1:] == 1).any()


def test_tiles_of_each_locus(tmp_path):
    test = Distance(tile=400, tiles={"locus1": [(300, 700)]}, replicates=1, positions=[0, 2000])
    got, _ = run(test, toy_loci(3), tmp_path)
    assert got.locus.values.tolist() == ["locus1"]
    assert got.tile_start.values.tolist() == [300]
    assert got.position_distance.values.tolist() == [-1000, 1000]


@pytest.mark.parametrize(
    ("positions", "message"),
    [
        ([700], r"positions has 700: a tile there would overlap the TSS tile \[1000, 1400\)"),
        ([1399], "overlap the TSS tile"),
        ([-1], "starts between 0 and 2000"),
        ([2001], "starts between 0 and 2000"),
        ([0, 0], "positions has 0 twice"),
    ],
)
def test_positions_are_checked(positions, message):
    with pytest.raises(ConfigError, match=message):
        Distance(tile=400, positions=positions).size(toy_loci(1)[0])


def test_positions_may_touch_the_tss_tile(tmp_path):
    test = Distance(tile=400, tiles=[(0, 400)], positions=[600, 1400], replicates=1)
    got, _ = run(test, toy_loci(1), tmp_path)
    assert np.isfinite(got.fold_change).all()


def test_tiles_have_the_length_that_positions_are_for():
    with pytest.raises(ConfigError, match=r"\[0, 300\) of 300 bp: .* as long as tile = 400"):
        Distance(tile=400, tiles=[(0, 300)]).size(toy_loci(1)[0])


def test_tiles_of_an_unknown_locus():
    with pytest.raises(ConfigError, match=r"tiles names locus 'locus7'.*did you mean"):
        Distance(tiles={"locus7": [(0, 400)]}).units(toy_loci(2))
