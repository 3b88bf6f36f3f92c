"""The tiles of a locus on the page, and how much of each is known bases."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr

from creme.report.page.encode import numbers
from creme.results.gaps import SHARE

TILES = ("tile_start", "tile_end", "distance", "genomic_start", "genomic_end")
"""Of each tile, in every test that goes through them."""


class LocusTiles:
    """The tiles of a locus, of all tests that go through them, and where the TSS is.

    Attributes
    ----------
    keys : list of (int, int)
        Start and end of each, bp, in their order.
    index : dict
        The place of each in `keys`.
    described : list of list of int
        Start, end, distance, genomic start and end of each; bp.
    shares : list of float or None
        The share of known bases of each; empty where no tile lacks many.
    span : list of int or None
        Ends of the locus sequence, bp from the TSS base, in gene orientation.
    """

    def __init__(self, parts: Mapping[str, xr.Dataset]) -> None:
        by_ends: dict[tuple[int, int], list[int]] = {}
        for test in ("necessity", "sufficiency", "higher_order"):
            if test in parts:
                for place in _places(parts[test]):
                    by_ends.setdefault(place[:2], list(place[2:]))
        self.keys = sorted(by_ends)
        self.index = {key: k for k, key in enumerate(self.keys)}
        self.described = [[*key, *by_ends[key]] for key in self.keys]
        shares: dict[tuple[int, int], float] = {}
        for part in parts.values():
            shares |= _shares(part)
        self.shares = [numbers(shares.get(key, np.nan)) for key in self.keys] if shares else []
        self.span = self._span(parts)

    @staticmethod
    def _span(parts: Mapping[str, xr.Dataset]) -> list[int] | None:
        """Ends of the locus sequence, bp from the TSS base, in gene orientation."""
        for part in parts.values():
            if "start" in part.coords:
                low, high, tss = (int(part[key]) for key in ("start", "end", "tss_position"))
                ends = (low - tss, high - tss)
                return (
                    list(ends) if str(part["strand"].item()) == "+" else [1 - ends[1], 1 - ends[0]]
                )
        return None


def _places(part: xr.Dataset) -> list[tuple[int, int, int, int, int]]:
    """Start, end, distance, genomic start and end of each tile that is one; bp."""
    values = [np.asarray(part[name].values, dtype=np.float64) for name in TILES]
    rows = zip(*values, strict=True)
    return [tuple(map(int, row)) for row in rows if np.isfinite(row).all()]  # type: ignore[misc]


def _shares(part: xr.Dataset) -> dict[tuple[int, int], float]:
    """The share of bases of each tile, by its ends; empty where none lacks so many."""
    if SHARE not in part:
        return {}
    values = [
        np.asarray(part[name].values, dtype=np.float64)
        for name in ("tile_start", "tile_end", SHARE)
    ]
    rows = zip(*values, strict=True)
    return {
        (int(start), int(end)): float(share)
        for start, end, share in rows
        if np.isfinite([start, end, share]).all()
    }
