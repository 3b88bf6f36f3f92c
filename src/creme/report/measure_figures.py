"""Figures of the measure of any test: lines, bars, and values by locus."""

from __future__ import annotations

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from creme.report.axis_labels import distance_label
from creme.report.grid import MeasureGrid, words_of
from creme.report.marks import band, legend, name, note, remark, set_names, zero
from creme.report.style import (
    BLACK,
    GREEN,
    GREY,
    SMALL,
    axes_of,
    colours,
    styled,
)

MOST_POINTS = 600
"""Replicates of a panel that are drawn as points."""
MOST_NAMED = 24
"""Loci that are drawn by name; more are drawn as a histogram."""


@styled
def measure_curves(
    grid: MeasureGrid,
    *,
    place: int = 0,
    behind: MeasureGrid | None = None,
    title: str = "",
    with_legend: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """The measure of a locus along the x axis: bars of intervals side by side, or a line a row.

    Parameters
    ----------
    grid : MeasureGrid
    place : int
        Of the locus.
    behind : MeasureGrid, optional
        Loci to draw behind as thin lines, where there is one row.
    title : str
    with_legend : bool
        Whether rows are named; of several panels one is enough.
    ax : Axes, optional

    Returns
    -------
    Axes

    Notes
    -----
    Whiskers and bands are the grid's spread, points are replicates, where these are few.
    """
    ax = axes_of(ax, height=52)
    label_axes(ax, grid, title)
    if not grid.has_values(place):
        note(ax, "nothing to draw: no value is finite")
        return ax
    tints = _tints(grid)
    scale = scale_of(grid)
    bars = has_bars(grid)
    if behind is not None and len(grid.rows) == 1 and not bars:
        for x, y in zip(behind.x[:, 0] / scale, behind.values[:, 0], strict=True):
            ax.plot(x, y, color=GREY, linewidth=0.4, alpha=0.6, zorder=1.5)
    entries: list[tuple[str, Artist]] = []
    for row, (label, tint) in enumerate(zip(grid.rows, tints, strict=True)):
        draw = _bars if bars else _line
        entries.append((name(label), draw(ax, grid, place, row, scale, tint)))
    if grid.neutral is not None:
        zero(ax, grid.neutral)
    if grid.kind == "names":
        # Names that do not fit side by side are turned.
        set_names(ax, [name(label, 14) for label in grid.names])
        if sum(len(name(label, 14)) for label in grid.names) > 40:
            ax.tick_params(axis="x", rotation=90)
    elif grid.kind == "sequence":
        _mark_tss(ax)
    elif bool((grid.x == np.round(grid.x)).all()):
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    if len(grid.rows) > 1 and with_legend:
        legend(ax, entries, loc="best", title=words_of(grid.row_dim), title_fontsize=SMALL)
    return ax


def _bars(ax: Axes, grid: MeasureGrid, place: int, row: int, scale: float, tint: str) -> Artist:
    y = grid.values[place, row]
    x = grid.x[place, row] / scale
    width = np.ones_like(x) if grid.kind == "names" else grid.width[place] / scale
    share = 0.8 * width / len(grid.rows)
    at = x + (row - (len(grid.rows) - 1) / 2) * share
    there = np.isfinite(y) & np.isfinite(at)
    base = grid.neutral or 0.0
    ax.bar(at[there], y[there] - base, share[there], bottom=base, color=tint, linewidth=0, zorder=2)
    if grid.spread is not None:
        spread = np.where(np.isfinite(grid.spread[place, row]), grid.spread[place, row], 0.0)
        ax.errorbar(
            at[there], y[there], spread[there], linestyle="none", ecolor="0.25", elinewidth=0.4,
            zorder=3,
        )  # fmt: skip
    _replicate_points(ax, grid, place, row, at, BLACK)
    return Patch(color=tint)


def _line(ax: Axes, grid: MeasureGrid, place: int, row: int, scale: float, tint: str) -> Artist:
    x, y = grid.x[place, row] / scale, grid.values[place, row]
    order = np.argsort(x, kind="stable")
    order = order[np.isfinite(x[order]) & np.isfinite(y[order])]
    spread = None if grid.spread is None else grid.spread[place, row][order]
    marker = "o" if len(order) <= 60 else None
    line = band(ax, x[order], y[order], spread, colour=tint, marker=marker)
    _replicate_points(ax, grid, place, row, x, tint)
    return line


def _replicate_points(
    ax: Axes, grid: MeasureGrid, place: int, row: int, x: np.ndarray, tint: str
) -> None:
    if grid.replicates is None or grid.replicates[place].size > MOST_POINTS:
        return
    values = grid.replicates[place, row]
    at = np.broadcast_to(x[:, None], values.shape)
    ax.plot(
        at.ravel(), values.ravel(), "o", color=tint, markersize=1.6, alpha=0.35,
        markeredgewidth=0, zorder=2.5, gid="replicates",
    )  # fmt: skip


@styled
def measure_by_locus(grid: MeasureGrid, *, title: str = "", ax: Axes | None = None) -> Axes:
    """All values of each locus, for loci that share no positions, or tests without any.

    A row a locus, those furthest from neutral first; a histogram of loci where they are many and
    have one value each.

    Parameters
    ----------
    grid : MeasureGrid
    title : str
    ax : Axes, optional
    """
    single = grid.values.shape[1] * grid.values.shape[2] == 1
    many = len(grid.loci) > MOST_NAMED
    ax = axes_of(ax, height=52 if single and many else 16 + 4.2 * min(len(grid.loci), MOST_NAMED))
    ax.set_xlabel(grid.measure_words)
    ax.set_ylabel("loci" if single and many else "locus")
    if title:
        ax.set_title(title)
    if not np.isfinite(grid.values).any():
        note(ax, "nothing to draw: no value is finite")
        return ax
    if single and many:
        values = grid.values.ravel()
        ax.hist(values[np.isfinite(values)], bins=min(40, 5 + len(grid.loci) // 10), color=GREEN)
        if grid.neutral is not None:
            zero(ax, grid.neutral, across=False)
        return ax
    order = np.argsort(-np.nan_to_num(grid.away, nan=-1.0), kind="stable")[:MOST_NAMED]
    tints = _tints(grid)
    entries: list[tuple[str, Artist]] = []
    for line, place in enumerate(order):
        for row, tint in enumerate(tints):
            values = grid.values[place, row]
            values = values[np.isfinite(values)]
            opacity = 1.0 if single else 0.6
            (points,) = ax.plot(
                values, np.full(len(values), line), "o", color=tint, markersize=3 if single else 2,
                markeredgewidth=0, zorder=3, alpha=opacity,
            )  # fmt: skip
            if line == 0:
                entries.append((name(grid.rows[row]), points))
            if single and grid.spread is not None and len(values):
                ax.errorbar(
                    values, [line], xerr=np.nan_to_num(grid.spread[place, row]), color=tint,
                    linestyle="none", elinewidth=0.7,
                )  # fmt: skip
            if single and grid.replicates is not None:
                each = grid.replicates[place, row].ravel()
                ax.plot(
                    each, np.full(len(each), line), "o", color=BLACK, markersize=1.6, alpha=0.35,
                    markeredgewidth=0, gid="replicates",
                )  # fmt: skip
    ax.set_yticks(range(len(order)), [name(grid.loci[k], 18) for k in order], parse_math=False)
    ax.set_ylim(len(order) - 0.4, -0.6)
    if grid.neutral is not None:
        zero(ax, grid.neutral, across=False)
    if len(grid.rows) > 1:
        legend(ax, entries, loc="best", title=words_of(grid.row_dim), title_fontsize=SMALL)
    if len(grid.loci) > len(order):
        remark(ax, f"the {len(order)} of {len(grid.loci)} loci that are furthest from neutral")
    return ax


def label_axes(ax: Axes, grid: MeasureGrid, title: str) -> None:
    """Name the axes, and the panel."""
    ax.set_xlabel(axis_label(grid))
    ax.set_ylabel(grid.measure_words)
    if title:
        ax.set_title(title)


def has_bars(grid: MeasureGrid) -> bool:
    """Whether `measure_curves` draws bars: of names, and of intervals that lie side by side."""
    return grid.kind == "names" or (grid.side_by_side and len(grid.rows) <= 3)


def axis_label(grid: MeasureGrid) -> str:
    """The label of the x axis."""
    if grid.kind != "sequence":
        return words_of(grid.across)
    unit = "kb" if scale_of(grid) > 1 else "bp"
    return distance_label(grid.site, unit, signed=bool((grid.x < 0).any()))


def scale_of(grid: MeasureGrid) -> float:
    """bp of a unit of the x axis: kb where distances are long."""
    places = grid.x[np.isfinite(grid.x)]
    long = places.size > 0 and np.abs(places).max() >= 5000 and np.ptp(places) >= 1000
    return 1000.0 if grid.kind == "sequence" and long else 1.0


def _mark_tss(ax: Axes) -> None:
    low, high = ax.get_xlim()
    if low <= 0 <= high:
        zero(ax, across=False)
        ax.set_xlim(low, high)


def _tints(grid: MeasureGrid) -> list[str]:
    return list(colours(f"row {k}" for k in range(len(grid.rows))).values())
