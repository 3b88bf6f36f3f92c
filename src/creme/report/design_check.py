"""Designs that are moved, copied, put beside other TSSs, and taken apart."""

from __future__ import annotations

from typing import Literal

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from creme.analysis.categories import texts
from creme.report.marks import name, note, zero
from creme.report.select import only
from creme.report.style import BLUE, GREY, SMALL, VERMILION, axes_of, styled

Kind = Literal["moved", "copies", "swap", "part"]
PANELS: tuple[Kind, ...] = ("moved", "copies", "swap", "part")
"""The kinds, as a page shows them."""
_X: dict[Kind, str] = {
    "moved": "distance of its centre from the TSS (bp)",
    "copies": "copies side by side",
    "swap": "TSS that it is put beside",
    "part": "base of the design, along the gene (bp)",
}


@styled
def check_panel(
    dataset: xr.Dataset,
    kind: Kind,
    *,
    locus: str | None = None,
    track: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """The effects of one kind of checks of a design, with those of the design at its place.

    Parameters
    ----------
    dataset : Dataset
        Of the design_check test.
    kind : {'moved', 'copies', 'swap', 'part'}
    locus : str, optional
        The design; needed where there are several.
    track : str, optional
        Needed where there are several.
    ax : Axes, optional

    Returns
    -------
    Axes

    Notes
    -----
    Bars and points are means over backgrounds, with their standard error. Blue is the design as it
    was made; red are parts whose loss takes something away.
    """
    ax = axes_of(ax)
    one = only(dataset, locus=locus, track=track)
    kinds = texts(one["kind"])
    chosen = np.flatnonzero((kinds == kind) | ((kinds == "place") & (kind != "part")))
    at, effect, error = (one[v].values[chosen].astype(float) for v in ("at", "effect", "effect_se"))
    error = np.nan_to_num(error)
    ax.set_xlabel(_X[kind])
    ax.set_ylabel("log2(without the part / with)" if kind == "part" else "log2(with / without)")
    if kind == "copies":
        at = np.where(kinds[chosen] == "place", 1, at)
    there = np.isfinite(effect) & np.isfinite(at)
    if not there.any():
        note(ax, "nothing to draw: no effect is finite")
        return ax
    own = kinds[chosen] == "place"
    if kind in ("moved", "copies"):
        order = [k for k in np.argsort(at, kind="stable") if there[k]]
        ax.errorbar(at[order], effect[order], error[order], fmt=".-", color=GREY, elinewidth=0.7)
        mine = own & there
        ax.errorbar(at[mine], effect[mine], error[mine], fmt="o", color=BLUE, markersize=4,
                    elinewidth=0.7)  # fmt: skip
        if kind == "copies":
            ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        else:
            ax.axvline(0, color=GREY, linewidth=0.5)
    elif kind == "swap":
        places = np.arange(len(effect))
        ax.bar(places, effect, yerr=error, color=[BLUE if mine else GREY for mine in own],
               error_kw={"elinewidth": 0.7})  # fmt: skip
        names = [name(text, 12) for text in one["target"].values[chosen]]
        ax.set_xticks(places, names, rotation=90, fontsize=SMALL, parse_math=False)
    else:
        size = len(str(one["sequence"].values))
        widths = np.diff([*at, size])
        colours = [VERMILION if value + 2 * se < 0 else GREY
                   for value, se in zip(effect, error, strict=True)]  # fmt: skip
        ax.bar(at, effect, width=widths, align="edge", yerr=error, color=colours,
               edgecolor="white", linewidth=0.3, error_kw={"elinewidth": 0.7})  # fmt: skip
        ax.set_xlim(0, size)
    zero(ax)
    return ax
