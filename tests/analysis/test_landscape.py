"""Fast transforms of landscapes against their definitions, by plain loops."""

from __future__ import annotations

from itertools import permutations
from math import factorial

import numpy as np
import pytest

from creme.analysis.landscape import (
    best_of_size,
    greedy_order,
    interaction_indices,
    moebius,
    sampled_shapley,
    shapley_values,
    variance_by_order,
    walsh,
)
from creme.errors import ConfigError

K = 4
VALUES = np.random.default_rng(5).uniform(0.1, 10, (3, 1 << K))


def subsets(mask):
    return [s for s in range(1 << K) if s & mask == s]


def slow_shapley(values):
    lost = np.zeros(K)
    for order in permutations(range(K)):
        mask = 0
        for member in order:
            lost[member] += values[mask] - values[mask | 1 << member]
            mask |= 1 << member
    return lost / factorial(K)


def slow_index(values, a, b):
    both, total = 1 << a | 1 << b, 0.0
    for s in range(1 << K):
        if not s & both:
            size = s.bit_count()
            weight = factorial(size) * factorial(K - size - 2) / factorial(K - 1)
            total += weight * (
                values[s | both] - values[s | 1 << a] - values[s | 1 << b] + values[s]
            )
    return total


def test_transforms_are_their_sums():
    for mask in range(1 << K):
        signs = [(-1) ** (mask.bit_count() - s.bit_count()) for s in subsets(mask)]
        np.testing.assert_allclose(moebius(VALUES)[:, mask], VALUES[:, subsets(mask)] @ signs)
        parity = [(-1) ** (mask & s).bit_count() for s in range(1 << K)]
        np.testing.assert_allclose(walsh(VALUES)[:, mask], VALUES @ parity / (1 << K))


def test_shapley_values_are_means_over_all_orders():
    fast = shapley_values(VALUES)
    np.testing.assert_allclose(fast, [slow_shapley(one) for one in VALUES])
    np.testing.assert_allclose(fast.sum(axis=-1), VALUES[:, 0] - VALUES[:, -1])


def test_interaction_indices_are_means_over_all_subsets():
    fast = interaction_indices(VALUES)
    for a in range(K):
        assert np.isnan(fast[:, a, a]).all()
        for b in range(a):
            np.testing.assert_allclose(fast[:, a, b], [slow_index(one, a, b) for one in VALUES])
            np.testing.assert_array_equal(fast[:, a, b], fast[:, b, a])


def test_variance_is_by_the_order_that_makes_it():
    lost = np.array([[m >> bit & 1 for bit in range(K)] for m in range(1 << K)], float)
    additive = 10 - lost @ [1, 2, 3, 0.5]
    np.testing.assert_allclose(variance_by_order(additive[None]), [1, 0, 0, 0], atol=1e-12)
    # On the log scale a product is additive, on the additive scale it is not.
    product = np.exp(-lost @ [0.5, 1, 2, 0.1])
    assert variance_by_order(product[None])[1:].sum() > 0.05
    np.testing.assert_allclose(variance_by_order(np.log(product)[None]), [1, 0, 0, 0], atol=1e-12)
    both = lost[:, 0] * lost[:, 1]
    shares = variance_by_order(both[None])
    np.testing.assert_allclose(shares, [2 / 3, 1 / 3, 0, 0], atol=1e-12)
    assert np.isnan(variance_by_order(np.ones((2, 1 << K)))).all()


def test_noise_is_no_variance_of_a_high_order():
    random = np.random.default_rng(1)
    lost = np.array([[m >> bit & 1 for bit in range(K)] for m in range(1 << K)], float)
    noise = random.normal(scale=2.0, size=(400, 10, 1 << K))
    values = 10 - lost @ [3, 2, 1, 2] + noise
    plain = variance_by_order(values[0].mean(axis=0)[None])[1:].sum()
    mean = np.mean([variance_by_order(one)[1:].sum() for one in values])
    assert abs(mean) < 0.02 < plain


def test_all_orders_sampled_are_the_exact_values():
    orders = np.array([o for one in permutations(range(K)) for o in (one, one[::-1])])
    values, errors = sampled_shapley(dict(enumerate(VALUES.T)), orders)
    np.testing.assert_allclose(values, shapley_values(VALUES))
    assert (errors > 0).all()
    few, error = sampled_shapley(dict(enumerate(VALUES.T)), orders[:2])
    np.testing.assert_allclose(few.sum(axis=-1), VALUES[:, 0] - VALUES[:, -1])
    assert np.isnan(error).all()


def test_a_greedy_order_need_not_be_the_best():
    # Member 0 does most alone; 1 and 2 stand in for one another, and together do more.
    values = np.array([10, 7, 9, 6.8, 9, 6.8, 2, 1.5])
    assert greedy_order(values) == [0, 1, 2]
    assert best_of_size(values) == [0, 1, 6, 7]
    assert greedy_order(-values, lowest=False) == [0, 1, 2]


def test_a_landscape_has_all_subsets():
    with pytest.raises(ConfigError, match="6 values"):
        moebius(np.zeros(6))
