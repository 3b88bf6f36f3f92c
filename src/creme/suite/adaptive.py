"""Fewer replicates where fewer give the same answer: when to stop, and the measurements so far.

Replicates are added in the order of their names, so a test that stops early measures the first
part of a full run, and both share predictions.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from pydantic import Field

from creme.sequence import Sequenceable
from creme.suite.background import BackgroundTest
from creme.suite.normality import about_normal
from creme.suite.statistics import averaged
from creme.test import Activities, Request

MINIMUM = 6
"""Replicates that are always measured: fewer show neither their spread nor that they are skewed."""

STOPPING_RULE = 2
"""Number of the rule by which a tolerance or a confidence stops: with another rule the same
parameters measure other replicates. The first one took replicates for normal from 4 on."""

CONFIDENCE = 0.95
"""Of the interval whose width decides; see `settled`."""

Mask = NDArray[np.bool_]


def looks(replicates: int) -> list[int]:
    """Numbers of replicates after which a test looks at its effects; the last one is all.

    6, 9, 14, 21, ...: each time half as many again, so that there are few looks (each is a
    chance to stop too early) and each requests enough to fill a batch.
    """
    ends = [min(MINIMUM, replicates)]
    while ends[-1] < replicates:
        ends.append(min(replicates, ends[-1] + (ends[-1] + 1) // 2))
    return ends


def quantile(tail: float, n: int) -> float:
    """The value that Student's t of `n` values exceeds with the probability `tail`."""
    from scipy.special import stdtrit

    return float(-stdtrit(n - 1, tail))


def precise_enough(values: NDArray[np.float64], tolerance: float) -> Mask:
    """The effects that are known to the tolerance in all tracks.

    An effect is known when the half width of its confidence interval, by Student's t, is below
    that which the tolerance would give a mean of normal values: t s / sqrt(n) < 1.96 tolerance. A
    few replicates underestimate their spread as often as not, and a test that stops when it looks
    small would pick those; t requires 1.3 times less at 6 replicates, and 1.15 times less at 10.
    It holds for replicates that are about normal: see `creme.suite.normality`.

    Parameters
    ----------
    values : array of float64, (..., n, tracks)
    tolerance : float
        Standard error.

    Returns
    -------
    array of bool, (...)
        Also true where a value is NaN: more replicates would not define the effect.
    """
    from scipy.special import ndtri

    n = values.shape[-2]
    tail = (1 - CONFIDENCE) / 2
    half_width = quantile(tail, n) * values.std(axis=-2, ddof=1) / np.sqrt(n)
    return (np.isnan(half_width) | (half_width < -float(ndtri(tail)) * tolerance)).all(axis=-1)


@dataclass(frozen=True)
class Layout:
    """The sequences that a test measures once for each replicate.

    A cell is a sequence that each replicate has, such as a shuffled tile or a control; an effect is
    computed from one cell or from several.

    Attributes
    ----------
    effects, cells : tuple of int
        Their shapes, without replicates and tracks.
    sequences : callable
        The sequences of a cell, by its index, for a range of replicates.
    needs : callable
        The cells, (cells,), that some of the effects, (effects,), are computed from.
    effect : callable
        Activities, (cells, replicate, track), to effects, (effects, replicate, track) float64.
    own_draws : bool
        Whether each effect has random draws of its own, and not backgrounds that all share.
    """

    effects: tuple[int, ...]
    cells: tuple[int, ...]
    sequences: Callable[[tuple[int, ...], range], Iterable[Sequenceable]]
    needs: Callable[[Mask], Mask]
    effect: Callable[[NDArray[np.float32]], NDArray[np.float64]]
    own_draws: bool = False

    def about_normal(self, effect: NDArray[np.float64]) -> bool:
        """Whether effects, (effects, n, track), look about normal, and are enough to say so."""
        n, tracks = effect.shape[-2:]
        rows = effect.reshape(-1, n, tracks)
        return about_normal(rows, n * len(rows) if self.own_draws else n)

    def request(self, cells: Mask, replicates: range) -> Iterator[Sequenceable]:
        """The sequences of cells in their order, replicate by replicate for each."""
        for index in np.argwhere(cells):
            yield from self.sequences(tuple(int(number) for number in index), replicates)


