"""How large an effect is among others of the same model, track and test: percentiles, rank p."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from creme.analysis.panel import Panel

EXACT = 2000
"""Values of a distribution that are all kept; of more, the extreme ones and some of the others."""
EXTREMES = 500
"""Kept at either end where not all are, so that small p are exact."""
DIGITS = 7
"""Of a kept value: predictions have no more."""

POOLED = ("locus", "tile", "position")
"""Dimensions whose effects are one distribution; each place along others has one of its own."""

PERCENTILE, PANEL_PERCENTILE, PANEL_P = "percentile", "panel_percentile", "panel_p"
"""Endings of the names of variables: ``effect_percentile``, ..."""


@dataclass(frozen=True, eq=False)
class Distribution:
    """Values in ascending order, of which some of many are kept.

    Attributes
    ----------
    n : int
        How many there are.
    ranks : array of int64, (kept,)
        Place of each kept value among all, from 0; the first and the last one are kept.
    values : array of float64, (kept,)
    """

    n: int
    ranks: NDArray[np.int64]
    values: NDArray[np.float64]

    @classmethod
    def of(cls, values: ArrayLike) -> Distribution:
        """The distribution of values; those that are not finite are left out."""
        ordered = np.sort(np.asarray(values, dtype=np.float64).ravel())
        ordered = ordered[np.isfinite(ordered)]
        ranks = np.arange(len(ordered))
        if len(ordered) > EXACT:
            middle = np.linspace(EXTREMES, len(ordered) - EXTREMES, EXACT - 2 * EXTREMES)
            inner = np.round(middle[1:-1]).astype(np.int64)
            ranks = np.unique(np.concatenate([ranks[:EXTREMES], inner, ranks[-EXTREMES:]]))
        rounded = [float(f"{value:.{DIGITS}g}") for value in ordered[ranks]]
        return cls(len(ordered), ranks, np.array(rounded, dtype=np.float64))

    def bounds(self, values: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """How many are at most, and at least, as large as each value.

        Exact where all values are kept and at both ends; else no lower than the numbers are.
        """
        rounded = _rounded(np.asarray(values, dtype=np.float64))
        above = np.searchsorted(self.values, rounded, side="right")
        below = np.searchsorted(self.values, rounded, side="left") - 1
        next_rank = np.append(self.ranks, self.n)[above]
        last_rank = np.insert(self.ranks, 0, -1)[below + 1]
        return next_rank, self.n - 1 - last_rank

    def percentile(self, values: ArrayLike) -> NDArray[np.float64]:
        """The share of the distribution below each value, and half of what equals it; in percent.

        NaN for a value that is NaN, or an empty distribution.
        """
        at_most, at_least = self.bounds(values)
        percent = 50 * (at_most + self.n - at_least) / max(self.n, 1)
        return np.where(np.isfinite(values) & (self.n > 0), percent, np.nan)

    def p(self, values: ArrayLike) -> NDArray[np.float64]:
        """Rank p of each value, two-sided and add-one.

        2 (1 + m) / (1 + n), at most 1, m being how many of the distribution are at least as large,
        or at most, whichever are fewer. NaN as `percentile`.
        """
        at_most, at_least = self.bounds(values)
        p = np.minimum(1.0, 2 * (1 + np.minimum(at_most, at_least)) / (1 + self.n))
        return np.where(np.isfinite(values) & (self.n > 0), p, np.nan)

    def quantiles(self, shares: ArrayLike) -> NDArray[np.float64]:
        """The values below which shares of the distribution lie; NaN of an empty one."""
        if not self.n:
            return np.full(np.shape(shares), np.nan)
        places = np.asarray(shares, dtype=np.float64) * (self.n - 1)
        return np.asarray(np.interp(places, self.ranks, self.values))

    @property
    def smallest_p(self) -> float:
        """The p of a value beyond all of the distribution."""
        return min(1.0, 2 / (1 + self.n))

    def described(self) -> dict[str, Any]:
        """JSON values, of which `read` makes an equal one."""
        every = len(self.ranks) == self.n
        ranks = {} if every else {"ranks": self.ranks.tolist()}
        return {"n": self.n, **ranks, "values": self.values.tolist()}

    @classmethod
    def read(cls, described: Mapping[str, Any]) -> Distribution:
        """That of `described`; raises a KeyError, TypeError or ValueError for what is none."""
        n = int(described["n"])
        values = np.array(described["values"], dtype=np.float64)
        ranks = np.array(described.get("ranks", range(len(values))), dtype=np.int64)
        whole = not n or (len(ranks) and ranks[0] == 0 and ranks[-1] == n - 1)
        ordered = (np.diff(values) >= 0).all() and (np.diff(ranks) > 0).all()
        if ranks.shape != values.shape or not whole or not ordered:
            raise ValueError("it has no values in ascending order, from the first to the last")
        return cls(n, ranks, values)


def _rounded(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """As kept values are, so that a value equals itself among them."""
    flat = [float(f"{value:.{DIGITS}g}") for value in values.ravel()]
    return np.array(flat, dtype=np.float64).reshape(values.shape)


Place = tuple[tuple[str, str], ...]
"""Track, and labels along further dimensions, of a distribution: pairs of dimension and label."""


def places(measured: xr.DataArray) -> Iterator[tuple[Place, dict[str, int]]]:
    """The distributions that a measure has: their labels, and their indices by dimension."""
    dims = [str(dim) for dim in measured.dims if dim not in POOLED]
    for at in np.ndindex(*(measured.sizes[dim] for dim in dims)):
        index = dict(zip(dims, at, strict=True))
        labels = tuple(
            (dim, str(measured[dim].values[k]) if dim in measured.coords else str(k))
            for dim, k in index.items()
        )
        yield tuple(sorted(labels)), index


def distributions(measured: xr.DataArray) -> dict[Place, Distribution]:
    """The distribution of a measure over loci and tiles, by track and what else varies."""
    return {
        place: Distribution.of(measured.isel(index).values) for place, index in places(measured)
    }


def is_calibrated(measure: str, neutral: float) -> bool:
    """Whether a measure can be compared: it has a neutral value, and is not an activity."""
    return bool(measure) and measure != "wild_type" and bool(np.isfinite(neutral))


def with_percentiles(dataset: xr.Dataset, measure: str) -> xr.Dataset:
    """A whole Dataset with ``MEASURE_percentile``: of each effect among all of its track."""
    measured = dataset[measure].load()
    percentile = np.full(measured.shape, np.nan)
    whole = xr.DataArray(percentile, dims=measured.dims)
    for _, index in places(measured):
        part = measured.isel(index).values
        whole[index] = _exact_percentile(part)
    return dataset.assign({f"{measure}_{PERCENTILE}": whole.variable})


def _exact_percentile(values: NDArray[Any]) -> NDArray[np.float64]:
    """As `Distribution.percentile` of all values, among themselves."""
    from scipy.stats import rankdata

    n = int(np.isfinite(values).sum())
    finite = np.where(np.isfinite(values), values, np.nan).astype(np.float64)
    ranks = rankdata(finite, nan_policy="omit").reshape(values.shape)
    return np.asarray(100 * (ranks - 0.5) / max(n, 1))


def with_panel(dataset: xr.Dataset, measure: str, panel: Panel) -> xr.Dataset:
    """A Dataset, or a part of it, with what a panel says of its measure.

    ``MEASURE_panel_percentile`` and ``MEASURE_panel_p``, where the panel has the test; and
    ``below_minimum`` where an effect is a share of a wild type's activity and the test has no
    `minimum_activity` of its own: whether the activity is below the panel's floor.

    Parameters
    ----------
    dataset : Dataset
    measure : str
    panel : Panel
        See `creme.analysis.panel.Panel.of_dataset` for the one that fits.
    """
    entry = panel.test_of(dataset)
    if entry is not None and measure in dataset:
        measured = dataset[measure].load()
        percentile = xr.DataArray(np.full(measured.shape, np.nan), dims=measured.dims)
        p = percentile.copy(deep=True)
        for place, index in places(measured):
            null = entry.distributions.get(place)
            if null is not None:
                values = measured.isel(index).values
                percentile[index], p[index] = null.percentile(values), null.p(values)
        dataset = dataset.assign(
            {
                f"{measure}_{PANEL_PERCENTILE}": percentile.variable,
                f"{measure}_{PANEL_P}": p.variable,
            }
        )
    return _with_floor(dataset, measure, panel)


def _with_floor(dataset: xr.Dataset, measure: str, panel: Panel) -> xr.Dataset:
    by_wild_type = dataset.attrs.get("effect_scale", "relative") == "relative"
    there = measure == "effect" and "wild_type" in dataset and "below_minimum" not in dataset
    if not there or not by_wild_type or set(dataset["wild_type"].dims) != {"locus", "track"}:
        return dataset
    floors = [panel.floor(str(track)) for track in dataset["track"].values]
    if not np.isfinite(floors).any():
        return dataset
    wild_type = dataset["wild_type"].load()
    below = wild_type < xr.DataArray(floors, dims="track")
    return dataset.assign(below_minimum=below.transpose(*wild_type.dims).variable)
