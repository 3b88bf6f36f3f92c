"""Higher-order CRE Interaction Test."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Literal

import numpy as np
import xarray as xr
from pydantic import Field

from creme.genome import Locus
from creme.sequence import Mutant, Sequenceable
from creme.suite.acceptance import FRESH
from creme.suite.accepted_sets import Rules, SetSearch, tested_sets
from creme.suite.adaptive import STOPPING_RULE
from creme.suite.background import TssTileOrNone
from creme.suite.effect import MinimumActivity, flagged
from creme.suite.race import Race
from creme.suite.search import BOTH, Direction, Query, Search, Searches, together
from creme.suite.statistics import averaged, means, nearest, relative, result
from creme.suite.tiled import TiledTest
from creme.test import Activities, Request, Steps
from creme.tiling import Tile


@dataclass(frozen=True)
class _ShuffleTrace:
    """The course of one search: candidates of each round, and the chosen ones."""

    shuffled: np.ndarray  # (round, tile, replicate), NaN where nothing was measured
    initial: np.ndarray  # (round,)
    selected: list[int]
    kept: list[int]


class HigherOrder(TiledTest):
    """The sets of tiles that together carry the activity, by greedy search.

    In each round every tile that is still intact is shuffled in turn, on top of the tiles that were
    chosen before. The tile whose shuffles lower the mean activity most (enhancers), or raise it
    most (silencers), is chosen, and stays shuffled: of its replicates the one whose activity is
    nearest to their mean is kept (of equally near ones the first). The fold change is
    SHUFFLE-MUTANT / WT.

    The best of many means is a lucky one. So the winner is measured again on fresh shuffles, of
    which one is kept, and it belongs to the set only if the activity's change since the last
    accepted state is more than luck (`creme.suite.acceptance`) and at least `minimum_effect`. A
    winner that is not accepted stays shuffled for `patience` rounds, so that tiles that stand in
    for one another are accepted together; those of them that the set can do without are dropped.
    With ``accept = "all"`` the search is the paper's: every round's winner is chosen, by the very
    shuffles that are its measurement.

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

    tss_tile: TssTileOrNone = None
    accept: Literal["tested", "all"] = Field(
        "tested",
        description="which tiles belong to a set: those that pass a test on fresh shuffles, or "
        "each round's best one, as in the paper",
    )
    patience: int = Field(
        3, ge=1, description="rounds without acceptance after which a search ends, if tested"
    )
    minimum_effect: float = Field(
        0.05,
        ge=0,
        allow_inf_nan=False,
        description="change of the activity, as a share of the wild type's, that an accepted set "
        "makes at least, if tested",
    )
    rounds: int | None = Field(
        None, ge=1, description="how many rounds at most; as many as tiles unless given"
    )
    searches: Searches = BOTH
    minimum_activity: MinimumActivity = None
    confidence: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="with which a round may leave out tiles that are out of reach of the best, "
        "before they have all their replicates; none is left out unless given",
    )

    def identity(self) -> dict[str, Any]:
        """The parameters; those of the test of sets, and the confidence, only if there is one."""
        identity = super().identity()
        # The paper's way was the only one: its results stay those of the same experiment.
        if self.accept == "all":
            for key in ("accept", "patience", "minimum_effect"):
                del identity[key]
        if self.minimum_activity is None:
            del identity["minimum_activity"]
        if self.confidence is None:
            del identity["confidence"]
        else:
            identity["stopping_rule"] = STOPPING_RULE
        return identity

    def size(self, unit: Locus) -> None:
        """None, since it depends on the activities; checks the tiling."""
        self.tiling(unit)

    def run(self, unit: Locus) -> Steps:
        """Measure a locus.

        Of the paper's way, ``shuffled`` is (search, round, tile, replicate, track), NaN for tiles
        chosen before and for replicates that were not needed; ``tile_fold_change`` its mean over
        replicates by the wild type. With a confidence, ``replicates_used``, (search, round, tile,
        track), counts the measured ones, 0 for tiles chosen before. By (search, round, track):
        ``initial``, the activity that a round starts from; ``selected`` and ``selected_start``, the
        index and the start of the chosen tile; ``kept``, its kept replicate; ``fold_change``, that
        of the chosen tile.

        Of tested sets, a round is that of a tile of the set: ``selected`` and ``selected_start``
        are -1 after the last one; ``fold_change`` is that with the tiles up to this one shuffled,
        NaN for a tile that was accepted together with the next; ``alone`` that of the tile by
        itself, shuffled afresh. What the search tried is along ``attempt``, in place of ``round``:
        ``shuffled``, ``tile_fold_change``, ``replicates_used``, ``initial`` and ``kept`` as above;
        ``tried`` and ``tried_start``, the attempt's winner, -1 after the last one; ``again``,
        (search, attempt, replicate, track), the activities with it and the tiles that were pending
        shuffled afresh; ``p``, corrected for the search; ``accepted``, 1 where it was.

        Where shuffles are the tile as it was, ``unchanged_replicates``, (tile,), counts them over
        all rounds and searches; those that searches share count once.
        """
        tiles = self.measurable(unit)
        (wild_type,) = yield [unit.sequence]
        unchanged: Counter[Tile] = Counter()
        if self.accept == "all":
            dataset = yield from self._all_rounds(tiles, wild_type, unit, unchanged)
        else:
            dataset = yield from self._tested(tiles, wild_type, unit, unchanged)
        dataset = self.with_unchanged(dataset, tiles, unchanged)
        dataset = self.joined_across_n(dataset, tiles, unit)
        if self.minimum_activity is not None:
            dataset = flagged(dataset, self.minimum_activity, "fold changes")
        return self.in_tiling(dataset, tiles, unit)

    def _all_rounds(
        self,
        tiles: tuple[Tile, ...],
        wild_type: Activities,
        unit: Locus,
        unchanged: Counter[Tile],
    ) -> Generator[Request, Activities, xr.Dataset]:
        tracks = range(len(wild_type))
        traces = yield from together(
            [
                self._search(direction, track, wild_type[track], tiles, unit, unchanged)
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
        numbers = np.array([tuple(self.tiling(unit)).index(tile) for tile in tiles])
        return result(
            change,
            {
                "wild_type": (("track",), wild_type),
                "shuffled": (candidates, shuffled),
                "initial": (rounds, gathered("initial")),
                "selected": (rounds, numbers[selected]),
                "selected_start": (rounds, np.array([tile.start for tile in tiles])[selected]),
                "kept": (rounds, gathered("kept")),
            },
            {"search": list(self.searches)},
        )

    def _tested(
        self,
        tiles: tuple[Tile, ...],
        wild_type: Activities,
        unit: Locus,
        unchanged: Counter[Tile],
    ) -> Generator[Request, Activities, xr.Dataset]:
        fresh = max(self.replicates, FRESH)
        rules = Rules(
            replicates=self.replicates,
            fresh=fresh,
            patience=self.patience,
            minimum=self.minimum_effect,
            rounds=min(self.rounds or len(tiles), len(tiles)),
            confidence=self.confidence,
        )
        shuffles = partial(self.shuffles, unchanged=unchanged)
        traces = yield from together(
            [
                SetSearch(
                    tiles, unit, shuffles, rules, track, direction == "enhancers", activity
                ).run()
                for direction in self.searches
                for track, activity in enumerate(wild_type.tolist())
            ]
        )
        members = sorted({tile for trace in traces for tile in trace.tiles})
        singles: dict[int, Activities] = {}
        if members:
            response = yield (
                mutant
                for member in members
                for mutant in shuffles(
                    unit.sequence, tiles[member], unit, "alone", replicates=range(fresh)
                )
            )
            split = response.reshape(len(members), fresh, len(wild_type))
            singles = dict(zip(members, split, strict=True))
        every = tuple(self.tiling(unit))
        return tested_sets(
            traces,
            list(self.searches),
            wild_type,
            singles,
            rules,
            [(every.index(tile), tile.start) for tile in tiles],
        )

    def _search(
        self,
        direction: Direction,
        track: int,
        wild_type: float,
        tiles: tuple[Tile, ...],
        unit: Locus,
        unchanged: Counter[Tile],
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
                    (path, pairs), self._candidates(state, number, tiles, pairs, unit, unchanged)
                )
                race.record(response[:, track])
            shuffled[number, remaining] = race.values
            at, mean = race.best()
            middle = nearest(race.values[at], mean)
            selected.append(remaining[at])
            kept.append(middle)
            initial.append(race.values[at, middle])
            (state,) = self.shuffles(
                state, tiles[remaining[at]], unit, *_names(number), replicates=[middle]
            )
        return _ShuffleTrace(shuffled, np.array(initial[:-1]), selected, kept)

    def _candidates(
        self,
        state: Mutant,
        number: int,
        tiles: tuple[Tile, ...],
        pairs: tuple[tuple[int, range], ...],
        unit: Locus,
        unchanged: Counter[Tile],
    ) -> Iterator[Sequenceable]:
        for index, replicates in pairs:
            yield from self.shuffles(
                state,
                tiles[index],
                unit,
                *_names(number),
                replicates=replicates,
                unchanged=unchanged,
            )


def _names(number: int) -> tuple[str | int, ...]:
    """Names of a round's draws; the first round's have none, as in other tests."""
    return ("round", number) if number else ()
