"""How fast a run is, as it says itself."""

from __future__ import annotations

import pytest

from creme.runner.pace import Pace
from creme.runner.tasks import Progress


def seen(pace, clock, times, **counts):
    for moment in times:
        clock[0] = moment
        pace.see(Progress(**{name: round(at(moment)) for name, at in counts.items()}))


def test_of_the_last_minute():
    """What the store answered at first says nothing of what is left."""
    clock = [0.0]
    pace = Pace(10_000, 50, lambda: clock[0])
    assert pace.rate == 0
    assert pace.seconds_left is None
    times = [k / 100 for k in range(1, 501)]
    seen(pace, clock, times, asked=lambda t: 1000 * t, predicted=lambda t: 0)
    assert pace.rate == 0
    assert pace.seconds_left == pytest.approx(5, rel=0.01)
    times = [5 + k / 10 for k in range(2000)]
    seen(pace, clock, times, asked=lambda t: 5000 + 20 * (t - 5), predicted=lambda t: 10 * (t - 5))
    assert pace.rate == pytest.approx(10, rel=0.01)
    assert pace.seconds_left == pytest.approx((10_000 - 9000) / 20, rel=0.02)
    assert len(pace._seen) < 70


def test_by_units_where_tests_decide_on_their_way():
    clock = [0.0]
    pace = Pace(None, 50, lambda: clock[0])
    times = range(1, 20)
    seen(pace, clock, times, finished=lambda t: t, failed=lambda t: t, asked=lambda t: 99 * t)
    assert pace.seconds_left == pytest.approx((50 - 38) / 2)
