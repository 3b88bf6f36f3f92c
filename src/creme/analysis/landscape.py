"""Activities of all subsets of some tiles: Shapley values, interactions, variance by order.

A landscape is an array whose last axis has 2^k values: at number m the activity with the members
lost whose bits are set in m, so that 0 is the wild type. All of it is by fast transforms over this
axis.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from creme.errors import ConfigError

Floats = NDArray[np.float64]


def members_of(values: ArrayLike) -> int:
    """The number k of members of a landscape of 2^k values along the last axis.

    Raises
    ------
    ConfigError
        If the length is no power of 2, or below 4.
    """
    length = np.shape(values)[-1]
    members = length.bit_length() - 1
    if members < 2 or length != 1 << members:
        raise ConfigError(
            f"a landscape of {length} values: there have to be 2^k of them, for all subsets of at "
            f"least two members"
        )
    return members


def moebius(values: ArrayLike) -> Floats:
    """The part of each subset that its smaller subsets do not explain, (..., 2^k) float64.

    At m the sum over the subsets s of m of ``(-1)^(size of m - size of s) values[s]``.
    """
    out = np.array(values, dtype=np.float64)
    for bit in range(members_of(out)):
        _halves(out, bit)[..., 1, :] -= _halves(out, bit)[..., 0, :]
    return out


def walsh(values: ArrayLike) -> Floats:
    """Coefficients of a landscape in the orthogonal basis of parities, (..., 2^k) float64.

    At m the mean over all s of (-1)^|m and s| values[s]: the mean at 0, and everywhere else what is
    due to that subset alone, if each member is lost in half of the cases.
    """
    out = np.array(values, dtype=np.float64)
    for bit in range(members_of(out)):
        halves = _halves(out, bit)
        kept, lost = halves[..., 0, :].copy(), halves[..., 1, :].copy()
        halves[..., 0, :], halves[..., 1, :] = (kept + lost) / 2, (kept - lost) / 2
    return out


def _halves(values: Floats, bit: int) -> Floats:
    """A view, (..., without or with the bit, rest)."""
    step = 1 << bit
    return values.reshape(*values.shape[:-1], -1, 2, step)


def sizes(members: int) -> NDArray[np.int64]:
    """The number of members in each subset, (2^k,) int64."""
    return np.array([m.bit_count() for m in range(1 << members)], dtype=np.int64)


def shapley_values(values: ArrayLike) -> Floats:
    """Each member's share of what is lost with all of them, (..., k) float64.

    The activity that is lost with the member, in the mean over all orders in which the members can
    be lost. The shares add up to the activity of the wild type minus that without any member.

    Notes
    -----
    Shapley, A value for n-person games (1953). From the Moebius transform a of the landscape it is
    minus the sum over the subsets m with the member of ``a[m] / size of m``.
    """
    members = members_of(values)
    size = sizes(members)
    split = -moebius(values)[..., 1:] / size[1:]
    return np.stack([split[..., _with(bit, size)[1:]].sum(axis=-1) for bit in range(members)], -1)


def interaction_indices(values: ArrayLike) -> Floats:
    """How much two members' losses together differ from the losses one by one, (..., k, k) float64.

    The mean of v[s + i + j] - v[s + i] - v[s + j] + v[s] over the subsets s of the others, each
    size of s having the same weight; symmetric, with NaN on the diagonal. Positive: less is lost
    together than one by one; of logarithms it is 0 where fold changes multiply.

    Notes
    -----
    Grabisch and Roubens, An axiomatic approach to the concept of interaction among players in
    cooperative games (1999): the sum over the subsets m with both of ``a[m] / (size of m - 1)``.
    """
    members = members_of(values)
    size = sizes(members)
    split = moebius(values) / np.maximum(size - 1, 1)
    out = np.full((*split.shape[:-1], members, members), np.nan)
    for one in range(members):
        for other in range(one):
            both = _with(one, size) & _with(other, size)
            out[..., one, other] = out[..., other, one] = split[..., both].sum(axis=-1)
    return out


def _with(bit: int, size: NDArray[np.int64]) -> NDArray[np.bool_]:
    return (np.arange(len(size)) >> bit & 1).astype(np.bool_)


def variance_by_order(values: ArrayLike) -> Floats:
    """Shares of the variance over all subsets that are due to 1, 2, ..., k members, (k,) float64.

    The noise of the replicates is taken off: of a squared coefficient's mean the variance of that
    mean, so that an order of which there is nothing is 0 in the mean, and may be below.

    Parameters
    ----------
    values : array, (replicate, 2^k)

    Returns
    -------
    array
        They add up to 1; NaN where nothing varies.
    """
    coefficients = walsh(values)
    replicates, members = len(coefficients), members_of(values)
    squares = coefficients.mean(axis=0) ** 2
    if replicates > 1:
        squares = squares - coefficients.var(axis=0, ddof=1) / replicates
    by_order = np.bincount(sizes(members), weights=squares, minlength=members + 1)[1:]
    total = by_order.sum()
    return by_order / total if total > 0 else np.full(members, np.nan)


def sampled_shapley(
    activities: dict[int, ArrayLike], permutations: NDArray[np.int64]
) -> tuple[Floats, Floats]:
    """Shapley values from some of the orders in which members can be lost, and their errors.

    Parameters
    ----------
    activities : dict of int to array, (...)
        Of each subset that an order passes; 0 and all members among them.
    permutations : array of int, (orders, k)
        The orders; each even one and the next, its reverse, are one draw.

    Returns
    -------
    values, errors : array, (..., k)
        Of the draws' mean; the error is that of drawing some orders only. NaN for a single draw.
    """
    orders, members = permutations.shape
    first = np.asarray(activities[0], dtype=np.float64)
    lost = np.empty((orders, *first.shape, members))
    for number, order in enumerate(permutations.tolist()):
        mask, before = 0, first
        for member in order:
            mask |= 1 << member
            after = np.asarray(activities[mask], dtype=np.float64)
            lost[number, ..., member] = before - after
            before = after
    draws = lost.reshape(orders // 2, 2, *first.shape, members).mean(axis=1)
    if len(draws) < 2:
        return draws.mean(axis=0), np.full_like(draws[0], np.nan)
    return draws.mean(axis=0), draws.std(axis=0, ddof=1) / np.sqrt(len(draws))


def greedy_order(values: ArrayLike, lowest: bool = True) -> list[int]:
    """The members in the order in which a greedy search would take them, in this landscape.

    Parameters
    ----------
    values : array, (2^k,)
    lowest : bool
        Whether each step is to the lowest activity, as of a search for enhancers.
    """
    values = np.asarray(values, dtype=np.float64)
    mask, order = 0, list[int]()
    rest = list(range(members_of(values)))
    while rest:
        best = (min if lowest else max)(rest, key=lambda member: values[mask | 1 << member])
        rest.remove(best)
        order.append(best)
        mask |= 1 << best
    return order


def best_of_size(values: ArrayLike, lowest: bool = True) -> list[int]:
    """The subset of each size, 0 to k, that loses most (or with `lowest` false gains most)."""
    values = np.asarray(values, dtype=np.float64)
    size = sizes(members_of(values))
    pick = np.argmin if lowest else np.argmax
    return [
        int(np.flatnonzero(size == n)[pick(values[size == n])]) for n in range(int(size.max()) + 1)
    ]
