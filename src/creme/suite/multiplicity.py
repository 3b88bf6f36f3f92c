"""CRE Multiplicity Test."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import numpy as np
from pydantic import Field

from creme.errors import ConfigError
from creme.genome import Locus
from creme.sequence import Sequence, Sequenceable
from creme.suite.positioned import PositionedTest, place_coords, put
from creme.suite.search import BOTH, Direction, Query, Search, Searches, best, together
from creme.suite.statistics import averaged, relative, result
from creme.test import Steps
from creme.tiling import Tile


@dataclass(frozen=True)
class _CopyTrace:
    """The course of one search for one tile."""

    placed: np.ndarray  # (copy, position, replicate), NaN where there is a copy already
    selected: list[int]


class Multiplicity(PositionedTest):
    """The change of a TSS's activity with copies of a tile, each put where it does most.

    In random context with the TSS tile, a copy of the tile is tried at every free position; it
    stays where the activity, averaged over the backgrounds, is highest (enhancers) or lowest
    (silencers), and the next copy is tried. The fold change is MUTANT / CONTROL within one
    background, the control being the tile once, at its own position.

    Each track is searched by itself; searches that have chosen the same share their predictions.

    Notes
    -----
    Section "CRE Multiplicity Test". All copies are placed greedily, the first one too; all
    backgrounds of the set get their copies at the same positions. `creme.analysis.saturation` fits
    the plateau.
    """

    name: ClassVar[str] = "multiplicity"
    measure: ClassVar[str] = "fold_change"
    neutral: ClassVar[float] = 1.0
    title: ClassVar[str] = "Multiplicity"
    summary: ClassVar[str] = "How activity changes with further copies of a tile."

    copies: int = Field(10, ge=1, description="how often the tile is inserted at most")
    searches: Searches = BOTH

    def size(self, unit: Locus) -> None:
        """None, since it depends on the activities; checks the positions."""
        self.tiling(unit)
        self.places(unit)

    def places(self, locus: Locus) -> tuple[Tile, ...]:
        """Positions of copies; also an error if they overlap, or are fewer than the copies."""
        places = super().places(locus)
        for one, other in pairwise(places):
            if one.overlaps(other):
                raise ConfigError(
                    f"positions has {one.start} and {other.start}: copies of {self.tile} bp there "
                    f"would overlap"
                )
        if len(places) < self.copies:
            raise ConfigError(f"copies = {self.copies}: there are only {len(places)} positions")
        return places

    def run(self, unit: Locus) -> Steps:
        """Measure a locus.

        ``tss_control``, (replicate, track), has the TSS tile alone; ``control``, (tile, replicate,
        track), the tile at its own position too; ``placed``, (tile, search, copy, position,
        replicate, track), is NaN where there is a copy already; ``selected``, (tile, search, copy,
        track), is the index of the chosen position, and ``selected_start`` that position.
        """
        tiles, places = self.measurable(unit), self.places(unit)
        (wild_type,) = yield [unit.sequence]
        backgrounds = self.controls(unit)
        tss_control = yield backgrounds
        control = yield (
            put(background, tile, unit, tile.start) for tile in tiles for background in backgrounds
        )
        control = control.reshape(len(tiles), self.replicates, -1)
        tracks = range(len(wild_type))
        traces = yield from together(
            [
                self._search(direction, track, tile, places, backgrounds, unit)
                for tile in tiles
                for direction in self.searches
                for track in tracks
            ]
        )
        outer = (len(tiles), len(self.searches), len(tracks))
        placed = np.stack([trace.placed for trace in traces])
        placed = np.moveaxis(placed.reshape(*outer, *placed.shape[1:]), 2, -1)
        selected = np.array([trace.selected for trace in traces]).reshape(*outer, self.copies)
        selected = np.moveaxis(selected, 2, -1)
        chosen = np.take_along_axis(placed, selected[:, :, :, None, None], axis=3)[:, :, :, 0]
        dataset = result(
            averaged(
                "fold_change",
                ("tile", "search", "copy", "replicate", "track"),
                relative(chosen, control[:, None, None]),
            ),
            {
                "wild_type": (("track",), wild_type),
                "tss_control": (("replicate", "track"), tss_control),
                "control": (("tile", "replicate", "track"), control),
                "placed": (("tile", "search", "copy", "position", "replicate", "track"), placed),
                "selected": (("tile", "search", "copy", "track"), selected),
                "selected_start": (
                    ("tile", "search", "copy", "track"),
                    np.array([place.start for place in places])[selected],
                ),
            },
            {
                **place_coords(places, unit),
                "search": list(self.searches),
                "copies": ("copy", list(range(1, self.copies + 1))),
            },
            divisor="control",
        )
        return self.in_tiling(self.looked_at(dataset, unit, tss_control), tiles, unit)

    def _search(
        self,
        direction: Direction,
        track: int,
        tile: Tile,
        places: tuple[Tile, ...],
        backgrounds: list[Sequence],
        unit: Locus,
    ) -> Search[_CopyTrace]:
        choose = best(direction, lowest="silencers")
        placed = np.full((self.copies, len(places), self.replicates), np.nan, dtype=np.float32)
        selected: list[int] = []
        states: list[Sequenceable] = list(backgrounds)
        for copy in range(self.copies):
            free = [index for index in range(len(places)) if index not in selected]
            response = yield Query(
                (tile, frozenset(selected)),
                (put(state, tile, unit, places[index].start) for index in free for state in states),
            )
            activities = response[:, track].reshape(len(free), self.replicates)
            placed[copy, free] = activities
            chosen = free[choose(activities.mean(axis=1, dtype=np.float64))]
            selected.append(chosen)
            states = [put(state, tile, unit, places[chosen].start) for state in states]
        return _CopyTrace(placed, selected)
