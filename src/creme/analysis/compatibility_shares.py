"""How much of pairs' log activity is carrier, promoter, enhancer and their interaction."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from creme.analysis import scipy_stats as stats
from creme.analysis.compatibility import Matrix, intact, matrices

PARTS = ("carrier", "promoter", "enhancer", "interaction", "rest")
MODELS = ("multiplicative", "rank_one", "pairs")
Array = NDArray[np.float64]


def variance_shares(dataset: xr.Dataset, *, pseudo_count: float | None = None) -> xr.Dataset:
    """Shares of the variance of log activities, and how well models predict further carriers.

    Log activity is carrier + promoter + enhancer + promoter by enhancer (``interaction``), all
    random; ``rest`` is what differs by carrier as well. Components are estimated by moments, those
    below 0 are 0, and shares are of their sum.

    Parameters
    ----------
    dataset : Dataset
        Of the compatibility test. Shuffled enhancers and promoters with an ablated part are left
        out.
    pseudo_count : float, optional
        As of `creme.analysis.compatibility.compatibility`.

    Returns
    -------
    Dataset
        ``share`` (distance, track, part) with ``share_low`` and ``share_high``, 95 %, by the
        jackknife over carriers; ``r2`` (distance, track, model), likewise: of the log activities of
        each carrier, less their mean, as the other carriers predict them. Model ``multiplicative``
        is promoter + enhancer, ``rank_one`` promoter + responsiveness x strength, and ``pairs`` the
        mean of each pair, which is as good as a model gets. NaN where an activity has no logarithm.
        Nothing is masked.

    Raises
    ------
    ConfigError
        If the Dataset is of another test, or has fewer than two carriers.
    """

    def make(matrix: Matrix) -> xr.Dataset:
        pseudo = matrix.pseudo if pseudo_count is None else pseudo_count
        logs = matrix.logs(pseudo)[:, :, ~matrix.null]
        out: dict[str, tuple[str, Array]] = {}
        for name, dim, of in (("share", "part", _shares), ("r2", "model", _r2)):
            value, low, high = _jackknifed(logs, of)
            out |= {name: (dim, value), f"{name}_low": (dim, low), f"{name}_high": (dim, high)}
        return xr.Dataset(out)

    shares = matrices(dataset, make, intact(dataset))
    return shares.assign_coords(part=list(PARTS), model=list(MODELS))


def _shares(logs: Array) -> Array:
    """Of (carrier, promoter, enhancer), by `PARTS`."""
    c, p, e = logs.shape
    if min(logs.shape) < 2 or not np.isfinite(logs).all():
        return np.full(len(PARTS), np.nan)
    effects: dict[tuple[int, ...], Array] = {}
    squares: dict[tuple[int, ...], float] = {}
    for axes in ((), (0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2)):
        others = tuple(axis for axis in range(3) if axis not in axes)
        effect = logs.mean(axis=others, keepdims=True)
        for smaller, part in effects.items():
            if set(smaller) < set(axes):
                effect = effect - part
        effects[axes] = effect
        freedom = np.prod([logs.shape[axis] - 1 for axis in axes]) if axes else 1
        repeated = logs.size / effect.size
        squares[axes] = float((effect**2).sum() * repeated / freedom)
    ms = squares
    noise = ms[0, 1, 2]
    components = np.maximum(
        [
            (ms[0,] - ms[0, 1] - ms[0, 2] + noise) / (p * e),
            (ms[1,] - ms[0, 1] - ms[1, 2] + noise) / (c * e),
            (ms[2,] - ms[0, 2] - ms[1, 2] + noise) / (c * p),
            (ms[1, 2] - noise) / c,
            max(ms[0, 1] - noise, 0) / e + max(ms[0, 2] - noise, 0) / p + noise,
        ],
        0.0,
    )
    total = components.sum()
    return np.asarray(components / total if total > 0 else components * np.nan)


def _r2(logs: Array) -> Array:
    """Of (carrier, promoter, enhancer), by `MODELS`; each carrier is predicted by the others."""
    if min(logs.shape) < 2 or not np.isfinite(logs).all():
        return np.full(len(MODELS), np.nan)
    missed, total = np.zeros(len(MODELS)), 0.0
    for carrier in range(len(logs)):
        there = np.delete(logs, carrier, axis=0).mean(axis=0)
        here = logs[carrier] - logs[carrier].mean()
        there = there - there.mean()
        rows, columns = there.mean(axis=1, keepdims=True), there.mean(axis=0, keepdims=True)
        power = (columns**2).sum()
        slopes = (there * columns).sum(axis=1, keepdims=True) / power if power > 0 else 1.0
        for place, model in enumerate((rows + columns, rows + slopes * columns, there)):
            missed[place] += ((here - model) ** 2).sum()
        total += (here**2).sum()
    return np.asarray(1 - missed / total if total > 0 else missed * np.nan)


def _jackknifed(logs: Array, of: Callable[[Array], Array]) -> tuple[Array, Array, Array]:
    """A statistic and its 95 % interval over carriers, within what it may be."""
    value, number = of(logs), len(logs)
    if number < 3:
        return value, value * np.nan, value * np.nan
    without = np.stack([of(np.delete(logs, carrier, axis=0)) for carrier in range(number)])
    spread = without - without.mean(axis=0)
    error = np.sqrt((number - 1) / number * (spread**2).sum(axis=0))
    half = stats.student.isf(0.025, number - 1) * error
    least = 0.0 if of is _shares else -np.inf
    return value, np.maximum(value - half, least), np.minimum(value + half, 1.0)