@dataclass(frozen=True)
class Measurements:
    """The activities and effects of a `Layout`; NaN for replicates that were not measured.

    Attributes
    ----------
    activities : array of float32, (cells, replicate, track)
    effect : array of float64, (effects, replicate, track)
    used : array of int, (effects,), or None
        Replicates of each effect; None if the test has no tolerance, and so all of them.
    """

    activities: NDArray[np.float32]
    effect: NDArray[np.float64]
    used: NDArray[np.int64] | None

    def averaged(self, name: str, dims: tuple[str, ...]) -> xr.Dataset:
        """Statistics of the effect, and ``replicates_used`` of a test with a tolerance."""
        statistics = averaged(name, dims, self.effect, self.used)
        if self.used is None:
            return statistics
        return statistics.assign(replicates_used=(dims[:-2], self.used))


class AdaptiveTest(BackgroundTest):
    """A test whose effect is a mean over replicates, and that may need fewer than all."""

    tolerance: float | None = Field(
        None,
        ge=0,
        allow_inf_nan=False,
        description="standard error of an effect that is small enough: `replicates` is then the "
        "most, and 6 the least, that are measured; all are unless given, and where there are too "
        "few draws to show that they are about normal",
    )

    def identity(self) -> dict[str, Any]:
        """The parameters; the tolerance, and the rule that it stops by, only if there is one."""
        identity = super().identity()
        if self.tolerance is None:
            del identity["tolerance"]
        else:
            identity["stopping_rule"] = STOPPING_RULE
        return identity

    def at_most(self) -> Self:
        """The test that measures all that this one may measure; itself without a tolerance."""
        return self if self.tolerance is None else self.model_copy(update={"tolerance": None})

    def at_least(self) -> Self:
        """The test that measures only what this one measures in any case."""
        if self.tolerance is None:
            return self
        fewest = min(MINIMUM, self.replicates)
        return self.model_copy(update={"tolerance": None, "replicates": fewest})

    def fixed_size(self, size: int) -> int | None:
        """The number of sequences, or None if it depends on the activities."""
        return size if self.tolerance is None else None

    def measure_replicates(self, layout: Layout) -> Generator[Request, Activities, Measurements]:
        """Measure all replicates, or until each effect is known to the tolerance in all tracks.

        No effect stops while the replicates of all do not look about normal: of skewed ones those
        with a small spread are those whose rare values are still to come.
        """
        shape = (*layout.cells, self.replicates, -1)
        active = np.ones(layout.effects, dtype=bool)
        if self.tolerance is None:
            response = yield layout.request(layout.needs(active), self._replicates)
            activities = response.reshape(shape)
            return Measurements(activities, layout.effect(activities), None)
        used = np.zeros(layout.effects, dtype=np.int64)
        activities = np.empty(0, dtype=np.float32)
        begin = 0
        for end in looks(self.replicates):
            cells = layout.needs(active)
            response = yield layout.request(cells, range(begin, end))
            if not begin:
                tracks = response.shape[1]
                activities = np.full((*shape[:-1], tracks), np.nan, dtype=np.float32)
            activities[cells, begin:end] = response.reshape(-1, end - begin, response.shape[1])
            effect, used[active] = layout.effect(activities), end
            if end < self.replicates:
                seen = effect[..., :end, :]
                # Effects that have stopped lack the last replicates, and say nothing.
                if layout.about_normal(seen):
                    active &= ~precise_enough(seen, self.tolerance)
                else:
                    active &= ~np.isnan(seen).any(axis=-2).all(axis=-1)
            if not active.any():
                break
            begin = end
        return Measurements(activities, effect, used)
