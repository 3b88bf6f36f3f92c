"""The base of tests of tiles: the tiles, their shuffles, their coordinates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from collections.abc import Sequence as SequenceOf
from typing import Any

import numpy as np
import xarray as xr
from pydantic import Field

from creme.errors import SequenceError
from creme.genome import Locus
from creme.perturbations.shuffle import Shuffle
from creme.seeds import Name, derive_each
from creme.sequence import Edit, Mutant, N, Sequenceable
from creme.suite.background import BackgroundTest
from creme.suite.intervals import ByLocus, chosen_loci, chosen_tiles
from creme.test import ANY_SITE, SITE, Unit, remarked
from creme.tiling import MIN_BASES, Tile, Tiling
from creme.tracks import shortened

_JOINED = (
    "runs of N between bases of tiles: {count}. A shuffle joins the bases beside them, so that as "
    "many dinucleotides of the shuffled tiles, at most, are not the tiles'"
)
_UNCHANGED = (
    "{count} shuffles of tiles are the tile as it was, which tells nothing of it "
    "(unchanged_replicates): short tiles have few arrangements; perturbation = 'mask' or "
    "'mononucleotide_shuffle' changes more"
)


class TiledTest(BackgroundTest):
    """A test that perturbs or places tiles around a TSS tile.

    The k-th shuffle of a tile is the same bases in every test; see `BackgroundTest`.
    """

    tiles: ByLocus | None = Field(
        None,
        min_length=1,
        description="[start, end) of chosen tiles in the locus sequence, instead of all: a list, "
        "or one for each locus by name, without the others",
    )
    min_bases: float = Field(
        MIN_BASES,
        ge=0,
        le=1,
        description="share of a tile that has to be bases, and not N; other tiles are not measured",
    )

    def identity(self) -> dict[str, Any]:
        """The parameters; `min_bases` only where it is another than usual."""
        identity = super().identity()
        # Results of before there was a limit stay those of the same experiment.
        if self.min_bases == type(self).model_fields["min_bases"].default:
            del identity["min_bases"]
        return identity

    def units(self, loci: SequenceOf[Locus]) -> Iterable[Unit]:
        """The loci, or those that `tiles` names.

        Raises
        ------
        ConfigError
            If `tiles` names a locus that the experiment lacks.
        """
        return chosen_loci(self.tiles, loci, f"test {self.name}: tiles")

    def tiling(self, locus: Locus) -> Tiling:
        """The TSS tile, if any, and the tiles to test; see `creme.tiling.Tiling`."""
        if self.tiles is None:
            return Tiling.around(locus.length, locus.tss, self.tile, self.tss_tile)
        chosen = tuple(chosen_tiles(self.tiles, locus))
        return Tiling.of(locus.length, self.tss(locus) if self.tss_tile != 0 else None, chosen)

    def measurable(self, locus: Locus) -> tuple[Tile, ...]:
        """The tiles that have enough bases to be asked for.

        Raises
        ------
        SequenceError
            If none has.
        """
        tiles = tuple(self.tiling(locus))
        enough = tuple(tile for tile in tiles if _share_of_bases(tile, locus) >= self.min_bases)
        if tiles and not enough:
            raise SequenceError(
                f"none of the {len(tiles)} tiles has bases for {self.min_bases:.0%} of its length "
                f"(min_bases); the others are N: a gap, or past the contig's end"
            )
        return enough

    def in_tiling(self, dataset: xr.Dataset, tiles: tuple[Tile, ...], locus: Locus) -> xr.Dataset:
        """A Dataset of the measurable tiles, laid into all of the tiling, with their coordinates.

        Tiles without bases are NaN; where there are any, ``share_of_bases`` says how much of each
        tile is known.
        """
        every = tuple(self.tiling(locus))
        if len(tiles) < len(every):
            # What is filled up with NaN is a coordinate as before.
            others = [name for name, v in dataset.data_vars.items() if v.dtype.kind not in "fc"]
            places = [every.index(tile) for tile in tiles]
            whole = dataset.assign_coords(tile=places).reindex(tile=np.arange(len(every)))
            dataset = whole.set_coords(others).drop_vars("tile")
            dataset["share_of_bases"] = ("tile", [_share_of_bases(tile, locus) for tile in every])
        if self.tss_tile == 0:
            dataset = dataset.assign_attrs({SITE: ANY_SITE})
        return dataset.assign_coords(tile_coords(every, locus))

    def joined_across_n(
        self, dataset: xr.Dataset, tiles: Iterable[Tile], locus: Locus
    ) -> xr.Dataset:
        """A unit's Dataset with a remark where a shuffle of a tile alters dinucleotides."""
        if not isinstance(self._perturb, Shuffle):
            return dataset
        altered = sum(self._perturb.altered(tile.of(locus.sequence).codes) for tile in tiles)
        return remarked(dataset, _JOINED, altered) if altered else dataset

    def shuffles(
        self,
        sequence: Sequenceable,
        tile: Tile,
        locus: Locus,
        *names: Name,
        replicates: Iterable[int] | None = None,
        unchanged: Counter[Tile] | None = None,
    ) -> Iterator[Mutant]:
        """`sequence` with the locus's bases in the tile shuffled, once a replicate.

        `names` keep apart shuffles of a tile that must not be shared. `replicates` are all unless
        given. Shuffles that are the tile as it was are counted in `unchanged`.

        Raises
        ------
        SequenceError
            If the tile has no other arrangement.
        """
        bases, perturb = tile.of(locus.sequence), self._perturb.bound(locus)
        prefix = (locus.key, "tile", tile.start, tile.end, *names)
        numbers = self._replicates if replicates is None else replicates
        arrangements = perturb.sequences(bases, derive_each(self.seed, *prefix, last=numbers))
        as_before = [each.codes.data == bases.codes.data for each in arrangements]
        # A tile that no seed changes was not changed by these.
        if all(as_before) and not perturb.can_change(bases):
            raise SequenceError(
                f"tile [{tile.start}, {tile.end}) ({shortened(str(bases))}) has no other "
                f"arrangement, so that {perturb.name} leaves it as it is: take a longer "
                f"tile, or perturbation = 'mask', or 'mononucleotide_shuffle' where bases differ"
            )
        for arrangement, same in zip(arrangements, as_before, strict=True):
            if same and unchanged is not None:
                unchanged[tile] += 1
            yield Mutant(sequence, [Edit(tile.start, arrangement)])

    @staticmethod
    def with_unchanged(
        dataset: xr.Dataset, tiles: tuple[Tile, ...], unchanged: Counter[Tile]
    ) -> xr.Dataset:
        """A unit's Dataset with ``unchanged_replicates``, (tile,), and a remark, if there are any.

        Parameters
        ----------
        dataset : Dataset
        tiles : tuple of Tile
            Those of its dimension ``tile``.
        unchanged : Counter
            Of `shuffles`.
        """
        total = unchanged.total()
        if not total:
            return dataset
        counts = np.array([float(unchanged[tile]) for tile in tiles])
        return remarked(dataset.assign(unchanged_replicates=("tile", counts)), _UNCHANGED, total)


def _share_of_bases(tile: Tile, locus: Locus) -> float:
    return np.count_nonzero(tile.of(locus.sequence).codes != N) / len(tile)


def tile_coords(tiling: Iterable[Tile], locus: Locus) -> dict[str, tuple[str, list[int]]]:
    """Coordinates of the dimension `tile`: in the sequence, in the genome, and to the TSS.

    ``distance`` is from the TSS to the tile's centre in gene orientation, bp, negative upstream.
    """
    tiles = list(tiling)
    genomic = [locus.interval(tile) for tile in tiles]
    return {
        "tile_start": ("tile", [tile.start for tile in tiles]),
        "tile_end": ("tile", [tile.end for tile in tiles]),
        "distance": ("tile", [locus.distance(tile) for tile in tiles]),
        "genomic_start": ("tile", [start for start, _ in genomic]),
        "genomic_end": ("tile", [end for _, end in genomic]),
    }
