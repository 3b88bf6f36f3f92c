"""Every function of the reference package (creme-nn 0.2.5) against ours, on the same shuffles.

The reference installs the same import name, so it runs in an environment of its own: `make
test-reference` makes one and sets ``CREME_REFERENCE_PYTHON`` to its interpreter.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from creme.model import Readout
from creme.runner.plan import prepare
from creme.runner.run import measure
from creme.store import Store
from creme.suite.context_dependence import ContextDependence
from creme.suite.context_swap import ContextSwap
from creme.suite.distance import Distance
from creme.suite.fine_tile import FineTile
from creme.suite.higher_order import HigherOrder
from creme.suite.multiplicity import Multiplicity
from creme.suite.necessity import Necessity
from creme.suite.sufficiency import Sufficiency
from position_model import PositionModel
from reference_common import (
    CLOSE,
    CODES,
    CRE,
    LENGTH,
    LOCUS,
    OTHER,
    REPLICATES,
    SEED,
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

PRUNED = {
    # tile, kind, and thresholds on the activity left; sub-tiles of 50, then 10 bp, one at a time
    "enhancer": ([300, 500], [0.97, 0.95]),
    "silencer": ([1100, 1300], [1.03, 1.05]),
}
WINDOWS = [50, 10]


def whole_prediction(tile: list[int]) -> float:
    mutants = controls(LOCUS)
    mutants[:, slice(*tile)] = CODES[slice(*tile)]
    return float(PositionModel().predict(np.eye(4)[mutants]).mean())


def pruning(tile: list[int], thresholds: list[float], kind: str, **changes: Any) -> tuple:
    arguments = {
        "wt_seq_codes": CODES,
        "control_sequences_codes": controls(LOCUS),
        "mut": whole_prediction(tile),
        "whole_tile_start": tile[0],
        "whole_tile_end": tile[1],
        "scales": WINDOWS,
        "thresholds": thresholds,
        "frac": 1.0,
        "N_batches": [1, 1],
        "cre_type": kind,
    }
    return ("prune_sequence", None, {**arguments, **changes})


def jobs() -> dict[str, Any]:
    shuffles = {key(CODES): backgrounds(LOCUS)}
    for start, end in TILES:
        shuffles[key(CODES[start:end])] = tile_shuffles(start, end, len(TILES))
    few = {"num_shuffle": REPLICATES}
    calls = {
        "context_dependence": (
            "context_dependence_test",
            CODES,
            {"tile_pos": TSS, "mean": False, **few},
        ),
        "context_swap": (
            "context_swap_test",
            None,
            {"x_source_codes": CODES, "x_target_codes": OTHER.sequence.codes, "tile_pos": TSS},
        ),
        "necessity": ("necessity_test", CODES, {"tiles": TILES, "mean": False, **few}),
        "sufficiency": (
            "sufficiency_test",
            CODES,
            {"tss_tile": TSS, "tiles": TILES, "mean": False, **few},
        ),
        "distance": (
            "distance_test",
            CODES,
            {
                "tile_fixed_coord": TSS,
                "tile_var_coord": CRE,
                "test_positions": [start for start, _ in TILES],
                "mean": False,
                **few,
            },
        ),
        **{
            f"higher_order {way}": (
                "higher_order_interaction_test",
                CODES,
                {"cre_tiles_to_test": [list(t) for t in TILES], "optimization": way, **few},
            )
            for way in ("min", "max")
        },
        **{
            f"multiplicity {way}": (
                "multiplicity_test",
                CODES,
                {
                    "tss_tile_coord": TSS,
                    "cre_tile_coord": CRE,
                    "cre_tile_seq_codes": CODES[slice(*CRE)],
                    "test_coords": [list(t) for t in TILES],
                    "num_copies": 4,
                    "optimization": way,
                    **few,
                },
            )
            for way in ("min", "max")
        },
        **{f"prune {kind}": pruning(*PRUNED[kind], kind) for kind in PRUNED},
    }
    return {"calls": calls, "shuffles": shuffles}


@pytest.fixture(scope="module")
def theirs(tmp_path_factory):
    return ask(tmp_path_factory.mktemp("reference"), jobs())


@pytest.fixture
def ours(tmp_path):
    def run(test, loci=(LOCUS,), **readout):
        with Store(tmp_path / "store") as store:
            plan = prepare(
                [test], Ours(), loci, bins="all", readouts=[Readout(bins="all", **readout)]
            )
            report = measure(plan, store)
        assert not report.failures
        return report.datasets[test.name]

    return run


COMMON: dict[str, Any] = {"tile": TILE, "replicates": REPLICATES, "seed": SEED}


def mean_bins(predictions) -> np.ndarray:
    """(..., bins, tracks) of the reference, as our readout takes them."""
    return np.asarray(predictions).mean(axis=-2)


def test_context_dependence(theirs, ours):
    wild, mutant = theirs["context_dependence"]
    got = ours(ContextDependence(**COMMON)).isel(locus=0)
    np.testing.assert_allclose(got.wild_type, mean_bins(wild)[0], **CLOSE)
    np.testing.assert_allclose(got.mutant, mean_bins(mutant), **CLOSE)
    effect = (mean_bins(wild)[0] - mean_bins(mutant)) / mean_bins(wild)[0]
    np.testing.assert_allclose(got.effect_replicates, effect, rtol=1e-4, atol=1e-6)


def test_context_swap(theirs, ours):
    groups = {"source": ["locus"], "target": ["other"]}
    got = ours(ContextSwap(groups=groups, **COMMON), (LOCUS, OTHER)).sel(locus="locus in other")
    np.testing.assert_allclose(got.mutant, mean_bins(theirs["context_swap"])[0], **CLOSE)
    assert not np.allclose(got.mutant, got.unperturbed)


def test_necessity(theirs, ours):
    wild, mutant = theirs["necessity"]
    got = ours(Necessity(**COMMON)).isel(locus=0)
    np.testing.assert_allclose(got.shuffled, mean_bins(mutant), **CLOSE)
    effect = (mean_bins(wild)[0] - mean_bins(mutant)) / mean_bins(wild)[0]
    np.testing.assert_allclose(got.effect_replicates, effect, rtol=1e-4, atol=1e-6)


def test_sufficiency(theirs, ours):
    wild, mutant, control = theirs["sufficiency"]
    got = ours(Sufficiency(**COMMON)).isel(locus=0)
    np.testing.assert_allclose(got.mutant, mean_bins(mutant), **CLOSE)
    for tile in range(len(TILES)):
        np.testing.assert_allclose(got.control, mean_bins(control)[tile], **CLOSE)
    effect = (mean_bins(mutant) - mean_bins(control)) / mean_bins(wild)[0]
    np.testing.assert_allclose(got.effect_replicates, effect, rtol=1e-4, atol=1e-6)


def test_distance(theirs, ours):
    found = theirs["distance"]
    got = ours(Distance(tiles=[tuple(CRE)], **COMMON)).isel(locus=0, tile=0)
    np.testing.assert_allclose(got.control, mean_bins(found["control"]), **CLOSE)
    np.testing.assert_allclose(got.moved, mean_bins(found["mut"]), **CLOSE)
    change = mean_bins(found["mut"]) / mean_bins(found["control"])
    np.testing.assert_allclose(got.fold_change_replicates, change, rtol=5e-6)


@pytest.mark.parametrize(("way", "search"), [("min", "enhancers"), ("max", "silencers")])
def test_higher_order(theirs, ours, way, search):
    rounds, _ = theirs[f"higher_order {way}"]
    got = ours(HigherOrder(searches=[search], accept="all", **COMMON)).isel(locus=0)
    got = got.sel(track="0", search=search)
    assert len(rounds) == got.sizes["round"] == len(TILES)
    left = list(range(len(TILES)))
    for number, found in rounds.items():
        one = got.isel(round=number)
        np.testing.assert_allclose(one.shuffled[left], found["preds"], **CLOSE)
        assert [int(one.selected_start), int(one.selected_start) + TILE] == found["selected_tile"]
        np.testing.assert_allclose(
            one.fold_change * one.wild_type, found["selected_mean_pred"], rtol=5e-6
        )
        left.remove(int(one.selected))


@pytest.mark.parametrize(("way", "search"), [("max", "enhancers"), ("min", "silencers")])
def test_multiplicity(theirs, ours, way, search):
    found = theirs[f"multiplicity {way}"]
    test = Multiplicity(tiles=[tuple(CRE)], copies=4, searches=[search], **COMMON)
    got = ours(test, over_tracks="mean").isel(locus=0, tile=0, track=0).sel(search=search)
    np.testing.assert_allclose(got.tss_control.mean(), found["only_tss_pred"], **CLOSE)
    np.testing.assert_allclose(got.control.mean(), found["tss_and_cre_pred"], **CLOSE)
    chosen = [[at, at + TILE] for at in got.selected_start.values]
    assert chosen == [list(tile) for tile in found["selected_tile_order"]]
    left = list(range(len(TILES)))
    for copy, all_mutants in enumerate(found["all_mutants"]):
        np.testing.assert_allclose(got.placed[copy][left].T, all_mutants, **CLOSE)
        best = got.placed[copy, int(got.selected[copy])].mean()
        np.testing.assert_allclose(best, found["best_tss_signal"][copy], **CLOSE)
        left.remove(int(got.selected[copy]))


@pytest.mark.parametrize("kind", PRUNED)
def test_fine_tile_search(theirs, ours, kind):
    tile, thresholds = PRUNED[kind]
    found = theirs[f"prune {kind}"]
    test = FineTile(
        tiles=[tuple(tile)],
        windows=WINDOWS,
        shares=thresholds,
        removed=[1, 1],
        share_of="activity",
        **COMMON,
    )
    got = ours(test, over_tracks="mean").isel(locus=0, tile=0, track=0)
    assert (got.whole.mean() > got.control.mean()) == (kind == "enhancer")
    kept = np.zeros(LENGTH, bool)
    for window in WINDOWS:
        accepted = got.where(got.window == window, drop=True)
        # Their last score is that of the step that is taken back.
        *scores, crossed = found[window]["scores"]
        assert scores, "nothing was removed: the thresholds say nothing"
        np.testing.assert_allclose(accepted.score, scores, rtol=1e-5)
        threshold = thresholds[WINDOWS.index(window)]
        assert crossed <= threshold if kind == "enhancer" else crossed >= threshold
        np.testing.assert_array_equal(accepted.kept_bp, found[window]["bps"][:-1])
    for start, end in found[WINDOWS[-1]]["insert_coords"]:
        kept[start:end] = True
    mine = np.zeros(LENGTH, bool)
    for start, end in zip(got.sub_start.values, got.sub_end.values, strict=True):
        mine[int(start) : int(end)] = True
    np.testing.assert_array_equal(mine, kept)
