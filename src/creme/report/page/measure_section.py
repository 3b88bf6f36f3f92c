"""The section of a test that has no figures of its own, from what the test says of itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from creme import report
from creme.errors import ConfigError
from creme.genome.places import interval_text
from creme.report.grid import MeasureGrid, mean_over_loci, words_of
from creme.report.grid_reading import measure_grid, variables_of
from creme.report.marks import capital, number
from creme.report.marks import name as short_name
from creme.report.measure_figures import (
    axis_label,
    has_bars,
    measure_by_locus,
    measure_curves,
)
from creme.report.measure_map import MOST_LETTERS, measure_heat_map, measure_letters, profile_name
from creme.report.page.encode import Child, Html, joined, name
from creme.report.page.figure import PageFigure, PageSection
from creme.report.page.results import PageResults, title_of
from creme.report.page.stretches import stretches_table
from creme.report.page.table import count, table
from creme.report.style import COLUMN, PAGE
from creme.results.neighbours import own

MOST_LOCI = 4
"""Loci that have a panel of their own: those with the values furthest from neutral."""
MOST_BEHIND = 50
"""Loci that are drawn as thin lines behind their mean."""
MOST_DRAWN = 1_000_000
"""Values of a test above which none of its figures offers them."""
MOST_ROWS = 20
"""Rows of the table: a locus each."""


def measure_sections(results: PageResults) -> Iterator[PageSection]:
    """A section for each test that has no figures of its own.

    One test is in memory at a time. A test that cannot be drawn has a section that says why.
    """
    for label in results.without_figures:
        title = title_of(results.view, label)
        try:
            yield _section(results, label, title)
        except ConfigError as error:
            yield PageSection(title, [f"It cannot be drawn: {error}."], [])


def read_grid(
    results: PageResults, label: str, track: str | None, loci: list[str] | None = None
) -> MeasureGrid:
    """A test's measure of one track, of all loci or of some; nothing else of it is read."""
    presentation = results.view.presentation(label)
    dataset = own(results.view.open(label))
    dataset = dataset[variables_of(dataset, presentation)]
    if "track" in dataset.dims and track in dataset["track"].values:
        dataset = dataset.sel(track=[track])
    if loci is not None:
        dataset = dataset.sel(locus=loci)
    return measure_grid(dataset.load(), presentation)


def _section(results: PageResults, label: str, title: str) -> PageSection:
    presentation = results.view.presentation(label)
    grid = read_grid(results, label, results.view.track)
    text = [presentation.summary] if presentation.summary else []
    text.append(_about(grid))
    values = _values(grid) if grid.values.size <= MOST_DRAWN else None
    figures = [replace(figure, data=values) for figure in _figures(grid, title)]
    tables = [one for one in (_table(grid), stretches_table(results, label)) if one is not None]
    return PageSection(title, text, figures, joined(tables) if tables else None)


def _values(grid: MeasureGrid) -> pd.DataFrame:
    """All values of a grid, a row each."""
    places, rows, positions = np.nonzero(np.isfinite(grid.values))
    columns: dict[str, object] = {"locus": [grid.loci[k] for k in places]}
    if grid.row_dim:
        columns[grid.row_dim] = [grid.rows[k] for k in rows]
    columns[grid.across or "x"] = grid.x[places, rows, positions]
    if grid.names:
        columns["name"] = [grid.names[k] for k in positions]
    if grid.intervals is not None:
        for end, name in enumerate(("genomic_start", "genomic_end")):
            columns[name] = grid.intervals[places, positions, end]
    columns["value"] = grid.values[places, rows, positions]
    if grid.spread is not None:
        columns[grid.spread_name] = grid.spread[places, rows, positions]
    return pd.DataFrame(columns)


def _about(grid: MeasureGrid) -> str:
    """The measure, its neutral value and its dimensions, in sentences."""
    text = f"{capital(grid.measure_words)} of {loci_of(grid)}"
    positions = grid.x.shape[2]
    if grid.kind == "sequence":
        text += f", at {count(positions)} {_many(grid.across, positions)}"
    elif grid.across:
        text += f", by {words_of(grid.across)}"
    if grid.row_dim:
        names = ", ".join(grid.rows) if len(grid.rows) <= 6 else f"{len(grid.rows)} of them"
        text += f", for each {words_of(grid.row_dim)} ({names})"
    text += "."
    if grid.neutral is not None:
        text += f" {number(grid.neutral, 'g')} means no effect."
    if grid.averaged:
        text += f" It is averaged over {' and '.join(map(words_of, grid.averaged))}."
    return text


