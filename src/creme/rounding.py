"""How far two predictions of one sequence may be apart and still be those of one model."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

ROUNDING = 1e-5
"""Share of a prediction's largest value by which two of the same sequence may differ."""

UNLIKE = 1e-2
"""As `ROUNDING`: more than any hardware's rounding makes of float32."""


def relative_difference(values: NDArray[np.float32], others: NDArray[np.float32]) -> float:
    """The largest difference of two arrays of one shape, as a share of their largest value."""
    apart = float(np.abs(values - others).max(initial=0.0))
    largest = float(max(np.abs(values).max(initial=0.0), np.abs(others).max(initial=0.0)))
    return apart / largest if largest else apart


def allowed_difference(of_batches: Iterable[float]) -> float:
    """The largest difference on one machine that passes for rounding.

    Parameters
    ----------
    of_batches : iterable of float
        How far predictions in batches were from those of sequences alone, as recorded with a
        source: many kernels round differently by the size of the batch.
    """
    return max([ROUNDING, *(4 * difference for difference in of_batches)])
