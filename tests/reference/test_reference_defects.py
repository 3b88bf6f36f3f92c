"""Where the reference package is wrong, and ours is not.

Each test asserts its behaviour as it is, so that a mended reference shows, beside ours.
"""

from __future__ import annotations

import numpy as np
import pytest

from creme.perturbations.dinucleotide_shuffle import DinucleotideShuffle
from creme.runner.plan import prepare
from creme.runner.run import measure
from creme.sequence import Sequence
from creme.store import Store
from creme.suite.fine_tile import _windows
from creme.suite.higher_order import HigherOrder
from creme.tiling import Tiling
from position_model import PositionModel
from reference_common import (
    CODES,
    CRE,
    LOCUS,
    REPLICATES,
    TILE,
    TILES,
    TSS,
    Ours,
    ask,
    backgrounds,
    controls,
    key,
    tile_shuffles,
)

GAP = np.eye(4)[CODES[:300]]
GAP[100:110] = 0.25


@pytest.fixture(scope="module")
def theirs(tmp_path_factory):
    shuffles = {key(CODES): backgrounds(LOCUS)}
    for start, end in TILES:
        shuffles[key(CODES[start:end])] = tile_shuffles(start, end, len(TILES))
    few = {"num_shuffle": REPLICATES}
    sufficiency = {"tss_tile": TSS, "tiles": TILES, **few}
    plain = {"sequence_codes": CODES[:300]}
    calls = {
        "seed 0": ("dinuc_shuffle", None, {**plain, "seed": 0}),
        "seed 0 again": ("dinuc_shuffle", None, {**plain, "seed": 0}),
        "seed 1": ("dinuc_shuffle", None, {**plain, "seed": 1}),
        "seed 1 again": ("dinuc_shuffle", None, {**plain, "seed": 1}),
        "gap": ("dinuc_shuffle", None, {"sequence": GAP, "seed": 1}),
        "greedy": (
            "higher_order_interaction_test",
            CODES,
            {"cre_tiles_to_test": [list(t) for t in TILES], "optimization": "min", **few},
        ),
        "tile_seq": (
            "sufficiency_test",
            CODES,
            {**sufficiency, "tile_seq_codes": CODES[slice(*CRE)]},
        ),
        "return_seqs": (
            "sufficiency_test",
            CODES,
            {**sufficiency, "mean": False, "return_seqs": True},
        ),
        "exact fit": ("set_tile_range", None, {"L": 1000, "window": 200}),
        "leaves": (
            "prune_sequence",
            None,
            {
                "wt_seq_codes": CODES,
                "control_sequences_codes": controls(LOCUS),
                "mut": 1.0,
                "whole_tile_start": 300,
                "whole_tile_end": 500,
                "scales": [60],
                "thresholds": [1e9],
                "frac": 0.5,
                "N_batches": [1],
            },
        ),
        "leaves some out": (
            "prune_sequence",
            None,
            {
                "wt_seq_codes": CODES,
                "control_sequences_codes": controls(LOCUS),
                "mut": 1.0,
                "whole_tile_start": 300,
                "whole_tile_end": 500,
                "scales": [60],
                "thresholds": [1e9],
                "frac": 1.0,
                "N_batches": [1],
            },
        ),
    }
    return ask(tmp_path_factory.mktemp("defects"), {"calls": calls, "shuffles": shuffles})


def test_seed_0_is_ignored(theirs):
    assert np.array_equal(theirs["seed 1"], theirs["seed 1 again"])
    assert not np.array_equal(theirs["seed 0"], theirs["seed 0 again"])
    shuffle, sequence = DinucleotideShuffle(), Sequence(CODES[:300])
    assert shuffle(sequence, seed=0).digest == shuffle(sequence, seed=0).digest
    assert shuffle(sequence, seed=0).digest != shuffle(sequence, seed=1).digest


