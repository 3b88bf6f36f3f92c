"""The tests' definitions, against plain loops over the model."""

from __future__ import annotations

import numpy as np
import pytest

from creme.errors import ConfigError
from creme.genome import Annotation, Genome, select_loci
from creme.kernels.shuffle import dinucleotide_shuffles
from creme.models.synthetic import SyntheticModel
from creme.runner.plan import prepare
from creme.runner.run import measure
from creme.seeds import derive
from creme.sequence import Sequence
from creme.store import Store
from creme.suite.context_dependence import ContextDependence
from creme.suite.necessity import Necessity
from creme.suite.sufficiency import Sufficiency

MODEL = SyntheticModel(length=24_576)


@pytest.fixture(scope="module")
def loci(genome):
    return select_loci(
        Genome(genome.fasta), Annotation.from_bed(genome.bed), None, MODEL.input_length, MODEL.tss
    )


def activity(codes: np.ndarray) -> np.ndarray:
    return MODEL.predict(Sequence(codes).onehot()[None])[0, MODEL.tss_bin()].astype(np.float64)


def run(test, loci, tmp_path):
    with Store(tmp_path / "store") as store:
        report = measure(prepare([test], MODEL, loci), store)
    assert not report.failures
    return report.datasets[test.name], report.progress


def test_context_dependence(loci, tmp_path):
    got, _ = run(ContextDependence(tile=1000, replicates=3, seed=5), loci, tmp_path)
    for locus in loci:
        wild = locus.sequence.codes
        centre = slice(12_288 - 500, 12_288 + 500)
        effects = []
        for k in range(3):
            (codes,) = dinucleotide_shuffles(wild, [derive(5, locus.key, "background", k)])
            codes[centre] = wild[centre]
            effects.append((activity(wild) - activity(codes)) / activity(wild))
        one = got.sel(locus=locus.name)
        np.testing.assert_allclose(one.effect_replicates, effects, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(one.effect, np.mean(effects, axis=0), rtol=1e-5, atol=1e-6)
        std = np.std(effects, axis=0, ddof=1)
        np.testing.assert_allclose(one.effect_std, std, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(one.effect_se, std / np.sqrt(3), rtol=1e-4, atol=1e-6)
        assert one.tss_position == locus.position


def test_necessity(loci, tmp_path):
    got, progress = run(Necessity(tile=1000, replicates=2, seed=5), loci[:1], tmp_path)
    wild = loci[0].sequence.codes
    assert got.sizes["tile"] == 22
    assert progress.asked == 1 + 22 * 2
    for tile in (0, 8, 21):
        start = int(got.tile_start[tile])
        for k in range(2):
            seed = derive(5, loci[0].key, "tile", start, start + 1000, k)
            codes = wild.copy()
            codes[start : start + 1000] = dinucleotide_shuffles(codes[start : start + 1000], [seed])
            expected = (activity(wild) - activity(codes)) / activity(wild)
            np.testing.assert_allclose(
                got.effect_replicates[0, tile, k], expected, rtol=1e-5, atol=1e-6
            )


@pytest.mark.parametrize("backgrounds_of", ["locus", "tile"])
def test_sufficiency(loci, tmp_path, backgrounds_of):
    test = Sufficiency(tile=1000, replicates=2, seed=5, backgrounds_of=backgrounds_of)
    got, progress = run(test, loci[2:], tmp_path)
    locus, wild = loci[2], loci[2].sequence.codes
    assert progress.asked == test.size(locus)
    assert progress.asked == (1 + 2 + 44 if backgrounds_of == "locus" else 1 + 88)
    for tile in (0, 12):
        start = int(got.tile_start[tile])
        for k in range(2):
            names = () if backgrounds_of == "locus" else ("sufficiency", start, start + 1000)
            seed = derive(5, locus.key, "background", *names, k)
            (codes,) = dinucleotide_shuffles(wild, [seed])
            codes[11_788:12_788] = wild[11_788:12_788]
            control = activity(codes)
            codes[start : start + 1000] = wild[start : start + 1000]
            expected = (activity(codes) - control) / activity(wild)
            np.testing.assert_allclose(
                got.effect_replicates[0, tile, k], expected, rtol=1e-5, atol=1e-6
            )


def test_coordinates_on_both_strands(loci, tmp_path):
    got, _ = run(Necessity(tile=1000, replicates=1), loci, tmp_path)
    assert {locus.strand for locus in loci} == {"+", "-"}
    for locus in loci:
        one = got.sel(locus=locus.name)
        for tile in range(one.sizes["tile"]):
            start, end = int(one.genomic_start[tile]), int(one.genomic_end[tile])
            bases = locus.genome.fetch(locus.contig, start, end, locus.strand)
            inside = slice(int(one.tile_start[tile]), int(one.tile_end[tile]))
            assert bases == locus.sequence[inside]


def test_order_of_loci_and_batches_do_not_matter(loci, tmp_path):
    test = Necessity(tile=2000, replicates=2)
    one, _ = run(test, loci, tmp_path / "a")
    other, _ = run(test, loci[::-1], tmp_path / "b")
    assert list(other.locus.values) == list(one.locus.values[::-1])
    for locus in loci:
        assert one.sel(locus=locus.name).identical(other.sel(locus=locus.name))
    alone, _ = run(test, loci[1:2], tmp_path / "c")
    np.testing.assert_array_equal(alone.effect.values[0], one.effect.values[1])


def test_tiles_are_checked(loci):
    with pytest.raises(ConfigError, match="overlaps the TSS tile"):
        Necessity(tile=1000, tiles=[(12_000, 13_000)]).size(loci[0])
    with pytest.raises(ConfigError, match="outside the sequence"):
        Necessity(tile=1000, tiles=[(24_000, 25_000)]).size(loci[0])
    with pytest.raises(ConfigError, match=r"replicates = 0 is not allowed"):
        Necessity(replicates=0)
    with pytest.raises(ConfigError, match="no whole tile fits"):
        Necessity(tile=10_000).size(loci[0])
