"""Tests from outside the suite: of tiles, one that is stopped, and one without a measure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import ClassVar

import numpy as np
import xarray as xr

from creme import Edit, Mutant, Test, Tile

SYNTHETIC = 'plugin = "synthetic"\nlength = 12288\ndecay = 6000.0\nbins = "tss"'
"""A model, as an experiment file has it."""


class MaskedTiles(Test):
    """What is lost when a tile is unknown to the model."""

    name: ClassVar[str] = "masked_tiles"
    measure: ClassVar[str] = "loss"
    title: ClassVar[str] = "Masked tiles"
    summary: ClassVar[str] = "The share of the activity that is lost with a tile, by what is laid."

    tile: int = 1000
    reach: int = 5

    def run(self, locus):
        starts = locus.tss + self.tile * np.arange(-self.reach, self.reach + 1) - self.tile // 2
        tiles = [Tile(int(s), int(s) + self.tile) for s in starts if abs(s - locus.tss) > self.tile]
        (wild_type,) = yield [locus.sequence]

        def mutants() -> Iterator[Mutant]:
            for code in (4, 0):
                for tile in tiles:
                    for keep in range(3):
                        bases = np.full(self.tile - 50 * keep, code, dtype=np.uint8)
                        yield Mutant(locus.sequence, [Edit(tile.start, bases)])

        activity = (yield mutants()).reshape(2, len(tiles), 3, -1)
        loss = (wild_type - activity) / wild_type
        dims = ("filling", "tile", "track")
        genomic = np.array([locus.interval(tile) for tile in tiles])
        return xr.Dataset(
            {
                "loss": (dims, loss.mean(axis=2)),
                "loss_se": (dims, loss.std(axis=2, ddof=1) / np.sqrt(3)),
                "loss_replicates": (("filling", "tile", "replicate", "track"), loss),
                "wild_type": (("track",), wild_type),
            },
            {
                "filling": ["N", "A"],
                "tile_start": ("tile", [tile.start for tile in tiles]),
                "tile_end": ("tile", [tile.end for tile in tiles]),
                "distance": ("tile", [locus.distance(tile) for tile in tiles]),
                "genomic_start": ("tile", genomic[:, 0]),
                "genomic_end": ("tile", genomic[:, 1]),
            },
        )


class Halting(Test):
    """Activity with ever more bases masked, of which the run is stopped before its end."""

    name: ClassVar[str] = "halting"
    measure: ClassVar[str] = "activity"

    stop: ClassVar[Callable[[], None]]
    """Stops the run; set by who starts it."""

    def run(self, locus):
        activities = []
        for masked in range(6 if locus.name > "GENE3" else 2):
            bases = np.full(100 * masked, 4, dtype=np.uint8)
            (activity,) = yield [Mutant(locus.sequence, [Edit(locus.tss + 100, bases)])]
            activities.append(activity)
            if masked == 4:
                type(self).stop()
        return xr.Dataset({"activity": (("masked", "track"), np.array(activities[:2]))})


class Counts(Test):
    """Whole numbers alone, of which nothing can be drawn."""

    name: ClassVar[str] = "counts"

    def run(self, locus):
        yield [locus.sequence]
        return xr.Dataset({"n": ("base", np.bincount(locus.sequence.codes, minlength=5)[:4])})
