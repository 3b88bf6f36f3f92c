"""What early stops do where replicates are not normal: they do not stop."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from creme.suite.adaptive import Layout
from creme.suite.necessity import Necessity
from creme.suite.normality import DOUBT, ENOUGH, about_normal
from creme.suite.race import Race

TILES = 38
KINDS = {
    "normal": lambda random, shape: random.normal(1, 1, shape),
    "skewed": lambda random, shape: np.exp(0.7 * random.normal(size=shape) - 0.245),
    "far off": lambda random, shape: random.normal(size=shape) + 20 * (random.random(shape) < 0.05),
}
"""All of mean 1; the second has a skewness of 2.9, of the third one in twenty is far off."""


def stopped(values, tolerance, own_draws=True):
    """The replicates of each row that a test with a tolerance measures; NaN for the others."""
    test = Necessity(replicates=values.shape[1], tolerance=tolerance)
    steps = test.measure_replicates(
        Layout(
            effects=(len(values),),
            cells=(len(values),),
            sequences=lambda cell, replicates: ((cell[0], k) for k in replicates),  # type: ignore[misc]
            needs=lambda effects: effects,
            effect=lambda activities: activities.astype(np.float64),
            own_draws=own_draws,
        )
    )
    request = next(steps)
    while True:
        response = np.array([values[place] for place in request], np.float32)[:, None]  # type: ignore[union-attr]
        try:
            request = steps.send(response)
        except StopIteration as end:
            return end.value.effect[..., 0]


@pytest.mark.parametrize(("replicates", "tolerance"), [(10, 0.6), (40, 0.3)])
@pytest.mark.parametrize("kind", KINDS)
def test_effects_are_not_biased_and_intervals_hold_as_those_of_all_replicates(
    kind, replicates, tolerance
):
    random = np.random.default_rng(5)
    whole = np.concatenate([KINDS[kind](random, (TILES, replicates)) for _ in range(60)])
    rows = np.concatenate([stopped(part, tolerance) for part in np.split(whole, 60)])
    used = np.isfinite(rows).sum(axis=1)

    def covered(values, n):
        error = np.nanstd(values, axis=1, ddof=1) / np.sqrt(n)
        return np.mean(np.abs(np.nanmean(values, axis=1) - 1) < stats.t(n - 1).ppf(0.975) * error)

    everything = np.full(len(whole), replicates)
    # Without the look at normality: -5 and -10 % where skewed, -29 and -33 % where far off.
    assert abs(np.nanmean(rows, axis=1).mean() - whole.mean()) < 0.02
    assert covered(rows, used) > covered(whole, everything) - 0.03
    if kind == "normal":
        assert used.mean() < 0.8 * replicates
        assert covered(rows, used) > 0.92
    else:
        assert used.mean() > 0.95 * replicates


@pytest.mark.parametrize("kind", ["skewed", "far off"])
def test_a_race_finds_the_winner_as_often_as_it_says(kind):
    """Without the look at normality it finds that of rare shuffles in 76 to 86 %."""
    random = np.random.default_rng(6)
    right = 0
    for _ in range(100):
        values = KINDS[kind](random, (TILES, 20)) + np.linspace(0, 3, TILES)[:, None]
        values = values.astype(np.float32)
        race = Race(TILES, 20, 0.95, lowest=False)
        while pending := race.pending():
            race.record(np.concatenate([values[at, numbers] for at, numbers in pending]))
        right += race.best()[0] == values.mean(axis=1, dtype=np.float64).argmax()
    assert right >= 95 - 3 * np.sqrt(100 * 0.05 * 0.95)


def test_shared_draws_are_no_more_than_one_background_each():
    random = np.random.default_rng(7)
    values = random.normal(1, 1, (TILES, 40))
    assert np.isnan(stopped(values, 1e6)).any()
    assert np.isfinite(stopped(values, 1e6, own_draws=False)).all()
    # A hundred backgrounds are enough to look at.
    assert np.isnan(stopped(random.normal(1, 1, (TILES, 150)), 1e6, own_draws=False)).any()


# The look at normality.


def plain(values):
    """Mean skewness in standard deviations, and values far from the others, by scipy."""
    rows = values[values.std(axis=1) > 0]
    n = rows.shape[1]
    spread = np.sqrt(6 * (n - 2) / ((n + 1) * (n + 3)) / len(rows))
    far = 0
    for row in rows:
        for k, value in enumerate(row):
            others = np.delete(row, k)
            t = (value - others.mean()) / (others.std(ddof=1) * np.sqrt(1 + 1 / (n - 1)))
            far += 2 * stats.t(n - 2).sf(abs(t)) < 0.01
    return stats.skew(rows, axis=1).mean() / spread, far, rows.size


@pytest.mark.parametrize("tracks", [1, 2])
def test_about_normal_is_what_plain_loops_make(tracks):
    random = np.random.default_rng(8)
    answers = []
    for number in range(60):
        kind = list(KINDS)[number % 3]
        values = KINDS[kind](random, (16, 6, tracks))
        values[3] = 1.0  # does not vary
        expected = True
        for track in range(tracks):
            skewness, far, size = plain(values[..., track])
            tail = DOUBT / 2 / tracks
            expected &= abs(skewness) <= stats.norm.isf(tail / 2)
            expected &= far <= stats.binom(size, 0.01).ppf(1 - tail)
        assert about_normal(values, 96) == expected
        answers.append(expected)
    assert 10 < sum(answers) < 30


def test_normal_replicates_are_seldom_doubted_and_others_mostly():
    random = np.random.default_rng(9)
    share = {
        kind: np.mean([about_normal(draw(random, (TILES, 6, 1)), TILES * 6) for _ in range(200)])
        for kind, draw in KINDS.items()
    }
    assert share["normal"] > 1 - 1.5 * DOUBT
    assert share["skewed"] < 0.02
    assert share["far off"] < 0.05


def test_too_few_draws_say_nothing():
    values = np.zeros((15, 6, 1))
    assert about_normal(values, ENOUGH)
    assert not about_normal(values, ENOUGH - 1)
    assert about_normal(np.full((15, 6, 1), np.nan), ENOUGH)
