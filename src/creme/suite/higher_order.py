"""Higher-order CRE Interaction Test."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from pydantic import Field

from creme.genome import Locus
from creme.sequence import Mutant, Sequenceable
from creme.suite.search import BOTH, Ask, Direction, Search, Searches, best, together
from creme.suite.statistics import averaged, relative, result
from creme.suite.tiled import TiledTest, tile_coords
from creme.test import Steps
from creme.tiling import Tile


@dataclass(frozen=True)
class _Trace:
    """What one search saw: candidates of each round, and what was chosen."""

    shuffled: np.ndarray  # (round, tile, replicate), NaN for tiles that are fixed
    initial: np.ndarray  # (round,)
    selected: list[int]
    kept: list[int]


class HigherOrder(TiledTest):
    """Which sets of tiles together carry a TSS's activity, by greedy search.

    In each round every tile that is still intact is shuffled in turn, on top of the tiles that were
    chosen before. The tile whose shuffles lower the mean activity most (enhancers), or raise it
    most (silencers), is chosen, and stays shuffled: of its replicates the one whose activity is
    nearest to their mean is kept. The fold change is SHUFFLE-MUTANT / WT.

    Each track is searched by itself; searches that have chosen the same share their predictions.

    Notes
    -----
    Section "Higher-order CRE Interaction Test". The text averages over 5 shuffles in one place and
    over 10 in another: `replicates` is 10 unless given. The first round's shuffles are those of the
    necessity test; later rounds draw anew, so that a lucky shuffle of one round is not seen again
    in the next.
    """

    name: ClassVar[str] = "higher_order"

    rounds: int | None = Field(
        None, ge=1, description="how many tiles to choose; until none is left unless given"
    )
    searches: Searches = BOTH

    def run(self, unit: Locus) -> Steps:
        """Measure a locus.

        ``shuffled`` is (search, round, tile, replicate, track), NaN for tiles chosen before;
        ``tile_fold_change`` its mean over replicates by the wild type. By (search, round, track):
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
        by_tile = relative(shuffled, wild_type).mean(axis=candidates.index("replicate"))
        return result(
            change.assign(tile_fold_change=(("search", "round", "tile", "track"), by_tile)),
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
    ) -> Search[_Trace]:
        choose = best(direction, lowest="enhancers")
        rounds = min(self.rounds or len(tiles), len(tiles))
        shuffled = np.full((rounds, len(tiles), self.replicates), np.nan, dtype=np.float32)
        initial = [wild_type]
        selected: list[int] = []
        kept: list[int] = []
        state = Mutant(unit.sequence, [])
        for number in range(rounds):
            left = [place for place in range(len(tiles)) if place not in selected]
            path = tuple(zip(selected, kept, strict=True))
            answer = yield Ask(path, self._candidates(state, number, tiles, left, unit))
            activities = answer[:, track].reshape(len(left), self.replicates)
            shuffled[number, left] = activities
            means = activities.mean(axis=1, dtype=np.float64)
            at = choose(means)
            nearest = int(np.argmin(np.abs(activities[at] - means[at])))
            selected.append(left[at])
            kept.append(nearest)
            initial.append(activities[at, nearest])
            state = self.shuffle(state, tiles[left[at]], unit, nearest, *_names(number))
        return _Trace(shuffled, np.array(initial[:-1]), selected, kept)

    def _candidates(
        self, state: Mutant, number: int, tiles: tuple[Tile, ...], left: list[int], unit: Locus
    ) -> Iterator[Sequenceable]:
        for place in left:
            yield from self.shuffles(state, tiles[place], unit, *_names(number))


def _names(number: int) -> tuple[str | int, ...]:
    """Names of a round's draws; the first round's have none, as in other tests."""
    return ("round", number) if number else ()
