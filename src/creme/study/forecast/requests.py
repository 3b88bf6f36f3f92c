"""What tests ask for whose questions do not depend on the answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from creme.sequence import Sequenceable
from creme.study.config import StudyFile
from creme.study.prepared import Ready
from creme.suite.adaptive import AdaptiveTest
from creme.test import Profiles, Test


def asked(ready: Ready, test: Test, unit: Any) -> Iterator[Sequenceable]:
    """What a test asks for whose questions do not depend on the answers, here all 1."""
    steps = test.run(unit)
    answer: Any = None
    try:
        while True:
            request = steps.send(answer)
            profiles = isinstance(request, Profiles)
            count = 0
            for sequence in request.sequences if isinstance(request, Profiles) else request:
                count += 1
                yield sequence
            shape = ready.plan.selection.shape if profiles else (len(ready.tracks),)
            answer = np.ones((count, *shape), dtype=np.float32)
    except StopIteration:
        return


def alike(study: StudyFile, stage: str, other: str) -> bool:
    """Whether two stages draw the same random bases for the same tiles."""
    fields = ("tile", "tss_tile", "replicates", "perturbation")
    one, two = study.test(stage), at_least(study.test(other))
    return all(getattr(one, field) == getattr(two, field) for field in fields)


def at_most(test: Test) -> Test:
    return test.at_most() if isinstance(test, AdaptiveTest) else test


def at_least(test: Test) -> Test:
    return test.at_least() if isinstance(test, AdaptiveTest) else test
