"""Agreement of two experiments on the classes of the same loci and tiles."""

from __future__ import annotations

from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from creme.analysis.categories import CONTEXTS, CRE_CLASSES, context_categories, cre_classes, texts
from creme.analysis.resampling import group_weights, interval
from creme.errors import ConfigError, listing

NONE = "none"
"""Name of the class of tiles and contexts that belong to no other."""


@dataclass(frozen=True)
class ClassAgreement:
    """Result of `class_agreement`."""

    kappa: float
    low: float
    high: float
    agreement: float
    n: int
    counts: pd.DataFrame


def class_agreement(
    a: ArrayLike,
    b: ArrayLike,
    loci: ArrayLike,
    names: SequenceOf[str],
    *,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> ClassAgreement:
    """Cohen's kappa of two classifications, with a bootstrap interval over loci.

    Kappa is the agreement beyond chance, (observed - expected) / (1 - expected), with the chance
    of each one's own frequencies: 1 for the same classes, 0 for independent ones.

    Parameters
    ----------
    a, b : sequence of str, (n,)
        Empty text is a class too, called `NONE`.
    loci : sequence, (n,)
        Drawn with all their values.
    names : list of str
        The classes, in the order of the table.
    confidence : float
    resamples, seed : int

    Returns
    -------
    ClassAgreement
        ``kappa``, ``low``, ``high``; ``agreement``, the share with the same class; ``n``;
        ``counts``, the contingency table, A's classes down and B's across. Kappa is NaN where both
        have one and the same class only: then all agreement is chance.

    Raises
    ------
    ConfigError
        If a class is none of the names.
    """
    order = [*names, NONE]
    indices = []
    for values in (a, b):
        labels = [text or NONE for text in texts(values).tolist()]
        if unknown := sorted(set(labels) - set(order)):
            raise ConfigError(f"there is no class {listing(unknown)}: {listing(order)}")
        indices.append(np.array([order.index(text) for text in labels], dtype=np.int64))
    size = len(order)
    cells = np.eye(size * size)[indices[0] * size + indices[1]]
    counts = cells.sum(axis=0).reshape(1, size, size)
    draws = [
        _kappa((weights @ cells).reshape(-1, size, size))
        for weights in group_weights(loci, resamples, seed)
    ]
    low, high = interval(np.concatenate(draws) if draws else [], confidence)
    n = int(counts.sum())
    return ClassAgreement(
        kappa=float(_kappa(counts)[0]),
        low=low,
        high=high,
        agreement=float(np.trace(counts[0]) / n) if n else float("nan"),
        n=n,
        counts=pd.DataFrame(counts[0].astype(int), index=order, columns=order),
    )


def _kappa(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of (draws, classes, classes) counts."""
    n = counts.sum(axis=(1, 2))
    observed = np.trace(counts, axis1=1, axis2=2) * n
    expected = (counts.sum(axis=2) * counts.sum(axis=1)).sum(axis=1)
    # In counts, which are whole numbers, so that 1 - expected is 0 only where it is.
    beyond = n * n - expected
    return np.divide(observed - expected, beyond, out=np.full(len(n), np.nan), where=beyond > 0)


def classes_of(test: str, effects: ArrayLike, **thresholds: Any) -> tuple[Any, tuple[str, ...]]:
    """Classes by the effects of a test, and their names; no names for a test without classes.

    ``context_dependence`` has categories of contexts, ``sufficiency`` classes of CREs; see
    `creme.analysis.categories` for the thresholds. Classes that need more than effects (silencers
    by their control, q-values, rank p) have no names either: by effects alone they would be others.
    """
    more = thresholds.get("q_below") or thresholds.get("p_below")
    if thresholds.get("silencers_by", "wild_type") != "wild_type" or more:
        return None, ()
    dataset = xr.Dataset({"effect": ("row", np.asarray(effects, dtype=np.float64))})
    if test == "context_dependence":
        return context_categories(dataset, **thresholds).values, CONTEXTS
    if test == "sufficiency":
        return cre_classes(dataset, **thresholds).values, CRE_CLASSES
    return None, ()
