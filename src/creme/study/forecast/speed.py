"""How long a prediction takes on this machine."""

from __future__ import annotations

import time
from itertools import islice

from creme.inference.device import Device
from creme.study.forecast.assumptions import stand_in
from creme.study.forecast.requests import requests
from creme.study.prepared import PreparedStudy
from creme.study.stages.necessity import NECESSITY


def seconds_per_prediction(prepared: PreparedStudy) -> float:
    """Wall time of a prediction, from a few batches of shuffled tiles after one to warm up."""
    test = prepared.study.test(NECESSITY.name)
    batch_size = prepared.plan.batch_size
    size = batch_size if isinstance(batch_size, int) else prepared.plan.model.batch_size
    sequences = list(islice(requests(prepared, test, stand_in(prepared, [])), 1 + 3 * size))
    device = Device(prepared.plan.model, prepared.plan.selection, batch_size)
    first, rest = sequences[: 1 + size], sequences[1 + size :] or sequences
    for start in range(0, len(first), size):
        device.predict(first[start : start + size])
    began = time.monotonic()
    for start in range(0, len(rest), size):
        device.predict(rest[start : start + size])
    return (time.monotonic() - began) / len(rest)
