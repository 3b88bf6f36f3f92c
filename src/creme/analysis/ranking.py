"""AUPRC and AUROC: the quality of a score that ranks the true above the false."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from creme.analysis.resampling import group_weights, interval
from creme.errors import ConfigError

METRICS = ("auprc", "auroc")


def auprc(truth: ArrayLike, score: ArrayLike) -> float:
    """Area under the precision-recall curve, as average precision.

    The sum over thresholds of (gain of recall) x (precision): no interpolation, which would be too
    optimistic. Equal scores are one threshold. A constant score has the share of the true.

    Parameters
    ----------
    truth : sequence of bool, (n,)
    score : sequence of float, (n,)
        Higher for members that are thought to be true; infinities are allowed.

    Returns
    -------
    float
        NaN where `undefined` gives a reason.

    Raises
    ------
    ConfigError
        If the lengths differ, or a score is NaN.
    """
    return float(_areas(*_checked(truth, score))[0][0])


def auroc(truth: ArrayLike, score: ArrayLike) -> float:
    """Area under the ROC curve: how often a positive has a higher score than a negative.

    Equal scores count half. Parameters, returns and errors are those of `auprc`.
    """
    return float(_areas(*_checked(truth, score))[1][0])


def undefined(truth: ArrayLike) -> str:
    """``nothing is true``, ``nothing is false``, ``empty`` where areas have no value; else ""."""
    values = np.asarray(truth, dtype=bool)
    if not values.size:
        return "empty"
    if values.all():
        return "nothing is false"
    return "" if values.any() else "nothing is true"


def compare_scores(
    truth: ArrayLike,
    scores: Mapping[str, ArrayLike],
    groups: ArrayLike,
    *,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """AUPRC and AUROC of several scores of the same members, with bootstrap intervals.

    All scores are measured on the same draws, so that the interval of a difference is that of
    pairs.

    Parameters
    ----------
    truth : sequence of bool, (n,)
    scores : dict of name to sequence of float, (n,)
        The others are compared with the first one.
    groups : sequence, (n,)
        Drawn with replacement, with all their members.
    confidence : float
    resamples, seed : int

    Returns
    -------
    DataFrame, a row for each score and metric
        ``score``, ``metric`` (of `METRICS`), ``value``, ``low``, ``high``; ``gain``, the first
        score's value less this one's, ``gain_low``, ``gain_high`` (NaN in the first score's rows);
        ``draws``, how many draws have a value (a draw without a true or without a false one has
        none). NaN where a value is undefined; the interval is NaN for a single group.
    """
    parts: dict[str, list[NDArray[np.float64]]] = {name: [] for name in scores}
    values = {
        name: np.array(_areas(*_checked(truth, score)))[:, 0] for name, score in scores.items()
    }
    if not undefined(truth):
        for weights in group_weights(groups, resamples, seed):
            for name, score in scores.items():
                parts[name].append(np.array(_areas(*_checked(truth, score), weights)))
    first = next(iter(scores))
    rows = []
    for name in scores:
        for row, metric in enumerate(METRICS):
            draws = _joined(parts[name])[row]
            difference = _joined(parts[first])[row] - draws
            other = name != first
            low, high = interval(draws, confidence)
            gain_low, gain_high = interval(difference if other else [], confidence)
            rows.append(
                {
                    "score": name,
                    "metric": metric,
                    "value": values[name][row],
                    "low": low,
                    "high": high,
                    "gain": values[first][row] - values[name][row] if other else np.nan,
                    "gain_low": gain_low,
                    "gain_high": gain_high,
                    "draws": int(np.isfinite(draws).sum()),
                }
            )
    return pd.DataFrame(rows)


def _joined(parts: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    return np.concatenate([np.empty((len(METRICS), 0)), *parts], axis=1)


def _checked(truth: ArrayLike, score: ArrayLike) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    true, scored = np.asarray(truth, dtype=bool), np.asarray(score, dtype=np.float64)
    if true.ndim != 1 or true.shape != scored.shape:
        raise ConfigError(
            f"truth has shape {true.shape} and score {scored.shape}: every member needs one of each"
        )
    if np.isnan(scored).any():
        raise ConfigError(
            f"{int(np.isnan(scored).sum())} of {len(scored)} scores are NaN: leave them out, and "
            f"count them"
        )
    return true, scored


def _areas(
    truth: NDArray[np.bool_],
    score: NDArray[np.float64],
    weights: NDArray[np.float64] | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """AUPRC and AUROC, (draws,) each, of members counted as often as (draws, n) weights say."""
    if weights is None:
        weights = np.ones((1, len(truth)))
    if not len(truth):
        return np.full(len(weights), np.nan), np.full(len(weights), np.nan)
    order = np.argsort(-score, kind="stable")
    # The last place of each run of equal scores: a threshold takes all of them or none.
    ranked = score[order]
    ends = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))
    sorted_weights = weights[:, order]
    true = np.cumsum(sorted_weights * truth[order], axis=1)[:, ends]
    false = np.cumsum(sorted_weights, axis=1)[:, ends] - true
    gained = np.diff(true, axis=1, prepend=0.0)
    passed = np.diff(false, axis=1, prepend=0.0)
    total_true, total_false = true[:, -1], false[:, -1]
    # Members that a draw leaves out have no precision, and gain no recall.
    precision = np.divide(true, true + false, out=np.zeros_like(true), where=true + false > 0)
    defined = (total_true > 0) & (total_false > 0)
    precise = np.divide(
        (gained * precision).sum(axis=1), total_true, out=np.full(len(true), np.nan), where=defined
    )
    higher = (passed * (true - gained / 2)).sum(axis=1)
    roc = np.divide(higher, total_true * total_false, out=np.full(len(true), np.nan), where=defined)
    return precise, roc
