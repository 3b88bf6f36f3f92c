"""The activity of every promoter under a grammar, from the sites of a sequence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from creme.demo.rules import Factor, FactorPair, Grammar, Promoter
from creme.demo.sites import Scanner, Sites
from creme.sequence import Codes


class ActivePromoter(NamedTuple):
    """A promoter in a sequence.

    `tss` is the position of its first base in its own direction, bp; `activities` are float64 by
    cell type.
    """

    name: str
    tss: int
    minus: bool
    activities: NDArray[np.float64]


class Oracle:
    """Evaluates a grammar.

    Its answer depends on the sites alone, so that the truth about an element is what the same
    sites give without it.

    Parameters
    ----------
    grammar : Grammar
    """

    def __init__(self, grammar: Grammar) -> None:
        self.grammar = grammar
        self.owners = (*grammar.factors, *grammar.promoters)
        """Names by the number that sites have as owner."""
        self._n_factors = len(grammar.factors)
        self._factors = tuple(grammar.factors.values())
        self._promoters = tuple(grammar.promoters.items())
        opening: list[Factor | Promoter] = [*self._factors, *grammar.promoters.values()]
        self._opens = np.array([one.opens for one in opening])
        self._insulating = np.array(
            [one.weight if one.effect == "insulating" else 0.0 for one in self._factors]
        )

    @cached_property
    def _scanner(self) -> Scanner:
        return Scanner(self.grammar)

    def sites(self, codes: Codes) -> Sites:
        """The sites of all motifs in (length,) codes."""
        return self._scanner.sites(codes)

    def promoters(self, sites: Sites, start: int | None = None) -> Iterator[ActivePromoter]:
        """Every promoter and its activities, by place; or those whose site starts at `start`."""
        is_promoter = sites.owner >= self._n_factors
        chosen = is_promoter if start is None else is_promoter & (sites.start == start)
        bound = sites[~is_promoter]
        sums = _Bound(bound, self)
        for place in np.flatnonzero(chosen):
            name, promoter = self._promoters[sites.owner[place] - self._n_factors]
            first, width = int(sites.start[place]), int(sites.width[place])
            minus = bool(sites.minus[place])
            centre = first + width / 2
            yield ActivePromoter(
                name,
                first + width - 1 if minus else first,
                minus,
                sites.affinity[place] * self._activities(promoter, sums.at(centre)),
            )

    def _activities(
        self, promoter: Promoter, sums: Sequence[tuple[Factor | FactorPair, float]]
    ) -> NDArray[np.float64]:
        grammar = self.grammar
        half = promoter.half or grammar.half
        hill = promoter.hill or grammar.hill
        out = np.empty(len(grammar.cell_types))
        for number, cell in enumerate(grammar.cell_types):
            added, exponent, repressed = 0.0, 0.0, 0.0
            for one, total in sums:
                x = one.cells.get(cell, 1.0) * total * promoter.responds.get(one.group, 1.0)
                effect = one.effect if isinstance(one, Factor) else "additive"
                if effect == "additive":
                    added += x
                elif effect == "redundant":
                    assert isinstance(one, Factor)
                    added += one.limit * (1 - np.exp(-x / one.limit))
                elif effect == "multiplicative":
                    exponent += x
                elif effect == "repressive":
                    repressed += x
            drive = (promoter.basal + added) * np.exp(exponent) / (1.0 + repressed)
            power = drive**hill
            out[number] = (promoter.ceiling or grammar.ceiling) * power / (half**hill + power)
        return out

    def coverage(self, sites: Sites, bin_size: int, start: int, n_bins: int) -> NDArray[np.float64]:
        """Coverage of every cell type and, last, accessibility.

        Parameters
        ----------
        sites : Sites
        bin_size, start, n_bins : int
            Of the bins, the first of which begins at `start`, bp.

        Returns
        -------
        numpy.ndarray
            (n_bins, cell types + 1) float64: activity, shared among the bins around a TSS; and the
            share of open chromatin, 0 to 1, of a bin and its neighbours.
        """
        grammar = self.grammar
        out = np.empty((n_bins, len(grammar.cell_types) + 1))
        out[:, :-1] = grammar.floor
        reach = len(grammar.spread) // 2
        for promoter in self.promoters(sites):
            place = (promoter.tss - start) // bin_size
            for offset, share in enumerate(grammar.spread, -reach):
                if 0 <= place + offset < n_bins:
                    out[place + offset, :-1] += share * promoter.activities
        out[:, -1] = self._accessibility(sites, bin_size, start, n_bins)
        return out

    def _accessibility(
        self, sites: Sites, bin_size: int, start: int, n_bins: int
    ) -> NDArray[np.float64]:
        """One minus the chance that no site opens the bin; neighbours' sites count a half."""
        closed = np.zeros(n_bins + 2)
        shares = np.minimum(self._opens[sites.owner] * sites.affinity, 0.999)
        places = (sites.centre - start) // bin_size
        inside = (places >= -1) & (places <= n_bins)
        np.add.at(closed, places[inside].astype(np.int64) + 1, np.log1p(-shares[inside]))
        around = closed[1:-1] + 0.5 * (closed[:-2] + closed[2:])
        return 0.0 - np.expm1(around)

    def insulation(self, sites: Sites, here: float) -> NDArray[np.float64]:
        """(sites,) float64: the share of each site's effect that passes to a promoter at `here`."""
        centres = sites.centre
        weights = np.minimum(self._insulating[sites.owner] * sites.affinity, 1.0)
        through = np.ones(len(sites))
        for at, weight in zip(centres[weights > 0], weights[weights > 0], strict=True):
            low, high = min(at, here), max(at, here)
            # Beyond the insulator, seen from the promoter.
            beyond = centres < low if at < here else centres > high
            through[beyond] *= 1.0 - weight
        return through


