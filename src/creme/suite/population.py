"""Search for sequences of high fitness: a population with mutation, recombination and a beam."""

from __future__ import annotations

from collections.abc import Callable, Generator
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from creme.sequence import Codes, complement
from creme.suite.constraints import Constraints
from creme.suite.draws import Draws

_TRIES = 20
"""Draws for one child, of which the first new one that meets the constraints is taken."""
_RECOMBINED = 0.5
_MOVED = 0.25
"""Share of changes that copy a stretch of a parent elsewhere; the others change one base."""
_SHORTEST, _LONGEST = 6, 24
"""Of a stretch that is copied, bp."""
_AGAIN = 0.5
"""With which one more change follows a change."""

Name = str | int
Streams = Callable[..., Draws]


@dataclass(frozen=True, eq=False)
class Candidate:
    """A sequence, its score, and its fitness: the higher the better."""

    codes: Codes
    score: float
    fitness: float

    @property
    def rank(self) -> tuple[float, bytes]:
        """Sorts the best first; equally good ones by their bases, and never by their order."""
        return (-self.fitness, self.codes.tobytes())


@dataclass
class PopulationTrace:
    """The course of a search.

    Attributes
    ----------
    pool : list of Candidate
        The best ones, the best first.
    best : list of Candidate
        After each round, the best one so far.
    medians : list of float
        Median score of each round's own candidates.
    counts : list of int
        Candidates of each round.
    """

    pool: list[Candidate] = field(default_factory=list)
    best: list[Candidate] = field(default_factory=list)
    medians: list[float] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)

    def add(self, candidates: SequenceOf[Candidate], most: int) -> None:
        """Take in the candidates of a round, and keep so many of the best in all."""
        scores = [candidate.score for candidate in candidates]
        self.medians.append(float(np.median(scores)) if scores else float("nan"))
        self.pool = sorted([*self.pool, *candidates], key=lambda one: one.rank)[:most]
        self.counts.append(len(candidates))
        self.best.append(self.pool[0])


@dataclass(frozen=True)
class PopulationSearch:
    """A search for the best sequences that meet constraints.

    The first round measures the starts, and mutants of them where there are fewer than a round
    has. In each later one children are made of the `beam` best sequences so far. A child is a copy
    of one of them, in half of the cases with a stretch of another one in its place, and then
    changed: single bases are replaced, or a short stretch of a parent is copied elsewhere, on
    either strand. A child that breaks a constraint is repaired, and one that was measured before
    is drawn anew.

    Attributes
    ----------
    constraints : Constraints
    streams : callable
        From names to `Draws`: each child has its own, so that the order does not matter.
    fitness : callable
        From scores to fitness, (n,); a fitness that is not a number is the worst.
    rounds : int
        After the first.
    candidates : int
        Sequences of a round, at most.
    beam : int
        Parents of a round.
    pool : int
        Sequences that are remembered: memory does not grow with the rounds, but for 16 bytes a
        candidate.

    Notes
    -----
    After AdaLead (Sinai et al. 2020, arXiv:2010.02141), of whose recombination and greedy choice
    it is made, and AdaBeam (NucleoBench, 2025), with which it shares the beam.
    """

    constraints: Constraints
    streams: Streams
    fitness: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    rounds: int
    candidates: int
    beam: int
    pool: int

    def run(
        self, starts: SequenceOf[Codes]
    ) -> Generator[list[Codes], NDArray[np.float64], PopulationTrace]:
        """Yield sequences, and receive their scores, (n,) float64.

        Parameters
        ----------
        starts : sequence of Codes
            They meet the constraints.
        """
        trace = PopulationTrace()
        seen: set[bytes] = set()
        for number in range(self.rounds + 1):
            parents = [one.codes for one in trace.pool[: self.beam]] or list(starts)
            fresh = list(starts[: self.candidates]) if not number else []
            fresh = [codes for codes in fresh if _new(codes, seen)]
            for child in range(len(fresh), self.candidates):
                codes = self._child(parents, self.streams("child", number, child), seen)
                if codes is not None:
                    fresh.append(codes)
            scores = (yield fresh) if fresh else np.zeros(0)
            fitness = worst(self.fitness(scores))
            trace.add(list(map(Candidate, fresh, scores.tolist(), fitness)), self.pool)
        return trace

    def _child(self, parents: list[Codes], draws: Draws, seen: set[bytes]) -> Codes | None:
        for _ in range(_TRIES):
            codes = self.constraints.repaired(self._varied(parents, draws), draws)
            if codes is not None and _new(codes, seen):
                return codes
        return None

    def _varied(self, parents: list[Codes], draws: Draws) -> Codes:
        free = self.constraints.free
        # The lower of two places: better parents have more children.
        place = min(draws.below(len(parents)), draws.below(len(parents)))
        codes = parents[place].copy()
        if len(parents) > 1 and draws.chance(_RECOMBINED):
            other = draws.one_of(parents)
            start, end = sorted((draws.below(len(codes) + 1), draws.below(len(codes) + 1)))
            codes[start:end] = other[start:end]
        while True:
            if len(free) > _SHORTEST and draws.chance(_MOVED):
                self._copy(codes, draws.one_of(parents), draws)
            else:
                at = int(free[draws.below(len(free))])
                codes[at] = (int(codes[at]) + 1 + draws.below(3)) % 4
            if not draws.chance(_AGAIN):
                return codes

    def _copy(self, codes: Codes, donor: Codes, draws: Draws) -> None:
        """Write a stretch of a donor somewhere into `codes`."""
        longest = min(_LONGEST, len(codes))
        width = _SHORTEST + draws.below(longest - _SHORTEST + 1)
        start, to = (draws.below(len(codes) - width + 1) for _ in range(2))
        stretch = donor[start : start + width]
        codes[to : to + width] = complement(stretch[::-1]) if draws.chance(0.5) else stretch


def worst(fitness: NDArray[np.float64]) -> list[float]:
    """Fitness as numbers that can be sorted; one that is not finite becomes the worst."""
    return np.where(np.isfinite(fitness), fitness, -np.inf).tolist()


def _new(codes: Codes, seen: set[bytes]) -> bool:
    """Whether a sequence was not measured yet; notes that it is."""
    key = blake2b(codes.tobytes(), digest_size=16).digest()
    if key in seen:
        return False
    seen.add(key)
    return True
