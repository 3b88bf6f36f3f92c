"""Higher-order CRE Interaction Test."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from creme.genome import Locus
from creme.sequence import Mutant, Sequenceable
from creme.suite.race import Race
from creme.suite.search import BOTH, Direction, Query, Search, Searches, together
from creme.suite.statistics import averaged, means, relative, result
from creme.suite.tiled import TiledTest, tile_coords
from creme.test import Steps
from creme.tiling import Tile

ROUNDING = 1e-5
"""Relative to the mean: activities that differ by less are equally far from it."""


@dataclass(frozen=True)
class _ShuffleTrace:
    """The course of one search: candidates of each round, and the chosen ones."""

    shuffled: np.ndarray  # (round, tile, replicate), NaN where nothing was measured
    initial: np.ndarray  # (round,)
    selected: list[int]
    kept: list[int]


class HigherOrder(TiledTest):
    """The sets of tiles that together carry a TSS's activity, by greedy search.

    In each round every tile that is still intact is shuffled in turn, on top of the tiles that were
    chosen before. The tile whose shuffles lower the mean activity most (enhancers), or raise it
    most (silencers), is chosen, and stays shuffled: of its replicates the one whose activity is
    nearest to their mean is kept (of equally near ones the first). The fold change is
    SHUFFLE-MUTANT / WT.

    Each track is searched by itself; searches that have chosen the same share their predictions.

    Notes
    -----
    Section "Higher-order CRE Interaction Test". The text averages over 5 shuffles in one place and
    over 10 in another: `replicates` is 10 unless given. The first round's shuffles are those of the
    necessity test; later rounds draw anew, so that a lucky shuffle of one round is not seen again
    in the next.
    """

    name: ClassVar[str] = "higher_order"
    measure: ClassVar[str] = "fold_change"
    neutral: ClassVar[float] = 1.0
    title: ClassVar[str] = "Higher-order interactions"
    summary: ClassVar[str] = (
        "How the loss of several tiles together compares with the losses one by one."
    )
    along: ClassVar[str] = ""

    rounds: int | None = Field(None, ge=1, description="how many tiles to choose; all unless given")
    searches: Searches = BOTH
    confidence: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="with which a round may leave out tiles that are out of reach of the best, "
        "before they have all their replicates; none is left out unless given",
    )

    def configuration(self) -> dict[str, Any]:
        """The parameters; the confidence only if there is one."""
        parameters = super().configuration()
        if self.confidence is None:
            del parameters["confidence"]
        return parameters

    def size(self, unit: Locus) -> None:
        """None, since it depends on the activities; checks the tiling."""
        self.tiling(unit)

    def run(self, unit: Locus) -> Steps:
        """Measure a locus.

        ``shuffled`` is (search, round, tile, replicate, track), NaN for tiles chosen before and for
        replicates that were not needed; ``tile_fold_change`` its mean over replicates by the wild
        type. With a confidence, ``replicates_used``, (search, round, tile, track), counts the
        measured ones, 0 for tiles chosen before. By (search, round, track):
        ``initial``, the activity that a round starts from; ``selected`` and ``selected_start``, the
        index and the start of the chosen tile; ``kept``, its kept replicate; ``fold_change``, that
        of the chosen tile.
        """
        tiles = tuple(self.tiling(unit))
        (wild_type,) = yield [unit.sequence]
        tracks = range(len(wild_type))
        traces = yield from together(
            [
                self._search(direction, track, wild_type[track], tiles, unit)
                for direction in self.searches
                for track in tracks
            ]
        )

        def gathered(name: str) -> np.ndarray:
            values = np.stack([np.asarray(getattr(trace, name)) for trace in traces])
            values = values.reshape(len(self.searches), len(tracks), *values.shape[1:])
            return np.moveaxis(values, 1, -1)

        rounds = ("search", "round", "track")
        candidates = ("search", "round", "tile", "replicate", "track")
        shuffled, selected = gathered("shuffled"), gathered("selected")
        chosen = np.take_along_axis(shuffled, selected[:, :, None, None], axis=2)[:, :, 0]
        change = averaged(
            "fold_change", ("search", "round", "replicate", "track"), relative(chosen, wild_type)
        )
        axis = candidates.index("replicate")
        used = None if self.confidence is None else np.isfinite(shuffled).sum(axis=axis)
        by_tile = ("search", "round", "tile", "track")
        single = means(relative(shuffled, wild_type), axis, used)
        change = change.assign(tile_fold_change=(by_tile, single))
        if used is not None:
            change = change.assign(replicates_used=(by_tile, used))
        return result(
            change,
            {
                "wild_type": (("track",), wild_type),
                "shuffled": (candidates, shuffled),
                "initial": (rounds, gathered("initial")),
                "selected": (rounds, selected),
                "selected_start": (rounds, np.array([tile.start for tile in tiles])[selected]),
                "kept": (rounds, gathered("kept")),
            },
            {**tile_coords(tiles, unit), "search": list(self.searches)},
        )

    def _search(
        self,
        direction: Direction,
        track: int,
        wild_type: float,
        tiles: tuple[Tile, ...],
        unit: Locus,
    ) -> Search[_ShuffleTrace]:
        lowest = direction == "enhancers"
        rounds = min(self.rounds or len(tiles), len(tiles))
        shuffled = np.full((rounds, len(tiles), self.replicates), np.nan, dtype=np.float32)
        initial = [wild_type]
        selected: list[int] = []
        kept: list[int] = []
        state = Mutant(unit.sequence, [])
        for number in range(rounds):
            remaining = [index for index in range(len(tiles)) if index not in selected]
            path = tuple(zip(selected, kept, strict=True))
            race = Race(len(remaining), self.replicates, self.confidence, lowest)
            while pending := race.pending():
                pairs = tuple((remaining[at], replicates) for at, replicates in pending)
                response = yield Query(
                    (path, pairs), self._candidates(state, number, tiles, pairs, unit)
                )
                race.record(response[:, track])
            shuffled[number, remaining] = race.values
            at, mean = race.best()
            nearest = _nearest(race.values[at], mean)
            selected.append(remaining[at])
            kept.append(nearest)
            initial.append(race.values[at, nearest])
            (state,) = self.shuffles(
                state, tiles[remaining[at]], unit, *_names(number), replicates=[nearest]
            )
        return _ShuffleTrace(shuffled, np.array(initial[:-1]), selected, kept)

    def _candidates(
        self,
        state: Mutant,
        number: int,
        tiles: tuple[Tile, ...],
        pairs: tuple[tuple[int, range], ...],
        unit: Locus,
    ) -> Iterator[Sequenceable]:
        for index, replicates in pairs:
            yield from self.shuffles(
                state, tiles[index], unit, *_names(number), replicates=replicates
            )


def _nearest(activities: np.ndarray, mean: float) -> int:
    """The replicate whose activity is nearest to the mean; of equally near ones the first.

    Two replicates are always equally near, and the choice between them must not depend on the last
    digit of a prediction, which differs from machine to machine.
    """
    deviations = np.abs(activities.astype(np.float64) - mean)
    return int(np.flatnonzero(deviations <= deviations.min() + ROUNDING * abs(mean))[0])


def _names(number: int) -> tuple[str | int, ...]:
    """Names of a round's draws; the first round's have none, as in other tests."""
    return ("round", number) if number else ()
