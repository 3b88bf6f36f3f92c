"""Fine-tile search: the smallest parts of a tile that keep its effect."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from pydantic import Field, model_validator

from creme.genome import Locus
from creme.sequence import Edit, Mutant, Sequence
from creme.suite.search import Query, Search, together
from creme.suite.statistics import result
from creme.suite.tiled import TiledTest
from creme.test import Steps
from creme.tiling import Tile

Mask = NDArray[np.bool_]
"""True for the bases of a tile that are kept; the others are the background's."""


@dataclass
class _RemovalTrace:
    """The states of a search that met their share, the whole tile first."""

    windows: list[float]
    scores: list[float]
    masks: list[Mask]
    final_score: float = np.nan

    def accept(self, window: int, score: float, mask: Mask) -> None:
        self.windows.append(window)
        self.scores.append(score)
        self.masks.append(mask)


class FineTile(TiledTest):
    """The smallest parts of a tile that keep its effect, by greedy removal.

    The tile is put into random context with the TSS tile, as in the sufficiency test. In stages of
    ever shorter windows, each window that is left is replaced with the background in turn; those
    whose removal costs least are removed, several a round, and the score of the rest is
    measured: its share of the whole tile's effect. If the score falls below the stage's share,
    half as many are tried, down to one, and then the stage ends with the last state that met it.

    Each track is searched by itself; the tile counts as an enhancer if it raises the activity, and
    as a silencer if it lowers it.

    Notes
    -----
    The paper's Conclusion suggests finer tiles; the search is that of the reference package
    (``prune_sequence``), which scores by activity: ``share_of = "activity"`` does so, and then a
    silencer's score has to stay below its share.
    """

    name: ClassVar[str] = "fine_tile"
    measure: ClassVar[str] = "score"
    title: ClassVar[str] = "Fine-tile search"
    summary: ClassVar[str] = "The smallest parts of a tile that keep its effect."

    windows: list[int] = Field(
        [500, 50], min_length=1, description="length of the sub-tiles of each stage, bp"
    )
    shares: list[float] = Field([0.9, 0.7], description="score to be kept in each stage")
    removed: list[int] = Field([1, 10], description="sub-tiles removed a round in each stage")
    step: float = Field(
        1.0, gt=0, le=1, description="distance between sub-tiles, as a share of their length"
    )
    share_of: Literal["effect", "activity"] = Field(
        "effect",
        description="score: (MUTANT - CONTROL) / (WHOLE - CONTROL), or MUTANT / WHOLE",
    )

    @model_validator(mode="after")
    def _stages(self) -> Self:
        stages = len(self.windows)
        if not stages == len(self.shares) == len(self.removed):
            raise ValueError(
                f"windows, shares and removed have {stages}, {len(self.shares)} and "
                f"{len(self.removed)} values: give one of each for every stage"
            )
        if min(*self.windows, *self.removed) < 1 or min(self.shares) <= 0:
            raise ValueError("windows, removed and shares are positive")
        return self

    def size(self, unit: Locus) -> None:
        """None, since it depends on the activities; checks the tiling."""
        self.tiling(unit)

    def run(self, unit: Locus) -> Steps:
        """Measure a locus.

        ``whole`` is (tile, replicate, track), ``control`` (replicate, track). Along ``round``, of
        which the first is the whole tile, ``score``, ``kept_bp`` and ``window`` (the stage's, bp)
        are NaN after a search's end. ``sub_start`` and ``sub_end``, (tile, sub_tile, track), are
        the kept parts in the locus sequence, and ``sub_genomic_start`` and ``sub_genomic_end`` in
        the genome; ``final_score`` is that of the sequence rebuilt from them.
        """
        tiles = self.measurable(unit)
        (wild_type,) = yield [unit.sequence]
        backgrounds = self.controls(unit)
        control = yield backgrounds
        whole = yield (
            mutant
            for tile in tiles
            for mutant in _rebuilt(backgrounds, np.ones(len(tile), bool), tile, unit)
        )
        whole = whole.reshape(len(tiles), self.replicates, -1)
        mean_control = control.mean(axis=0, dtype=np.float64)
        mean_whole = whole.mean(axis=1, dtype=np.float64)
        pairs = [(number, track) for number in range(len(tiles)) for track in range(len(wild_type))]
        traces = yield from together(
            [
                self._search(
                    track,
                    tiles[number],
                    _Score(mean_whole[number, track], mean_control[track], self.share_of),
                    backgrounds,
                    unit,
                )
                for number, track in pairs
            ]
        )

        def padded(values: list[list[float]]) -> np.ndarray:
            """(tile, longest, track), NaN after the end of each."""
            out = np.full((len(tiles), max(map(len, values)), len(wild_type)), np.nan)
            for (number, track), row in zip(pairs, values, strict=True):
                out[number, : len(row), track] = row
            return out

        parts = [
            [Tile(tiles[number].start + start, tiles[number].start + end) for start, end in runs]
            for (number, _), runs in zip(pairs, (_runs(t.masks[-1]) for t in traces), strict=True)
        ]
        genomic = [[unit.interval(part) for part in row] for row in parts]
        rounds, sub_tiles = ("tile", "round", "track"), ("tile", "sub_tile", "track")
        measured = {
            "score": (rounds, padded([trace.scores for trace in traces])),
            "window": (rounds, padded([trace.windows for trace in traces])),
            "kept_bp": (rounds, padded([[m.sum() for m in trace.masks] for trace in traces])),
            "sub_start": (sub_tiles, padded([[part.start for part in row] for row in parts])),
            "sub_end": (sub_tiles, padded([[part.end for part in row] for row in parts])),
            "sub_genomic_start": (sub_tiles, padded([[low for low, _ in row] for row in genomic])),
            "sub_genomic_end": (sub_tiles, padded([[high for _, high in row] for row in genomic])),
            "final_score": (
                ("tile", "track"),
                np.array([trace.final_score for trace in traces]).reshape(len(tiles), -1),
            ),
        }
        dataset = result(
            xr.Dataset(measured),
            {
                "wild_type": (("track",), wild_type),
                "control": (("replicate", "track"), control),
                "whole": (("tile", "replicate", "track"), whole),
            },
            divisor="whole" if self.share_of == "activity" else None,
        )
        return self.in_tiling(self.looked_at(dataset, unit, control), tiles, unit)

    def _search(
        self, track: int, tile: Tile, score: _Score, backgrounds: list[Sequence], unit: Locus
    ) -> Search[_RemovalTrace]:
        """Search one tile for one track; `mask` is the last state that met its share."""
        mask = np.ones(len(tile), dtype=bool)
        trace = _RemovalTrace([len(tile)], [score.of(score.whole)], [mask])

        def query(masks: list[Mask]) -> Query:
            key = (tile, tuple(mask.tobytes() for mask in masks))
            return Query(
                key, (m for mask in masks for m in _rebuilt(backgrounds, mask, tile, unit))
            )

        def means(response: np.ndarray) -> np.ndarray:
            return response[:, track].reshape(-1, self.replicates).mean(axis=1, dtype=np.float64)

        for window, share, removed in zip(self.windows, self.shares, self.removed, strict=True):
            windows = list(_windows(mask, window, max(1, int(window * self.step))))
            count = removed
            while windows and score.defined:
                without = [_without(mask, [span]) for span in windows]
                costs = means((yield query(without)))
                order = np.argsort(-costs if score.raises else costs, kind="stable")
                while True:
                    removed_windows = [windows[number] for number in order[:count]]
                    fewer = _without(mask, removed_windows)
                    (activity,) = means((yield query([fewer])))
                    if score.meets(activity, share) or count == 1:
                        break
                    count = (count + 1) // 2
                if not score.meets(activity, share):
                    break
                mask = fewer
                trace.accept(window, score.of(activity), mask)
                windows = [
                    span
                    for span in windows
                    if span not in removed_windows and mask[slice(*span)].any()
                ]
        (activity,) = means((yield query([mask])))
        trace.final_score = score.of(activity)
        return trace


