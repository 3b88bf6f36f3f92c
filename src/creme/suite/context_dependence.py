"""TSS Context Dependence Test."""

from __future__ import annotations

from typing import ClassVar

from creme.genome import Locus
from creme.suite.adaptive import Layout
from creme.suite.effect import EffectTest
from creme.test import Steps


class ContextDependence(EffectTest):
    """The share of a TSS's activity that its context contributes.

    The whole sequence but the TSS tile is shuffled; the effect is (WT - MUTANT) / WT: positive in
    an enhancing context, negative in a silencing one, 0 in a neutral one. With
    ``effect = "difference"`` it is WT - MUTANT, and with ``"log_ratio"`` log2(WT / MUTANT).

    Notes
    -----
    Section "TSS Context Dependence Test". The shuffled sequence is the locus's background, shared
    with the other tests, with the TSS tile put back in its place: the sufficiency test's control.
    """

    name: ClassVar[str] = "context_dependence"
    title: ClassVar[str] = "Context dependence"
    summary: ClassVar[str] = "How much of a TSS's activity its context contributes."
    along: ClassVar[str] = ""

    def size(self, unit: Locus) -> int | None:
        """The wild type and a mutant for each replicate."""
        self.tss(unit)
        return self.fixed_size(1 + self.replicates)

    def run(self, unit: Locus) -> Steps:
        """Measure a locus; ``mutant`` is (replicate, track)."""
        (wild_type,) = yield [unit.sequence]
        measured = yield from self.measure_replicates(
            Layout(
                effects=(),
                cells=(),
                sequences=lambda _, replicates: self.controls(unit, replicates=replicates),
                needs=lambda effects: effects,
                effect=lambda mutant: self.effect_of(wild_type, mutant, wild_type),
            )
        )
        dims = ("replicate", "track")
        dataset = self.effect_result(
            measured,
            dims,
            {"wild_type": (("track",), wild_type), "mutant": (dims, measured.activities)},
        )
        return self.looked_at(dataset, unit, measured.activities)
