"""Necessity and sufficiency find what is true of the oracle, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from creme.api import measure
from creme.benchmark.noisy_oracle import NoisyOracle
from creme.benchmark.subject import HELD_OUT, Subject, held_out_loci, windows_of
from creme.benchmark.truth import benchmark_truth, effect_table, true_effects
from creme.demo.rules import grammar
from creme.errors import ConfigError
from creme.models.oracle import OracleModel
from creme.testing.tests import RandomModel

CIS = grammar("cis")
MODEL = OracleModel(length=8192)
LOCI = held_out_loci(CIS, 6, MODEL.length, 0)
WINDOWS = windows_of(LOCI)


@pytest.fixture(scope="module")
def datasets(tmp_path_factory):
    store = tmp_path_factory.mktemp("truth") / "store"
    return {
        test: measure(test, MODEL, WINDOWS, tracks="cis:beta", tile=512, replicates=5, store=store)
        for test in ("necessity", "sufficiency")
    }


@pytest.mark.parametrize("test", ["necessity", "sufficiency"])
def test_effects_are_the_true_ones(datasets, test):
    """To the sites that shuffles make and break by chance."""
    dataset = datasets[test]
    truth = true_effects(LOCI, dataset, test, "beta")
    effect = dataset["effect"].isel(track=0).values
    assert truth.shape == effect.shape == (6, 14)
    assert (np.abs(truth) > 0.1).sum() >= 8
    assert np.corrcoef(truth.ravel(), effect.ravel())[0, 1] > 0.99
    assert np.median(np.abs(truth - effect)) < 0.005


def test_a_necessity_that_is_true_is_the_oracles_own_answer(datasets):
    """With the bases of a tile's sites replaced by N, which make none."""
    truth = true_effects(LOCI, datasets["necessity"], "necessity", "beta")
    starts = datasets["necessity"]["tile_start"].values
    ends = datasets["necessity"]["tile_end"].values
    compared = 0
    for row, locus in enumerate(LOCI):
        sites = locus.truth.sites
        for tile, (start, end) in enumerate(zip(starts, ends, strict=True)):
            codes = locus.codes.copy()
            codes[start:end] = 4
            whole = locus.truth.oracle.sites(codes)
            assert len(whole) == len(sites) - sites.within(start, end).sum()
            (promoter,) = [
                one
                for one in locus.truth.oracle.promoters(whole)
                if one.tss == locus.truth.tss and not one.minus
            ]
            expected = 1 - promoter.activities[1] / locus.truth.wild_type[1]
            assert truth[row, tile] == pytest.approx(expected, abs=1e-12)
            compared += abs(expected) > 0.01
    assert compared > 10


def test_fewer_replicates_are_the_first_ones(datasets, tmp_path):
    dataset = datasets["necessity"]
    truth = true_effects(LOCI, dataset, "necessity", "beta")
    table = effect_table(dataset, truth, 2)
    again = measure(
        "necessity", MODEL, WINDOWS, tracks="cis:beta", tile=512, replicates=2, store=tmp_path / "s"
    )
    np.testing.assert_allclose(table["effect"], again["effect"].values.ravel())
    assert len(table) == 6 * 14
    assert table["locus"].nunique() == 6


def test_one_replicate_has_no_q(datasets):
    truth = true_effects(LOCI, datasets["necessity"], "necessity", "beta")
    table = effect_table(datasets["necessity"], truth, 1)
    assert table["q"].isna().all()
    first = datasets["necessity"]["effect_replicates"].isel(replicate=0).values
    np.testing.assert_allclose(table["effect"], first.ravel())


def test_the_benchmark(tmp_path):
    subject = Subject("oracle", MODEL, store=tmp_path / "store")
    scores, calibration, noise = benchmark_truth(
        subject, loci=8, tiles=(1024,), replicates=(1, 3, 5)
    )
    values = scores.set_index(["test", "replicates", "rule", "score"])["value"]
    for test in ("necessity", "sufficiency"):
        assert values[test, 5, "q", "enhancer recall"] == 1
        assert values[test, 5, "q", "precision"] > 0.95
        assert values[test, 5, "q", "false call rate"] < 0.05
        assert values[test, 1, "size", "enhancer recall"] > 0.9
        assert (test, 1, "q", "precision") not in values.index
    assert len(scores) == 2 * (2 * 2 + 1) * 5
    assert len(calibration) == 2 * 2 * 4
    assert (calibration["false"] <= calibration["calls"]).all()
    assert noise["test"].tolist() == ["context_dependence", "necessity", "sufficiency"]
    assert (noise["sd"] > 0).all()
    assert noise.set_index("test")["control"]["necessity"] == 1
    assert 0 < noise.set_index("test")["control"]["sufficiency"] < 1


def test_in_the_noisy_oracle_every_base_matters_a_little():
    codes = np.stack([one.codes for one in LOCI[:2]])
    onehot = np.eye(4, dtype=np.float32)[codes]
    noisy, plain = NoisyOracle(length=8192), OracleModel(length=8192)
    random = RandomModel(length=8192).predict(onehot)[:, :1, :1]
    expected = plain.predict(onehot) * random**0.05
    np.testing.assert_allclose(noisy.predict(onehot), expected, rtol=1e-6)
    assert noisy.fingerprint != plain.fingerprint
    assert noisy.fingerprint != NoisyOracle(length=8192, noise=0.1).fingerprint


def test_held_out_loci_have_names_of_their_own():
    from creme.demo.loci import random_loci

    (one,) = random_loci(CIS, 1, MODEL.length, 0)
    assert not np.array_equal(one.codes, LOCI[0].codes)
    (same,) = random_loci(CIS, 1, MODEL.length, 0, HELD_OUT)
    assert np.array_equal(same.codes, LOCI[0].codes)


def test_refused():
    with pytest.raises(ConfigError, match="cell type 'omega' is none of grammar cis: alpha, beta"):
        Subject("oracle", MODEL, cell_type="omega")
    with pytest.raises(ConfigError, match="0 tracks of model random are of cell type 'alpha'"):
        Subject("random", RandomModel(length=8192))
    with pytest.raises(ConfigError, match="two or more"):
        benchmark_truth(Subject("oracle", MODEL), replicates=(1,))


def test_the_track_of_the_cell_type():
    assert Subject("oracle", MODEL, cell_type="gamma").track == 2
    assert Subject("random", RandomModel(length=8192), track="one").track == "one"
