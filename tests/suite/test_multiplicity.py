"""The multiplicity test, against plain loops."""

from __future__ import annotations

import numpy as np
import pytest

from creme.errors import ConfigError
from creme.kernels.shuffle import dinucleotide_shuffles
from creme.seeds import derive
from creme.suite.distance import Distance
from creme.suite.multiplicity import Multiplicity
from toy import activity, run, toy_loci

TILES = [(100, 300), (2000, 2200)]
STARTS = [100, 300, 500, 700, 1300, 1500, 1700, 1900, 2100]


def backgrounds(locus, replicates, seed):
    wild = locus.sequence.codes
    out = []
    for k in range(replicates):
        (codes,) = dinucleotide_shuffles(wild, [derive(seed, locus.key, "background", k)])
        codes[1100:1300] = wild[1100:1300]
        out.append(codes)
    return out


def greedy(locus, tile, track, highest, copies, replicates, seed):
    """Copies placed one after the other: (start, fold change of each replicate)."""
    start, end = tile
    bases = locus.sequence.codes[start:end]
    states = backgrounds(locus, replicates, seed)

    def with_copy(codes, at):
        codes = codes.copy()
        codes[at : at + len(bases)] = bases
        return codes

    control = [activity(with_copy(codes, start))[track] for codes in states]
    free, trace = list(STARTS), []
    for _ in range(copies):
        seen = {at: [activity(with_copy(c, at))[track] for c in states] for at in free}
        chosen = (max if highest else min)(free, key=lambda at: np.mean(seen[at]))
        trace.append((chosen, np.divide(seen[chosen], control)))
        states = [with_copy(codes, chosen) for codes in states]
        free.remove(chosen)
    return trace


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    loci = toy_loci(2)
    # The TSS tile is [1100, 1300): 5 tiles of 200 bp to its left, and 5 to its right.
    test = Multiplicity(tile=200, tiles=TILES, positions=STARTS, copies=3, replicates=2, seed=6)
    return loci, *run(test, loci, tmp_path_factory.mktemp("multiplicity"))


def test_copies_go_where_they_do_most(measured):
    loci, got, _ = measured
    for locus in loci:
        for number, tile in enumerate(TILES):
            for search in ("enhancers", "silencers"):
                for track, name in enumerate(("one", "two")):
                    one = got.sel(locus=locus.name, search=search, track=name).isel(tile=number)
                    expected = greedy(locus, tile, track, search == "enhancers", 3, 2, 6)
                    starts = got.position_start.values[one.selected.values]
                    assert starts.tolist() == [at for at, _ in expected]
                    assert one.selected_start.values.tolist() == starts.tolist()
                    changes = np.array([change for _, change in expected])
                    np.testing.assert_allclose(one.fold_change_replicates, changes, rtol=1e-5)
                    np.testing.assert_allclose(one.fold_change, changes.mean(axis=1), rtol=1e-5)


def test_controls(measured):
    loci, got, _ = measured
    for locus in loci:
        one = got.sel(locus=locus.name)
        for k, codes in enumerate(backgrounds(locus, 2, 6)):
            np.testing.assert_allclose(one.tss_control[k], activity(codes), rtol=1e-5)
            for tile, (start, end) in enumerate(TILES):
                placed = codes.copy()
                placed[start:end] = locus.sequence.codes[start:end]
                np.testing.assert_allclose(one.control[tile, k], activity(placed), rtol=1e-5)


def test_a_taken_position_is_no_candidate(measured):
    _, got, _ = measured
    missing = np.isnan(got.placed).all("replicate").sum("position")
    assert (missing == missing["copy"]).all()
    assert got.copies.values.tolist() == [1, 2, 3]


def test_the_first_copy_is_the_distance_test(measured, tmp_path):
    loci, got, _ = measured
    distance, _ = run(
        Distance(tile=200, tiles=TILES, positions=STARTS, replicates=2, seed=6), loci, tmp_path
    )
    first = got.placed.isel(copy=0, search=0).transpose(*distance.moved.dims)
    np.testing.assert_array_equal(first, distance.moved)


def test_all_positions_of_the_tiling_unless_given(tmp_path):
    test = Multiplicity(tile=400, tiles=[(200, 600)], copies=4, replicates=1)
    got, _ = run(test, toy_loci(1), tmp_path)
    assert got.position_start.values.tolist() == [200, 600, 1400, 1800]
    assert sorted(got.selected.values[0, 0, 0, :, 0].tolist()) == [0, 1, 2, 3]
    # All four copies in place: both searches, and all tracks, end at the same sequence.
    last = got.fold_change.isel(copy=3)
    np.testing.assert_array_equal(last.sel(search="enhancers"), last.sel(search="silencers"))


def test_copies_and_positions_are_checked():
    (locus,) = toy_loci(1)
    with pytest.raises(ConfigError, match="copies = 5: there are only 4 positions"):
        Multiplicity(tile=400, copies=5).size(locus)
    with pytest.raises(ConfigError, match="100 and 300: copies of 400 bp there would overlap"):
        Multiplicity(tile=400, positions=[300, 100], copies=2).size(locus)
    with pytest.raises(ConfigError, match="copies = 0 is not allowed"):
        Multiplicity(copies=0)
    Multiplicity(tile=400, copies=4).size(locus)
