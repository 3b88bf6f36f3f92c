"""Local networks: how the tiles of a locus act together, in pairs and in all subsets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import combinations
from typing import ClassVar, Literal

import numpy as np
import xarray as xr
from pydantic import Field

from creme.analysis.epistasis import contrast, log_activity
from creme.analysis.evidence import evidence
from creme.analysis.noise import Q
from creme.genome import Locus
from creme.seeds import derive
from creme.sequence import Edit, Mutant
from creme.suite.background import TssTileOrNone
from creme.suite.statistics import averaged, relative, result
from creme.suite.tiled import TiledTest, tile_coords
from creme.test import Activities, Steps
from creme.tiling import Tile

FULL = 8
"""Tiles of which all subsets are measured at most: 255."""


class Interactions(TiledTest):
    """How far the effect of losing two tiles together is from that of the single losses.

    Each tile is shuffled by itself, as in the necessity test and with the same shuffles; the
    strongest are shuffled in pairs, or in all subsets, the k-th shuffle of a tile being the same
    bases in each. So in a contrast of four activities within a replicate a lucky shuffle cancels.
    The epistasis is ::

        log2(WT + f) - log2(A + f) - log2(B + f) + log2(AB + f)

    and on the additive scale (WT - A - B + AB) / WT, A and B being the activities without one of
    the tiles, AB that without both, and f the floor.

    Notes
    -----
    "uncover local cis-regulatory networks" (Conclusion). Epistasis on the log scale is 0 where fold
    changes multiply, on the additive scale where losses add up; below 0 where together more is lost
    than that (tiles that stand in for one another), above 0 where less is (tiles that need one
    another). `creme.analysis.epistasis.pair_table` tests both.
    """

    name: ClassVar[str] = "interactions"
    measure: ClassVar[str] = "epistasis"
    title: ClassVar[str] = "Interactions of tiles"
    summary: ClassVar[str] = (
        "How far the loss of two tiles together is from the product of the losses one by one."
    )
    along: ClassVar[str] = ""

    tss_tile: TssTileOrNone = None
    strongest: int = Field(
        8,
        ge=2,
        le=20,
        description="tiles that are combined: all where there are as few, else those of the "
        "largest effects, significant ones (q at most 0.05 of any activity) before others",
    )
    combine: Literal["pairs", "all"] = Field(
        "pairs",
        description="combine them in pairs, or in all subsets; of more than 8 tiles those that "
        "random orders of loss pass through",
    )
    orders: int = Field(
        10,
        ge=2,
        description="random orders, each measured with its reverse, where combine = 'all' and "
        "there are more than 8 tiles",
    )
    floor: float = Field(
        0.01,
        ge=0,
        le=1,
        description="added to activities before their logarithm, as a share of the wild type's",
    )

    def size(self, unit: Locus) -> int:
        """The wild type, each tile, and the combinations of the strongest."""
        tiles = len(self.tiling(unit))
        masks = self.masks(unit, min(self.strongest, tiles))
        combined = sum(1 for mask in masks if mask.bit_count() > 1)
        return 1 + (tiles + combined) * self.replicates

    def masks(self, unit: Locus, number: int) -> list[int]:
        """The subsets that are measured, as bits of the members: by their size, then by members."""
        singles = {1 << one for one in range(number)}
        pairs = {1 << a | 1 << b for a, b in combinations(range(number), 2)}
        if self.combine == "pairs":
            chosen = singles | pairs
        elif number <= FULL:
            chosen = set(range(1, 1 << number))
        else:
            chosen = singles | pairs
            for order in self.permutations(unit, number).tolist():
                mask = 0
                for member in order:
                    mask |= 1 << member
                    chosen.add(mask)
        return sorted(chosen, key=lambda mask: (mask.bit_count(), mask))

    def permutations(self, unit: Locus, number: int) -> np.ndarray:
        """Random orders of the members, each followed by its reverse, (2 `orders`, members)."""
        drawn = []
        for draw in range(self.orders):
            keys = [derive(self.seed, unit.key, "order of loss", draw, n) for n in range(number)]
            drawn.append(sorted(range(number), key=keys.__getitem__))
        return np.array([order for one in drawn for order in (one, one[::-1])])

    def run(self, unit: Locus) -> Steps:
        """Measure a locus.

        ``shuffled`` is (tile, replicate, track), as of the necessity test. The strongest are along
        ``member``, with ``member_effect``, (WT - A) / WT, by track, ``member_tile``, their places
        among the tiles, ``member_start`` and so on. ``combined``, (combination, replicate, track),
        has the activities with members lost: the bits of the coordinate ``combination`` say which,
        the first member being 1. Along ``pair``, with ``pair_first`` and ``pair_second``, two
        members, are ``epistasis``, in log2, and ``additive_epistasis``, by the wild type, each with
        its replicates. Where subsets are sampled, ``order_of_loss``, (order, member), has the
        members in the random orders.
        """
        tiles, wild = self.measurable(unit), unit.sequence
        unchanged: Counter[Tile] = Counter()
        (wild_type,) = yield [wild]
        response = yield (
            mutant
            for tile in tiles
            for mutant in self.shuffles(wild, tile, unit, unchanged=unchanged)
        )
        shuffled = response.reshape(len(tiles), self.replicates, len(wild_type))
        members = self._strongest(wild_type, shuffled)
        masks = self.masks(unit, len(members))
        larger = [mask for mask in masks if mask.bit_count() > 1]
        activities = dict(
            zip((1 << n for n in range(len(members))), shuffled[members], strict=True)
        )
        if larger:
            response = yield self._combined([tiles[at] for at in members], larger, unit)
            split = response.reshape(len(larger), self.replicates, len(wild_type))
            activities |= dict(zip(larger, split, strict=True))
        combined = np.stack([activities[mask] for mask in masks])
        dataset = self._result(wild_type, shuffled, combined, members, masks)
        if self.combine == "all" and len(members) > FULL:
            orders = self.permutations(unit, len(members))
            dataset = dataset.assign(order_of_loss=(("order", "member"), orders.astype(float)))
        dataset = self.with_unchanged(dataset, tiles, unchanged)
        dataset = self.joined_across_n(dataset, tiles, unit)
        dataset = self.in_tiling(dataset, tiles, unit)
        return dataset.assign_coords(self._places(tiles, members, unit))

    def _combined(self, members: list[Tile], masks: list[int], unit: Locus) -> Iterator[Mutant]:
        """The mutants of each subset: the k-th has the k-th shuffle of each of its members."""
        edits: list[list[Edit]] = [
            [mutant.edits[0] for mutant in self.shuffles(unit.sequence, tile, unit)]
            for tile in members
        ]
        for mask in masks:
            chosen = [one for bit, one in enumerate(edits) if mask >> bit & 1]
            for replicate in self._replicates:
                yield Mutant(unit.sequence, [one[replicate] for one in chosen])

    def _strongest(self, wild_type: Activities, shuffled: np.ndarray) -> list[int]:
        """The tiles that are combined, in their order along the sequence."""
        if len(shuffled) <= self.strongest:
            return list(range(len(shuffled)))
        dims = ("tile", "replicate", "track")
        effect = relative(wild_type - shuffled, wild_type)
        dataset = averaged("effect", dims, effect).assign(
            wild_type=("track", wild_type), shuffled=(dims, shuffled)
        )
        q = evidence(dataset.assign_attrs(test="necessity"))["q"].transpose("tile", "track").values
        logs = log_activity(shuffled, wild_type, self.floor) - log_activity(
            wild_type, wild_type, self.floor
        )
        size = np.nan_to_num(np.abs(logs.mean(axis=1)))
        significant = q <= Q
        ranked = sorted(
            range(len(shuffled)),
            key=lambda at: (
                not significant[at].any(),
                -size[at].max(where=significant[at] | ~significant[at].any(), initial=0.0),
                at,
            ),
        )
        return sorted(ranked[: self.strongest])

    def _result(
        self,
        wild_type: Activities,
        shuffled: np.ndarray,
        combined: np.ndarray,
        members: list[int],
        masks: list[int],
    ) -> xr.Dataset:
        pairs = list(combinations(range(len(members)), 2))
        at = {mask: place for place, mask in enumerate(masks)}
        one, other, both = (
            combined[[at[mask] for mask in wanted]]
            for wanted in (
                [1 << a for a, _ in pairs],
                [1 << b for _, b in pairs],
                [1 << a | 1 << b for a, b in pairs],
            )
        )
        dims = ("pair", "replicate", "track")
        values = averaged(
            "epistasis", dims, contrast(wild_type, one, other, both, "log", self.floor)
        ).merge(
            averaged("additive_epistasis", dims, contrast(wild_type, one, other, both, "additive"))
        )
        return result(
            values,
            {
                "wild_type": (("track",), wild_type),
                "shuffled": (("tile", "replicate", "track"), shuffled),
                "combined": (("combination", "replicate", "track"), combined),
                "member_effect": (
                    ("member", "track"),
                    relative(wild_type - shuffled[members], wild_type).mean(axis=1),
                ),
            },
            {
                "combination": masks,
                "pair_first": ("pair", [a for a, _ in pairs]),
                "pair_second": ("pair", [b for _, b in pairs]),
            },
        )

    def _places(
        self, tiles: tuple[Tile, ...], members: list[int], unit: Locus
    ) -> dict[str, tuple[str, list[int]]]:
        """Coordinates along ``member``, those of its tile."""
        every = tuple(self.tiling(unit))
        chosen = [tiles[at] for at in members]
        names = {"tile_start": "start", "tile_end": "end"}
        coords = tile_coords(chosen, unit)
        return {
            "member_tile": ("member", [every.index(tile) for tile in chosen]),
            **{
                f"member_{names.get(key, key)}": ("member", values)
                for key, (_, values) in coords.items()
            },
        }
