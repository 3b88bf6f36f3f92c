"""The counts of a cluster's workers."""

from __future__ import annotations

import pytest

pytest.importorskip("distributed")

from creme.engines.workforce import Job, WorkerSlot, Workforce
from creme.sequence import Sequence


def test_an_answer_that_came_before_its_worker_was_refused_is_counted():
    staff = Workforce("fingerprint")
    slots = [WorkerSlot(name, 2, address=name) for name in ("a", "b", "c")]
    staff.accepted = {slot.address: slot for slot in slots}
    jobs = [Job([Sequence.from_string("ACGT")] * 2, (), slot) for slot in slots[:2]]
    for job in jobs:
        job.begin(job.slot)
    staff.give_up(slots[0], "it has not answered for 9 s")
    staff.lose("b")
    for job in jobs:  # what had arrived by then is looked at now
        job.leave(len(job.sequences))
    assert staff.predictions() == {"a": 2, "b": 2}
