"""Saturation mutagenesis: every base of a region, changed to each of the others."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Sequence as SequenceOf
from typing import Annotated, ClassVar, Literal

import numpy as np
import xarray as xr
from pydantic import Field

from creme.genome import Locus
from creme.sequence import ALPHABET, Edit, Mutant
from creme.suite.intervals import ByLocus, chosen_loci, chosen_tiles
from creme.suite.statistics import relative, result
from creme.test import ANY_SITE, SITE, Steps, Test, Unit
from creme.tiling import Tile, disjoint

BASES = ALPHABET[:4]


class SaturationMutagenesis(Test):
    """The effect of each single base on the activity.

    Every position of the regions is changed to each other base; the effect is (WT - MUTANT) / WT,
    as in the necessity test: positive where the change costs activity, 0 for the base of the
    wild type.

    Notes
    -----
    The paper studies tiles, and says of motifs that they are reached "by restricting the tile size"
    (Conclusion): this is the limit of one base, without randomness.
    """

    name: ClassVar[str] = "saturation_mutagenesis"
    title: ClassVar[str] = "Saturation mutagenesis"
    summary: ClassVar[str] = "How each single base changes the activity."
    along: ClassVar[str] = "position"

    regions: Annotated[ByLocus, Field(min_length=1)] | Literal["all"] = Field(
        description="[start, end) of the regions in the locus sequence: a list, or one for each "
        "locus by name, without the others; or 'all' of the sequence",
    )

    def units(self, loci: SequenceOf[Locus]) -> Iterable[Unit]:
        """The loci, or those that `regions` names."""
        if self.regions == "all":
            return loci
        return chosen_loci(self.regions, loci, f"test {self.name}: regions")

    def size(self, unit: Locus) -> int:
        """The wild type, once by itself and once at each position, and three mutants of it."""
        return 1 + 4 * len(self._positions(unit))

    def run(self, unit: Locus) -> Steps:
        """Measure a locus.

        ``mutant`` and ``effect`` are (position, base, track), the bases being A, C, G and T;
        ``importance``, (position, track), is the mean effect of the changes of a position.
        """
        sequence = unit.sequence
        positions = self._positions(unit)
        (wild_type,) = yield [sequence]
        mutant = yield (
            Mutant(sequence, [Edit(position, np.array([base], dtype=np.uint8))])
            for position in positions.tolist()
            for base in range(4)
        )
        mutant = mutant.reshape(len(positions), 4, -1)
        reference = sequence.codes[positions]
        effect = relative(wild_type - mutant, wild_type)
        changed = reference[:, None] != np.arange(4)
        importance = np.mean(effect, axis=1, where=changed[:, :, None])
        dims = ("position", "base", "track")
        genomic = [unit.interval(Tile(p, p + 1))[0] for p in positions.tolist()]
        dataset = result(
            xr.Dataset(
                {"effect": (dims, effect), "importance": (("position", "track"), importance)}
            ),
            {"wild_type": (("track",), wild_type), "mutant": (dims, mutant)},
            {
                "base": list(BASES),
                "position_start": ("position", positions),
                "position_distance": ("position", positions - unit.tss),
                "genomic_start": ("position", genomic),
                "reference": ("position", [ALPHABET[code] for code in reference]),
            },
        )
        return dataset.assign_attrs({SITE: ANY_SITE}) if self.regions == "all" else dataset

    def _positions(self, locus: Locus) -> np.ndarray:
        if self.regions == "all":
            return np.arange(locus.length)
        regions = disjoint(chosen_tiles(self.regions, locus), locus.length)
        return np.concatenate([np.arange(region.start, region.end) for region in regions])
