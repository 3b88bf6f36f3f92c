"""How much answers depend on what tiles and contexts were replaced with."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

SMALL = 0.05
"""Effects below it, in size, on both sides have no sign that matters."""


def same_but_for_backgrounds(
    tests: Iterable[str], attributes: Mapping[str, Mapping[str, Any]]
) -> Iterator[tuple[str, str]]:
    """Pairs of tests that differ in their perturbation, and in nothing else but the seed.

    Parameters
    ----------
    tests : iterable of str
        Labels.
    attributes : mapping of label to mapping
        Attributes of the Datasets.
    """
    settings: dict[str, tuple[Any, Any]] = {}
    for label in tests:
        configuration = json.loads(attributes[label].get("configuration", "{}"))
        perturbation = configuration.pop("perturbation", None)
        configuration.pop("seed", None)
        if perturbation is not None:
            settings[label] = (attributes[label].get("test"), configuration), perturbation
    for one, other in combinations(settings, 2):
        if settings[one][0] == settings[other][0] and settings[one][1] != settings[other][1]:
            yield one, other


def perturbation_name(attributes: Mapping[str, Any]) -> str:
    """The name of a test's perturbation, with its parameters where it was given any."""
    chosen = json.loads(attributes.get("configuration", "{}")).get("perturbation", "")
    if not isinstance(chosen, dict):
        return str(chosen)
    more = ", ".join(f"{key} = {value}" for key, value in chosen.items() if key != "name")
    return f"{chosen.get('name', '')} ({more})" if more else str(chosen.get("name", ""))


def sign_and_rank(paired: pd.DataFrame, neutral: float = 0.0, small: float = SMALL) -> pd.DataFrame:
    """Whether two sets of effects agree on signs, and on the strongest of each locus.

    Parameters
    ----------
    paired : DataFrame
        Of `creme.analysis.agreement.paired_effects`.
    neutral : float
        The measure's value where nothing happens: signs and sizes are those of what is above it.
    small : float
        Values below it, in size, on both sides are not asked for their sign.

    Returns
    -------
    DataFrame
        A row for each pair of tracks: ``track_a``, ``track_b``; ``signs``, the number of values
        that are not small, and ``same_sign``, the share of them with the same sign on both sides;
        ``difference``, the mean of ``|a - b|``; ``loci`` with several values, of which A's
        strongest is not small, and of these ``same_strongest``, the share whose strongest is the
        same in B, and ``median_rank``, the median of the rank (from 1) that A's strongest has in B.
        NaN where there is nothing to count.
    """
    rows = []
    for (of_a, of_b), part in paired.groupby(["track_a", "track_b"], sort=False):
        part = part.assign(a=part["a"] - neutral, b=part["b"] - neutral)
        a, b = (part[side].to_numpy(dtype=np.float64) for side in "ab")
        large = np.maximum(np.abs(a), np.abs(b)) >= small
        ranks = []
        for _, own in part.groupby(["locus", "contig", "tss_position", "strand"], sort=False):
            in_a, in_b = (own[side].abs().to_numpy(dtype=np.float64) for side in "ab")
            if len(own) > 1 and in_a.max() >= small:
                ranks.append(1 + int((in_b > in_b[in_a.argmax()]).sum()))
        rows.append(
            {
                "track_a": of_a,
                "track_b": of_b,
                "signs": int(large.sum()),
                "same_sign": _mean((np.sign(a) == np.sign(b))[large]),
                "difference": _mean(np.abs(a - b)),
                "loci": len(ranks),
                "same_strongest": _mean(np.array(ranks) == 1),
                "median_rank": float(np.median(ranks)) if ranks else float("nan"),
            }
        )
    return pd.DataFrame(rows)


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")
