"""How many replicates the tests of a plan need, by the noise in the store or in the benchmark."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from creme.analysis.evidence import COMPARED
from creme.analysis.power import MOST, Noise, benchmark_noise, power, replicates_for
from creme.errors import ConfigError, listing
from creme.runner.plan import Plan
from creme.runner.stored_noise import stored_noise
from creme.runner.write_buffer import StoredPredictions
from creme.test import Test

WANTED = 0.8
"""The chance to find an effect that replicates are planned for."""


@dataclass(frozen=True)
class PlannedPower:
    """The power of one test.

    Attributes
    ----------
    label : str
    tile, replicates : int
        As the test has them.
    chance : float
        That the effect is called at q < 0.05 with these replicates; NaN of one.
    needed : int or None
        The fewest replicates with a chance of `WANTED`; None where `creme.analysis.power.MOST` do
        not reach it.
    noise : Noise
    source : str
        Where the noise is from, in words.
    """

    label: str
    tile: int
    replicates: int
    chance: float
    needed: int | None
    noise: Noise
    source: str


def planned_powers(
    tests: Mapping[str, Test],
    units: Callable[[Test], Iterable[Any]],
    plan: Plan,
    stored: StoredPredictions,
    effect: float,
    track: int = 0,
) -> list[PlannedPower]:
    """The power of tests whose effects have a q; others are left out.

    Parameters
    ----------
    tests : mapping of str to Test
    units : callable
        The units of a test that predictions may be stored of.
    plan : Plan
        Its readouts.
    stored : StoredPredictions
    effect : float
        True effect, as a share of the wild type's activity; positive of an enhancer.
    track : int
        Number of the activity.

    Raises
    ------
    ConfigError
        If no test has a q, or the effect leaves no activity.
    """
    rows = []
    for label, test in tests.items():
        if test.name not in COMPARED:
            continue
        tile, replicates = int(getattr(test, "tile", 0)), int(getattr(test, "replicates", 0))
        its = stored_noise(test, units(test), plan.bound.of, stored, track)
        if its is None:
            noise, whose = benchmark_noise(test.name, tile)
            source = f"the benchmark of known truth ({whose})"
        else:
            noise, number = its
            source = f"the store ({number} loci)"
        chance = power(effect, replicates, noise) if replicates > 1 else float("nan")
        needed = replicates_for(effect, noise, WANTED)
        rows.append(PlannedPower(label, tile, replicates, chance, needed, noise, source))
    if not rows:
        raise ConfigError(f"no test has effects with a q: {listing(COMPARED)} have")
    return rows


def in_words(needed: int | None) -> str:
    """A number of replicates; or that none is enough."""
    return f"more than {MOST}" if needed is None else str(needed)
