"""The score of a designed sequence, and the contexts in which it is measured."""

from __future__ import annotations

from collections.abc import Generator
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from creme.errors import ConfigError
from creme.sequence import Codes, Edit, Mutant, Sequence, complement
from creme.test import Activities, Request
from creme.tiling import Tile

Goal = Literal["maximise", "minimise"] | float


@dataclass(frozen=True)
class Objective:
    """The score of a sequence, and which scores are good.

    Attributes
    ----------
    weights : tuple of float
        Of the first activities, in their order.
    others : float
        Of the mean of all further ones.
    scale : {'activity', 'log_ratio'}
        Activities are weighed, or log2 of their ratio to the control's.
    goal : {'maximise', 'minimise'} or float
        A number is a value to reach.
    """

    weights: tuple[float, ...]
    others: float
    scale: Literal["activity", "log_ratio"]
    goal: Goal

    def check(self, activities: int) -> None:
        """Compare the weights with the number of activities.

        Raises
        ------
        ConfigError
            If there are more weights than activities, or all that count are 0.
        """
        if len(self.weights) > activities:
            raise ConfigError(
                f"weights has {len(self.weights)} values, and {activities} activities are read"
            )
        if not self._vector(activities).any():
            raise ConfigError(
                f"others = {self.others:g}: `weights` reaches all {activities} activities, and "
                f"none of them is weighed"
            )

    def _vector(self, activities: int) -> NDArray[np.float64]:
        rest = activities - len(self.weights)
        return np.array([*self.weights, *([self.others / rest] * rest if rest else [])])

    def scores(
        self, activities: NDArray[np.float32], controls: NDArray[np.float32]
    ) -> NDArray[np.float64]:
        """Scores of sequences in contexts.

        Parameters
        ----------
        activities : array of float32, (sequence, context, activity)
        controls : array of float32, (context, activity)
            Of the contexts without a design.

        Returns
        -------
        array of float64, (sequence, context)
            NaN where a logarithm is not defined. An activity of weight 0 does not count.
        """
        vector = self._vector(activities.shape[-1])
        counts = vector != 0
        values = activities[..., counts].astype(np.float64)
        if self.scale == "log_ratio":
            values = _log2(values) - _log2(controls[..., counts].astype(np.float64))
        return np.asarray((values * vector[counts]).sum(axis=-1))

    def fitness(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """How good scores are: the higher the better."""
        if self.goal == "maximise":
            return scores
        if self.goal == "minimise":
            return -scores
        return -np.abs(scores - self.goal)


@dataclass
class ScoredContexts:
    """Contexts in which designs are measured and scored.

    Attributes
    ----------
    objective : Objective
    place : Tile
        Of the design.
    reverse : bool
        Whether the design's reverse complement stands there.
    contexts : list of Sequence
    controls : array of float32, (context, activity)
        Activities of the contexts without a design.
    """

    objective: Objective
    place: Tile
    reverse: bool
    contexts: list[Sequence]
    controls: Activities = field(default_factory=lambda: np.zeros((0, 0), np.float32))

    def activities(
        self, designs: SequenceOf[Codes]
    ) -> Generator[Request, Activities, NDArray[np.float32]]:
        """Of designs in every context, (design, context, track)."""
        response = yield (
            Mutant(context, [Edit(self.place.start, self._turned(codes))])
            for codes in designs
            for context in self.contexts
        )
        return response.reshape(len(designs), len(self.contexts), -1)

    def mean_scores(
        self, designs: SequenceOf[Codes]
    ) -> Generator[Request, Activities, NDArray[np.float64]]:
        """Mean score of each design over the contexts, (design,)."""
        activities = yield from self.activities(designs)
        return self.objective.scores(activities, self.controls).mean(axis=1)

    def _turned(self, codes: Codes) -> Codes:
        return complement(codes[::-1]) if self.reverse else codes


def _log2(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.log2(values, out=np.full_like(values, np.nan), where=values > 0)
