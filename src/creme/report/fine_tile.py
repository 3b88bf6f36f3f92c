"""Fine-tile search: the score as bases are removed, and what is left of each tile."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from creme.report.marks import legend, note, remark_rest, tile_label, zero
from creme.report.select import each_tile, kilobases, only
from creme.report.style import GREY, SMALL, VERMILION, axes_of, colours, styled


@styled
def fine_tile_search(
    dataset: xr.Dataset, *, track: str | None = None, most: int = 7, ax: Axes | None = None
) -> Axes:
    """The share of each tile's effect that is kept, against the bases that are left of it.

    Parameters
    ----------
    dataset : Dataset
        Of the fine-tile test.
    track : str, optional
        Needed where there are several.
    most : int
        How many tiles are drawn, the first ones.
    ax : Axes, optional

    Returns
    -------
    Axes

    Notes
    -----
    The search goes from left to right, from the whole tile down. A star is the score of the
    sequence rebuilt from what is left at the end.
    """
    part = only(dataset, track=track)
    ax = axes_of(ax)
    ax.set_xlabel("bases left of the tile (bp)")
    ax.set_ylabel("score, share of the\ntile's whole effect")
    tiles = each_tile(part, "score")
    if not tiles:
        note(ax, "no search to draw: no tile has a finite score")
        return ax
    tints = list(colours(f"tile {k}" for k in range(len(tiles[:most]))).values())
    entries: list[tuple[str, Artist]] = []
    for one, tint in zip(tiles, tints, strict=False):
        kept, score = one["kept_bp"].values.astype(float), one["score"].values.astype(float)
        there = np.isfinite(kept) & np.isfinite(score)
        (line,) = ax.plot(
            kept[there], score[there], "o-", color=tint, linewidth=1.0, markersize=2.5
        )
        if np.isfinite(final := float(one["final_score"])):
            ax.plot(
                [kept[there][-1]], [final], "*", color=tint, markersize=7,
                markeredgecolor="white", markeredgewidth=0.4, zorder=4,
            )  # fmt: skip
        entries.append((tile_label(one), line))
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.4g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.invert_xaxis()
    zero(ax, 1.0)
    legend(ax, entries, loc="best")
    remark_rest(ax, len(tiles), most)
    return ax


@styled
def fine_tile_map(
    dataset: xr.Dataset, *, track: str | None = None, most: int = 12, ax: Axes | None = None
) -> Axes:
    """Where in each tile the bases lie that keep its effect.

    Parameters
    ----------
    dataset : Dataset
        Of the fine-tile test.
    track : str, optional
        Needed where there are several.
    most : int
        How many tiles are drawn, the first ones.
    ax : Axes, optional

    Returns
    -------
    Axes
        A row a tile, from its first base to its last in gene orientation.
    """
    part = only(dataset, track=track)
    every = each_tile(part, "score")
    tiles = every[:most]
    ax = axes_of(ax, height=22 + 7 * max(1, len(tiles)))
    ax.set_xlabel("position in the tile (kb)")
    if not tiles:
        note(ax, "no search to draw: no tile has a finite score")
        return ax
    longest = 0.0
    for row, one in enumerate(tiles):
        start, end = float(one["tile_start"]), float(one["tile_end"])
        length = float(kilobases(end - start))
        longest = max(longest, length)
        ax.barh(row, length, 0.5, color="0.85", linewidth=0)
        lows = kilobases(one["sub_start"].values - start)
        highs = kilobases(one["sub_end"].values - start)
        there = np.isfinite(lows)
        ax.barh(
            np.full(there.sum(), row), (highs - lows)[there], 0.5, left=lows[there],
            color=VERMILION, linewidth=0, zorder=3,
        )  # fmt: skip
        left = float(np.sum((highs - lows)[there])) * 1000
        ax.annotate(
            f"{left:,.0f} bp", (length, row), xytext=(2, 0), textcoords="offset points",
            va="center", ha="left", fontsize=SMALL, color=GREY, annotation_clip=False,
        )  # fmt: skip
    ax.set_yticks(range(len(tiles)), [tile_label(one) for one in tiles], parse_math=False)
    ax.set_ylim(len(tiles) - 0.4, -0.6)
    ax.set_xlim(0, longest)
    remark_rest(ax, len(every), most)
    return ax
