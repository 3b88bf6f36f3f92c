"""Stage ``design_check``: what the designs of a study do elsewhere, and without each part."""

from __future__ import annotations

from typing import TYPE_CHECKING

from creme.study.stages.design import DESIGN
from creme.study.stages.stage import AssumedCounts, Chosen, Found, Stage
from creme.study.stages.tables import own_table
from creme.suite.design import Design
from creme.suite.design_check import DesignCheck

if TYPE_CHECKING:
    from creme.study.config import StudyFile

OF_DESIGNS = ("distance", "orientation", "tile", "tss_tile", "perturbation")
"""Parameters that are those of the design stage: the place, and the backgrounds of its report."""


def _chosen(findings: Found) -> Chosen:
    if not findings.designs:
        return Chosen(note="no design was found")
    design = findings.study.test(DESIGN.name)
    of_designs = {name: getattr(design, name) for name in OF_DESIGNS}
    return Chosen(list(findings.loci), {"designs": dict(findings.designs), **of_designs})


def _assumed(study: StudyFile, test: DesignCheck, counts: AssumedCounts) -> tuple[int, int, int]:
    """At most; the designs at their place are the report's."""
    design = study.test(DESIGN.name)
    assert isinstance(design, Design)
    moved = 7 if test.distances is None else len(test.distances)
    parts = -(-design.length // test.part)
    new = test.replicates * (moved + test.copies - 1 + 2 * test.others + parts)
    units = counts.loci * design.designs
    return units, units * (new + 2 * test.replicates), units * new


DESIGN_CHECK = Stage(
    name="design_check",
    test="design_check",
    title="Checks of designs",
    needs=("design",),
    takes="designs",
    chooses=_chosen,
    assumed=_assumed,
    make_tables=own_table,
    # Backgrounds of the report, of which there are 20 at least.
    defaults=lambda classes: {"replicates": 10},
    by_default=False,
)
