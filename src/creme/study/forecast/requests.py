"""The sequences that tests ask for whose questions do not depend on the answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from creme.genome import Locus
from creme.sequence import Sequenceable
from creme.study.config import StudyFile
from creme.study.prepared import PreparedStudy
from creme.suite.adaptive import AdaptiveTest
from creme.test import Profiles, Test


def requests(prepared: PreparedStudy, test: Test, unit: Any) -> Iterator[Sequenceable]:
    """The sequences that a test asks for; all its activities are 1 here."""
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
            shape = prepared.plan.selection.shape if profiles else (len(prepared.tracks),)
            answer = np.ones((count, *shape), dtype=np.float32)
    except StopIteration:
        return


def loci_of(unit: Any) -> list[Locus]:
    """The loci that a unit is made of: itself, or those that it holds."""
    if isinstance(unit, Locus):
        return [unit]
    return [value for value in vars(unit).values() if isinstance(value, Locus)]


def digests(prepared: PreparedStudy, test: Test, loci: Iterable[Locus]) -> set[bytes]:
    """Digests of the sequences that a test asks for on loci, whatever the answers are."""
    least = at_least(test)
    return {
        sequence.digest
        for unit in least.units(list(loci))
        for sequence in requests(prepared, least, unit)
    }


def alike(study: StudyFile, stage: str, other: str) -> bool:
    """Whether two stages draw the same random bases for the same tiles."""
    fields = ("tile", "tss_tile", "replicates", "perturbation")
    one, two = study.test(stage), at_least(study.test(other))
    return all(getattr(one, field) == getattr(two, field) for field in fields)


def at_most(test: Test) -> Test:
    """The test that asks for all that a test may ask for."""
    return test.at_most() if isinstance(test, AdaptiveTest) else test


def at_least(test: Test) -> Test:
    """The test that asks for what a test asks for whatever the answers are."""
    return test.at_least() if isinstance(test, AdaptiveTest) else test
