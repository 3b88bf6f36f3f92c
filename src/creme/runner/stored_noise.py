"""The noise between replicates in predictions that are stored; nothing is predicted."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from creme.analysis.evidence import COMPARED
from creme.analysis.power import Noise, noise_of
from creme.errors import ConfigError, GenomeError
from creme.runner.write_buffer import StoredPredictions
from creme.suite.adaptive import AdaptiveTest
from creme.test import Profiles, Test

if TYPE_CHECKING:
    import xarray as xr

LOOKED_AT = 200
"""Units whose predictions are looked for."""
ENOUGH = 20
"""Units of which the noise is taken, at most; it needs three."""

Readouts = Callable[[Any], Callable[[NDArray[np.float32]], NDArray[np.float32]]]


def stored_noise(
    test: Test,
    units: Iterable[Any],
    readout_of: Readouts,
    stored: StoredPredictions,
    track: int = 0,
) -> tuple[Noise, int] | None:
    """The noise of a test, from units all of whose predictions are stored.

    Parameters
    ----------
    test : Test
        Without a tolerance: its questions do not depend on the answers.
    units : iterable
    readout_of : callable
        As of `creme.runner.scheduler.Scheduler`.
    stored : StoredPredictions
    track : int

    Returns
    -------
    (Noise, int) or None
        The noise, and of how many units it is; None where fewer than three units are stored, or
        the test is none whose effects have a q.
    """
    if test.name not in COMPARED or (isinstance(test, AdaptiveTest) and test.tolerance is not None):
        return None
    parts: list[xr.Dataset] = []
    for unit in islice(units, LOOKED_AT):
        try:
            dataset = _replayed(test, unit, readout_of(unit), stored)
        except GenomeError:
            continue
        if dataset is not None:
            parts.append(dataset)
        if len(parts) == ENOUGH:
            break
    if len(parts) < 3:
        return None
    import xarray as xr

    whole = xr.concat(parts, dim="locus", join="override", coords="minimal", compat="override")
    try:
        return noise_of(whole.assign_attrs(test=test.name), track), len(parts)
    except ConfigError:
        return None


def _replayed(
    test: Test,
    unit: Any,
    readout: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    stored: StoredPredictions,
) -> xr.Dataset | None:
    """A unit's Dataset, or None where the store lacks one of its sequences."""
    steps = test.run(unit)
    answer: Any = None
    try:
        while True:
            request = steps.send(answer)
            if isinstance(request, Profiles):
                return None
            digests = [sequence.digest for sequence in request]
            rows = stored.read(digests)
            if len(rows) < len(set(digests)):
                return None
            answer = readout(np.stack([rows[digest][0] for digest in digests]))
    except StopIteration as end:
        dataset: xr.Dataset = end.value
        return dataset
