"""Mean traces over tiles of one group of loci after another, with their bands."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes

from creme.report.marks import band, count, counted, legend
from creme.report.select import in_order
from creme.report.style import PALETTE, colours

Entries = list[tuple[str, Artist]]
"""Of a legend: labels and what they name."""


def group_traces(ax: Axes, part: xr.Dataset) -> Entries:
    """Draw each group's mean, and its standard error as a band; groups without a mean are left out.

    Parameters
    ----------
    ax : Axes
    part : Dataset
        ``mean``, ``se`` and ``n``, (tiles), with or without ``group``.

    Returns
    -------
    list of (str, Artist)
        For `group_legend`; empty where nothing is drawn.
    """
    names = in_order(part["group"].values) if "group" in part.dims else [""]
    tints = colours(names)
    entries: Entries = []
    for group in names:
        one = part.sel(group=group) if group else part
        mean = one["mean"].values.astype(float)
        if not np.isfinite(mean).any():
            continue
        tint = tints[group] if group else PALETTE["observed"]
        line = band(ax, one["tiles"].values, mean, one["se"].values, colour=tint)
        entries.append((counted(group, count(int(one["n"].max()))), line))
    return entries


def group_legend(ax: Axes, part: xr.Dataset, entries: Entries) -> None:
    """The legend of what `group_traces` has drawn."""
    title = "context" if "group" in part.dims else None
    legend(ax, entries, loc="best", title=title, title_fontsize=6)
