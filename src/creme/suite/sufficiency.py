"""CRE Sufficiency Test."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from creme.genome import Locus
from creme.sequence import Edit, Mutant, Sequence, Sequenceable
from creme.suite.adaptive import Layout
from creme.suite.background import TssTileOrNone
from creme.suite.effect import EffectTest
from creme.suite.tiled import TiledTest
from creme.test import Activities, Steps
from creme.tiling import Tile


class Sufficiency(EffectTest, TiledTest):
    """The effect of a tile on a TSS by itself, in random context.

    The TSS tile alone (TSS-CONTROL) and the TSS tile with the tile in question (CRE-TSS-MUTANT)
    are put into shuffled sequences at their own positions; the effect is
    (CRE-TSS-MUTANT - TSS-CONTROL) / WT: positive for an enhancer, negative for a silencer. With
    ``effect = "difference"`` it is CRE-TSS-MUTANT - TSS-CONTROL, and with ``"log_ratio"``
    log2(CRE-TSS-MUTANT / TSS-CONTROL).

    With ``tss_tile = 0`` there is no TSS tile: the control is random altogether, and the mutant has
    the tile alone.

    Notes
    -----
    Section "CRE Sufficiency Test". With shared backgrounds (the default) the controls are measured
    once for all tiles, and each effect is a difference within one background.
    """

    name: ClassVar[str] = "sufficiency"
    title: ClassVar[str] = "Sufficiency"
    summary: ClassVar[str] = "How much activity a tile brings to a TSS in random context."

    tss_tile: TssTileOrNone = None
    backgrounds_of: Literal["locus", "tile"] = Field(
        "locus", description="draw the backgrounds once for the locus, or anew for each tile"
    )

    def size(self, unit: Locus) -> int | None:
        """The wild type, the controls, and a mutant for each tile and replicate."""
        tiles = len(self.tiling(unit))
        controls = 1 if self.backgrounds_of == "locus" else tiles
        return self.fixed_size(1 + (controls + tiles) * self.replicates)

    def run(self, unit: Locus) -> Steps:
        """Measure a locus; ``control`` and ``mutant`` end in (replicate, track)."""
        tiles = self.measurable(unit)
        (wild_type,) = yield [unit.sequence]
        measured = yield from self.measure_replicates(self._layout(tiles, unit, wild_type))
        activities = measured.activities
        dims: tuple[str, ...] = ("tile", "replicate", "track")
        if self.backgrounds_of == "locus":
            control, control_dims, mutant = activities[0], dims[1:], activities[1:]
        else:
            control, control_dims, mutant = activities[:, 0], dims, activities[:, 1]
        dataset = self.effect_result(
            measured,
            dims,
            {
                "wild_type": (("track",), wild_type),
                "control": (control_dims, control),
                "mutant": (dims, mutant),
            },
        )
        return self.in_tiling(self.looked_at(dataset, unit, control), tiles, unit)

    def _layout(self, tiles: tuple[Tile, ...], locus: Locus, wild_type: Activities) -> Layout:
        """Cells (1 + tile,), the first the control; or (tile, 2), a control and a mutant each."""
        if self.backgrounds_of == "locus":
            backgrounds = self.controls(locus)

            def shared(cell: tuple[int, ...], replicates: range) -> Iterable[Sequenceable]:
                chosen = [backgrounds[k] for k in replicates]
                return _with_tile(tiles[cell[0] - 1], locus, chosen) if cell[0] else chosen

            return Layout(
                effects=(len(tiles),),
                cells=(1 + len(tiles),),
                sequences=shared,
                needs=lambda at: np.append(at.any(), at),
                effect=lambda cells: self.effect_of(cells[1:], cells[0], wild_type),
            )

        @lru_cache(maxsize=1)  # a tile's controls and its mutants are requested in turn
        def controls(tile: Tile, replicates: range) -> list[Sequence]:
            return self.controls(locus, self.name, tile.start, tile.end, replicates=replicates)

        def independent(cell: tuple[int, ...], replicates: range) -> Iterable[Sequenceable]:
            tile = tiles[cell[0]]
            chosen = controls(tile, replicates)
            return _with_tile(tile, locus, chosen) if cell[1] else chosen

        return Layout(
            effects=(len(tiles),),
            cells=(len(tiles), 2),
            sequences=independent,
            needs=lambda at: np.stack([at, at], axis=1),
            effect=lambda cells: self.effect_of(cells[:, 1], cells[:, 0], wild_type),
            own_draws=True,
        )


def _with_tile(tile: Tile, locus: Locus, controls: list[Sequence]) -> Iterator[Mutant]:
    """Each control with the locus's own bases in the tile."""
    for control in controls:
        yield Mutant(control, [Edit(tile.start, tile.of(locus.sequence))])
