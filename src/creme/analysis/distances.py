"""Distances of CREs from their TSS, and the change of their effect with distance."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from creme.analysis.categories import cre_classes, kind_of
from creme.analysis.statistics import mean_over
from creme.errors import ConfigError


def distance_histogram(
    dataset: xr.Dataset,
    *,
    weak: float = 0.3,
    classes: xr.DataArray | None = None,
    bin_width: int = 5000,
    signed: bool = False,
    **options: Any,
) -> xr.Dataset:
    """Count the enhancers and the silencers at each distance from their TSS.

    Parameters
    ----------
    dataset : Dataset
        Of the sufficiency test.
    weak : float
        Enhancers have an effect above it, silencers one below its negative.
    classes : DataArray of text, optional
        Of `creme.analysis.categories.cre_classes`, which say what is counted, and not `weak`.
    bin_width : int
        Of distances, bp; bins are centred on its multiples.
    signed : bool
        Keep upstream (negative) and downstream apart.
    **options
        Of `creme.analysis.statistics.mean_over`.

    Returns
    -------
    Dataset, (kind, distance, track)
        ``count`` over all loci; ``mean``, ``se``, ``low`` and ``high`` of the count a locus; ``n``,
        the number of loci, without those whose tiles there have no defined effect. ``kind`` is
        ``enhancer`` or ``silencer``. Without a single effect that is defined there are no
        distances.

    Notes
    -----
    Figure 3d.
    """
    if bin_width < 1:
        raise ConfigError(f"bin_width = {bin_width}: a bin has at least 1 bp")
    if classes is None:
        classes = cre_classes(dataset, weak=weak, strong=np.inf)
    kinds = kind_of(classes)
    distance = dataset["distance"].broadcast_like(kinds)
    distance = distance if signed else abs(distance)
    defined = dataset["effect"].notnull()
    places = (distance / bin_width).round()
    bins = places.where(defined)
    occupied = np.unique(bins.values[np.isfinite(bins.values)])
    positions = occupied if occupied.size else np.zeros(1)
    at = xr.DataArray((positions * bin_width).astype(int), dims="distance", name="distance")
    counts = xr.concat(
        [
            xr.concat(
                [((kinds == kind) & (bins == position)).sum("tile") for position in positions],
                dim=at,
            )
            for kind in ("enhancer", "silencer")
        ],
        dim=xr.DataArray(["enhancer", "silencer"], dims="kind", name="kind"),
    ).isel(distance=slice(occupied.size))
    # What was not measured there (a gap of the assembly) is not a locus without a CRE.
    lost = xr.concat(
        [
            (places == position).any("tile") & ~(bins == position).any("tile")
            for position in positions
        ],
        dim=at,
    ).isel(distance=slice(occupied.size))
    statistics = mean_over(counts.where(defined.any("tile") & ~lost), **options)
    return statistics.assign(count=counts.sum("locus"))


def folded(dataset: xr.Dataset) -> xr.DataArray:
    """Fold change by distance without its sign: the 5' and the 3' side averaged.

    Parameters
    ----------
    dataset : Dataset
        Of the distance test.

    Returns
    -------
    DataArray, (locus, tile, distance, track)
        ``distance`` in bp. At a distance that one side has no position at, the other side alone.

    Notes
    -----
    Figure 3e: "the distance towards the 5' end and 3' end were averaged together for each CRE".
    """
    change = dataset["fold_change"].astype(np.float64)
    distances = np.abs(dataset["position_distance"].values)
    if distances.ndim != 1:
        raise ConfigError("the loci have different positions: take them one by one")
    sides = [
        change.isel(position=np.flatnonzero(distances == distance)).mean("position")
        for distance in np.unique(distances)
    ]
    coordinate = xr.DataArray(np.unique(distances), dims="distance", name="distance")
    parts = [side.drop_vars("distance", errors="ignore") for side in sides]
    return xr.concat(parts, dim=coordinate).transpose("locus", "tile", "distance", ...)


def distance_curve(dataset: xr.Dataset, **options: Any) -> xr.Dataset:
    """Mean folded fold change over CREs, with the band and the interval of `mean_over`.

    A locus with several CREs counts once, with their mean: CREs of a locus are not independent.
    """
    return mean_over(folded(dataset).mean("tile"), **options)
