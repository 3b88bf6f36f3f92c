"""Shares of bases."""

from __future__ import annotations

import numpy as np

from creme.sequence import Codes, N


def share_of_gc(codes: Codes) -> float:
    """The share of G and C in the bases; NaN without any."""
    counts = np.bincount(codes, minlength=N + 1)[:N]
    return float(counts[1:3].sum() / counts.sum()) if counts.any() else float("nan")
