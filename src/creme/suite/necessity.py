"""CRE Necessity Test."""

from __future__ import annotations

from typing import ClassVar

from creme.genome import Locus
from creme.suite.adaptive import AdaptiveTest, Layout
from creme.suite.statistics import relative, result
from creme.suite.tiled import TiledTest
from creme.test import Steps


class Necessity(AdaptiveTest, TiledTest):
    """The share of a TSS's activity that is lost without a tile, the others being intact.

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
        return self.fixed_size(1 + len(self.tiling(unit)) * self.replicates)

    def run(self, unit: Locus) -> Steps:
        """Measure a locus; ``shuffled`` is (tile, replicate, track)."""
        tiles, wild = self.measurable(unit), unit.sequence
        (wild_type,) = yield [wild]
        measured = yield from self.measure_replicates(
            Layout(
                effects=(len(tiles),),
                cells=(len(tiles),),
                sequences=lambda cell, replicates: self.shuffles(
                    wild, tiles[cell[0]], unit, replicates=replicates
                ),
                needs=lambda tiles: tiles,
                effect=lambda shuffled: relative(wild_type - shuffled, wild_type),
                own_draws=True,
            )
        )
        dims = ("tile", "replicate", "track")
        activities = {"wild_type": (("track",), wild_type), "shuffled": (dims, measured.activities)}
        return self.in_tiling(result(measured.averaged("effect", dims), activities), tiles, unit)
