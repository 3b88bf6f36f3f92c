"""The random contexts of each locus: how active they are, and whether one is off."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from creme.analysis.outliers import outliers

CONTROLS = {
    "context_dependence": "mutant",
    "sufficiency": "control",
    "set_sufficiency": "control",
    "motif_embedding": "control",
    "fine_tile": "control",
    "multiplicity": "tss_control",
}
"""By test, the activities of backgrounds that have the TSS tile and nothing else of the locus."""

COLUMNS = (
    *("locus", "track", "backgrounds", "wild_type", "median", "mean", "std", "lowest", "highest"),
    *("outliers", "outlier_backgrounds", "mean_without_outliers"),
    *("gc", "n", "background_gc_lowest", "background_gc_highest", "background_n"),
)


def control_activities(dataset: xr.Dataset) -> xr.DataArray | None:
    """Activities of the backgrounds that a test used, with the TSS tile in them.

    Parameters
    ----------
    dataset : Dataset
        Of any test, as it is stored.

    Returns
    -------
    DataArray, (locus, background, track), or None
        ``background`` is the replicate; where each tile has backgrounds of its own, text,
        ``TILE.REPLICATE``. None for a test that has no such activities.
    """
    test = str(dataset.attrs.get("test", ""))
    name = CONTROLS.get(test, "control")
    if name not in dataset.data_vars:
        return None
    values = dataset[name]
    dims = set(map(str, values.dims))
    if dims == {"locus", "replicate", "track"}:
        values = values.rename(replicate="background")
    elif test in CONTROLS and dims == {"locus", "tile", "replicate", "track"}:
        labels = [
            f"{tile}.{k}" for tile in range(values.sizes["tile"])
            for k in range(values.sizes["replicate"])
        ]  # fmt: skip
        plain = values.transpose("locus", "tile", "replicate", "track")
        shape = (plain.sizes["locus"], len(labels), plain.sizes["track"])
        values = xr.DataArray(
            plain.values.reshape(shape),
            {"locus": dataset["locus"].values, "background": labels,
             "track": dataset["track"].values},
            ("locus", "background", "track"),
        )  # fmt: skip
    else:
        return None
    return values.transpose("locus", "background", "track").reset_coords(drop=True)


def background_table(dataset: xr.Dataset) -> pd.DataFrame | None:
    """How active the backgrounds of each locus are, and which are outliers.

    Parameters
    ----------
    dataset : Dataset
        Of any test, as it is stored.

    Returns
    -------
    DataFrame or None
        A row for each locus and track: ``locus``, ``track``, the number of ``backgrounds`` that
        were measured, activities of the ``wild_type`` and of backgrounds (``median``, ``mean``,
        ``std`` with ddof 1, ``lowest``, ``highest``); ``outliers``, their number by
        `creme.analysis.outliers.outliers`, with ``outlier_backgrounds``, such as ``3 (2.51)``, and
        ``mean_without_outliers``; ``gc`` and ``n``, shares of the locus's sequence, and those of
        backgrounds, NaN where results do not say them. None for a test without such activities.
    """
    controls = control_activities(dataset)
    if controls is None:
        return None
    rows = list(_rows(dataset, controls))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _rows(dataset: xr.Dataset, controls: xr.DataArray) -> Iterator[dict[str, Any]]:
    labels = controls["background"].values.tolist()
    tracks = controls["track"].values.tolist()
    for place, locus in enumerate(controls["locus"].values.tolist()):
        activities = controls.values[place]
        off = outliers(activities)
        composition = _composition(dataset, place)
        for k, track in enumerate(tracks):
            measured = np.isfinite(activities[:, k])
            values = activities[measured, k].astype(np.float64)
            if not len(values):
                continue
            named = [f"{labels[n]} ({activities[n, k]:.3g})" for n in np.flatnonzero(off[:, k])]
            yield {
                "locus": locus,
                "track": track,
                "backgrounds": len(values),
                "wild_type": _wild_type(dataset, place, k),
                "median": float(np.median(values)),
                "mean": float(values.mean()),
                "std": float(values.std(ddof=1)) if len(values) > 1 else float("nan"),
                "lowest": float(values.min()),
                "highest": float(values.max()),
                "outliers": len(named),
                "outlier_backgrounds": ", ".join(named),
                "mean_without_outliers": float(values[~off[measured, k]].mean()),
                **composition,
            }


def _wild_type(dataset: xr.Dataset, place: int, track: int) -> float:
    if "wild_type" not in dataset or set(dataset["wild_type"].dims) != {"locus", "track"}:
        return float("nan")
    return float(dataset["wild_type"].transpose("locus", "track").values[place, track])


def _composition(dataset: xr.Dataset, place: int) -> dict[str, float]:
    def of(name: str) -> np.ndarray:
        if name not in dataset.variables:
            return np.array([np.nan])
        values = np.asarray(dataset[name].isel(locus=place).values, dtype=np.float64).ravel()
        values = values[np.isfinite(values)]
        return values if len(values) else np.array([np.nan])

    return {
        "gc": float(of("sequence_gc")[0]),
        "n": float(of("sequence_n")[0]),
        "background_gc_lowest": float(of("background_gc").min()),
        "background_gc_highest": float(of("background_gc").max()),
        "background_n": float(of("background_n").max()),
    }


def in_order_of_doubt(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of `background_table`: those with outliers first, then by spread over the median."""
    spread = (table["std"] / table["median"].abs()).fillna(0)
    order = np.lexsort((-spread.to_numpy(), -(table["outliers"] > 0).to_numpy().astype(int)))
    return table.iloc[order]
