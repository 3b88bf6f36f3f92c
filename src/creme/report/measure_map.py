"""Heat maps of the measure of any test, with letters above where bases are changed."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm
from matplotlib.font_manager import FontProperties
from matplotlib.patches import PathPatch
from matplotlib.textpath import TextPath
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import Affine2D

from creme.report.grid import MeasureGrid, words_of
from creme.report.marks import colour_bar, name, note, number, set_names, zero
from creme.report.measure_figures import label_axes, scale_of
from creme.report.style import (
    BLUE,
    DIVERGING,
    GREEN,
    GREY,
    ORANGE,
    VERMILION,
    axes_of,
    styled,
)

MOST_LETTERS = 150
"""Positions whose letters can be read."""

_BASES = {"A": GREEN, "C": BLUE, "G": ORANGE, "T": VERMILION}
_BOLD = FontProperties(family="DejaVu Sans", weight="bold")


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
    label_axes(ax, grid, title)
    ax.set_ylabel(words_of(grid.row_dim))
    if not grid.has_values(place):
        note(ax, "nothing to draw: no value is finite")
        return ax
    columns = _columns(grid, place)
    values = grid.values[place][:, columns]
    # A cell without a value is not one of no effect.
    ax.patch.set(hatch="/////", edgecolor="0.7")
    base = grid.neutral
    if base is None:
        image = ax.imshow(values, aspect="auto", interpolation="none", cmap="viridis")
    else:
        most = float(np.nanmax(np.abs(values - base))) or 1.0
        norm = TwoSlopeNorm(base, base - most, base + most)
        image = ax.imshow(values, aspect="auto", interpolation="none", cmap=DIVERGING, norm=norm)
    bar = colour_bar(ax, image, grid.measure_words, left=1.01, width=0.012)
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
    label_axes(ax, grid, title)
    ax.set_ylabel(profile_name(grid))
    if not grid.has_values(place):
        note(ax, "nothing to draw: no value is finite")
        return ax
    columns = _columns(grid, place)
    heights = profile_of(grid, place)[columns]
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
    zero(ax, base)
    _column_ticks(ax, grid, place, columns)
    return ax


def profile_of(grid: MeasureGrid, place: int) -> np.ndarray:
    """One value a position: the test's own profile, or the mean over the rows."""
    if grid.profile is not None:
        return grid.profile[place]
    there = np.isfinite(grid.values[place])
    total = np.where(there, grid.values[place], 0.0).sum(axis=0)
    n = there.sum(axis=0)
    return np.where(n > 0, total / np.maximum(n, 1), np.nan)


def profile_name(grid: MeasureGrid) -> str:
    """The name of `profile_of`, in words."""
    return words_of(grid.profile_name) or f"mean {grid.measure_words}"


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
