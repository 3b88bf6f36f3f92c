"""Counts and means over the tiles of a locus, with intervals over the backgrounds they share."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import xarray as xr

from creme.analysis.normalise import class_effect
from creme.analysis.resampling import shared_interval
from creme.seeds import derive

COUNTED = ("enhancers", "silencers", "mean_effect")
"""Of a locus: tiles with an effect above, and below minus, a threshold; and the mean effect."""


def tiles_of_loci(
    dataset: xr.Dataset,
    track: str,
    *,
    weak: float = 0.3,
    weak_silencer: float | None = None,
    resamples: int = 500,
) -> pd.DataFrame:
    """How many tiles of each locus have an effect beyond a threshold, and the mean over tiles.

    Parameters
    ----------
    dataset : Dataset
        Of the sufficiency test.
    track : str
    weak, weak_silencer : float
        Thresholds by the wild type, as of `creme.analysis.categories.cre_classes`; q-values and
        rank p are not asked for.
    resamples : int
        Draws of backgrounds, of all tiles together where they share them.

    Returns
    -------
    DataFrame
        ``locus``, ``track``, ``of`` (one of `COUNTED`), ``value``, ``low`` and ``high`` (0.95, NaN
        for a single replicate) and ``tiles``, how many have an effect. Without loci that have
        none.
    """
    lost = weak if weak_silencer is None else weak_silencer

    def statistic(effects: xr.DataArray) -> xr.DataArray:
        counts = [(effects > weak).sum("tile"), (effects < -lost).sum("tile")]
        every = [*(count.astype(np.float64) for count in counts), effects.mean("tile")]
        return xr.concat(every, dim=xr.DataArray(list(COUNTED), dims="of", name="of"))

    jointly = json.loads(dataset.attrs["configuration"]).get("backgrounds_of", "locus") == "locus"
    has_class = class_effect(dataset).sel(track=track).notnull()
    replicates = dataset["effect_replicates"].sel(track=track).where(has_class)
    rows = []
    for name in dataset["locus"].values:
        one = replicates.sel(locus=name).reset_coords(drop=True)
        one = one.isel(tile=np.flatnonzero(one.notnull().any("replicate")))
        if not one.sizes["tile"]:
            continue
        seed = derive(0, str(name), "tiles of loci") % 2**32
        around = shared_interval(
            one, statistic, jointly=jointly, resamples=resamples, seed=seed
        ).reset_coords(drop=True)
        for of in COUNTED:
            value, low, high = (float(around[key].sel(of=of)) for key in ("value", "low", "high"))
            if of != "mean_effect":  # there are no fewer than none
                low = max(low, 0.0) if np.isfinite(low) else low
            rows.append([str(name), track, of, value, low, high, one.sizes["tile"]])
    columns = ["locus", "track", "of", "value", "low", "high", "tiles"]
    return pd.DataFrame(rows, columns=columns)
