"""The best of several candidates, without all replicates of those that cannot be it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from creme.suite.adaptive import looks, quantile
from creme.suite.normality import about_normal


class Race:
    """The candidate that is best by the mean of all its replicates, by successive elimination.

    After each of `looks` a candidate is left out if it is out of reach: if, at the confidence, the
    mean of all its replicates would not be as good as that of the best one so far. It comes back if
    the best one turns out to be worse, or if replicates no longer look about normal: none is left
    out then (`creme.suite.normality`). The winner has all its replicates, and so has any
    candidate that stayed within reach of it.

    Parameters
    ----------
    candidates, replicates : int
    confidence : float or None
        That the winner is the one that would win if all had all replicates; None measures them.
    lowest : bool
        Whether the lowest mean is best, or the highest.

    Attributes
    ----------
    values : array of float32, (candidate, replicate)
        NaN where nothing was measured.

    Notes
    -----
    From n values with mean m and standard deviation s, the mean of all R is at least
    m - t s sqrt(1/n - 1/R), by Student's t, for values that are about normal. The deviation is each
    candidate's own: tiles that matter vary more than others. The tail is shared out over all
    candidates and looks (union bound), so that no bound of a round fails with the confidence; and
    since the winner's own mean is complete, these are all that have to hold.
    """

    def __init__(
        self, candidates: int, replicates: int, confidence: float | None, lowest: bool
    ) -> None:
        self.values: NDArray[np.float32] = np.full((candidates, replicates), np.nan, np.float32)
        self._ends = [replicates] if confidence is None else looks(replicates)
        self._tail = (1 - (confidence or 0)) / (candidates * max(1, len(self._ends) - 1))
        self._sign = 1 if lowest else -1
        self._n = np.zeros(candidates, dtype=int)

    def pending(self) -> list[tuple[int, range]]:
        """The candidates within reach and their replicates to be measured next; none at the end."""
        within = self._within()
        ends = self._ends[-1:] if len(within) == 1 else self._ends
        return [
            (int(at), range(self._n[at], next(end for end in ends if end > self._n[at])))
            for at in within
        ]

    def record(self, activities: NDArray[np.float32]) -> None:
        """Record the activities of the `pending` replicates, candidate by candidate."""
        begin = 0
        for at, replicates in self.pending():
            end = begin + len(replicates)
            self.values[at, replicates.start : replicates.stop] = activities[begin:end]
            self._n[at] = replicates.stop
            begin = end

    def best(self) -> tuple[int, float]:
        """The winner, the first one if there are several, and its mean."""
        means = self.values.mean(axis=1, dtype=np.float64)  # NaN where one is missing
        at = int(np.nanargmin(self._sign * means))
        return at, float(means[at])

    def _means(self) -> NDArray[np.float64]:
        return np.array(
            [row[:n].mean(dtype=np.float64) for row, n in zip(self.values, self._n, strict=True)]
        )

    def _within(self) -> NDArray[np.intp]:
        """Indices of the candidates that are within reach and not complete."""
        if not self._n.any():
            return np.arange(len(self._n))
        replicates = self.values.shape[1]
        complete = self._n == replicates
        fewest = int(self._n.min())
        if not about_normal(self.values[:, :fewest, None], fewest * len(self._n)):
            return np.flatnonzero(~complete)
        means = self._sign * self._means()
        reach = np.zeros(len(means))
        for n in set(self._n[~complete].tolist()):
            rows = self._n == n
            spread = self.values[rows, :n].std(axis=1, ddof=1, dtype=np.float64)
            reach[rows] = quantile(self._tail, n) * spread * np.sqrt(1 / n - 1 / replicates)
        return np.flatnonzero(~complete & (means - reach <= means.min()))
