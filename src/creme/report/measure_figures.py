"""Figures of the measure of any test: lines, bars, heat maps with letters, and values by locus."""

from __future__ import annotations

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, TwoSlopeNorm
from matplotlib.font_manager import FontProperties
from matplotlib.patches import Patch, PathPatch
from matplotlib.textpath import TextPath
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import Affine2D

from creme.report.marks import band, legend, name, note, number, remark, set_names, zero
from creme.report.measure_grid import MeasureGrid, words_of
from creme.report.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    SMALL,
    VERMILION,
    axes_of,
    colours,
    styled,
)

MOST_POINTS = 600
"""Replicates of a panel that are drawn as points."""
MOST_LETTERS = 150
"""Positions whose letters can be read."""
MOST_NAMED = 24
"""Loci that are drawn by name; more are drawn as a histogram."""

_BASES = {"A": GREEN, "C": BLUE, "G": ORANGE, "T": VERMILION}
_DIVERGING = LinearSegmentedColormap.from_list("creme", [BLUE, "#FFFFFF", VERMILION])
_BOLD = FontProperties(family="DejaVu Sans", weight="bold")


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
    _describe(ax, grid, title)
    if not np.isfinite(grid.values[place]).any():
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
def measure_heat_map(
    grid: MeasureGrid, *, place: int = 0, title: str = "", ax: Axes | None = None
) -> Axes:
    """The measure of a locus as colours, a row for each of the grid's rows.

    Columns are positions in their order; a line stands between those that do not touch. A
    dot marks the cell of the letter that stands at a position.

    Parameters
    ----------
    grid : MeasureGrid
    place : int
        Of the locus.
    title : str
    ax : Axes, optional
    """
    ax = axes_of(ax, height=35)
    _describe(ax, grid, title)
    ax.set_ylabel(words_of(grid.row_dim))
    columns = _columns(grid, place)
    values = grid.values[place][:, columns]
    if not np.isfinite(values).any():
        note(ax, "nothing to draw: no value is finite")
        return ax
    base = grid.neutral
    if base is None:
        image = ax.imshow(values, aspect="auto", interpolation="none", cmap="viridis")
    else:
        most = float(np.nanmax(np.abs(values - base))) or 1.0
        norm = TwoSlopeNorm(base, base - most, base + most)
        image = ax.imshow(values, aspect="auto", interpolation="none", cmap=_DIVERGING, norm=norm)
    figure = ax.get_figure(root=True)
    assert figure is not None
    bar = figure.colorbar(image, ax=ax, fraction=0.03, pad=0.01)
    bar.ax.tick_params(labelsize=SMALL, width=0.6, length=2)
    bar.outline.set_linewidth(0.4)  # type: ignore[operator]
    bar.set_label(words_of(grid.measure), fontsize=SMALL)
    bar.locator = MaxNLocator(4)
    bar.update_ticks()
    ax.set_yticks(range(len(grid.rows)), [name(label, 16) for label in grid.rows], parse_math=False)
    _column_ticks(ax, grid, place, columns)
    if grid.letters is not None and len(columns) <= MOST_LETTERS:
        letters = grid.letters[place][columns]
        marks = [
            (column, row)
            for column, letter in enumerate(letters)
            for row, label in enumerate(grid.rows)
            if letter == label
        ]
        if marks:
            ax.plot(*zip(*marks, strict=True), ".", color="0.35", markersize=1.8, gid="reference")
    return ax


@styled
def measure_letters(
    grid: MeasureGrid, *, place: int = 0, title: str = "", ax: Axes | None = None
) -> Axes:
    """One value a position above the columns of `measure_heat_map`: letters as high as it is.

    The value is the test's own profile, such as ``importance``, or the mean over the rows. Bars
    stand where there are no letters, or too many to be read.

    Parameters
    ----------
    grid : MeasureGrid
    place : int
        Of the locus.
    title : str
    ax : Axes, optional
    """
    ax = axes_of(ax, height=30)
    columns = _columns(grid, place)
    heights, label = profile_of(grid, place)
    heights = heights[columns]
    ax.set_ylabel(label)
    if title:
        ax.set_title(title)
    if not np.isfinite(heights).any():
        note(ax, "nothing to draw: no value is finite")
        return ax
    letters = None if grid.letters is None else grid.letters[place][columns]
    base = grid.neutral or 0.0
    if letters is None or len(columns) > MOST_LETTERS:
        ax.bar(range(len(heights)), heights - base, 0.85, bottom=base, color=GREEN, linewidth=0)
    else:
        for column, (letter, height) in enumerate(zip(letters, heights, strict=True)):
            _draw_letter(ax, str(letter), column, base, float(height) - base)
        low, high = min(base, np.nanmin(heights)), max(base, np.nanmax(heights))
        room = 0.06 * ((high - low) or 1.0)
        ax.set_ylim(low - room, high + room)
    ax.set_xlim(-0.5, len(columns) - 0.5)
    ax.tick_params(labelbottom=False)
    zero(ax, base)
    _column_ticks(ax, grid, place, columns)
    ax.set_xlabel("")
    return ax


def profile_of(grid: MeasureGrid, place: int) -> tuple[np.ndarray, str]:
    """One value a position: the test's own, or the mean over the rows; and what it is."""
    if grid.profile is not None:
        return grid.profile[place], words_of(grid.profile_name)
    there = np.isfinite(grid.values[place])
    total = np.where(there, grid.values[place], 0.0).sum(axis=0)
    n = there.sum(axis=0)
    return np.where(n > 0, total / np.maximum(n, 1), np.nan), f"mean {words_of(grid.measure)}"


