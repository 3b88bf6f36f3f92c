"""Sets of tiles put back into random context (after Figure 4b)."""

from __future__ import annotations

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from creme.analysis.set_sufficiency import SHARE
from creme.report.marks import note, zero
from creme.report.select import only
from creme.report.style import axes_of, styled
from creme.report.traces import group_legend, group_traces


@styled
def set_curves(
    means: xr.Dataset, *, share: float = SHARE, track: str | None = None, ax: Axes | None = None
) -> Axes:
    """Mean activity with more and more tiles of a set in random context, by context.

    Parameters
    ----------
    means : Dataset
        Of `creme.analysis.set_sufficiency.mean_activity`, with or without groups.
    share : float
        Of the wild type's activity, at which a line is drawn.
    track : str, optional
        Needed where there are several.
    ax : Axes, optional

    Returns
    -------
    Axes

    Notes
    -----
    Bands are standard deviations of the mean over loci.
    """
    part = only(means, track=track)
    ax = axes_of(ax)
    ax.set_xlabel("tiles put back, beside the TSS tile")
    ax.set_ylabel("fold change over WT")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    entries = group_traces(ax, part)
    if not entries:
        note(ax, "nothing to draw: no set has a finite fold change")
        return ax
    zero(ax, 1.0)
    ax.axhline(share, color="0.6", linewidth=0.6, linestyle=":", zorder=1, gid="share")
    group_legend(ax, part, entries)
    return ax
