"""TSS Context Swap Test."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import xarray as xr
from pydantic import Field

from creme.errors import ConfigError, nearest
from creme.genome import Locus
from creme.sequence import Edit, Mutant, N, Sequenceable
from creme.suite.adaptive import AdaptiveTest, Layout
from creme.suite.positioned import CARRIED
from creme.suite.statistics import relative, result
from creme.test import Steps, remarked


@dataclass(frozen=True)
class Pair:
    """A TSS tile and the context that it is put into."""

    source: Locus
    target: Locus
    source_category: str
    target_category: str

    @property
    def name(self) -> str:
        """``SOURCE in TARGET``."""
        return f"{self.source.name} in {self.target.name}"

    @property
    def labels(self) -> Mapping[str, Any]:
        """Those of the source's locus, with both loci and their categories."""
        return {
            **self.source.labels,
            "source": self.source.name,
            "target": self.target.name,
            "source_category": self.source_category,
            "target_category": self.target_category,
        }


class ContextSwap(AdaptiveTest):
    """The activity of a TSS in the contexts of other TSSs.

    The source's TSS tile replaces the target's; the effect is (MUTANT - UNPERTURBED) / WT, with the
    target's sequence UNPERTURBED and the source's WT. In the control, ``dinuc_effect``, the same is
    done in the target's context shuffled: (MUTANT - DINUC) / WT. All are put into all, each into
    its own context too (effect 0). Only the control has replicates, and so a standard error.

    Notes
    -----
    Section "TSS Context Swap Test". DINUC is the context dependence test's mutant of the target.
    """

    name: ClassVar[str] = "context_swap"
    title: ClassVar[str] = "Context swap"
    summary: ClassVar[str] = "How active a TSS is in the contexts of other TSSs."
    along: ClassVar[str] = ""

    groups: dict[str, list[str]] | None = Field(
        None,
        min_length=1,
        description="names of the loci of each category, such as those that the context dependence "
        "test gives; all loci as one category unless given",
    )

    def units(self, loci: SequenceOf[Locus]) -> Iterator[Pair]:
        """Each source in each target.

        Raises
        ------
        ConfigError
            If `groups` names a locus that the experiment lacks, or one twice.
        """
        by_name = {locus.name: locus for locus in loci}
        groups = {"all": list(by_name)} if self.groups is None else self.groups
        members: dict[str, str] = {}
        for category, names in groups.items():
            for name in names:
                if name not in by_name:
                    raise ConfigError(
                        f"test {self.name}: groups.{category} names locus {name!r}, which the "
                        f"experiment does not have{nearest(name, by_name)}"
                    )
                if name in members:
                    raise ConfigError(
                        f"test {self.name}: locus {name!r} is in groups.{category} and "
                        f"groups.{members[name]}; a locus has one category"
                    )
                members[name] = category
        return (
            Pair(by_name[source], by_name[target], members[source], members[target])
            for source in members
            for target in members
        )

    def size(self, unit: Pair) -> int | None:
        """Wild type, target, mutant, and two sequences a replicate of the control."""
        self.tss(unit.source)
        self.tss(unit.target)
        return self.fixed_size(3 + 2 * self.replicates)

    def run(self, unit: Pair) -> Steps:
        """Measure a pair; ``dinuc`` and ``dinuc_mutant`` are (replicate, track)."""
        source, target = unit.source, unit.target
        source_tss, target_tss = self.tss(source), self.tss(target)
        insert = Edit(target_tss.start, source_tss.of(source.sequence))

        def swapped(sequence: Sequenceable) -> Mutant:
            return Mutant(sequence, [insert])

        wild_type, unperturbed, mutant = yield [
            source.sequence,
            target.sequence,
            swapped(target.sequence),
        ]
        controls = self.controls(target)

        def sequences(cell: tuple[int, ...], replicates: range) -> Iterator[Sequenceable]:
            """Cell 0 is the target's shuffled context, 1 has the source's TSS tile in it."""
            return (swapped(controls[k]) if cell[0] else controls[k] for k in replicates)

        measured = yield from self.measure_replicates(
            Layout(
                effects=(),
                cells=(2,),
                sequences=sequences,
                needs=lambda effects: np.array([effects, effects]),
                effect=lambda activities: relative(activities[1] - activities[0], wild_type),
            )
        )
        dinuc, dinuc_mutant = measured.activities
        dims = ("replicate", "track")
        effect = xr.Dataset({"effect": (("track",), relative(mutant - unperturbed, wild_type))})
        dataset = result(
            effect.merge(measured.averaged("dinuc_effect", dims)),
            {
                "wild_type": (("track",), wild_type),
                "unperturbed": (("track",), unperturbed),
                "mutant": (("track",), mutant),
                "dinuc": (dims, dinuc),
                "dinuc_mutant": (dims, dinuc_mutant),
            },
        )
        carries = bool((insert.codes == N).any())
        return remarked(dataset, CARRIED) if carries else dataset
