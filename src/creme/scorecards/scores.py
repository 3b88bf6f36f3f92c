"""A score of a card: a number over loci with its interval, its noise and its floor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass, field
from functools import partial
from itertools import combinations
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from creme.analysis.resampling import FEW, group_weights, interval
from creme.seeds import derive

Better = Literal["higher", "lower", ""]
Summary = Literal["mean", "median"]
ByLocus = dict[str, float]
RESAMPLES = 2000
SPLITS = 10
"""Ways to halve the replicates that the noise is of, at most."""


@dataclass(frozen=True)
class Score:
    """A score of a model.

    Attributes
    ----------
    question, score : str
    value : float
        NaN where `why` says why there is none.
    low, high : float
        A 95 % interval over loci, by bootstrap; NaN for one locus.
    n : int
        Loci, or of CRISPRi pairs, that it is of.
    unit : str
    better : {'higher', 'lower', ''}
        Which values are better; empty of a score that describes.
    noise : float
        How far another seed would move it: the root mean square of half the differences between
        the halves of the replicates. NaN where nothing is shuffled.
    floor : float
        The same score of an answer that has seen no sequence; NaN where there is no such.
    floor_of : str
        That answer.
    over : str
        The tiles or distances that it is over: cards are compared where these are equal.
    sentence : str
    why : str
        Why it has no value; empty where it has one.
    by_locus : dict of locus to float
        The values whose `summary` it is; empty of pooled scores.
    summary : {'mean', 'median', ''}
    """

    question: str
    score: str
    value: float = np.nan
    low: float = np.nan
    high: float = np.nan
    n: int = 0
    unit: str = ""
    better: Better = ""
    noise: float = np.nan
    floor: float = np.nan
    floor_of: str = ""
    over: str = ""
    sentence: str = ""
    why: str = ""
    by_locus: Mapping[str, float] = field(default_factory=dict)
    summary: Summary | Literal[""] = ""

    @property
    def few(self) -> bool:
        """Whether so few loci were drawn that the interval is too narrow."""
        return not self.why and self.n < FEW


def shown(score: Score) -> str:
    """A score's value with its interval, or why there is none."""
    if score.why:
        return f"not applicable: {score.why}"
    value = number(score.value)
    if np.isfinite(score.low):
        value += f" ({number(score.low)} to {number(score.high)})"
    return value


def number(value: float) -> str:
    """A number for people: three digits, or a dash."""
    if not np.isfinite(value):
        return "\N{EN DASH}"
    rounded = f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
    return rounded.replace("-", "\N{MINUS SIGN}")


@dataclass(frozen=True)
class ScoreKind:
    """One score that a question has, without a model's value; see `Score`.

    Attributes
    ----------
    compute : callable
        From the numbers of replicates, a value for each locus.
    floor : callable, optional
        The same of the answer that has seen no sequence.
    shuffled : bool
        Whether the values depend on shuffles.
    """

    question: str
    score: str
    unit: str
    sentence: str
    compute: Callable[[list[int]], ByLocus]
    better: Better = ""
    summary: Summary = "mean"
    over: str = ""
    floor: Callable[[list[int]], ByLocus] | None = None
    floor_of: str = ""
    shuffled: bool = True

    def missing(self, why: str) -> Score:
        """The score of a model that has none."""
        return Score(why=why, **self._about)

    def of(self, replicates: int, seed: int, empty: str) -> Score:
        """A model's score.

        Parameters
        ----------
        replicates : int
            How many there are.
        seed : int
            Of the bootstrap and of the halves.
        empty : str
            Why there is no value, if no locus has one.
        """
        every = list(range(replicates))
        by_locus = _finite(self.compute(every))
        if not by_locus:
            return self.missing(empty)
        low, high = bootstrap(list(by_locus.values()), self.summary, seed, self.score)
        floor = np.nan
        if self.floor is not None:
            floor = summarised(list(_finite(self.floor(every)).values()), self.summary)
        noise = np.nan
        if self.shuffled:
            noise = noise_of(partial(_split, self.compute, self.summary), replicates, seed)
        return Score(
            value=summarised(list(by_locus.values()), self.summary),
            low=low,
            high=high,
            n=len(by_locus),
            noise=noise,
            floor=floor,
            by_locus=by_locus,
            **self._about,
        )

    @property
    def _about(self) -> dict[str, Any]:
        names = ("question", "score", "unit", "sentence", "better", "over", "floor_of", "summary")
        return {name: getattr(self, name) for name in names}


def _finite(by_locus: ByLocus) -> ByLocus:
    return {name: float(value) for name, value in by_locus.items() if np.isfinite(value)}


def summarised(values: SequenceOf[float] | NDArray[Any], summary: str) -> float:
    """The mean or the median of values; NaN of none."""
    if not len(values):
        return float("nan")
    return float(np.median(values) if summary == "median" else np.mean(values))


def bootstrap(
    values: SequenceOf[float], summary: str, seed: int, *names: str
) -> tuple[float, float]:
    """A 95 % interval of the mean or the median, by draws of the loci with replacement."""
    numbers = np.asarray(values, dtype=np.float64)
    draws = []
    places = np.arange(len(numbers))
    for weights in group_weights(places, RESAMPLES, derive(seed, "scorecard", *names)):
        if summary == "mean":
            draws.append(weights @ numbers / weights.sum(axis=1))
        else:
            taken = [np.repeat(numbers, row.astype(int)) for row in weights]
            draws.append(np.median(np.stack(taken), axis=1))
    return interval(np.concatenate(draws) if draws else [])


def halves(replicates: int, seed: int) -> list[tuple[list[int], list[int]]]:
    """Ways to halve replicates, each once: all of them, or `SPLITS` that are drawn."""
    ways = [
        (list(one), [k for k in range(replicates) if k not in one])
        for one in combinations(range(replicates), replicates // 2)
        if 0 in one
    ]
    if len(ways) > SPLITS:
        random = np.random.default_rng(derive(seed, "scorecard", "halves"))
        ways = [ways[k] for k in sorted(random.choice(len(ways), SPLITS, replace=False))]
    return ways


def noise_of(differ: Callable[[list[int], list[int]], float], replicates: int, seed: int) -> float:
    """The root mean square of half the differences between halves of the replicates.

    The k-th shuffle of one seed is as independent of its others as of another seed's: the halves
    are two panels of half as many replicates under two seeds, whose difference has a standard
    deviation of twice that of the whole.
    """
    differences = np.array([differ(*ways) / 2 for ways in halves(replicates, seed)])
    differences = differences[np.isfinite(differences)]
    return float(np.sqrt(np.mean(differences**2))) if differences.size else float("nan")


def _split(
    compute: Callable[[list[int]], ByLocus], summary: str, one: list[int], other: list[int]
) -> float:
    a, b = _finite(compute(one)), _finite(compute(other))
    both = [name for name in a if name in b]
    return summarised([a[name] for name in both], summary) - summarised(
        [b[name] for name in both], summary
    )
