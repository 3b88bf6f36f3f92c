"""Where CREs lie, and what they do at other distances (Figure 3d, e)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from creme.report.axis_labels import distance_label
from creme.report.marks import (
    band,
    counted,
    legend,
    loci,
    note,
    remark,
    remark_rest,
    tile_label,
    zero,
)
from creme.report.select import each_tile, finite, kilobases, only
from creme.report.style import PALETTE, axes_of, colours, styled
from creme.results.words import site_word


@styled
def distance_bars(
    histogram: xr.Dataset, *, track: str | None = None, ax: Axes | None = None
) -> Axes:
    """How many enhancers and silencers lie at each distance from their TSS.

    Parameters
    ----------
    histogram : Dataset
        Of `creme.analysis.distances.distance_histogram`, folded or signed.
    track : str, optional
        Needed where there are several.
    ax : Axes, optional

    Returns
    -------
    Axes

    Notes
    -----
    Figure 3d. Bars of both kinds stand side by side in each bin.
    """
    part = only(histogram, track=track).sortby("distance")
    ax = axes_of(ax)
    distance = kilobases(part["distance"].values)
    signed = bool((distance < 0).any())
    ax.set_xlabel(distance_label(site_word(histogram.attrs), signed=signed))
    ax.set_ylabel("tiles")
    kinds = [str(kind) for kind in part["kind"].values]
    total = int(finite(part["count"]).sum())
    if not total:
        note(ax, "no tile is an enhancer or a silencer at this threshold")
        return ax
    steps = np.diff(np.unique(distance))
    width = 0.42 * (steps.min() if steps.size else 5.0)
    entries: list[tuple[str, Artist]] = []
    for place, kind in enumerate(kinds):
        numbers = part["count"].sel(kind=kind).values.astype(float)
        shift = (place - (len(kinds) - 1) / 2) * width
        tint = PALETTE.get(kind, "0.5")
        ax.bar(distance + shift, numbers, width, color=tint, linewidth=0, label=kind)
        entries.append((f"{kind}s ({int(np.nansum(numbers)):,})", Patch(color=tint)))
    ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    # The legend stands above the bars.
    ax.set_ylim(0, 1.25 * float(part["count"].max()))
    if signed:
        zero(ax, across=False)
    legend(ax, entries, loc="upper right")
    return ax


@styled
def distance_curves(
    curves: xr.Dataset | Mapping[str, xr.Dataset],
    *,
    track: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Mean fold change of moved CREs by distance, with the standard deviation of the mean.

    Parameters
    ----------
    curves : Dataset or mapping of str to Dataset
        Of `creme.analysis.distances.distance_curve`; several by name, such as ``enhancers`` and
        ``silencers``.
    track : str, optional
        Needed where there are several.
    ax : Axes, optional

    Returns
    -------
    Axes

    Notes
    -----
    Figure 3e. 1 is the activity with the CRE at its own position.
    """
    named = {"": curves} if isinstance(curves, xr.Dataset) else dict(curves)
    tints = colours(named)
    ax = axes_of(ax)
    ax.set_xlabel("distance from TSS (kb)")
    ax.set_ylabel("fold change over control")
    entries: list[tuple[str, Artist]] = []
    single = False
    for label, curve in named.items():
        part = only(curve, track=track).sortby("distance")
        mean = part["mean"].values.astype(float)
        if not np.isfinite(mean).any():
            continue
        n = int(part["n"].max())
        single |= n < 2
        line = band(
            ax, kilobases(part["distance"].values), mean, part["se"].values, colour=tints[label]
        )
        entries.append((counted(label, loci(n)), line))
    if not entries:
        note(ax, "no fold change to draw: none is finite")
        return ax
    zero(ax, 1.0)
    legend(ax, entries, loc="best")
    if single:
        remark(ax, "a single locus has no band")
    return ax


@styled
def distance_profiles(
    dataset: xr.Dataset,
    *,
    locus: str | None = None,
    track: str | None = None,
    most: int = 7,
    ax: Axes | None = None,
) -> Axes:
    """Fold change of each CRE on both sides of the TSS, with its standard error.

    Parameters
    ----------
    dataset : Dataset
        Of the distance test.
    locus : str, optional
        The CREs of one locus; of all unless given.
    track : str, optional
        Needed where there are several.
    most : int
        How many CREs are drawn, the first ones.
    ax : Axes, optional

    Returns
    -------
    Axes

    Notes
    -----
    The paper folds the two sides (Figure 3e), which hides a side that does more than the other. A
    diamond marks the CRE's own position, where the fold change is 1.
    """
    part = only(dataset, track=track)
    if locus is not None:
        part = part.isel(locus=[_place(part, locus)])
    ax = axes_of(ax)
    ax.set_xlabel("distance from TSS (kb), negative upstream")
    ax.set_ylabel("fold change over control")
    cres = each_tile(part, "fold_change")
    if not cres:
        note(ax, "no fold change to draw: none is finite")
        return ax
    labels = [tile_label(one) for one in cres[:most]]
    tints = list(colours(f"cre {k}" for k in range(len(labels))).values())
    entries: list[tuple[str, Artist]] = []
    for one, label, tint in zip(cres, labels, tints, strict=False):
        order = np.argsort(one["position_distance"].values)
        x = kilobases(one["position_distance"].values)[order]
        y = one["fold_change"].values.astype(float)[order]
        spread = one["fold_change_se"].values[order] if "fold_change_se" in one else None
        line = band(ax, x, y, spread, colour=tint, marker=None, width=1.0)
        ax.plot([float(one["distance"]) / 1000], [1.0], "D", color=tint, markersize=3.5, zorder=4)
        entries.append((label, line))
    zero(ax, 1.0)
    zero(ax, across=False)
    legend(ax, entries, loc="best", title="CRE from", title_fontsize=6)
    remark_rest(ax, len(cres), most)
    return ax


def _place(dataset: xr.Dataset, locus: str) -> int:
    only(dataset["locus"], locus=locus)  # an error that names the loci
    return dataset["locus"].values.tolist().index(locus)