@dataclass(frozen=True)
class _Score:
    """The share of a whole tile's effect, or activity, that another activity has."""

    whole: float
    control: float
    share_of: Literal["effect", "activity"]

    @property
    def raises(self) -> bool:
        """Whether the whole tile raises the activity."""
        return self.whole >= self.control

    @property
    def defined(self) -> bool:
        return not np.isnan(self.of(self.whole))

    def of(self, activity: float) -> float:
        if self.share_of == "activity":
            return activity / self.whole if self.whole > 0 else np.nan
        base = self.control
        return (activity - base) / (self.whole - base) if self.whole != base else np.nan

    def meets(self, activity: float, share: float) -> bool:
        if self.share_of == "activity" and not self.raises:
            return self.of(activity) <= share
        return self.of(activity) >= share


def _rebuilt(backgrounds: list[Sequence], mask: Mask, tile: Tile, locus: Locus) -> Iterator[Mutant]:
    """Each background with the kept bases of the tile in their places."""
    bases = tile.of(locus.sequence)
    edits = [Edit(tile.start + start, bases[start:end]) for start, end in _runs(mask)]
    for background in backgrounds:
        yield Mutant(background, edits)


def _windows(mask: Mask, length: int, step: int) -> Iterator[tuple[int, int]]:
    """Windows over each stretch of kept bases; the last ones are cut at its end."""
    for start, end in _runs(mask):
        for at in range(start, end, step):
            yield at, min(at + length, end)
            if at + length >= end:
                break


def _without(mask: Mask, spans: list[tuple[int, int]]) -> Mask:
    rest = mask.copy()
    for start, end in spans:
        rest[start:end] = False
    return rest


def _runs(mask: Mask) -> list[tuple[int, int]]:
    """[start, end) of the stretches of kept bases."""
    edges = np.flatnonzero(np.diff(mask.astype(np.int8), prepend=0, append=0))
    return [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]
