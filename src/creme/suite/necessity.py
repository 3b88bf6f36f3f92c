"""CRE Necessity Test."""

from __future__ import annotations

from typing import ClassVar

from creme.genome import Locus
from creme.suite.statistics import averaged, relative, result
from creme.suite.tiled import TiledTest, tile_coords
from creme.test import Steps


class Necessity(TiledTest):
    """How much of a TSS's activity is lost without a tile, the other tiles being intact.

    Each tile is shuffled in turn; the effect is (WT - SHUFFLE) / WT: 1 for an enhancer without
    which nothing is left, negative for a silencer.

    Notes
    -----
    Section "CRE Necessity Test".
    """

    name: ClassVar[str] = "necessity"

    def size(self, unit: Locus) -> int:
        """The wild type and a mutant for each tile and replicate."""
        return 1 + len(self.tiling(unit)) * self.replicates

    def run(self, unit: Locus) -> Steps:
        """Measure a locus; ``shuffled`` is (tile, replicate, track)."""
        tiling = self.tiling(unit)
        wild = unit.sequence
        (wild_type,) = yield [wild]
        shuffled = yield (mutant for tile in tiling for mutant in self.shuffles(wild, tile, unit))
        shuffled = shuffled.reshape(len(tiling), self.replicates, -1)
        dims = ("tile", "replicate", "track")
        return result(
            averaged("effect", dims, relative(wild_type - shuffled, wild_type)),
            {"wild_type": (("track",), wild_type), "shuffled": (dims, shuffled)},
            tile_coords(tiling, unit),
        )
