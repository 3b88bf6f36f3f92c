"""Draws of whole groups with replacement, as weights of their members."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from creme.errors import ConfigError

FEW = 20
"""Fewer groups than this give intervals that are too narrow, however many draws are made."""
_AT_ONCE = 100


def group_weights(groups: ArrayLike, resamples: int, seed: int) -> Iterator[NDArray[np.float64]]:
    """Weights of members: how often each is drawn, in draws of as many groups as there are.

    Members of a group are not independent (the tiles of a locus, the elements of a gene): they are
    drawn together. A statistic of weighted members is that of the members repeated so often.

    Parameters
    ----------
    groups : sequence of str or int, (members,)
        The group of each member.
    resamples : int
        Draws.
    seed : int
        The same seed and groups give the same draws, so that two scores can be compared in pairs.

    Yields
    ------
    array of float64, (draws, members)
        Up to 100 draws at a time; nothing where there are fewer than two groups.
    """
    names, group_of = np.unique(np.asarray(groups), return_inverse=True)
    if len(names) < 2:
        return
    random = np.random.default_rng(seed)
    share = np.full(len(names), 1 / len(names))
    for start in range(0, resamples, _AT_ONCE):
        times = random.multinomial(len(names), share, size=min(_AT_ONCE, resamples - start))
        yield times.astype(np.float64)[:, group_of]


def interval(draws: ArrayLike, confidence: float = 0.95) -> tuple[float, float]:
    """Percentiles of draws; NaN are left out, and NaN is returned if none remains.

    Raises
    ------
    ConfigError
        If the confidence is no share.
    """
    if not 0 < confidence < 1:
        raise ConfigError(f"confidence = {confidence}: it lies between 0 and 1")
    values = np.asarray(draws, dtype=np.float64)
    values = values[np.isfinite(values)]
    if not values.size:
        return float("nan"), float("nan")
    tail = (1 - confidence) / 2 * 100
    low, high = np.percentile(values, [tail, 100 - tail])
    return float(low), float(high)