def loci_of(grid: MeasureGrid) -> str:
    """How many loci there are."""
    return f"{count(len(grid.loci))} {'locus' if len(grid.loci) == 1 else 'loci'}"


def _many(dim: str, n: int) -> str:
    return words_of(dim) if n == 1 else f"{words_of(dim)}s"


def _figures(grid: MeasureGrid, title: str) -> Iterator[PageFigure]:
    """Over all loci, then of those with the values furthest from neutral."""
    if not np.isfinite(grid.values).any():
        return
    positions = grid.x.shape[2]
    if positions == 1:
        yield PageFigure(
            title, f"{capital(grid.measure_words)} by locus", "", _by_locus(grid),
            measure_by_locus(grid),
        )  # fmt: skip
        return
    if len(grid.loci) > 1:
        yield _over_loci(grid, title)
    order = np.argsort(-np.nan_to_num(grid.away, nan=-1.0), kind="stable")
    chosen = sorted(int(k) for k in order[:MOST_LOCI])
    yield _each(grid.take(chosen), title, len(grid.loci))


def _by_locus(grid: MeasureGrid) -> str:
    points = " Faint points are replicates." if grid.replicates is not None else ""
    first = _extreme(grid, "that are", "with")
    return f"The loci {first} come first.{_spread(grid)}{points}"


def _extreme(grid: MeasureGrid, furthest: str, largest: str) -> str:
    """The loci that come first, in words: without a neutral value nothing is far from it."""
    if grid.neutral is None:
        return f"{largest} the largest values"
    return f"{furthest} furthest from neutral"


def _over_loci(grid: MeasureGrid, title: str) -> PageFigure:
    if not grid.shared:
        return PageFigure(
            title,
            "All values by locus",
            "",
            f"Loci were measured at different {_many(grid.across, 2)}, so that they have no mean: "
            f"a point is a value. The loci {_extreme(grid, 'that are', 'with')} come first.",
            measure_by_locus(grid),
        )
    n = loci_of(grid)
    complete = grid.complete
    if 1 < len(complete) < len(grid.loci):
        # A mean whose loci change from position to position would rise and fall for that alone.
        grid = grid.take(complete)
        n = f"the {len(complete)} of {n} that have all values"
    mean = mean_over_loci(grid)
    if grid.as_heat_map:
        return PageFigure(title, f"Mean over {n}", "", _of_map(mean), _map_panels(mean, [""]))
    behind = grid if len(grid.rows) == 1 and len(grid.loci) <= MOST_BEHIND else None
    wide = grid.x.shape[2] > 12 or grid.kind == "sequence"
    figure, axes = report.panels(1, 1, width=PAGE if wide else COLUMN, height=52)
    measure_curves(mean, behind=behind, ax=axes[0, 0])
    lines = grid.kind == "values" or not grid.side_by_side
    thin = " Thin lines are loci." if behind is not None and lines else ""
    return PageFigure(title, f"Mean over {n}", "", _spread(mean).strip() + thin, figure)


