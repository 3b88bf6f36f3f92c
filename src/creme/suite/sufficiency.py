"""CRE Sufficiency Test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import Field

from creme.genome import Locus
from creme.sequence import Edit, Mutant, Sequence
from creme.suite.statistics import averaged, relative, result
from creme.suite.tiled import TiledTest, tile_coords
from creme.test import Steps
from creme.tiling import Tile, Tiling


class Sufficiency(TiledTest):
    """How much a tile does to a TSS by itself, in random context.

    The TSS tile alone (TSS-CONTROL) and the TSS tile with the tile in question (CRE-TSS-MUTANT)
    stand in shuffled sequences at their own positions; the effect is
    (CRE-TSS-MUTANT - TSS-CONTROL) / WT: positive for an enhancer, negative for a silencer.

    Notes
    -----
    Section "CRE Sufficiency Test". With shared backgrounds (the default) the controls are measured
    once for all tiles, and each effect is a difference within one background.
    """

    name: ClassVar[str] = "sufficiency"

    backgrounds_of: Literal["locus", "tile"] = Field(
        "locus", description="draw the backgrounds once for the locus, or anew for each tile"
    )

    def size(self, unit: Locus) -> int:
        """The wild type, the controls, and a mutant for each tile and replicate."""
        tiles = len(self.tiling(unit))
        controls = 1 if self.backgrounds_of == "locus" else tiles
        return 1 + (controls + tiles) * self.replicates

    def run(self, unit: Locus) -> Steps:
        """Measure a locus; ``control`` and ``mutant`` end in (replicate, track)."""
        tiling = self.tiling(unit)
        (wild_type,) = yield [unit.sequence]
        if self.backgrounds_of == "locus":
            shared = self.controls(unit)
            control = yield shared
            mutant = yield (m for tile in tiling for m in _with_tile(tile, unit, shared))
            dims: tuple[str, ...] = ("replicate", "track")
        else:
            both = yield self._independent(tiling, unit)
            both = both.reshape(len(tiling), 2, self.replicates, -1)
            control, mutant = both[:, 0], both[:, 1]
            dims = ("tile", "replicate", "track")
        mutant = mutant.reshape(len(tiling), self.replicates, -1)
        effect_dims = ("tile", "replicate", "track")
        return result(
            averaged("effect", effect_dims, relative(mutant - control, wild_type)),
            {
                "wild_type": (("track",), wild_type),
                "control": (dims, control),
                "mutant": (effect_dims, mutant),
            },
            tile_coords(tiling, unit),
        )

    def _independent(self, tiling: Tiling, locus: Locus) -> Iterator[Sequence | Mutant]:
        for tile in tiling:
            controls = self.controls(locus, self.name, tile.start, tile.end)
            yield from controls
            yield from _with_tile(tile, locus, controls)


def _with_tile(tile: Tile, locus: Locus, controls: list[Sequence]) -> Iterator[Mutant]:
    """Each control with the locus's own bases in the tile."""
    for control in controls:
        yield Mutant(control, [Edit(tile.start, tile.of(locus.sequence))])
