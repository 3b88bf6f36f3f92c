"""TSS-CRE Distance Test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from creme.genome import Locus
from creme.sequence import Mutant
from creme.suite.adaptive import AdaptiveTest, Layout
from creme.suite.positioned import PositionedTest, place_coords, put
from creme.suite.statistics import relative, result
from creme.test import Steps


class Distance(AdaptiveTest, PositionedTest):
    """The change of a tile's effect on a TSS with the distance between them.

    The tile is put into random context, first at its own position (CONTROL), then at each test
    position (TEST), the TSS tile being intact; the fold change is TEST / CONTROL, within one
    background. Distances are signed, negative upstream of the TSS; `creme.analysis.distances`
    averages the two sides as the paper does.

    Notes
    -----
    Section "TSS-CRE Distance Test". All positions use the same backgrounds, so that the tile at its
    own position has a fold change of exactly 1.
    """

    name: ClassVar[str] = "distance"
    measure: ClassVar[str] = "fold_change"
    neutral: ClassVar[float] = 1.0
    title: ClassVar[str] = "Distance"
    summary: ClassVar[str] = "How a tile's effect on a TSS changes with the distance between them."

    def size(self, unit: Locus) -> int | None:
        """The wild type, and for each tile and replicate the control and a mutant a position."""
        tiles, positions = len(self.tiling(unit)), len(self.places(unit))
        return self.fixed_size(1 + tiles * (1 + positions) * self.replicates)

    def run(self, unit: Locus) -> Steps:
        """Measure a locus.

        ``control`` is (tile, replicate, track), ``moved`` (tile, position, replicate, track).
        """
        tiles, positions = self.measurable(unit), self.places(unit)
        (wild_type,) = yield [unit.sequence]
        backgrounds = self.controls(unit)

        def sequences(cell: tuple[int, ...], replicates: range) -> Iterator[Mutant]:
            """Cell (tile, 0) is the control, (tile, 1 + position) the tile moved there."""
            tile, position = tiles[cell[0]], cell[1] - 1
            start = tile.start if position < 0 else positions[position].start
            return (put(backgrounds[k], tile, unit, start) for k in replicates)

        measured = yield from self.measure_replicates(
            Layout(
                effects=(len(tiles), len(positions)),
                cells=(len(tiles), 1 + len(positions)),
                sequences=sequences,
                needs=lambda at: np.concatenate([at.any(axis=1, keepdims=True), at], axis=1),
                effect=lambda activities: relative(activities[:, 1:], activities[:, :1]),
            )
        )
        dims = ("tile", "position", "replicate", "track")
        dataset = result(
            measured.averaged("fold_change", dims),
            {
                "wild_type": (("track",), wild_type),
                "control": (("tile", "replicate", "track"), measured.activities[:, 0]),
                "moved": (dims, measured.activities[:, 1:]),
            },
            place_coords(positions, unit),
            divisor="control",
        )
        return self.in_tiling(dataset, tiles, unit)
