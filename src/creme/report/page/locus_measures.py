"""For each locus the measure of the tests that the map of tiles has no place for."""

from __future__ import annotations

import numpy as np

from creme.errors import ConfigError
from creme.report.grid import Floats, MeasureGrid, words_of
from creme.report.measure_figures import MOST_POINTS, axis_label, has_bars, scale_of
from creme.report.page.encode import Data, numbers
from creme.report.page.measure_section import read_grid
from creme.report.page.results import PageResults, title_of

MOST_NUMBERS = 2_000_000
"""Numbers of these tests that the page has in all, which are about 10 MB."""
MOST_ROWS = 10
"""Rows of a locus's table: the values furthest from neutral."""


class LocusMeasures:
    """The values of tests without figures of their own, by locus.

    A test with very many values is shown without its replicates, or, with still more, by the
    `MOST_ROWS` values of each locus that are furthest from neutral.

    Parameters
    ----------
    results : PageResults
    tracks : list of str
        The activities that the page shows.

    Attributes
    ----------
    notes : list of str
        What is left out, in sentences.
    """

    def __init__(self, results: PageResults, tracks: list[str]) -> None:
        self.notes: list[str] = []
        self._by_locus: dict[tuple[str, str], list[Data]] = {}
        pairs = ("context_swap", "compatibility")  # their units are no loci
        labels = [label for label, test in results.further if test not in pairs]
        labels += results.without_figures
        # Its figure is a mean over loci.
        labels += [results.labels[test] for test in ("set_sufficiency",) if test in results.labels]
        for label in labels:
            self._add(results, label, tracks, MOST_NUMBERS // len(labels))

    def of(self, locus: str, track: str) -> Data:
        """The tests that were measured at a locus."""
        measures = self._by_locus.get((locus, track))
        return {"measures": measures} if measures else {}

    def _add(self, results: PageResults, label: str, tracks: list[str], room: int) -> None:
        title = title_of(results.view, label)
        for number, track in enumerate(tracks):
            try:
                grid = read_grid(results, label, track)
            except ConfigError:  # the test's section says why
                return
            size = grid.values.size * len(tracks)
            spread = size if grid.spread is not None else 0
            each = 0 if grid.replicates is None else grid.replicates.size * len(tracks)
            replicates, whole = size + spread + each <= room, size + spread <= room
            if number == 0 and not whole:
                self.notes.append(
                    f"{title} has {size:,} values: each locus has here the {MOST_ROWS} that are "
                    f"furthest from neutral."
                )
            elif number == 0 and not replicates:
                self.notes.append(f"{title} has {each:,} values of replicates, which are not here.")
            for place, locus in enumerate(grid.loci):
                if np.isfinite(grid.values[place]).any():
                    data = _of_locus(grid, place, replicates) if whole else _furthest(grid, place)
                    data |= {"label": label, "title": title}
                    self._by_locus.setdefault((locus, track), []).append(data)


def _described(grid: MeasureGrid) -> Data:
    return {
        "measure": grid.measure_words,
        "neutral": grid.neutral,
        "across": axis_label(grid),
        "kind": grid.kind,
        "scale": scale_of(grid),
        "by": words_of(grid.row_dim),
        "averaged": [words_of(dim) for dim in grid.averaged],
        "spread": grid.spread_name,
    }


def _of_locus(grid: MeasureGrid, place: int, with_replicates: bool) -> Data:
    """All values of a locus, along the positions that it has."""
    x = grid.x[place]
    there = np.flatnonzero(np.isfinite(x).any(axis=0))
    there = there[np.argsort(x[:, there].mean(axis=0), kind="stable")]
    data = _described(grid) | {
        "rows": list(grid.rows),
        "x": numbers(x[:, there] if _differs(x) else x[:1, there]),
        "mean": numbers(grid.values[place][:, there]),
        "map": grid.as_heat_map,
    }
    if grid.names:
        data["names"] = [grid.names[k] for k in there]
    if grid.spread is not None:
        data["se"] = numbers(grid.spread[place][:, there])
    if with_replicates and grid.replicates is not None:
        data["values"] = numbers(grid.replicates[place][:, there])
        data["faint"] = grid.replicates[place].size <= MOST_POINTS
    if has_bars(grid) and grid.kind == "sequence":
        data["width"] = numbers(np.nanmedian(grid.width[place]))
    if grid.letters is not None:
        data["letters"] = [str(letter) for letter in grid.letters[place][there]]
    if grid.profile is not None:
        data["profile"] = numbers(grid.profile[place][there])
        data["profileName"] = words_of(grid.profile_name)
    if grid.intervals is not None:
        data["at"] = _whole(grid.intervals[place][there])
    return data


def _differs(x: Floats) -> bool:
    return not np.array_equal(np.broadcast_to(x[:1], x.shape), x, equal_nan=True)


def _whole(intervals: Floats) -> list[list[int | None]]:
    return [[None if v != v else int(v) for v in pair] for pair in intervals.tolist()]


def _furthest(grid: MeasureGrid, place: int) -> Data:
    """The values of a locus that are furthest from neutral, one after another."""
    far = np.abs(grid.values[place] - (grid.neutral or 0.0)).ravel()
    order = np.argsort(-np.nan_to_num(far, nan=-1.0), kind="stable")[:MOST_ROWS]
    rows, positions = np.unravel_index(order[np.isfinite(far[order])], grid.values[place].shape)
    top: list[Data] = []
    for row, position in zip(rows.tolist(), positions.tolist(), strict=True):
        one: Data = {"row": grid.rows[row], "y": numbers(grid.values[place, row, position])}
        one["x"] = numbers(grid.x[place, row, position])
        if grid.names:
            one["name"] = grid.names[position]
        if grid.spread is not None:
            one["se"] = numbers(grid.spread[place, row, position])
        if grid.intervals is not None:
            one["at"] = _whole(grid.intervals[place, position][None])[0]
        top.append(one)
    return _described(grid) | {"top": top}
