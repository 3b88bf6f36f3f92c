"""How many replicates the stages of a study need to find an effect."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Sequence as SequenceOf
from typing import Any

import numpy as np

from creme.analysis.evidence import COMPARED
from creme.runner.planned_power import PlannedPower, planned_powers
from creme.study.folder import Folder
from creme.study.forecast.cost import stored_predictions
from creme.study.prepared import PreparedStudy
from creme.study.stages.order import FOUND_BY
from creme.test import Test


def stage_powers(
    prepared: PreparedStudy,
    folder: Folder,
    effect: float,
    stages: SequenceOf[str] | None = None,
) -> list[PlannedPower]:
    """The power of each stage whose effects have a q, on the deciding track.

    Parameters
    ----------
    prepared : PreparedStudy
    folder : Folder
        Its loci are looked for in the store, once they are selected; all TSSs are before that.
    effect : float
        True effect, as a share of the wild type's activity; positive of an enhancer.
    stages : sequence of str, optional
        Only these.

    Raises
    ------
    ConfigError
        If none of them has effects with a q.
    """
    tests = {
        name: prepared.study.test(name)
        for name in prepared.named(stages)
        if prepared.study.stage_records[name].test in COMPARED
    }
    if folder.finished(FOUND_BY["loci"].name):
        loci = prepared.selected(folder)
    else:
        candidates, model = prepared.candidates, prepared.plan.model
        numbers = np.flatnonzero(candidates.kept)
        loci = list(candidates.window(numbers, model.input_length, model.tss))

    def units(test: Test) -> Iterable[Any]:
        return test.units(loci)

    stored = stored_predictions(prepared)
    try:
        return planned_powers(tests, units, prepared.plan, stored, effect, prepared.track)
    finally:
        stored.close()
