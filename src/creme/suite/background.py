"""The base of tests in random context: the TSS tile and the backgrounds."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any

from pydantic import Field

from creme import registry
from creme.genome import Locus
from creme.perturbation import Perturbation, checked
from creme.seeds import Name, derive
from creme.sequence import Edit, Mutant, Sequence
from creme.test import Test
from creme.tiling import Tile


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
        return Tile.centred(locus.tss, self.tss_tile or self.tile, locus.length)

    def backgrounds(
        self, locus: Locus, *names: Name, replicates: Iterable[int] | None = None
    ) -> list[Sequence]:
        """The locus's random contexts, one a replicate: the whole sequence shuffled.

        `names` keep apart backgrounds that must not be shared; without them the k-th is the same
        for all tests of the locus. `replicates` are all unless given.
        """
        numbers = self._replicates if replicates is None else replicates
        seeds = (derive(self.seed, locus.key, "background", *names, k) for k in numbers)
        mutants = self._perturb.many(locus.sequence, seeds)
        return [checked(self._perturb, locus.sequence, mutant).sequence for mutant in mutants]

    def controls(
        self, locus: Locus, *names: Name, replicates: Iterable[int] | None = None
    ) -> list[Sequence]:
        """The backgrounds with the locus's own TSS tile put back in its place."""
        tss = self.tss(locus)
        return [
            Mutant(background, [Edit(tss.start, tss.of(locus.sequence))]).sequence
            for background in self.backgrounds(locus, *names, replicates=replicates)
        ]

    @property
    def _replicates(self) -> range:
        return range(self.replicates)
