"""How often evidence calls tiles that do nothing: rates of p below a level, by simulation.

    python benchmarks/evidence.py [--loci 5000] [--seed 0]

Native bases and shuffles are draws of one kind, so that every call is a false one. Printed for
normal replicates of equal and of unequal variances, and for one draw in twenty that is far off (of
six times the spread); beside it the one-sample t over replicates, which the toolkit does
not use, and the rank p in a panel of as many inert loci. Last, the interval of a mean over the
tiles of a locus that share their backgrounds.
"""

from __future__ import annotations

import argparse

import numpy as np
import xarray as xr
from scipy import stats

from creme.analysis.calibration import Distribution
from creme.analysis.evidence import evidence
from creme.analysis.resampling import shared_interval
from creme.analysis.statistics import mean_over

TILES = 38
REPLICATES = (2, 3, 5, 10, 30)
LEVELS = (0.05, 0.001)


def draws(
    random: np.random.Generator, kind: str, spread: np.ndarray, shape: tuple[int, ...]
) -> np.ndarray:
    """Values of one kind, (locus, tile, replicate)."""
    values = random.normal(size=shape)
    if kind == "outliers":
        values *= np.where(random.random(shape) < 1 / 20, 6, 1)
    return values * spread


def rates(kind: str, replicates: int, loci: int, seed: int) -> tuple[list[float], list[float], int]:
    """Rates of p below the levels: of evidence, and of the one-sample t; calls at q below 0.05."""
    random = np.random.default_rng([seed, replicates])
    spread = np.ones((loci, TILES, 1))
    if kind == "unequal":
        spread = np.sqrt(6 / random.chisquare(6, spread.shape))
    native = draws(random, kind, spread, (loci, TILES, 1))
    effects = native - draws(random, kind, spread, (loci, TILES, replicates))
    dims = ("locus", "tile", "replicate", "track")
    tested = evidence(xr.Dataset({"effect_replicates": (dims, effects[..., None])}))
    plain = stats.ttest_1samp(effects, 0, axis=2).pvalue
    return (
        [float((tested["p"] < level).mean()) for level in LEVELS],
        [float((plain < level).mean()) for level in LEVELS],
        int((tested["q"] < 0.05).sum()),
    )


def rank_rates(kind: str, replicates: int, loci: int, seed: int) -> list[float]:
    """Rates of rank p below the levels, in a panel of as many inert loci."""
    random = np.random.default_rng([seed, replicates, 1])
    spread = np.ones((loci, TILES, 1))

    def inert() -> np.ndarray:
        native = draws(random, kind, spread, (loci, TILES, 1))
        shuffled = draws(random, kind, spread, (loci, TILES, replicates))
        return (native - shuffled).mean(axis=2)

    p = Distribution.of(inert()).p(inert())
    return [float((p < level).mean()) for level in LEVELS]


def coverage_of_loci(loci: int, trials: int, seed: int) -> float:
    """How often the 0.95 interval of a mean over so many loci holds the true mean."""
    random = np.random.default_rng([seed, loci])
    values = xr.DataArray(random.normal(size=(loci, trials)), dims=("locus", "trial"))
    found = mean_over(values, resamples=1000, seed=seed)
    return float(((found["low"] <= 0) & (found["high"] >= 0)).mean())


def coverage_of_tiles(replicates: int, trials: int, seed: int, *, jointly: bool) -> float:
    """The same of the mean over a locus's tiles, half of whose noise is that of the background."""
    random = np.random.default_rng([seed, replicates])
    hits = 0
    for trial in range(trials):
        shared = random.normal(size=(1, replicates))
        effects = shared + random.normal(size=(TILES, replicates))
        values = xr.DataArray(effects, dims=("tile", "replicate"))
        found = shared_interval(
            values, lambda tiles: tiles.mean("tile"), jointly=jointly, resamples=500, seed=trial
        )
        hits += bool(found["low"] <= 0 <= found["high"])
    return hits / trials


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--loci", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    print(f"{given.loci} loci of {TILES} tiles, none of which does anything")
    print(
        "replicates       | R  | p < 0.05 | p < 0.001 | q < 0.05 | one-sample t: 0.05 | 0.001"
        " | rank p: 0.05 | 0.001"
    )
    for kind in ("equal", "unequal", "outliers"):
        for replicates in REPLICATES:
            ours, plain, called = rates(kind, replicates, given.loci, given.seed)
            rank = rank_rates(kind, replicates, given.loci, given.seed)
            print(
                f"{kind:16} | {replicates:2} | {ours[0]:8.4f} | {ours[1]:9.5f} | {called:8} | "
                f"{plain[0]:18.3f} | {plain[1]:.3f} | {rank[0]:12.4f} | {rank[1]:.5f}"
            )
    for loci in (3, 5, 10, 20, 50):
        print(f"coverage of 0.95 over {loci} loci: {coverage_of_loci(loci, 2000, given.seed):.3f}")
    for replicates in (5, 10, 30):
        joint, apart = (
            coverage_of_tiles(replicates, 400, given.seed, jointly=jointly)
            for jointly in (True, False)
        )
        print(
            f"coverage of 0.95 of a mean over tiles, {replicates} backgrounds: {joint:.3f} "
            f"jointly, {apart:.3f} tile by tile"
        )


if __name__ == "__main__":
    main()