def _draw_letter(ax: Axes, letter: str, column: int, base: float, height: float) -> None:
    """A letter that fills its column from the base line to its height; downwards if negative."""
    if not np.isfinite(height) or height == 0 or not letter.strip():
        return
    path = TextPath((0, 0), letter, size=1, prop=_BOLD)
    box = path.get_extents()
    if not box.width or not box.height:
        return
    fit = Affine2D().translate(-box.x0, -box.y0).scale(0.9 / box.width, abs(height) / box.height)
    fit = fit.translate(column - 0.45, base if height > 0 else base + height)
    tint = _BASES.get(letter, "0.4")
    patch = PathPatch(fit.transform_path(path), facecolor=tint, linewidth=0, zorder=3, gid="letter")
    ax.add_patch(patch)


def _columns(grid: MeasureGrid, place: int) -> np.ndarray:
    """The positions that a locus has, in the order of the sequence."""
    x = grid.x[place].mean(axis=0)
    order = np.argsort(x, kind="stable")
    columns: np.ndarray = order[np.isfinite(x[order])]
    return columns


def _column_ticks(ax: Axes, grid: MeasureGrid, place: int, columns: np.ndarray) -> None:
    x = grid.x[place].mean(axis=0)[columns]
    if grid.kind == "names":
        set_names(ax, [name(grid.names[k], 14) for k in columns])
        ax.tick_params(axis="x", rotation=90)
        return
    scale, most = scale_of(grid), 9
    places = _round_places(x / scale, most)
    if grid.kind == "sequence" and len(columns) > 1:
        length = grid.width[place][columns]
        apart = np.diff(x) > np.fmax(length[:-1], 1.0) * 1.01
        breaks = [int(k) for k in np.flatnonzero(apart)] if grid.side_by_side else []
        for k in breaks:
            ax.axvline(k + 0.5, color="0.6", linewidth=0.8, zorder=4, gid="gap")
        zero_at = np.flatnonzero(x == 0)
        if zero_at.size:
            ax.axvline(int(zero_at[0]), color=GREY, linewidth=0.5, linestyle=(0, (3, 2)), zorder=5)
    form = ",.0f" if grid.kind == "sequence" and scale == 1 else ",.6g"
    labels = [number(x[k] / scale, form) for k in places]
    ax.set_xticks(places, labels, parse_math=False)


def _round_places(x: np.ndarray, most: int) -> list[int]:
    """The columns whose x are round numbers, at most so many; evenly spaced ones if none are."""
    span = float(np.ptp(x)) if len(x) else 0.0
    rough = 10.0 ** np.floor(np.log10(span / most)) if span > 0 else 1.0
    for step in (rough * factor for factor in (1, 2, 5, 10, 20, 50, 100)):
        places = np.flatnonzero(np.isclose(x / step, np.round(x / step), atol=1e-6))
        if 2 <= len(places) <= most:
            return [int(k) for k in places]
    return list(range(0, len(x), max(1, -(-len(x) // most))))


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
    ax.set_xlabel(words_of(grid.measure))
    if title:
        ax.set_title(title)
    if not np.isfinite(grid.values).any():
        note(ax, "nothing to draw: no value is finite")
        return ax
    if single and many:
        values = grid.values.ravel()
        ax.hist(values[np.isfinite(values)], bins=min(40, 5 + len(grid.loci) // 10), color=GREEN)
        ax.set_ylabel("loci")
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
            faint = {} if single else {"alpha": 0.6}
            (points,) = ax.plot(
                values, np.full(len(values), line), "o", color=tint, markersize=3 if single else 2,
                markeredgewidth=0, zorder=3, **faint,
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


def _describe(ax: Axes, grid: MeasureGrid, title: str) -> None:
    ax.set_xlabel(axis_label(grid))
    ax.set_ylabel(words_of(grid.measure))
    if title:
        ax.set_title(title)


def has_bars(grid: MeasureGrid) -> bool:
    """Whether `measure_curves` draws bars: of names, and of intervals that lie side by side."""
    return grid.kind == "names" or (grid.side_by_side and len(grid.rows) <= 3)


def axis_label(grid: MeasureGrid) -> str:
    """What the x axis shows."""
    if grid.kind != "sequence":
        return words_of(grid.across)
    unit = "kb" if scale_of(grid) > 1 else "bp"
    upstream = ", negative upstream" if bool((grid.x < 0).any()) else ""
    return f"distance from TSS ({unit}){upstream}"


def scale_of(grid: MeasureGrid) -> float:
    """bp of a unit of the x axis: kb where distances are long."""
    known = grid.x[np.isfinite(grid.x)]
    long = known.size > 0 and np.abs(known).max() >= 5000 and np.ptp(known) >= 1000
    return 1000.0 if grid.kind == "sequence" and long else 1.0


def _mark_tss(ax: Axes) -> None:
    low, high = ax.get_xlim()
    if low <= 0 <= high:
        zero(ax, across=False)
        ax.set_xlim(low, high)


def _tints(grid: MeasureGrid) -> list[str]:
    return list(colours(f"row {k}" for k in range(len(grid.rows))).values())
