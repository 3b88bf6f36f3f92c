"""Counts of units in a stage's entry of ``study.json``."""

from __future__ import annotations

from typing import Any

from creme.errors import ModelError
from creme.runner.tasks import Progress
from creme.study.stages.stage import Stage
from creme.study.stages.work import StageWork


def counts_of(progress: Progress) -> dict[str, int]:
    return {
        "asked": progress.asked,
        "predicted": progress.predicted,
        "stored": progress.stored,
        "repeated": progress.repeated,
        **({"of_others": progress.of_others} if progress.of_others else {}),
    }


def finished(work: StageWork, counts: dict[str, Any], failures: list[Any]) -> dict[str, Any]:
    failed = [list(failure)[-2:] for failure in failures]
    return {"state": "finished", "units": work.units, **counts, "failures": failed}


def refuse_all_failed(stage: Stage, units: int, failures: list[list[str]]) -> None:
    if units and len(failures) >= units:
        raise ModelError(
            f"stage {stage.name!r}: all of its {units} units failed; the first one, "
            f"{failures[0][0]}: {failures[0][1]}"
        )
