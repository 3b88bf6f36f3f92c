"""Two columns of the same tiles, such as necessity and sufficiency, against each other."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr

from creme.errors import ConfigError

_KEYS = ["locus", "tile_start", "tile_end", "track"]


def necessity_and_sufficiency(necessity: xr.Dataset, sufficiency: xr.Dataset) -> pd.DataFrame:
    """Both effects of every tile that both tests have measured.

    Parameters
    ----------
    necessity, sufficiency : Dataset
        Results of the two tests.

    Returns
    -------
    DataFrame
        ``locus``, ``tile_start``, ``tile_end``, ``track``, ``distance``, and ``necessity`` and
        ``sufficiency`` with their standard errors (``_se``).

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
        wanted = dataset[["effect", "effect_se"]].reset_coords(
            [n for n in ("tile_start", "tile_end", "distance") if n in dataset.coords]
        )
        frame = wanted.to_dataframe().reset_index()
        frame = frame[[*_KEYS, "distance", "effect", "effect_se"]].dropna(subset=["effect"])
        tables.append(frame.rename(columns={"effect": name, "effect_se": f"{name}_se"}))
    both = tables[0].merge(tables[1].drop(columns="distance"), on=_KEYS, validate="one_to_one")
    if both.empty:
        raise ConfigError("the two tests have no tile of a locus and a track in common")
    return both


def correlation(
    table: pd.DataFrame,
    x: str = "necessity",
    y: str = "sufficiency",
    *,
    method: Literal["spearman", "pearson"] = "spearman",
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> dict[str, float]:
    """The correlation of two columns, with a bootstrap interval over loci.

    The tiles of a locus are not independent: loci are drawn, with all their tiles.

    Parameters
    ----------
    table : DataFrame
        With a column ``locus``.
    x, y : str
    method : {'spearman', 'pearson'}
        Of ranks, or of the values themselves.
    confidence : float
    resamples, seed : int

    Returns
    -------
    dict
        ``correlation``, ``low``, ``high``, ``loci`` and ``n``; the interval is NaN for one locus,
        and the correlation for constant values.
    """
    rows = [part.index.to_numpy() for _, part in table.reset_index(drop=True).groupby("locus")]
    values = table[[x, y]].to_numpy(dtype=np.float64)
    correlate = _spearman if method == "spearman" else _pearson
    drawn = []
    random = np.random.default_rng(seed)
    for _ in range(resamples if len(rows) > 1 else 0):
        chosen = [rows[k] for k in random.integers(0, len(rows), len(rows))]
        drawn.append(correlate(values[np.concatenate(chosen)]))
    tail = (1 - confidence) / 2 * 100
    known = np.array(drawn)[np.isfinite(drawn)]
    low, high = np.percentile(known, [tail, 100 - tail]) if known.size else (np.nan, np.nan)
    return {
        "correlation": correlate(values),
        "low": float(low),
        "high": float(high),
        "loci": len(rows),
        "n": len(table),
    }


def _spearman(values: np.ndarray) -> float:
    from scipy.stats import rankdata

    return _pearson(rankdata(values, axis=0))


def _pearson(values: np.ndarray) -> float:
    # By equality: the deviation of equal values may be a rounding error instead of 0.
    if len(values) < 2 or (values == values[0]).all(axis=0).any():
        return float("nan")
    return float(np.corrcoef(values, rowvar=False)[0, 1])
