"""AUPRC and AUROC: against plain loops, scikit-learn, and what they have to be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from creme.analysis.ranking import auprc, auroc, compare_scores, undefined
from creme.analysis.resampling import group_weights, interval
from creme.errors import ConfigError

TRUTH = [True, False, True, True, False, False]


def looped_auprc(truth, score):
    """Average precision, threshold by threshold."""
    area, recall = 0.0, 0.0
    for threshold in sorted(set(score), reverse=True):
        above = [t for t, s in zip(truth, score, strict=True) if s >= threshold]
        found = sum(above) / sum(truth)
        area += (found - recall) * sum(above) / len(above)
        recall = found
    return area


def looped_auroc(truth, score):
    """How many pairs of a true and a false one are ranked rightly."""
    true = [s for t, s in zip(truth, score, strict=True) if t]
    false = [s for t, s in zip(truth, score, strict=True) if not t]
    right = sum((s > other) + (s == other) / 2 for s in true for other in false)
    return right / len(true) / len(false)


def test_perfect_reversed_and_constant():
    perfect = [3.0, 0.0, 2.0, 1.5, -1.0, 0.5]
    assert auprc(TRUTH, perfect) == auroc(TRUTH, perfect) == 1
    reversed_score = [-s for s in perfect]
    assert auroc(TRUTH, reversed_score) == 0
    # The true ones come last: precisions 1/4, 2/5 and 3/6.
    assert auprc(TRUTH, reversed_score) == pytest.approx((1 / 4 + 2 / 5 + 3 / 6) / 3)
    assert auprc(TRUTH, [7.0] * 6) == auroc(TRUTH, [7.0] * 6) == 0.5
    assert auprc([True, False, False, False], [0.0] * 4) == 0.25


def test_ties_by_hand():
    # Of the two first ones, which tie, one is true.
    truth, score = [True, False, True, False], [2, 2, 1, 0]
    assert auprc(truth, score) == pytest.approx(0.5 * 0.5 + 0.5 * 2 / 3)
    assert auroc(truth, score) == pytest.approx((0.5 + 1 + 0 + 1) / 4)


def test_infinite_scores_tie():
    assert auprc([True, False], [np.inf, np.inf]) == 0.5
    assert auroc([True, False, False], [np.inf, np.inf, -np.inf]) == 0.75


@pytest.mark.parametrize(
    ("truth", "why"),
    [
        ([], "empty"),
        ([True, True], "nothing is false"),
        ([False, False], "nothing is true"),
        ([True, False], ""),
    ],
)
def test_one_class_has_no_area_and_says_why(truth, why):
    score = np.arange(len(truth), dtype=float)
    assert undefined(truth) == why
    assert np.isnan(auprc(truth, score)) == np.isnan(auroc(truth, score)) == bool(why)


def test_errors():
    with pytest.raises(ConfigError, match=r"shape \(2,\) and score \(3,\)"):
        auprc([True, False], [1, 2, 3])
    with pytest.raises(ConfigError, match="1 of 2 scores are NaN"):
        auroc([True, False], [1, np.nan])
    with pytest.raises(ConfigError, match="between 0 and 1"):
        interval([1.0], 95)


members = st.lists(st.tuples(st.booleans(), st.integers(-3, 3)), min_size=2, max_size=30).filter(
    lambda rows: 0 < sum(t for t, _ in rows) < len(rows)
)


@given(members)
def test_against_plain_loops(rows):
    truth, score = zip(*rows, strict=True)
    assert auprc(truth, score) == pytest.approx(looped_auprc(truth, score), abs=1e-12)
    assert auroc(truth, score) == pytest.approx(looped_auroc(truth, score), abs=1e-12)


def test_against_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    random = np.random.default_rng(1)
    for levels in (3, 50, 10**6):
        truth = random.random(400) < 0.1
        score = random.integers(0, levels, 400) + truth * levels // 4
        assert auprc(truth, score) == pytest.approx(metrics.average_precision_score(truth, score))
        assert auroc(truth, score) == pytest.approx(metrics.roc_auc_score(truth, score))


@given(members, st.integers(0, 2**32))
def test_weights_are_repetitions(rows, seed):
    """What the bootstrap rests on."""
    from creme.analysis.ranking import _areas

    truth, score = (np.array(column) for column in zip(*rows, strict=True))
    times = np.random.default_rng(seed).integers(0, 4, len(rows))
    repeated = np.repeat(truth, times), np.repeat(score, times)
    precise, roc = (v[0] for v in _areas(truth, score.astype(float), times[None].astype(float)))
    np.testing.assert_allclose(precise, auprc(*repeated))
    np.testing.assert_allclose(roc, auroc(*repeated))


def test_groups_are_drawn_whole():
    groups = ["a", "a", "b", "c", "c", "c"]
    drawn = np.concatenate(list(group_weights(groups, 250, seed=5)))
    assert drawn.shape == (250, 6)
    assert (drawn[:, 0] == drawn[:, 1]).all()
    assert (drawn[:, 3] == drawn[:, 4]).all()
    # As many groups as there are, each as often as another.
    assert (drawn[:, [0, 2, 3]].sum(axis=1) == 3).all()
    np.testing.assert_allclose(drawn.mean(axis=0), 1, atol=0.2)
    again = np.concatenate(list(group_weights(groups, 250, seed=5)))
    other = np.concatenate(list(group_weights(groups, 250, seed=6)))
    np.testing.assert_array_equal(drawn, again)
    assert (drawn != other).any()
    assert list(group_weights(["a", "a"], 10, seed=5)) == []


def records(table) -> list[Any]:
    return list(table.itertuples())


def noisy(seed, genes=40, each=6):
    random = np.random.default_rng(seed)
    truth = random.random(genes * each) < 0.3
    score = truth + random.normal(size=truth.size)
    return truth, score, random.normal(size=truth.size), np.repeat(np.arange(genes), each)


def test_intervals_and_gain():
    truth, good, useless, groups = noisy(2)
    scores = {"good": good, "useless": useless}
    table = compare_scores(truth, scores, groups, resamples=400, seed=3)
    rows: dict[Any, Any] = {(r.score, r.metric): r for r in records(table)}
    for (score, metric), row in rows.items():
        assert row.low < row.value < row.high, (score, metric)
        assert row.draws == 400
    assert rows["good", "auroc"].value == auroc(truth, good)
    assert rows["useless", "auroc"].low < 0.5 < rows["useless", "auroc"].high
    gain = rows["useless", "auprc"]
    assert gain.gain == pytest.approx(rows["good", "auprc"].value - gain.value)
    assert 0 < gain.gain_low < gain.gain < gain.gain_high
    assert np.isnan(rows["good", "auprc"].gain)
    again = compare_scores(truth, scores, groups, resamples=400, seed=3)
    assert again.equals(table)


def test_the_interval_covers_the_truth():
    """Of normal scores one apart the AUROC is known: Phi(1 / sqrt 2) = 0.760."""
    inside = 0
    for seed in range(60):
        truth, good, _, groups = noisy(seed)
        table = compare_scores(truth, {"good": good}, groups, resamples=200, seed=seed)
        row = records(table)[1]
        inside += row.low <= 0.7602 <= row.high
    assert inside >= 51


def test_equal_scores_gain_nothing():
    truth, good, _, groups = noisy(4)
    table = compare_scores(truth, {"one": good, "same": 2 * good + 1}, groups, resamples=100)
    same = table[table.score == "same"]
    assert (same[["gain", "gain_low", "gain_high"]] == 0).all().all()


def test_pairs_of_one_gene_widen_the_interval():
    """Pairs that repeat one another are no further evidence."""
    truth, good, _, _ = noisy(5, genes=30, each=1)
    repeated = [np.repeat(v, 10) for v in (truth, good, np.arange(30))]
    single = compare_scores(truth, {"s": good}, np.arange(30), resamples=500, seed=1)
    by_gene = compare_scores(repeated[0], {"s": repeated[1]}, repeated[2], resamples=500, seed=1)
    by_pair = compare_scores(repeated[0], {"s": repeated[1]}, np.arange(300), resamples=500, seed=1)
    np.testing.assert_allclose(by_gene[["value", "low", "high"]], single[["value", "low", "high"]])
    width = [(t.high - t.low).iloc[1] for t in (by_gene, by_pair)]
    assert width[0] > 2.5 * width[1]


def test_draws_without_a_true_one_are_counted():
    table = compare_scores([True, False, False], {"s": [3, 2, 1]}, ["a", "b", "c"], resamples=1000)
    # Both kinds are drawn with probability 1 - (2/3)^3 - (1/3)^3 = 2/3.
    assert 600 < table.draws.iloc[0] < 730
    assert table.low.iloc[0] == table.high.iloc[0] == 1
    one = compare_scores([True, True], {"s": [3, 2]}, ["a", "b"], resamples=10)
    assert one[["value", "low", "high"]].isna().all().all()
    assert (one.draws == 0).all()
