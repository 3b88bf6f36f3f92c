"""CRE Necessity Test."""

from __future__ import annotations

from typing import ClassVar

from creme.genome import Locus
from creme.suite.adaptive import AdaptiveTest, Layout
from creme.suite.statistics import relative, result
from creme.suite.tiled import TiledTest, tile_coords
from creme.test import Steps


class Necessity(AdaptiveTest, TiledTest):
    """How much of a TSS's activity is lost without a tile, the other tiles being intact.

    Each tile is shuffled in turn; the effect is (WT - SHUFFLE) / WT: 1 for an enhancer without
    which nothing is left, negative for a silencer.

    Notes
    -----
    Section "CRE Necessity Test".
    """

    name: ClassVar[str] = "necessity"
    title: ClassVar[str] = "Necessity"
    summary: ClassVar[str] = "How much activity is lost when a tile's sequence is shuffled."

    def size(self, unit: Locus) -> int | None:
        """The wild type and a mutant for each tile and replicate."""
        return self.known(1 + len(self.tiling(unit)) * self.replicates)

    def run(self, unit: Locus) -> Steps:
        """Measure a locus; ``shuffled`` is (tile, replicate, track)."""
        tiling = self.tiling(unit)
        tiles, wild = tuple(tiling), unit.sequence
        (wild_type,) = yield [wild]
        got = yield from self.measured(
            Layout(
                effects=(len(tiles),),
                cells=(len(tiles),),
                sequences=lambda cell, some: self.shuffles(
                    wild, tiles[cell[0]], unit, replicates=some
                ),
                needs=lambda tiles: tiles,
                effect=lambda shuffled: relative(wild_type - shuffled, wild_type),
            )
        )
        dims = ("tile", "replicate", "track")
        return result(
            got.averaged("effect", dims),
            {"wild_type": (("track",), wild_type), "shuffled": (dims, got.activities)},
            tile_coords(tiling, unit),
        )
