"""Bias and coverage of tests that stop early, for replicates that are normal and that are not.

    python benchmarks/early_stops.py --write docs/fewer_predictions.md

The rules are those of the tests themselves, fed with drawn values in place of a model's; beside
them the rule without the look at normality, and all replicates.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import cast
from unittest import mock

import numpy as np
from scipy import stats

from creme.files.durable import write_text
from creme.suite import adaptive, race
from creme.suite.necessity import Necessity

TILES, LOCI, CONFIDENCE = 38, 300, 0.95
BEGIN, END = "<!-- written by benchmarks/early_stops.py -->", "<!-- end of early_stops.py -->"

Draw = Callable[[np.random.Generator, tuple[int, int]], np.ndarray]


def normal(random: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Mean 1, standard deviation 1."""
    return random.normal(1, 1, shape)


def skewed(random: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Log-normal of mean 1 and a skewness of 2.9."""
    return np.exp(0.7 * random.normal(size=shape) - 0.7**2 / 2)


def far_off(random: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Normal of mean 0 and standard deviation 1, but one in twenty is 20 further up: mean 1."""
    return random.normal(size=shape) + 20 * (random.random(shape) < 0.05)


KINDS: dict[str, Draw] = {
    "normal": normal,
    "log-normal, skewness 2.9": skewed,
    "one in twenty 20 sd off": far_off,
}


@contextmanager
def spread_alone() -> Iterator[None]:
    """The rule that looks at nothing but the spread, from four replicates on."""
    with ExitStack() as stack:
        stack.enter_context(mock.patch.object(adaptive, "MINIMUM", 4))
        for module in (adaptive, race):
            stack.enter_context(mock.patch.object(module, "about_normal", return_value=True))
        yield


def measured(values: np.ndarray, tolerance: float | None) -> np.ndarray:
    """The effects' replicates, NaN where a tolerance left them out, (tile, replicate)."""
    tiles, replicates = values.shape
    test = Necessity(replicates=replicates, tolerance=tolerance)
    steps = test.measure_replicates(
        adaptive.Layout(
            effects=(tiles,),
            cells=(tiles,),
            sequences=lambda cell, numbers: ((cell[0], k) for k in numbers),  # type: ignore[misc]
            needs=lambda effects: effects,
            effect=lambda activities: activities.astype(np.float64),
            own_draws=True,
        )
    )
    request = next(steps)
    while True:
        # The layout's sequences are places.
        places = cast(list[tuple[int, int]], request)
        answer = np.array([values[place] for place in places], dtype=np.float32)[:, None]
        try:
            request = steps.send(answer)
        except StopIteration as end:
            return end.value.effect[..., 0]


def intervals(draw: Draw, replicates: int, tolerance: float | None) -> tuple[float, float, float]:
    """Bias of the mean effect, coverage of 95 % intervals, and predictions saved."""
    random = np.random.default_rng(5)
    rows = np.concatenate(
        [measured(draw(random, (TILES, replicates)), tolerance) for _ in range(LOCI)]
    )
    used = np.isfinite(rows).sum(axis=1)
    means = np.nanmean(rows, axis=1)
    error = np.nanstd(rows, axis=1, ddof=1) / np.sqrt(used)
    covered = np.abs(means - 1) < stats.t(used - 1).ppf(0.975) * error
    return means.mean() - 1, covered.mean(), 1 - used.mean() / replicates


def races(draw: Draw, replicates: int) -> tuple[float, float]:
    """Races whose winner is that of all replicates, and predictions saved."""
    random = np.random.default_rng(6)
    right, used = 0, 0
    for _ in range(LOCI):
        # Every candidate is a little worse than the one before.
        values = draw(random, (TILES, replicates)) + np.linspace(0, 3, TILES)[:, None]
        values = values.astype(np.float32)
        one = race.Race(TILES, replicates, CONFIDENCE, lowest=False)
        while pending := one.pending():
            one.record(np.concatenate([values[at, numbers] for at, numbers in pending]))
        right += one.best()[0] == int(values.mean(axis=1, dtype=np.float64).argmax())
        used += int(np.isfinite(one.values).sum())
    return right / LOCI, 1 - used / values.size / LOCI


def tables() -> str:
    """Both tables, as Markdown."""
    lines = [
        "| replicates | rule | bias | coverage | saved | bias, spread alone | coverage | saved "
        "| bias, all | coverage |",
        "|" + " --- |" * 10,
    ]
    for title, draw in KINDS.items():
        for replicates, tolerance in ((10, 0.6), (40, 0.3)):
            now = intervals(draw, replicates, tolerance)
            with spread_alone():
                before = intervals(draw, replicates, tolerance)
            whole = intervals(draw, replicates, None)
            cells = [
                *(f"{now[0]:+.1%}", f"{now[1]:.1%}", f"{now[2]:.0%}"),
                *(f"{before[0]:+.1%}", f"{before[1]:.1%}", f"{before[2]:.0%}"),
                *(f"{whole[0]:+.1%}", f"{whole[1]:.1%}"),
            ]
            what = f"{title}, at most {replicates}"
            lines.append(f"| {what} | tolerance {tolerance:g} | " + " | ".join(cells) + " |")
    lines += [
        "",
        "| replicates | same winner | saved | same winner, spread alone | saved |",
        "|" + " --- |" * 5,
    ]
    for title, draw in KINDS.items():
        for replicates in (10, 40):
            same, saved = races(draw, replicates)
            with spread_alone():
                same_before, saved_before = races(draw, replicates)
            cells = [f"{same:.1%}", f"{saved:.0%}", f"{same_before:.1%}", f"{saved_before:.0%}"]
            lines.append(f"| {title}, {replicates} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Print the tables, and write them into a page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", type=Path, help="page whose tables are replaced")
    options = parser.parse_args()
    text = tables()
    print(text)
    if options.write:
        page = options.write.read_text(encoding="utf-8")
        before, _, rest = page.partition(BEGIN)
        after = rest.partition(END)[2]
        write_text(options.write, f"{before}{BEGIN}\n\n{text}\n\n{END}{after}")


if __name__ == "__main__":
    main()
