"""Two columns of the same tiles, such as necessity and sufficiency, against each other."""

from __future__ import annotations

from collections.abc import Sequence as SequenceOf
from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from creme.analysis.resampling import FEW, group_weights, interval
from creme.errors import ConfigError

_ROUNDING = 1e-13
_KEYS = ["locus", "tile_start", "tile_end", "track"]


def necessity_and_sufficiency(necessity: xr.Dataset, sufficiency: xr.Dataset) -> pd.DataFrame:
    """The two effects of every tile that both tests measured.

    Parameters
    ----------
    necessity, sufficiency : Dataset
        Results of the two tests.

    Returns
    -------
    DataFrame
        ``locus``, ``tile_start``, ``tile_end``, ``track``, ``distance``, and ``necessity`` and
        ``sufficiency`` with their standard errors (``_se``). Its ``attrs`` has the attributes of
        both Datasets by test.

    Raises
    ------
    ConfigError
        If they have no tile in common.

    Notes
    -----
    Supplementary Figure 2.
    """
    tables = []
    for name, dataset in (("necessity", necessity), ("sufficiency", sufficiency)):
        columns = dataset[["effect", "effect_se"]].reset_coords(
            [n for n in ("tile_start", "tile_end", "distance") if n in dataset.coords]
        )
        frame = columns.to_dataframe().reset_index()
        frame = frame[[*_KEYS, "distance", "effect", "effect_se"]].dropna(subset=["effect"])
        tables.append(frame.rename(columns={"effect": name, "effect_se": f"{name}_se"}))
    both = tables[0].merge(tables[1].drop(columns="distance"), on=_KEYS, validate="one_to_one")
    if both.empty:
        raise ConfigError("the two tests have no tile of a locus and a track in common")
    both.attrs = {"necessity": dict(necessity.attrs), "sufficiency": dict(sufficiency.attrs)}
    return both


def correlation(
    table: pd.DataFrame,
    x: str = "necessity",
    y: str = "sufficiency",
    *,
    method: Literal["spearman", "pearson"] = "spearman",
    by: SequenceOf[str] = ("locus",),
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> dict[str, float]:
    """The correlation of two columns, with a bootstrap interval over loci.

    The tiles of a locus are not independent: loci are drawn, with all their tiles. A value of two
    loci, such as a swap of one into the other, is drawn as often as both together.

    Parameters
    ----------
    table : DataFrame
        Without NaN in `x` and `y`.
    x, y : str
    method : {'spearman', 'pearson'}
        Of ranks, or of the values themselves.
    by : sequence of str
        Columns with the locus, or the loci, of a row.
    confidence : float
    resamples, seed : int

    Returns
    -------
    dict
        ``correlation``, ``low``, ``high``, ``loci``, ``n`` and ``few``, whether there are fewer
        loci than `creme.analysis.resampling.FEW`, so that the interval is too narrow; it is NaN for
        one locus, and the correlation for constant values. Draws without a value, or of constant
        ones, are left out of the interval.

    Notes
    -----
    For two loci a row: Owen, "The pigeonhole bootstrap" (2007).
    """
    values = table[[x, y]].to_numpy(dtype=np.float64)
    names = np.array(sorted({str(name) for column in by for name in table[column]}))
    of_row = [np.searchsorted(names, table[column].astype(str).to_numpy(str)) for column in by]
    whole = np.ones((1, len(values)))
    draws = [
        _correlations(values, np.prod([times[:, rows] for rows in of_row], axis=0), method)
        for times in group_weights(np.arange(len(names)), resamples, seed)
    ]
    low, high = interval(np.concatenate(draws) if draws else [], confidence)
    return {
        "correlation": float(_correlations(values, whole, method)[0]),
        "low": low,
        "high": high,
        "loci": len(names),
        "few": len(names) < FEW,
        "n": len(table),
    }


def _correlations(
    values: NDArray[np.float64], weights: NDArray[np.float64], method: str
) -> NDArray[np.float64]:
    """Of (n, 2) values, each as often as (draws, n) weights say.

    NaN where one is constant, and where no value is drawn.
    """
    total = weights.sum(axis=1)
    if not len(values):
        return np.full(len(total), np.nan)
    if method == "spearman":
        # The mean of ranks is exact, so that equal values deviate from it by 0 and not by nearly 0.
        x, y = (_ranks(column, weights) - (total[:, None] + 1) / 2 for column in values.T)
        cross, square_x, square_y = (
            np.einsum("dn,dn,dn->d", weights, a, b) for a, b in ((x, y), (x, x), (y, y))
        )
    else:
        # Relative to the first value: equal ones are 0.
        x, y = (values - values[0]).T
        sums = weights @ np.stack([x, y, x * y, x * x, y * y], axis=1)
        sums /= np.where(total > 0, total, 1)[:, None]
        cross = sums[:, 2] - sums[:, 0] * sums[:, 1]
        square_x, square_y = (sums[:, 3 + k] - sums[:, k] ** 2 for k in (0, 1))
        # Equal values have no variance: a remainder is rounding.
        square_x, square_y = (
            np.where(square > _ROUNDING * sums[:, 3 + k], square, 0)
            for k, square in enumerate((square_x, square_y))
        )
    scale = np.sqrt(square_x) * np.sqrt(square_y)
    coefficient = np.divide(cross, scale, out=np.full(len(total), np.nan), where=scale > 0)
    return np.clip(coefficient, -1, 1)


def _ranks(column: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean ranks, (draws, n), where each value is there as often as its weight says."""
    order = np.argsort(column, kind="stable")
    ranked = column[order]
    ends = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), max(len(ranked) - 1, 0))
    up_to = np.cumsum(weights[:, order], axis=1)[:, ends]
    before = np.concatenate([np.zeros((len(weights), 1)), up_to[:, :-1]], axis=1)
    run = np.searchsorted(ranked[ends], column)
    return ((before + up_to + 1) / 2)[:, run]
