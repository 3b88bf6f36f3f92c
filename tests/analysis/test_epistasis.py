"""Kinds of pairs, and the test of contrasts against an interval."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from creme.analysis.epistasis import KINDS, against_interval, contrast, kind, log_activity

NEITHER = {"first_within": False, "second_within": False}
FIRST = {"first_within": True, "second_within": False}


@pytest.mark.parametrize(
    ("log", "additive", "first", "second", "within", "expected"),
    [
        (0, 0, -1, -1, NEITHER, "none"),
        (0, 1, -1, -1, NEITHER, "multiplicative"),
        (-1, 0, -1, -1, NEITHER, "additive"),
        (-1, 1, -1, -1, NEITHER, "between"),
        (-1, -1, 0, 0, NEITHER, "redundant"),
        (1, 1, -1, -1, NEITHER, "cooperative"),
        (-1, -1, 1, 0, FIRST, "insulating"),
        (-1, -1, 1, -1, FIRST, "insulating"),
        # A silencer that does not lie between, and two of them.
        (-1, -1, 1, -1, NEITHER, "other"),
        (-1, -1, 1, 1, FIRST, "other"),
        (1, 1, 1, -1, FIRST, "other"),
    ],
)
def test_a_pairs_kind_follows_from_signs(log, additive, first, second, within, expected):
    assert kind(log, additive, first, second, **within) == expected
    assert expected in KINDS


def test_of_many_alike_contrasts_it_is_a_t_test_with_their_common_variance():
    random = np.random.default_rng(3)
    values = random.normal([[0.0], [0.2], [1.0]], 0.1, (3, 5))
    tested = against_interval(values, 0.3)
    np.testing.assert_allclose(tested["mean"], values.mean(axis=1))
    assert tested["p"][0] > 0.9
    assert tested["p"][2] < 1e-4
    assert (tested["q"] >= tested["p"]).all()
    # Against 0, and with the variance of each row alone.
    (one,) = against_interval(values[1:2], 0.0)["p"]
    assert one == pytest.approx(stats.ttest_1samp(values[1], 0).pvalue)
    low, high = (against_interval(values[1:2], 0.0)[name][0] for name in ("low", "high"))
    interval = stats.ttest_1samp(values[1], 0).confidence_interval()
    assert (low, high) == pytest.approx(tuple(interval))


def test_without_noise_a_contrast_within_the_interval_is_none():
    tested = against_interval(np.array([[0.0] * 4, [2.0] * 4]), 0.3)
    np.testing.assert_array_equal(tested["p"], [1.0, 0.0])


def test_a_single_replicate_has_no_p():
    tested = against_interval(np.array([[0.5], [np.nan]]), 0.3)
    assert tested["mean"][0] == 0.5
    assert np.isnan(tested["p"]).all()


def test_scales():
    wild, one, other = np.array([8.0]), np.array([4.0]), np.array([2.0])
    assert contrast(wild, one, other, one * other / wild, "log") == pytest.approx(0)
    assert contrast(wild, one, other, one + other - wild, "additive") == pytest.approx(0)
    assert np.isnan(contrast(np.array([0.0]), one, other, one, "additive"))
    assert log_activity([-1.0, 8.0], [8.0, 8.0], 0.5).tolist() == pytest.approx([2, np.log2(12)])
    assert np.isnan(log_activity([0.0], [8.0], 0.0)).all()
