"""Calls of enhancers and silencers compared with what is true."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from creme.seeds import derive

LEVELS = (0.01, 0.05, 0.1, 0.2)
"""The q at which calls are compared with the share of them that is false."""
RESAMPLES = 1000


@dataclass(frozen=True)
class Strengths:
    """When a true effect counts, on the scale of the test.

    Parameters
    ----------
    strong : float
        From it on, a tile is an enhancer (or, below its negative, a silencer) to be found.
    nothing : float
        Up to it, which is rounding, a tile does nothing, and a call of it is false. What lies
        between is right to be called and no loss if it is not.
    """

    strong: float = 0.1
    nothing: float = 1e-6


def scores(
    effects: pd.DataFrame, strengths: Strengths, *, q: float = 0.05, least: float = 0.0, seed: int
) -> pd.DataFrame:
    """Recall, precision and false calls, with intervals.

    Parameters
    ----------
    effects : DataFrame
        A row for each tile of each locus: ``locus``, ``effect``, ``q`` and ``truth``. Rows that
        lack an effect or a q are no calls.
    strengths : Strengths
    q, least : float
        A call has a q below the one and an effect of at least the other; its sign is its kind.
    seed : int
        Of the bootstrap.

    Returns
    -------
    DataFrame
        Rows ``enhancer recall``, ``silencer recall``, ``precision``, ``false call rate`` and
        ``correlation`` with ``value``, ``low`` and ``high`` (95 %, of `RESAMPLES` bootstrap
        samples of the loci), and ``n``, the tiles that the share is of. NaN of nothing.
    """
    calls = (effects["q"] < q) & (effects["effect"].abs() >= least)
    sign = np.sign(effects["effect"]).where(calls, 0.0)
    truth = effects["truth"]
    something = truth.abs() > strengths.nothing
    counted = {
        "enhancer recall": (sign > 0, truth >= strengths.strong),
        "silencer recall": (sign < 0, truth <= -strengths.strong),
        "precision": (something & (np.sign(truth) == sign), calls),
        "false call rate": (calls, ~something),
    }
    table = ratio_scores(effects["locus"], counted, seed)
    codes, loci = pd.factorize(effects["locus"])
    both = effects["effect"].notna()
    pairs = effects.loc[both, ["effect", "truth"]].to_numpy()
    correlation = _correlation(pairs, codes[both], len(loci))
    row = _row("correlation", len(pairs), correlation, _draws(len(loci), seed))
    return pd.concat([table, pd.DataFrame([row]).set_index("score")])


def ratio_scores(
    loci: pd.Series, counted: Mapping[str, tuple[pd.Series, pd.Series]], seed: int
) -> pd.DataFrame:
    """Shares with intervals, of rows that belong to loci.

    Parameters
    ----------
    loci : Series
        The locus of each row.
    counted : mapping of str to (Series, Series) of bool
        By the score's name: the rows that count, and the rows among which they do.
    seed : int
        Of the bootstrap.

    Returns
    -------
    DataFrame
        ``value``, ``low``, ``high`` and ``n``, by ``score``.
    """
    codes, names = pd.factorize(loci)
    draws = _draws(len(names), seed)
    rows = []
    for name, (right, among) in counted.items():
        hits = np.bincount(codes, (right & among).to_numpy(), len(names))
        all_ = np.bincount(codes, among.to_numpy(), len(names))
        rows.append(_row(name, int(all_.sum()), _ratio(hits, all_), draws))
    return pd.DataFrame(rows).set_index("score")


def statistic_scores(
    statistics: Mapping[str, tuple[pd.DataFrame, Callable[[pd.DataFrame], float]]], seed: int
) -> pd.DataFrame:
    """Statistics of rows that belong to loci, with intervals.

    Parameters
    ----------
    statistics : mapping of str to (DataFrame, callable)
        By the score's name: rows with a column ``locus``, and what is computed of them.
    seed : int
        Of the bootstrap.

    Returns
    -------
    DataFrame
        ``score``, ``value``, ``low``, ``high`` and ``n``, the number of loci. NaN of no rows.
    """
    rows: list[dict[str, object]] = []
    for name, (table, compute) in statistics.items():
        codes, names = pd.factorize(table["locus"])
        places = [np.flatnonzero(codes == k) for k in range(len(names))]

        def statistic(
            draw: NDArray[np.int64],
            table: pd.DataFrame = table,
            places: list[NDArray[np.intp]] = places,
            compute: Callable[[pd.DataFrame], float] = compute,
        ) -> float:
            return float(compute(table.iloc[np.concatenate([places[k] for k in draw])]))

        if not len(names):
            rows.append({"score": name, "value": np.nan, "low": np.nan, "high": np.nan, "n": 0})
            continue
        rows.append(_row(name, len(names), statistic, _draws(len(names), seed)))
    return pd.DataFrame(rows)


def calibration(effects: pd.DataFrame, strengths: Strengths) -> pd.DataFrame:
    """The share of calls that is false, at each of `LEVELS`.

    Returns
    -------
    DataFrame
        ``q``, ``calls``, ``false`` and ``share``; NaN where nothing is called.
    """
    rows = []
    for level in LEVELS:
        calls = effects["q"] < level
        false = calls & (effects["truth"].abs() <= strengths.nothing)
        number = int(calls.sum())
        share = int(false.sum()) / number if number else np.nan
        rows.append({"q": level, "calls": number, "false": int(false.sum()), "share": share})
    return pd.DataFrame(rows)


_Statistic = Callable[[NDArray[np.int64]], float]
"""Of loci by their numbers, each as often as it was drawn."""


def _row(name: str, n: int, statistic: _Statistic, draws: NDArray[np.int64]) -> dict[str, object]:
    value = statistic(np.arange(draws.shape[1]))
    sampled = np.array([statistic(draw) for draw in draws])
    finite = sampled[np.isfinite(sampled)]
    low, high = np.quantile(finite, [0.025, 0.975]) if finite.size else (np.nan, np.nan)
    return {"score": name, "value": value, "low": low, "high": high, "n": n}


def _draws(loci: int, seed: int) -> NDArray[np.int64]:
    random = np.random.Generator(np.random.Philox(derive(seed, "benchmark", "loci")))
    return random.integers(0, loci, (RESAMPLES, loci))


def _ratio(hits: NDArray[np.number], all_: NDArray[np.number]) -> _Statistic:
    def share(draw: NDArray[np.int64]) -> float:
        number = all_[draw].sum()
        return float(hits[draw].sum() / number) if number else np.nan

    return share


def _correlation(pairs: NDArray[np.float64], codes: NDArray[np.int64], loci: int) -> _Statistic:
    """Pearson's, from sums by locus."""
    x, y = pairs.T - pairs.mean(axis=0)[:, None] if len(pairs) else np.zeros((2, 0))
    sums = np.stack(
        [np.bincount(codes, part, loci) for part in (np.ones_like(x), x, y, x * x, y * y, x * y)]
    )

    def pearson(draw: NDArray[np.int64]) -> float:
        n, a, b, aa, bb, ab = sums[:, draw].sum(axis=1)
        if not n:
            return np.nan
        spread = (aa - a * a / n) * (bb - b * b / n)
        return float((ab - a * b / n) / np.sqrt(spread)) if spread > 0 else np.nan

    return pearson