class _Bound:
    """Sums over the sites of factors, for promoters at any place."""

    def __init__(self, sites: Sites, oracle: Oracle) -> None:
        self._oracle = oracle
        self._sites = sites
        self._centres = sites.centre
        factors: Mapping[str, Factor] = oracle.grammar.factors
        self._own: list[tuple[Factor, NDArray[np.intp]]] = []
        for number, factor in enumerate(factors.values()):
            if factor.weight and factor.effect not in ("none", "insulating"):
                self._own.append((factor, np.flatnonzero(sites.owner == number)))
        self._pairs = [(pair, *self._partners(pair)) for pair in oracle.grammar.pairs]
        self._insulates = bool((oracle._insulating[sites.owner] > 0).any())

    def _partners(self, pair: FactorPair) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """Sites of the first factor that have one of the second near, and the pairs' affinities."""
        names = list(self._oracle.grammar.factors)
        first, second = (
            np.flatnonzero(self._sites.owner == names.index(name)) for name in pair.factors
        )
        if not (first.size and second.size):
            return first[:0], np.zeros(0)
        apart = np.abs(self._centres[first][:, None] - self._centres[second])
        nearest = apart.argmin(axis=1)
        near = apart[np.arange(first.size), nearest] <= pair.within
        affinity = self._sites.affinity[first] * self._sites.affinity[second[nearest]]
        return first[near], affinity[near]

    def at(self, here: float) -> list[tuple[Factor | FactorPair, float]]:
        """``weight * sum(affinity * exp(-distance / reach))`` of each factor and pair."""
        through = self._oracle.insulation(self._sites, here) if self._insulates else None
        out: list[tuple[Factor | FactorPair, float]] = []
        for factor, rows in self._own:
            out.append((factor, self._sum(factor, rows, self._sites.affinity[rows], here, through)))
        for pair, rows, affinity in self._pairs:
            out.append((pair, self._sum(pair, rows, affinity, here, through)))
        return out

    def _sum(
        self,
        one: Factor | FactorPair,
        rows: NDArray[np.intp],
        affinity: NDArray[np.float64],
        here: float,
        through: NDArray[np.float64] | None,
    ) -> float:
        decayed = affinity * np.exp(-np.abs(self._centres[rows] - here) / one.reach)
        if through is not None:
            decayed = decayed * through[rows]
        return one.weight * float(decayed.sum())
