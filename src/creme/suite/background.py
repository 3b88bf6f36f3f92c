"""The base of tests in random context: the TSS tile and the backgrounds."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Annotated, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from pydantic import Field

from creme import registry
from creme.analysis.outliers import outliers
from creme.codes import share_of_gc, share_of_n
from creme.genome import Locus
from creme.perturbation import Perturbation
from creme.perturbations.shuffle import Shuffle
from creme.seeds import Name, derive_each
from creme.sequence import Edit, Mutant, Sequence
from creme.test import Test, remarked
from creme.tiling import Tile

_OUTLIERS = (
    "outliers among the backgrounds: {count}, which 'creme results' names. Each moves the mean "
    "over the backgrounds of its locus; with more replicates it weighs less"
)
_JUNCTIONS = (
    "runs of N between bases: {count}. A shuffle joins the bases beside them, so that as many "
    "dinucleotides of a background, at most, are not the sequence's"
)
_OTHER_GC = (
    "backgrounds whose share of G and C differs from the sequence's by more than 5 %: {count} "
    "(background_gc). The TSS is not in a context of its own composition there"
)
_GC_APART = 0.05
TssTileOrNone = Annotated[
    int | None,
    Field(
        ge=0,
        description="length of the TSS tile, bp; that of a tile unless given; with 0 there is "
        "none, and the tiles cover the whole sequence with the site",
    ),
]
"""Type of the field `tss_tile` of a test that needs no TSS tile."""


class BackgroundTest(Test):
    """A test that keeps a TSS tile and replaces other bases with random ones.

    Random draws are named by their purpose, not by the test that uses them: the k-th
    background of a locus is the same bases in every test, so effects are paired and their
    predictions are shared through the store.
    """

    tile: int = Field(5000, ge=1, description="length of a tile, bp")
    tss_tile: int | None = Field(
        None, ge=1, description="length of the TSS tile, bp; that of a tile unless given"
    )
    replicates: int = Field(10, ge=1, description="shuffles to average over")
    perturbation: str | dict[str, Any] = Field(
        "dinucleotide_shuffle", description="what a tile or a background is replaced with"
    )

    def model_post_init(self, context: Any) -> None:
        """Make the perturbation now: a wrong name is an error at once, and not hours later."""
        super().model_post_init(context)
        _ = self._perturb

    @cached_property
    def _perturb(self) -> Perturbation:
        return registry.create("perturbation", self.perturbation)

    def tss(self, locus: Locus) -> Tile:
        """The tile centred on the TSS base."""
        size = self.tile if self.tss_tile is None else self.tss_tile
        return Tile.centred(locus.tss, size, locus.length)

    def backgrounds(
        self, locus: Locus, *names: Name, replicates: Iterable[int] | None = None
    ) -> list[Sequence]:
        """The locus's random contexts, one a replicate: the whole sequence shuffled.

        `names` keep apart backgrounds that must not be shared; without them the k-th is the same
        for all tests of the locus. `replicates` are all unless given.
        """
        numbers = self._replicates if replicates is None else replicates
        seeds = derive_each(self.seed, locus.key, "background", *names, last=numbers)
        return self._perturb.bound(locus).sequences(locus.sequence, seeds)

    def controls(
        self, locus: Locus, *names: Name, replicates: Iterable[int] | None = None
    ) -> list[Sequence]:
        """The backgrounds with the locus's own TSS tile, if any, put back in its place."""
        backgrounds = self.backgrounds(locus, *names, replicates=replicates)
        if self.tss_tile == 0:
            return backgrounds
        tss = self.tss(locus)
        return [
            Mutant(background, [Edit(tss.start, tss.of(locus.sequence))]).sequence
            for background in backgrounds
        ]

    def looked_at(
        self, dataset: xr.Dataset, locus: Locus, activities: NDArray[np.float32]
    ) -> xr.Dataset:
        """A unit's Dataset with the composition of its backgrounds, and remarks on them.

        Parameters
        ----------
        dataset : Dataset
        locus : Locus
        activities : array, (..., replicate, track)
            Of the backgrounds with the TSS tile; NaN for those that were not measured.

        Returns
        -------
        Dataset
            With ``sequence_gc`` and ``sequence_n``, shares of G and C among the bases and of N in
            the locus's sequence, and ``background_gc`` and ``background_n``, (replicate,), of the
            backgrounds that all tiles share. Remarks say where a background is an outlier, where a
            shuffle alters dinucleotides, and where backgrounds have another GC.
        """
        codes = locus.sequence.codes
        gc, n = share_of_gc(codes), share_of_n(codes)
        composition: dict[str, Any] = {"sequence_gc": gc, "sequence_n": n}
        if activities.ndim == 2:
            each, shares = self._compositions(locus)
            unlike = int((np.abs(each - gc) > _GC_APART).sum())
            if unlike:
                dataset = remarked(dataset, _OTHER_GC, unlike)
            composition["background_gc"] = "replicate", each
            composition["background_n"] = "replicate", shares
        dataset = dataset.assign(composition)
        off = outliers(activities.reshape(-1, activities.shape[-1])).any(axis=1)
        if off.any():
            dataset = remarked(dataset, _OUTLIERS, int(off.sum()))
        if isinstance(self._perturb, Shuffle) and (altered := self._perturb.altered(codes)):
            dataset = remarked(dataset, _JUNCTIONS, altered)
        return dataset

    def _compositions(self, locus: Locus) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Shares of G and C, and of N, of each background."""
        if isinstance(self._perturb.bound(locus), Shuffle):  # which has the same bases
            rows = [locus.sequence.codes]
        else:
            rows = [background.codes for background in self.backgrounds(locus)]
        shape = (self.replicates,)
        return (
            np.broadcast_to([share_of_gc(row) for row in rows], shape).copy(),
            np.broadcast_to([share_of_n(row) for row in rows], shape).copy(),
        )

    @property
    def _replicates(self) -> range:
        return range(self.replicates)
