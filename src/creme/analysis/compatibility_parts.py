"""The parts of a promoter that a pair's effect goes with."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from creme.analysis import scipy_stats as stats
from creme.analysis.compatibility import intact
from creme.analysis.variances import variance
from creme.errors import ConfigError

_COLUMNS = ("distance", "promoter", "part", "enhancer", "track")


def parts_of_pairs(dataset: xr.Dataset) -> pd.DataFrame:
    """The change of each enhancer's effect when a part of the promoter is shuffled.

    Parameters
    ----------
    dataset : Dataset
        Of the compatibility test with ``ablated``; enhancers may be sub-tiles of one.

    Returns
    -------
    DataFrame
        For each intact promoter, part, enhancer, distance and track: ``effect`` (log2 over the
        promoter alone), ``effect_ablated``, ``change`` (ablated - intact, within a carrier),
        with ``change_low`` and ``change_high``, 95 % over carriers, and ``promoter_change``, the
        log2 of what the ablation does to the promoter alone. Negative: the enhancer acts through
        the part.

    Raises
    ------
    ConfigError
        If no promoter has an ablated part.
    """
    whole = intact(dataset)
    rest = [str(name) for name in dataset["promoter"].values if str(name) not in whole]
    if not rest:
        raise ConfigError("no promoter has an ablated part: measure with ablated = [[start, end]]")
    owner = dict(zip(dataset["promoter"].values, dataset["promoter_locus"].values, strict=True))
    carriers = dataset.sizes["locus"]
    factor = stats.student.isf(0.025, carriers - 1) / np.sqrt(carriers) if carriers > 1 else np.nan
    effects = dataset["effect"].astype(np.float64)
    control = dataset["control"].astype(np.float64)
    frames = []
    for name in rest:
        base = str(owner[name])
        here, there = (effects.sel(promoter=p, drop=True) for p in (name, base))
        change = here - there
        ratio = control.sel(promoter=name, drop=True) / control.sel(promoter=base, drop=True)
        alone = xr.apply_ufunc(np.log2, ratio).mean("locus")
        half = factor * np.sqrt(variance(change, "locus"))
        table = xr.Dataset(
            {
                "effect": there.mean("locus"),
                "effect_ablated": here.mean("locus"),
                "change": change.mean("locus"),
                "change_low": change.mean("locus") - half,
                "change_high": change.mean("locus") + half,
                "promoter_change": alone,
            }
        )
        dropped = [c for c in table.coords if c not in ("distance", "enhancer", "track")]
        frame = table.drop_vars(dropped).to_dataframe().reset_index()
        frames.append(frame.assign(promoter=base, part=name.removeprefix(f"{base} without ")))
    out = pd.concat(frames, ignore_index=True)
    return out[[*_COLUMNS, *(column for column in out if column not in _COLUMNS)]]
