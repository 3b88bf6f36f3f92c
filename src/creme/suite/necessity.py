"""CRE Necessity Test."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import ClassVar

from creme.genome import Locus
from creme.sequence import Mutant
from creme.suite.adaptive import Layout
from creme.suite.background import TssTileOrNone
from creme.suite.effect import EffectTest
from creme.suite.tiled import TiledTest
from creme.test import Steps
from creme.tiling import Tile


class Necessity(EffectTest, TiledTest):
    """The share of the activity that is lost without a tile, the others being intact.

    Each tile is shuffled in turn; the effect is (WT - SHUFFLE) / WT: 1 for an enhancer without
    which nothing is left, negative for a silencer. With ``effect = "difference"`` it is
    WT - SHUFFLE, and with ``"log_ratio"`` log2(WT / SHUFFLE).

    With ``tss_tile = 0`` the tiles cover the whole sequence, that around the site whose activity is
    read as well: oligos, and sites that are no TSS, such as splice sites.

    Notes
    -----
    Section "CRE Necessity Test".
    """

    name: ClassVar[str] = "necessity"
    title: ClassVar[str] = "Necessity"
    summary: ClassVar[str] = "How much activity is lost when a tile's sequence is shuffled."

    tss_tile: TssTileOrNone = None

    def size(self, unit: Locus) -> int | None:
        """The wild type and a mutant for each tile and replicate."""
        return self.fixed_size(1 + len(self.tiling(unit)) * self.replicates)

    def run(self, unit: Locus) -> Steps:
        """Measure a locus; ``shuffled`` is (tile, replicate, track).

        Where shuffles are the tile as it was, ``unchanged_replicates``, (tile,), counts them.
        """
        tiles, wild = self.measurable(unit), unit.sequence
        (wild_type,) = yield [wild]
        unchanged: Counter[Tile] = Counter()

        def shuffles(cell: tuple[int, ...], replicates: range) -> Iterator[Mutant]:
            tile = tiles[cell[0]]
            return self.shuffles(wild, tile, unit, replicates=replicates, unchanged=unchanged)

        measured = yield from self.measure_replicates(
            Layout(
                effects=(len(tiles),),
                cells=(len(tiles),),
                sequences=shuffles,
                needs=lambda tiles: tiles,
                effect=lambda shuffled: self.effect_of(wild_type, shuffled, wild_type),
                own_draws=True,
            )
        )
        dims = ("tile", "replicate", "track")
        activities = {"wild_type": (("track",), wild_type), "shuffled": (dims, measured.activities)}
        dataset = self.effect_result(measured, dims, activities)
        dataset = self.with_unchanged(dataset, tiles, unchanged)
        dataset = self.joined_across_n(dataset, tiles, unit)
        return self.in_tiling(dataset, tiles, unit)
