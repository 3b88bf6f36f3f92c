"""The truth about a locus under a grammar: what its activity is without some of its sites."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from creme.demo.oracle import Oracle
from creme.demo.sites import Sites
from creme.errors import SequenceError
from creme.sequence import Codes

Interval = tuple[int, int]
STRONG = 0.5
"""Affinity from which a site that chance made is listed as an element of its own."""


class TrueElement(NamedTuple):
    """An element and its effect on the gene.

    `effect` is (cell types,) float64: the share of the activity that goes with its sites, as the
    necessity test defines it (positive: an enhancer). `planted` tells it from sites that chance
    made.
    """

    kind: str
    start: int
    end: int
    sites: int
    planted: bool
    effect: NDArray[np.float64]


class LocusTruth:
    """Activities of one gene, in float64 by cell type, for any choice of its sites.

    Parameters
    ----------
    oracle : Oracle
    codes : numpy.ndarray
        (length,) uint8, 5' to 3' along the gene.
    tss : int
        First base of the gene's promoter, on the plus strand.

    Raises
    ------
    SequenceError
        If no promoter starts there.
    """

    def __init__(self, oracle: Oracle, codes: Codes, tss: int) -> None:
        self.oracle = oracle
        self.tss = tss
        self.length = len(codes)
        self.sites = oracle.sites(codes)
        number = len(oracle.grammar.factors)
        own = (self.sites.owner >= number) & (self.sites.start == tss) & ~self.sites.minus
        if not own.any():
            raise SequenceError(f"no promoter of grammar {oracle.grammar.name} starts at {tss}")
        self._own = own
        self.promoter = oracle.owners[self.sites.owner[own.argmax()]]
        self.wild_type = self._activity(np.ones(len(self.sites), dtype=np.bool_))

    def without(self, intervals: Iterable[Interval]) -> NDArray[np.float64]:
        """Without the sites that any of the intervals touches; the gene's promoter stays."""
        kept = np.ones(len(self.sites), dtype=np.bool_)
        for start, end in intervals:
            kept &= ~self.sites.within(start, end)
        return self._activity(kept | self._own)

    def only(self, intervals: Iterable[Interval]) -> NDArray[np.float64]:
        """With the gene's promoter and the sites that lie within one of the intervals."""
        kept = self._own.copy()
        for start, end in intervals:
            kept |= self._inside(start, end)
        return self._activity(kept)

    def arranged(
        self, kept: Iterable[Interval], copies: Iterable[tuple[Interval, int]]
    ) -> NDArray[np.float64]:
        """With the gene's promoter, the sites within the kept intervals, and copies of others.

        Parameters
        ----------
        kept : iterable of (int, int)
        copies : iterable of ((int, int), int)
            Intervals whose sites are copied, and where the copy starts.
        """
        inside = self._own.copy()
        for start, end in kept:
            inside |= self._inside(start, end)
        parts = [self.sites[inside]]
        for (start, end), at in copies:
            copied = self.sites[self._inside(start, end)]
            parts.append(replace(copied, start=copied.start + (at - start)))
        joined = Sites(
            *(np.concatenate([getattr(part, one.name) for part in parts]) for one in fields(Sites))
        )
        return self._of(joined[np.argsort(joined.start, kind="stable")])

    def _inside(self, start: int, end: int) -> NDArray[np.bool_]:
        return (self.sites.start >= start) & (self.sites.start + self.sites.width <= end)

    def necessity(self, *intervals: Interval) -> NDArray[np.float64]:
        """``1 - without / wild type``, of all the intervals at once."""
        return 1.0 - self.without(intervals) / self.wild_type

    def spans(self, interval: Interval) -> list[Interval]:
        """The places of the sites within an interval, without promoters, by start."""
        factors = self.sites.owner < len(self.oracle.grammar.factors)
        sites = self.sites[factors & self._inside(*interval)]
        ends = sites.start + sites.width
        return list(zip(sites.start.tolist(), ends.tolist(), strict=True))

    def elements(self, planted: Iterable[tuple[str, int, int, int]]) -> tuple[TrueElement, ...]:
        """Planted elements, and the strong sites of factors outside them, by place.

        Parameters
        ----------
        planted : iterable of (kind, start, end, sites)
        """
        out = []
        chance = (self.sites.owner < len(self.oracle.grammar.factors)) & (
            self.sites.affinity >= STRONG
        )
        for kind, start, end, number in planted:
            out.append(TrueElement(kind, start, end, number, True, self.necessity((start, end))))
            chance &= ~self.sites.within(start, end)
        for site in np.flatnonzero(chance):
            start = int(self.sites.start[site])
            end = start + int(self.sites.width[site])
            kind = self.oracle.owners[self.sites.owner[site]]
            out.append(TrueElement(kind, start, end, 1, False, self.necessity((start, end))))
        return tuple(sorted(out, key=lambda one: one[1]))

    def _activity(self, kept: NDArray[np.bool_]) -> NDArray[np.float64]:
        return self._of(self.sites[kept])

    def _of(self, sites: Sites) -> NDArray[np.float64]:
        for promoter in self.oracle.promoters(sites, self.tss):
            if not promoter.minus:
                return promoter.activities
        raise AssertionError("the gene's promoter is always kept")
