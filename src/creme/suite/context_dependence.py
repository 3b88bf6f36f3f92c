"""TSS Context Dependence Test."""

from __future__ import annotations

from typing import ClassVar

from creme.genome import Locus
from creme.suite.background import BackgroundTest
from creme.suite.statistics import averaged, relative, result
from creme.test import Steps


class ContextDependence(BackgroundTest):
    """How much of a TSS's activity its context makes.

    The whole sequence but the TSS tile is shuffled; the effect is (WT - MUTANT) / WT: positive in
    an enhancing context, negative in a silencing one, 0 in a neutral one.

    Notes
    -----
    Section "TSS Context Dependence Test". The shuffled sequence is the locus's background, shared
    with the other tests, with the TSS tile put back in its place: the sufficiency test's control.
    """

    name: ClassVar[str] = "context_dependence"

    def size(self, unit: Locus) -> int:
        """The wild type and a mutant for each replicate."""
        self.tss(unit)
        return 1 + self.replicates

    def run(self, unit: Locus) -> Steps:
        """Measure a locus; ``mutant`` is (replicate, track)."""
        (wild_type,) = yield [unit.sequence]
        mutant = yield self.controls(unit)
        dims = ("replicate", "track")
        return result(
            averaged("effect", dims, relative(wild_type - mutant, wild_type)),
            {"wild_type": (("track",), wild_type), "mutant": (dims, mutant)},
        )
