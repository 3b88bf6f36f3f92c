"""What tests record of their backgrounds, and what they say of them and of N in tiles."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import xarray as xr

import toy
from creme import registry
from creme.codes import share_of_gc
from creme.genome import Genome, Locus
from creme.runner.plan import prepare
from creme.runner.run import measure
from creme.sequence import N, Sequence
from creme.store import Store
from creme.suite.background import BackgroundTest
from creme.test import REMARKS

TESTS: dict[str, dict[str, Any]] = {
    "context_dependence": {},
    "sufficiency": {},
    "set_sufficiency": {"sets": [(300, 500), (1500, 1700)]},
    "motif_embedding": {"motifs": ["TGACTCA"], "positions": [100]},
    "multiplicity": {"tiles": [(300, 500)], "copies": 2},
    "fine_tile": {"tiles": [(300, 500)], "windows": [50], "shares": [0.5], "removed": [1]},
}
JOINED = "runs of N between bases"
CARRIED = "tiles with N among their bases"


def gapped(*gaps: tuple[int, int]) -> Locus:
    codes = np.array(toy.toy_loci(1)[0].sequence.codes)
    for start, end in gaps:
        codes[start:end] = N
    return Locus.from_sequence(Sequence(codes), "gap")


def run(tmp_path, name, *loci, **more):
    made = {"name": name, "tile": 200, "replicates": 3, **TESTS.get(name, {}), **more}
    test = registry.create("test", made)
    with Store(tmp_path / "store") as store:
        report = measure(prepare([test], toy.MODEL, list(loci)), store)
    assert not report.failures
    return report.datasets[name], report.remarks.get(name, [])


@pytest.mark.parametrize("name", TESTS)
def test_composition_is_that_of_the_sequence_and_its_backgrounds(name, tmp_path):
    locus = gapped((600, 660), (700, 760))
    dataset, remarks = run(tmp_path, name, locus)
    codes = locus.sequence.codes
    assert dataset["sequence_gc"].item() == pytest.approx(share_of_gc(codes))
    assert dataset["sequence_n"].item() == pytest.approx(0.05)
    # A shuffle keeps both.
    assert dataset["background_gc"].values.ravel() == pytest.approx([share_of_gc(codes)] * 3)
    assert dataset["background_n"].values.ravel() == pytest.approx([0.05] * 3)
    assert any(f"{JOINED}: 2." in remark for remark in remarks)


@pytest.mark.parametrize("perturbation", ["dinucleotide_shuffle", "local_shuffle", "mask"])
def test_compositions_are_those_of_the_backgrounds_counted(perturbation):
    locus = gapped((600, 660))
    made = {"name": "sufficiency", "tile": 200, "replicates": 3, "perturbation": perturbation}
    test = registry.create("test", made)
    assert isinstance(test, BackgroundTest)
    counted = [np.bincount(each.codes, minlength=5) for each in test.backgrounds(locus)]
    with np.errstate(invalid="ignore"):
        gc = [count[1:3].sum() / count[:4].sum() for count in counted]
    n = [np.mean(each.codes == N) for each in test.backgrounds(locus)]
    dataset = test.looked_at(xr.Dataset(), locus, np.ones((3, 1), dtype=np.float32))
    np.testing.assert_array_equal(dataset["background_gc"].values, gc)
    np.testing.assert_array_equal(dataset["background_n"].values, n)
    assert dataset["sequence_n"].item() == np.mean(locus.sequence.codes == N)


def test_a_locus_without_n_and_outliers_has_no_remark(tmp_path):
    _, remarks = run(tmp_path, "context_dependence", toy.toy_loci(1)[0], replicates=8)
    assert remarks == []


def test_n_alone_join_nothing_where_dinucleotides_are_not_kept(tmp_path):
    for perturbation in ("mononucleotide_shuffle", "mask"):
        folder = tmp_path / perturbation
        _, remarks = run(
            folder, "context_dependence", gapped((600, 660)), perturbation=perturbation
        )
        assert remarks == []
    dataset, _ = run(tmp_path, "context_dependence", gapped((600, 660)), perturbation="mask")
    assert (dataset["background_n"] == 1).all()


def test_outliers_are_said_and_counted():
    test = registry.create("test", {"name": "sufficiency", "tile": 200, "replicates": 8})
    (locus,) = toy.toy_loci(1)
    eight = np.array([0.92, 1.28, 1.03, 2.51, 1.1, 0.97, 1.19, 1.07], dtype=np.float32)
    two_tracks = np.stack([eight, np.ones(8, np.float32)], axis=1)
    remarks = test.looked_at(xr.Dataset(), locus, two_tracks).attrs[REMARKS]
    ((sentence, count),) = remarks.items()
    assert count == 1
    assert "outliers among the backgrounds: {count}" in sentence
    # Backgrounds of each tile by themselves are taken together.
    tiles = np.stack([two_tracks, two_tracks[::-1]])
    dataset = test.looked_at(xr.Dataset(), locus, tiles)
    assert list(dataset.attrs[REMARKS].values()) == [2]
    assert "background_gc" not in dataset


def test_backgrounds_of_another_gc_are_said(tmp_path):
    codes = np.random.default_rng(1).choice(4, 60_000, p=[0.35, 0.15, 0.15, 0.35])
    random = np.random.default_rng(2)
    codes[20_000:24_000] = random.choice(4, 4000, p=[0.15, 0.35, 0.35, 0.15])
    path = tmp_path / "genome.fa"
    path.write_text(">one\n" + "".join("ACGT"[code] for code in codes) + "\n")
    locus = Locus("island", "one", 22_000, "+", toy.LENGTH, Genome(path))
    with pytest.warns(match="the nearest one is taken"):
        dataset, remarks = run(
            tmp_path, "context_dependence", locus, perturbation="genomic_background"
        )
    assert dataset["background_gc"].values.max() < dataset["sequence_gc"].item() - 0.1
    assert any("by more than 5 %: 3 " in r for r in remarks)


@pytest.mark.parametrize("name", ["necessity", "higher_order"])
def test_shuffled_tiles_are_joined_across_n(name, tmp_path):
    more: dict[str, Any] = {"tiles": [(500, 700), (700, 900)]}
    if name == "higher_order":
        more |= {"accept": "all", "rounds": 1}
    _, remarks = run(tmp_path, name, gapped((560, 580), (640, 650), (690, 700)), **more)
    assert any(f"{JOINED} of tiles: 2." in remark for remark in remarks)
    _, remarks = run(tmp_path / "other", name, gapped((200, 260)), **more)
    assert remarks == []


@pytest.mark.parametrize("name", ["distance", "multiplicity"])
def test_tiles_that_are_moved_with_n_are_counted(name, tmp_path):
    tiles = [(300, 500), (1500, 1700), (1900, 2100)]
    _, remarks = run(tmp_path, name, gapped((480, 500), (1510, 1530)), tiles=tiles)
    assert any(f"{CARRIED}: 2." in remark for remark in remarks)
    dataset, remarks = run(tmp_path / "whole", name, gapped((480, 500)), tiles=tiles[1:])
    assert not any(CARRIED in remark for remark in remarks)
    assert CARRIED not in json.loads(dataset.attrs.get(REMARKS, "[]"))


def test_a_tss_tile_that_is_swapped_with_n_is_said(tmp_path):
    loci = [gapped((1110, 1130)), *toy.toy_loci(2)[1:]]
    _, remarks = run(tmp_path, "context_swap", *loci)
    assert any(CARRIED in remark for remark in remarks)
    assert any("2 loci (gap in gap, gap in locus1)" in remark for remark in remarks)
