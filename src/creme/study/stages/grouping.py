"""Categories of loci and classes of tiles, by a study's thresholds."""

from __future__ import annotations

import numpy as np
import xarray as xr

from creme.analysis.categories import CONTEXTS, context_categories, cre_classes, members
from creme.analysis.thresholds import Categories, Classes


def category_by_track(dataset: xr.Dataset, thresholds: Categories) -> xr.DataArray:
    """Category of each locus, (locus, track), by the context dependence test's effect."""
    return context_categories(dataset, **thresholds.of_loci())


def loci_by_category(
    dataset: xr.Dataset, thresholds: Categories, track: str
) -> dict[str, list[str]]:
    """Names of the loci of each category, in the order of the selection.

    Parameters
    ----------
    dataset : Dataset
        Of the context dependence test.
    thresholds : Categories
    track : str
    """
    by_category = members(category_by_track(dataset, thresholds), track)
    if thresholds.at_most is None:
        return by_category
    effect = dataset["effect"].sel(track=track)
    order = {str(name): place for place, name in enumerate(dataset["locus"].values)}
    typical: dict[str, xr.DataArray]
    typical = {"enhancing": -effect, "neutral": abs(effect), "silencing": effect}
    for category, names in by_category.items():
        rank = typical[category].sel(locus=names).values
        kept = np.argsort(rank, kind="stable")[: thresholds.at_most]
        by_category[category] = sorted((names[k] for k in kept), key=order.__getitem__)
    return by_category


def category_by_locus(categories: dict[str, list[str]]) -> dict[str, str]:
    """The category of each locus that has one."""
    return {name: category for category in CONTEXTS for name in categories.get(category, [])}


def class_of_tiles(dataset: xr.Dataset, thresholds: Classes, track: str) -> xr.DataArray:
    """Class of each tile, (locus, tile), by the sufficiency test's effect."""
    classes = cre_classes(dataset, **thresholds.of_tiles())
    return classes.sel(track=track, drop=True)
