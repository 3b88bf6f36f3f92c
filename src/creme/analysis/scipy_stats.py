"""Distributions and tests of `scipy.stats`, which is imported when one of them is first used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from creme.lazy import attach

__all__ = ["chi2", "false_discovery_control", "norm", "student"]

if TYPE_CHECKING:
    from scipy.stats import chi2, false_discovery_control, norm
    from scipy.stats import t as student

__getattr__, __dir__ = attach(
    __name__,
    {
        "chi2": "scipy.stats",
        "false_discovery_control": "scipy.stats",
        "norm": "scipy.stats",
        "student": "scipy.stats:t",
    },
)