def test_an_n_becomes_a_base(theirs):
    assert (GAP == 0.25).any(axis=1).sum() == 10
    assert not (theirs["gap"] == 0.25).any()
    # Ten bases more than there were, all of them T: tokens of 0.25 rows are left at -1.
    gained = theirs["gap"].sum(axis=0) - (GAP == 1).sum(axis=0)
    assert gained.tolist() == [0, 0, 0, 10]
    codes = np.where(GAP.max(axis=1) == 1, GAP.argmax(axis=1), 4).astype(np.uint8)
    ours = DinucleotideShuffle()(Sequence(codes), seed=1).sequence.codes
    assert np.array_equal(np.bincount(ours, minlength=5), np.bincount(codes, minlength=5))


def test_the_callers_list_of_tiles_is_emptied(theirs, tmp_path):
    _, tiles_afterwards = theirs["greedy"]
    assert tiles_afterwards == []
    tiles = [tuple(tile) for tile in TILES]
    test = HigherOrder(tile=TILE, tiles=tiles, replicates=1, rounds=2, accept="all")
    with Store(tmp_path / "store") as store:
        measure(prepare([test], Ours(), [LOCUS]), store)
    assert tiles == [tuple(tile) for tile in TILES]
    assert test.tiles == tiles


def test_the_first_track_is_mixed_with_the_mean_over_tracks(theirs):
    rounds, _ = theirs["greedy"]
    wild = PositionModel().predict(np.eye(4)[CODES])
    np.testing.assert_allclose(rounds[0]["initial_pred"], wild.mean(), rtol=1e-6)
    preds = rounds[0]["preds"]  # of track 0: its fold change would be over all tracks
    mutant = CODES.copy()
    start, end = TILES[0]
    mutant[start:end] = tile_shuffles(start, end, 1)[0]
    one = PositionModel().predict(np.eye(4)[mutant])[0]
    np.testing.assert_allclose(preds[0, 0], one[:, 0].mean(), rtol=1e-6)
    assert abs(one[:, 0].mean() - one.mean()) > 0.01
    # Ours keeps tracks apart throughout: the comparison with the reference reads track 0.


def test_a_given_tile_sequence_cannot_be_used(theirs):
    assert "truth value of an array" in theirs["tile_seq"]


def test_returned_sequences_are_the_controls_of_the_last_tile(theirs):
    *_, sequences = theirs["return_seqs"]
    np.testing.assert_array_equal(sequences.argmax(axis=-1), controls(LOCUS))


def test_a_last_tile_that_fits_exactly_is_dropped(theirs):
    centre, others = theirs["exact fit"]
    assert centre == [400, 600]
    assert [list(map(int, tile)) for tile in others] == [[0, 200], [200, 400], [600, 800]]
    ours = Tiling.around(1000, 500, 200)
    assert [(tile.start, tile.end) for tile in ours][-1] == (800, 1000)
    assert len(ours) == 4


def test_pruning_windows_leave_the_tile_or_leave_bases_out(theirs):
    assert max(end for _, end in theirs["leaves"][60]["insert_coords"]) == 510
    assert max(end for _, end in theirs["leaves some out"][60]["insert_coords"]) == 480
    whole = np.ones(200, bool)
    for step in (30, 60):
        windows = list(_windows(whole, 60, step))
        assert max(end for _, end in windows) == 200
        assert set(range(200)) == {at for start, end in windows for at in range(start, end)}


def test_the_skip_of_removed_windows_compares_single_ends():
    # `test_coord not in all_removed_tiles` is true only if no removed window has the same start,
    # or the same end. All windows of a stage are of one length, so this does not show in results;
    # ours compares whole windows, and cuts the last ones.
    removed = np.array([[300.0, 350.0]])
    assert [300, 400] in removed
    assert [250, 350] in removed
    assert [250, 300] not in removed
    assert list(_windows(np.ones(100, bool), 60, 50)) == [(0, 60), (50, 100)]
