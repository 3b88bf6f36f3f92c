"""TSS-CRE Distance Test."""

from __future__ import annotations

from typing import ClassVar

from creme.genome import Locus
from creme.suite.positioned import PositionedTest, place_coords, put
from creme.suite.statistics import averaged, relative, result
from creme.suite.tiled import tile_coords
from creme.test import Steps


class Distance(PositionedTest):
    """How a tile's effect on a TSS changes with the distance between them.

    The tile stands in random context, first at its own position (CONTROL), then at each test
    position (TEST), the TSS tile being intact; the fold change is TEST / CONTROL, within one
    background. Distances are signed, negative upstream of the TSS; `creme.analysis.distance`
    averages the two sides as the paper does.

    Notes
    -----
    Section "TSS-CRE Distance Test". All positions use the same backgrounds, so that the tile at its
    own position has a fold change of exactly 1.
    """

    name: ClassVar[str] = "distance"

    def size(self, unit: Locus) -> int:
        """The wild type, and for each tile and replicate the control and a mutant a position."""
        return 1 + len(self.tiling(unit)) * (1 + len(self.places(unit))) * self.replicates

    def run(self, unit: Locus) -> Steps:
        """Measure a locus.

        ``control`` is (tile, replicate, track), ``moved`` (tile, position, replicate, track).
        """
        tiles, places = tuple(self.tiling(unit)), self.places(unit)
        (wild_type,) = yield [unit.sequence]
        backgrounds = self.controls(unit)
        measured = yield (
            put(background, tile, unit, start)
            for tile in tiles
            for start in (tile.start, *(place.start for place in places))
            for background in backgrounds
        )
        measured = measured.reshape(len(tiles), 1 + len(places), self.replicates, -1)
        control, moved = measured[:, 0], measured[:, 1:]
        dims = ("tile", "position", "replicate", "track")
        return result(
            averaged("fold_change", dims, relative(moved, control[:, None])),
            {
                "wild_type": (("track",), wild_type),
                "control": (("tile", "replicate", "track"), control),
                "moved": (dims, moved),
            },
            {**tile_coords(tiles, unit), **place_coords(places, unit)},
        )
