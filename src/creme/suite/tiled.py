"""What the tests of tiles share: their tiling, their random draws and their statistics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr
from pydantic import Field

from creme import registry
from creme.genome import Locus
from creme.perturbation import Perturbation
from creme.seeds import Name, derive
from creme.sequence import Edit, Mutant, Sequence
from creme.test import Test
from creme.tiling import Tile, Tiling


class TiledTest(Test):
    """A test that perturbs tiles around a TSS tile.

    Random draws are named by what they are, not by the test that asks for them: the k-th shuffle
    of a tile and the k-th background of a locus are the same bases in every test, so effects are
    paired and their predictions are shared through the store.
    """

    tile: int = Field(5000, ge=1, description="length of a tile, bp")
    tss_tile: int | None = Field(
        None, ge=1, description="length of the TSS tile, bp; that of a tile unless given"
    )
    tiles: list[tuple[int, int]] | None = Field(
        None,
        min_length=1,
        description="[start, end) of chosen tiles in the locus sequence, instead of all",
    )
    replicates: int = Field(10, ge=1, description="shuffles to average over")
    perturbation: str | dict[str, Any] = Field(
        "dinucleotide_shuffle", description="what a tile or a background is replaced with"
    )

    @cached_property
    def _perturb(self) -> Perturbation:
        return registry.create("perturbations", self.perturbation)

    def tiling(self, locus: Locus) -> Tiling:
        """The TSS tile and the tiles to test; see `creme.tiling.Tiling`."""
        around = Tiling.around(locus.length, locus.tss, self.tile, self.tss_tile)
        if self.tiles is None:
            return around
        chosen = tuple(Tile(start, end) for start, end in self.tiles)
        return Tiling.of(locus.length, around.tss, chosen)

    def backgrounds(self, locus: Locus, *names: Name) -> list[Sequence]:
        """The locus's random contexts, one a replicate: the whole sequence shuffled.

        `names` tell apart backgrounds that must not be shared; without them the k-th is the same
        for all tests of the locus.
        """
        seeds = (derive(self.seed, locus.key, "background", *names, k) for k in self._replicates)
        return [mutant.sequence for mutant in self._perturb.many(locus.sequence, seeds)]

    def controls(self, tss: Tile, locus: Locus, *names: Name) -> list[Sequence]:
        """The backgrounds with the locus's own TSS tile put back in its place."""
        return [
            Mutant(background, [Edit(tss.start, tss.of(locus.sequence))]).sequence
            for background in self.backgrounds(locus, *names)
        ]

    def shuffles(self, sequence: Sequence, tile: Tile, locus: Locus) -> Iterator[Mutant]:
        """`sequence` with the tile shuffled, once a replicate."""
        seeds = (
            derive(self.seed, locus.key, "tile", tile.start, tile.end, k) for k in self._replicates
        )
        for shuffled in self._perturb.many(tile.of(sequence), seeds):
            yield Mutant(sequence, [Edit(tile.start, shuffled.sequence)])

    @property
    def _replicates(self) -> range:
        return range(self.replicates)


def tile_coords(tiling: Tiling, locus: Locus) -> dict[str, tuple[str, list[int]]]:
    """Coordinates of the dimension `tile`: in the sequence, in the genome, and to the TSS.

    ``distance`` is from the TSS to the tile's centre in gene orientation, bp, negative upstream.
    """
    genomic = [locus.interval(tile) for tile in tiling]
    return {
        "tile_start": ("tile", [tile.start for tile in tiling]),
        "tile_end": ("tile", [tile.end for tile in tiling]),
        "distance": ("tile", [locus.distance(tile) for tile in tiling]),
        "genomic_start": ("tile", [start for start, _ in genomic]),
        "genomic_end": ("tile", [end for _, end in genomic]),
    }


def relative(values: np.ndarray, to: np.ndarray) -> np.ndarray:
    """`values` / `to` in float64; NaN where `to` is 0, since such an effect is not defined."""
    to = np.asarray(to, dtype=np.float64)
    return np.divide(values, np.where(to == 0, np.nan, to), dtype=np.float64)


def result(
    effect: np.ndarray,
    dims: tuple[str, ...],
    activities: Mapping[str, tuple[tuple[str, ...], np.ndarray]],
    coords: Mapping[str, Any] | None = None,
) -> xr.Dataset:
    """A test's Dataset: raw activities, the effect of each replicate, and its statistics.

    Parameters
    ----------
    effect : array of float64
        Normalised effect; has the dimension ``replicate``.
    dims : tuple of str
        Dimensions of `effect`.
    activities : mapping of name to (dims, array)
        Raw activities.
    coords : mapping, optional

    Returns
    -------
    xarray.Dataset
        With ``effect`` (mean over replicates), ``effect_std`` (ddof 1), ``effect_se`` (of the
        mean) and ``effect_replicates``. With a single replicate the last two are NaN.
    """
    replicates = xr.DataArray(effect, dims=dims)
    n = replicates.sizes["replicate"]
    if n > 1:
        std = replicates.std("replicate", ddof=1)
    else:
        std = replicates.isel(replicate=0) * np.nan
    return xr.Dataset(
        {
            **{name: (names, values) for name, (names, values) in activities.items()},
            "effect_replicates": replicates,
            "effect": replicates.mean("replicate", skipna=False),
            "effect_std": std,
            "effect_se": std / np.sqrt(n),
        },
        coords=coords,
    )
