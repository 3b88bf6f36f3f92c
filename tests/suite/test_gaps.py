"""Tiles that are N: a gap of the assembly, or past the contig's end."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import toy
from creme import registry
from creme.genome import Locus
from creme.runner.plan import prepare
from creme.runner.run import measure
from creme.sequence import N, Sequence
from creme.store import Store

TILE = 200  # the toy's 2,400 bp have tiles at 100, 300, ..., 900 and 1300, 1500, ..., 2100

TESTS: dict[str, dict[str, Any]] = {
    "necessity": {"replicates": 3},
    "sufficiency": {"replicates": 3},
    "distance": {"replicates": 2},
    "higher_order": {"replicates": 2, "rounds": 3, "accept": "all"},
    "multiplicity": {"replicates": 2, "copies": 2},
    "fine_tile": {"replicates": 2, "windows": [50], "shares": [0.5], "removed": [1]},
}
MEASURES = {
    "distance": "fold_change",
    "higher_order": "tile_fold_change",
    "multiplicity": "fold_change",
    "fine_tile": "final_score",
}


def loci() -> tuple[Locus, Locus]:
    """One with a gap that takes its third and most of its fourth tile, and one without."""
    whole = toy.toy_loci(2)
    codes = np.array(whole[0].sequence.codes)
    codes[500:850] = N
    return Locus.from_sequence(Sequence(codes), "gap"), whole[1]


def run(tmp_path, test, *chosen):
    with Store(tmp_path / "store") as store:
        report = measure(prepare([test], toy.MODEL, list(chosen)), store)
    assert not report.failures, report.failures
    return report.datasets[test.name], report.progress


def create(name, **more):
    return registry.create("test", {"name": name, "tile": TILE, **TESTS[name], **more})


@pytest.mark.parametrize("name", TESTS)
def test_tiles_without_bases_are_nan_and_cost_nothing(name, tmp_path):
    gap, _ = loci()
    measured, progress = run(tmp_path, create(name), gap)
    starts = measured["tile_start"].values.tolist()
    lost = [starts.index(500), starts.index(700)]
    kept = [number for number in range(len(starts)) if number not in lost]
    # The same as of a test of the other tiles alone.
    chosen = [(starts[number], starts[number] + TILE) for number in kept]
    others, predictions = run(tmp_path / "others", create(name, tiles=chosen), gap)
    assert progress.predicted == predictions.predicted
    measure = MEASURES.get(name, "effect")
    values = measured[measure]
    assert np.array_equal(values.isel(tile=kept), others[measure], equal_nan=True)
    assert not values.isel(tile=kept).isnull().all()
    assert values.isel(tile=lost).isnull().all()
    shares = measured["share_of_bases"].values[0]
    assert shares[lost] == pytest.approx([0, 0.25])
    assert (shares[kept] == 1).all()
    if name == "higher_order":
        selected = measured["selected"].values.astype(int)
        assert np.array_equal(np.array(starts)[selected], measured["selected_start"].values)


@pytest.mark.parametrize("name", TESTS)
def test_loci_with_and_without_gaps_are_joined(name, tmp_path):
    gap, whole = loci()
    joined, _ = run(tmp_path, create(name), gap, whole)
    single, _ = run(tmp_path / "single", create(name), whole)
    for variable, theirs in single.data_vars.items():
        ours = joined[variable].sel(locus=["locus1"])
        sizes = {dim: slice(size) for dim, size in theirs.sizes.items()}
        assert np.array_equal(ours.isel(sizes), theirs, equal_nan=True), variable
    assert set(single.coords) <= set(joined.coords)


def test_a_quarter_of_bases_may_be_enough(tmp_path):
    gap, _ = loci()
    measured, _ = run(tmp_path, create("necessity", min_bases=0.2), gap)
    tiles = measured["tile_start"].values.tolist()
    assert measured["effect"].isnull().values[0, :, 0].tolist() == [start == 500 for start in tiles]


def test_the_share_belongs_to_the_identity_where_it_is_another():
    assert "min_bases" not in create("necessity").identity()
    assert create("necessity", min_bases=0.2).identity()["min_bases"] == 0.2


def test_a_locus_without_a_tile_that_has_bases_fails_alone(tmp_path):
    codes = np.full(toy.LENGTH, N, dtype=np.uint8)
    codes[1150:1250] = 1
    empty = Locus.from_sequence(Sequence(codes), "empty")
    with Store(tmp_path / "store") as store:
        report = measure(prepare([create("necessity")], toy.MODEL, [empty, loci()[1]]), store)
    ((_, unit, why),) = report.failures
    assert unit == "empty"
    assert "none of the 10 tiles has bases for 50% of its length" in why
    assert report.datasets["necessity"]["locus"].values.tolist() == ["locus1"]
