"""Set sufficiency: how much activity a greedy set brings back, tile by tile."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from collections.abc import Sequence as SequenceOf
from typing import ClassVar

import numpy as np
from pydantic import Field

from creme.errors import ConfigError
from creme.genome import Locus
from creme.sequence import Edit, Mutant
from creme.suite.background import BackgroundTest, TssTileOrNone
from creme.suite.intervals import ByLocus, chosen_loci, chosen_tiles
from creme.suite.statistics import averaged, relative, result
from creme.suite.tiled import tile_coords
from creme.test import Steps, Unit
from creme.tiling import Tile, Tiling


class SetSufficiency(BackgroundTest):
    """The activity of a TSS in random context, with more and more tiles of a set put back.

    The TSS tile alone, then with the first tile of the set, the first two, and so on, are put into
    shuffled sequences at their own positions. The fold change is MUTANT / WT: near 1 where the set
    is all that the TSS needs.

    Notes
    -----
    The greedy tiles in random context of the authors' published analyses ("Normalized TSS
    activity"). Backgrounds are those of the locus, so the TSS tile alone is the control of the
    sufficiency test, and the first tile its mutant. `creme.analysis.set_sufficiency` makes `sets`
    of a greedy search, and says how many tiles are needed.
    """

    name: ClassVar[str] = "set_sufficiency"
    measure: ClassVar[str] = "fold_change"
    neutral: ClassVar[float] = 1.0
    title: ClassVar[str] = "Set sufficiency"
    summary: ClassVar[str] = (
        "How much activity comes back as the tiles of a set are put into random context."
    )
    along: ClassVar[str] = ""

    tss_tile: TssTileOrNone = None
    sets: ByLocus | None = Field(
        None,
        min_length=1,
        description="[start, end) of the tiles of a set in the locus sequence, in the order in "
        "which they are put back: a list, or one for each locus by name, without the others; "
        "to be given, except in a study, which takes the sets of its own searches",
    )

    def units(self, loci: SequenceOf[Locus]) -> Iterable[Unit]:
        """The loci, or those that `sets` names.

        Raises
        ------
        ConfigError
            If there are no `sets`, or one names a locus that the experiment lacks.
        """
        if self.sets is None:
            raise ConfigError(
                f"test {self.name}: sets is needed, the tiles to put back in their order; "
                f"creme.analysis.set_sufficiency.greedy_sets makes it of a greedy search"
            )
        return chosen_loci(self.sets, loci, f"test {self.name}: sets")

    def members(self, locus: Locus) -> tuple[Tile, ...]:
        """The set's tiles in their order; an error if they overlap one another or the TSS tile."""
        tiles = tuple(chosen_tiles(self.sets or [], locus))
        Tiling.of(locus.length, self.tss(locus) if self.tss_tile != 0 else None, tiles)
        return tiles

    def size(self, unit: Locus) -> int:
        """The wild type, and the TSS tile with 0, 1, ... tiles in each background."""
        return 1 + (1 + len(self.members(unit))) * self.replicates

    def run(self, unit: Locus) -> Steps:
        """Measure a locus.

        ``mutant`` is (tiles, replicate, track), `tiles` being the number of tiles of the set that
        are there, from 0: the TSS tile alone, which is ``control``, (replicate, track), too.
        ``tile_start``, ``distance`` and the like are those of the last tile that was put back; of
        the TSS tile for 0, or of the site's base where there is no TSS tile.
        """
        members = self.members(unit)
        wild = unit.sequence
        controls = self.controls(unit)

        def sequences() -> Iterator[Mutant]:
            for count in range(len(members) + 1):
                edits = [Edit(tile.start, tile.of(wild)) for tile in members[:count]]
                for control in controls:
                    yield Mutant(control, edits)

        (wild_type,) = yield [wild]
        response = yield sequences()
        mutant = response.reshape(len(members) + 1, self.replicates, -1)
        dims = ("tiles", "replicate", "track")
        dataset = result(
            averaged("fold_change", dims, relative(mutant, wild_type)),
            {
                "wild_type": (("track",), wild_type),
                "control": (dims[1:], mutant[0]),
                "mutant": (dims, mutant),
            },
            {"tiles": np.arange(len(members) + 1)},
        )
        dataset = self.looked_at(dataset, unit, mutant[0])
        first = Tile(unit.tss, unit.tss + 1) if self.tss_tile == 0 else self.tss(unit)
        places = tile_coords((first, *members), unit)
        return dataset.assign_coords(
            {key: ("tiles", values) for key, (_, values) in places.items()}
        )
