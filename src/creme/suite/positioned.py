"""The base of tests that move or copy a tile: the positions that it may have."""

from __future__ import annotations

import xarray as xr
from pydantic import Field

from creme.errors import ConfigError
from creme.genome import Locus
from creme.sequence import Edit, Mutant, N, Sequenceable
from creme.suite.tiled import TiledTest
from creme.test import remarked
from creme.tiling import Tile, Tiling

CARRIED = (
    "tiles with N among their bases: {count}. The N go with them wherever they are put, in place "
    "of what stood there"
)


class PositionedTest(TiledTest):
    """A test that puts chosen tiles at other positions, in random context."""

    positions: list[int] | None = Field(
        None,
        min_length=1,
        description="where a tile may start in the locus sequence; wherever the tiling has a tile "
        "unless given",
    )

    def tiling(self, locus: Locus) -> Tiling:
        """The TSS tile and the tiles to test; all are `tile` bp long, to fit the positions."""
        tiling = super().tiling(locus)
        for tile in tiling:
            if len(tile) != self.tile:
                raise ConfigError(
                    f"tiles has [{tile.start}, {tile.end}) of {len(tile)} bp: those of test "
                    f"{self.name} are as long as tile = {self.tile}"
                )
        return tiling

    def in_tiling(self, dataset: xr.Dataset, tiles: tuple[Tile, ...], locus: Locus) -> xr.Dataset:
        """As for all tests of tiles; a remark says where tiles take N along."""
        carrying = sum(bool((tile.of(locus.sequence).codes == N).any()) for tile in tiles)
        if carrying:
            dataset = remarked(dataset, CARRIED, carrying)
        return super().in_tiling(dataset, tiles, locus)

    def places(self, locus: Locus) -> tuple[Tile, ...]:
        """The intervals that a tile may be put at, by start; never over the TSS tile.

        Raises
        ------
        ConfigError
            If a position is given twice, overlaps the TSS tile, or leaves the sequence.
        """
        if self.positions is None:
            return Tiling.around(locus.length, locus.tss, self.tile, self.tss_tile).context
        tss = self.tss(locus)
        places: list[Tile] = []
        for start in sorted(self.positions):
            if start < 0 or start + self.tile > locus.length:
                raise ConfigError(
                    f"positions has {start}: a tile of {self.tile} bp starts between 0 and "
                    f"{locus.length - self.tile} in a sequence of {locus.length} bp"
                )
            place = Tile(start, start + self.tile)
            if place.overlaps(tss):
                raise ConfigError(
                    f"positions has {start}: a tile there would overlap the TSS tile "
                    f"[{tss.start}, {tss.end})"
                )
            if places and places[-1] == place:
                raise ConfigError(f"positions has {start} twice")
            places.append(place)
        return tuple(places)


def put(sequence: Sequenceable, tile: Tile, locus: Locus, at: int) -> Mutant:
    """`sequence` with the locus's bases of a tile placed at position `at`."""
    return Mutant(sequence, [Edit(at, tile.of(locus.sequence))])


def place_coords(places: tuple[Tile, ...], locus: Locus) -> dict[str, tuple[str, list[int]]]:
    """Coordinates of the dimension `position`; the distance is as for tiles."""
    return {
        "position_start": ("position", [place.start for place in places]),
        "position_distance": ("position", [locus.distance(place) for place in places]),
    }
