"""What is planted in the stand-in loci of `tile_noise`, and the sets that ought to come out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FIRST, SECOND = 5, 30
"""Tiles that matter."""

Native = NDArray[np.bool_]


def inert(native: Native) -> NDArray[np.float64]:
    """No tile does anything."""
    return np.ones(len(native))


def strong(native: Native) -> NDArray[np.float64]:
    """One tile carries 40 % of the activity."""
    return np.where(native[:, FIRST], 1.0, 0.6)


def additive(native: Native) -> NDArray[np.float64]:
    """Two tiles carry 35 and 30 %, each for itself."""
    return 1 - 0.35 * ~native[:, FIRST] - 0.3 * ~native[:, SECOND]


def redundant(native: Native) -> NDArray[np.float64]:
    """Either of two tiles is nearly enough; without both 10 % is left."""
    either = 1 - 0.1 * ~native[:, FIRST] - 0.08 * ~native[:, SECOND]
    return np.where(native[:, FIRST] | native[:, SECOND], either, 0.1)


EXPECTED = {inert: [], strong: [FIRST], additive: [FIRST, SECOND], redundant: [FIRST, SECOND]}
