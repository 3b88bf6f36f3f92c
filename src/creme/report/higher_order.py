"""Greedy searches: traces, and how they compare with additive effects (Figure 4; Supp. 3, 4)."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from creme.analysis.additive import INTERACTIONS
from creme.analysis.categories import texts
from creme.analysis.statistics import mean_over
from creme.errors import ConfigError, listing
from creme.report.marks import band, count, legend, name, note, remark, zero
from creme.report.select import grouped, in_order, only
from creme.report.style import PALETTE, axes_of, styled
from creme.report.traces import group_legend, group_traces

_CHANGE = "fold change over WT"


@styled
def greedy_traces(
    means: xr.Dataset,
    *,
    search: str | None = None,
    track: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Mean activity with more and more tiles shuffled, by context, with the standard error.

    Parameters
    ----------
    means : Dataset
        Of `creme.analysis.traces.mean_traces`, with or without groups.
    search : {'enhancers', 'silencers'}, optional
        Needed where there are both.
    track : str, optional
        Needed where there are several.
    ax : Axes, optional

    Returns
    -------
    Axes

    Notes
    -----
    Figures 4b and 4c.
    """
    direction = _direction(means, search)
    part = only(means, search=search, track=track)
    ax = _traces_axes(ax, direction)
    entries = group_traces(ax, part)
    if not entries:
        note(ax, "no trace to draw: no search has a finite fold change")
        return ax
    zero(ax, 1.0)
    group_legend(ax, part, entries)
    return ax


@styled
def observed_and_additive(
    comparison: xr.Dataset,
    *,
    search: str | None = None,
    track: str | None = None,
    interaction: str | None = None,
    categories: xr.DataArray | None = None,
    category: str | None = None,
    locus: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """The observed trace of greedy searches and that of additive effects, averaged over loci.

    Parameters
    ----------
    comparison : Dataset
        Of `creme.analysis.additive.additive_comparison`.
    search : {'enhancers', 'silencers'}, optional
        Needed where there are both.
    track : str, optional
        Needed where there are several.
    interaction : {'additive', 'cooperative', 'redundant'}, optional
        Loci of this class alone; all unless given.
    categories : DataArray of text, optional
        Along ``locus``; with `category`, loci of this context alone.
    category : str, optional
    locus : str, optional
        One locus.
    ax : Axes, optional

    Returns
    -------
    Axes

    Raises
    ------
    ConfigError
        If there is no such interaction, locus, search or track.

    Notes
    -----
    Figures 4d to 4g, Supplementary Figure 4, and the top row of Supplementary Figure 3. Bands are
    the standard deviation of the mean over loci.
    """
    if interaction is not None and interaction not in INTERACTIONS:
        raise ConfigError(f"interaction = {interaction!r}: it is one of {listing(INTERACTIONS)}")
    if (categories is None) != (category is None):
        raise ConfigError("categories and category go together: the labels, and which of them")
    direction = _direction(comparison, search)
    part = only(comparison, search=search, track=track)
    kept = np.ones(part.sizes["locus"], dtype=bool)
    if interaction is not None:
        kept &= texts(part["interaction"]) == interaction
    if categories is not None:
        chosen = grouped(part["locus"], only(categories, track=track))
        inside = chosen[category].values if category in chosen else np.array([])
        kept &= np.isin(part["locus"].values, inside)
    if locus is not None:
        only(part["locus"], locus=locus)
        kept &= part["locus"].values == locus
    part = part.isel(locus=np.flatnonzero(kept))
    ax = _traces_axes(ax, direction)
    loci = int(np.isfinite(part["mse"].values.astype(float)).sum())
    if locus is None:
        ax.set_title(f"{interaction or 'all sets'} ({count(loci)})")
    else:
        ax.set_title(", ".join([name(locus), *in_order(part["interaction"].values)]))
    entries: list[tuple[str, Artist]] = []
    for label in ("observed", "additive"):
        # The band is the standard error: no draws are needed.
        mean_trace = mean_over(part[label], resamples=1)
        mean = np.concatenate([[1.0], mean_trace["mean"].values])
        if not np.isfinite(mean[1:]).any():
            continue
        spread = np.concatenate([[np.nan if loci < 2 else 0.0], mean_trace["se"].values])
        style = "-" if label == "observed" else "--"
        # Tiles that were accepted together have one value, at the last of them.
        there = np.flatnonzero(np.isfinite(mean))
        line = band(ax, there, mean[there], spread[there], colour=PALETTE[label], style=style)
        entries.append((label, line))
    if not entries:
        what = f"no {interaction} set" if interaction else "no trace"
        note(ax, f"{what} to draw")
        return ax
    zero(ax, 1.0)
    if (mean < 0).any():
        zero(ax)
    legend(ax, entries, loc="best")
    if loci == 1 and locus is None:
        remark(ax, "a single locus has no band")
    return ax


@styled
def individual_effects(
    dataset: xr.Dataset,
    *,
    locus: str | None = None,
    search: str | None = None,
    track: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """The effects of a search's tiles by themselves, in the order in which it chose them.

    Parameters
    ----------
    dataset : Dataset
        Of the higher-order test.
    locus, search, track : str, optional
        Needed where there are several.
    ax : Axes, optional

    Returns
    -------
    Axes

    Notes
    -----
    The bottom row of Supplementary Figure 3: bars that do not go up (enhancers) or down (silencers)
    all along mean that the search's order is not that of single effects.
    """
    direction = _direction(dataset, search)
    part = only(dataset, locus=locus, search=search, track=track)
    ax = _traces_axes(ax, direction, height=40)
    ax.set_xlabel("tile, in the order of the search")
    ax.set_ylabel(f"{_CHANGE},\nthis tile alone")
    chosen = part["selected"].values
    if "alone" in part:
        single = part["alone"].values.astype(float)
        there = np.isfinite(single)
    else:
        single = part["tile_fold_change"].isel(round=0).values.astype(float)
        there = np.isfinite(part["fold_change"].values.astype(float))
    places = np.flatnonzero(there)
    if not places.size or not single.size:
        note(ax, "no trace to draw: the search has no finite fold change")
        return ax
    values = single[places] if "alone" in part else single[chosen[places].astype(int)]
    ax.bar(places + 1, values - 1, 0.7, bottom=1.0, color=PALETTE[direction], linewidth=0)
    ax.axhline(1.0, color="black", linewidth=0.6)
    ax.margins(y=0.1)
    # As the traces, which start at 0, so that the two stand one above the other.
    ax.set_xlim(-0.3 - 0.05 * len(there), len(there) + 0.3 + 0.05 * len(there))
    return ax


def _traces_axes(ax: Axes | None, direction: str, height: float = 55.0) -> Axes:
    ax = axes_of(ax, height=height)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel(f"{direction} shuffled" if direction else "tiles shuffled")
    ax.set_ylabel(_CHANGE)
    return ax


def _direction(dataset: xr.Dataset, search: str | None) -> str:
    """The search that is drawn; an error if it has to be chosen."""
    if "search" not in dataset.coords:
        return search or ""
    only(dataset["search"], search=search)
    return search or str(dataset["search"].values.ravel()[0])