def _each(grid: MeasureGrid, title: str, total: int) -> PageFigure:
    names = [short_name(locus, 30) for locus in grid.loci]
    words = "Each locus"
    caption = ""
    if total > len(names):
        words = f"{len(names)} of {count(total)} loci"
        caption = (
            f"The {len(names)} of {count(total)} loci "
            f"{_extreme(grid, 'whose values are', 'with')}; the others are in their sections "
            "below. "
        )
    if grid.as_heat_map:
        return PageFigure(title, words, "", caption + _of_map(grid), _map_panels(grid, names))
    columns = 1 if grid.kind == "sequence" or len(names) == 1 else 2
    rows = -(-len(names) // columns)
    narrow = len(names) == 1 and grid.kind != "sequence"
    width = COLUMN if narrow else PAGE
    figure, axes = report.panels(rows, columns, width=width, height=46 * rows)
    for place, ax in enumerate(axes.flat):
        if place < len(names):
            measure_curves(grid, place=place, title=names[place], with_legend=place == 0, ax=ax)
        else:
            ax.set_axis_off()
        # The label of the axis stands below the lowest panel of each column.
        if place + columns < len(names):
            ax.set_xlabel("")
    points = " Faint points are replicates." if _has_points(figure) else ""
    return PageFigure(title, words, "", f"{caption}{_spread(grid)}{points}".strip(), figure)


def _has_points(figure: Figure) -> bool:
    return any(line.get_gid() == "replicates" for ax in figure.axes for line in ax.lines)


def _spread(grid: MeasureGrid) -> str:
    if grid.spread is None or not np.isfinite(grid.spread).any():
        return ""
    kind = "Whiskers are the" if has_bars(grid) else "The band is the"
    over = "" if "over" in grid.spread_name else " over replicates"
    return f" {kind} {grid.spread_name}{over}."


def _of_map(grid: MeasureGrid) -> str:
    measure = f"{grid.measure_words} by {words_of(grid.row_dim)}"
    dots = ""
    if grid.letters is not None and grid.x.shape[2] <= MOST_LETTERS:
        dots = "; a dot marks what stands there"
    axis = f"The x axis is the {axis_label(grid)}."
    if not _has_profile(grid):
        return f"{capital(measure)}{dots}. {axis}"
    above = f"Above, the {profile_name(grid)} of each {words_of(grid.across)}"
    if dots:
        above += ", as the letter that stands there"
    return f"{above}; below, {measure}{dots}. {axis}"


def _has_profile(grid: MeasureGrid) -> bool:
    """Whether one value a position says something: of letters, or by the test itself."""
    return grid.profile is not None or grid.letters is not None


def _map_panels(grid: MeasureGrid, names: list[str]) -> Figure:
    """For each locus its heat map, below its profile if there is one."""
    height = max(18.0, 4.0 * len(grid.rows)) + 10
    each = 1
    if _has_profile(grid):
        each, height = 2, height + 14
    figure, axes = report.panels(each * len(names), 1, width=PAGE, height=height * len(names))
    for place, title in enumerate(names):
        below: Axes = axes[each * place + each - 1, 0]
        if each == 2:
            above: Axes = axes[each * place, 0]
            measure_letters(grid, place=place, title=title, ax=above)
            above.set_xlabel("")
            above.tick_params(labelbottom=False)
        measure_heat_map(grid, place=place, title="" if each == 2 else title, ax=below)
        if place < len(names) - 1:
            below.set_xlabel("")
    return figure


def _table(grid: MeasureGrid) -> Html | None:
    """The value of each locus that is furthest from neutral."""
    order = [int(k) for k in np.argsort(-np.nan_to_num(grid.away, nan=-1.0), kind="stable")]
    rows = [_row(grid, k) for k in order[:MOST_ROWS] if np.isfinite(grid.away[k])]
    if not rows:
        return None
    heads = ["locus", *_heads(grid), grid.measure_words]
    numeric = " " * (len(heads) - 1) + "n"
    if grid.spread is not None:
        heads.append(grid.spread_name)
        numeric += "n"
    more = f": the {len(rows)} loci where it is most so" if len(order) > len(rows) else ""
    which = "largest value" if grid.neutral is None else "value furthest from neutral"
    return table(heads, rows, caption=f"The {which} of each locus{more}", numeric=numeric)


def _heads(grid: MeasureGrid) -> list[str]:
    heads = [words_of(grid.row_dim)] if grid.row_dim else []
    if grid.x.shape[2] > 1:
        heads.append(f"from {grid.site}" if grid.kind == "sequence" else words_of(grid.across))
    if grid.intervals is not None:
        heads.append("on the genome")
    return heads


def _row(grid: MeasureGrid, place: int) -> list[Child]:
    far = np.abs(grid.values[place] - (grid.neutral or 0.0))
    row, position = np.unravel_index(int(np.nanargmax(far)), far.shape)
    cells: list[Child] = [name(grid.loci[place])]
    if grid.row_dim:
        cells.append(name(grid.rows[row]))
    if grid.x.shape[2] > 1:
        x = grid.x[place, row, position]
        if grid.kind == "names":
            cells.append(name(grid.names[position]))
        else:
            cells.append(
                f"{number(x, '+,.0f')} bp" if grid.kind == "sequence" else number(x, ",.6g")
            )
    if grid.intervals is not None:
        low, high = grid.intervals[place, position]
        cells.append(name(interval_text(grid.contigs[place], low, high)))
    cells.append(number(grid.values[place, row, position], ".4g"))
    if grid.spread is not None:
        spread = grid.spread[place, row, position]
        cells.append(number(spread, ".3g") if np.isfinite(spread) else "")
    return cells
