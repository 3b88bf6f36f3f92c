"""How fast a run is, and how long it will take."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from creme.runner.tasks import Progress

WINDOW = 60.0
"""Seconds that the pace is taken of: what the store answers at once says nothing of the rest."""

_STEP = 1.0


class Pace:
    """Predictions a second, and the time that is left.

    Parameters
    ----------
    sequences : int, optional
        That will be asked for, if that is known beforehand.
    units : int
        Of all tests.
    clock : callable
        Seconds.
    """

    def __init__(
        self,
        sequences: int | None,
        units: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sequences = sequences
        self._units = units
        self._clock = clock
        self._seen: deque[tuple[float, int, int, int]] = deque([(clock(), 0, 0, 0)])

    def see(self, progress: Progress) -> None:
        """Take note of the counts; is called often."""
        now = self._clock()
        if len(self._seen) > 1 and now - self._seen[-2][0] < _STEP:
            self._seen.pop()
        ended = progress.finished + progress.failed
        self._seen.append((now, progress.predicted, progress.asked, ended))
        while len(self._seen) > 2 and now - self._seen[1][0] >= WINDOW:
            self._seen.popleft()

    @property
    def rate(self) -> float:
        """Predictions a second."""
        return self._speed(1)

    @property
    def seconds_left(self) -> float | None:
        """Seconds until the end at the present pace; None where there is none yet.

        By sequences; by units where tests decide on their way how many sequences they need.
        """
        of_all, column = (self._units, 3) if self._sequences is None else (self._sequences, 2)
        speed = self._speed(column)
        return max(0, of_all - self._seen[-1][column]) / speed if speed else None

    def _speed(self, column: int) -> float:
        first, last = self._seen[0], self._seen[-1]
        spent = last[0] - first[0]
        return (last[column] - first[column]) / spent if spent > 0 else 0.0
