"""Pairs of tiles: how they truly act together, and how the suite classifies them."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence as SequenceOf
from itertools import combinations
from typing import TYPE_CHECKING

import pandas as pd

from creme.analysis.additive import additive_comparison
from creme.benchmark.detections import ratio_scores
from creme.benchmark.subject import Subject, windows_of
from creme.demo.truth import Interval
from creme.tiling import Tiling

if TYPE_CHECKING:
    from creme.demo.loci import GrammarLocus

TILE = 1000
CLASSES = ("additive", "multiplicative", "cooperative", "redundant")
APART = 0.03
"""Difference of fold changes from which two of them are not the same."""
LEAST = 0.05
"""Change of the activity that both tiles of a pair make together, at least."""
THRESHOLDS = (0.3, 0.01, 0.001)
"""Mean squared errors above which the suite calls a set other than additive: the paper's, and
smaller ones."""

ADDED = "right, all additive"
"""The score of a guess that adds single effects up: the share of pairs that are truly additive."""


def pair_class(one: float, other: float, both: float) -> str:
    """How two tiles act together, by fold changes over the wild type when they are shuffled.

    Parameters
    ----------
    one, other, both : float

    Returns
    -------
    str
        ``additive`` if `both` is within `APART` of ``one + other - 1``; else ``multiplicative`` if
        it is so of ``one * other``; else ``redundant`` if they lose more together than their losses
        add up to (or gain more, of silencers), and ``cooperative`` if less.
    """
    added = one + other - 1
    if abs(both - added) <= APART:
        return "additive"
    if abs(both - one * other) <= APART:
        return "multiplicative"
    more = both < added if both < 1 else both > added
    return "redundant" if more else "cooperative"


def true_pairs(loci: SequenceOf[GrammarLocus], cell: int) -> dict[str, tuple[Interval, Interval]]:
    """By gene, a pair of tiles that lower the activity by `LEAST` together.

    The classes take turns, since most pairs are additive: each locus gives a pair of the first
    class, from its turn on, of which it has any; of several pairs the one whose joint loss differs
    from the sum of the two losses by the middle amount.
    """
    chosen = {}
    for number, locus in enumerate(loci):
        truth, length = locus.truth, len(locus.codes)
        tiles = [(one.start, one.end) for one in Tiling.around(length, length // 2, TILE)]
        alone = {tile: 1 - truth.necessity(tile)[cell] for tile in tiles}
        acting = [tile for tile in tiles if abs(1 - alone[tile]) > 0.005]
        by_class: dict[str, list[tuple[float, tuple[Interval, Interval]]]] = {}
        for pair in combinations(acting, 2):
            both = 1 - truth.necessity(*pair)[cell]
            one, other = alone[pair[0]], alone[pair[1]]
            if 1 - both >= LEAST:
                apart = abs(both - (one + other - 1))
                by_class.setdefault(pair_class(one, other, both), []).append((apart, pair))
        turn = number % len(CLASSES)
        for name in (*CLASSES[turn:], *CLASSES[:turn]):
            if pairs := sorted(by_class.get(name, [])):
                chosen[locus.gene] = pairs[len(pairs) // 2][1]
                break
    return chosen


def set_scores(subject: Subject, *, loci: int, replicates: int = 10) -> pd.DataFrame:
    """How well pairs of enhancers are classified.

    Parameters
    ----------
    subject : Subject
    loci, replicates : int

    Returns
    -------
    DataFrame
        ``score``, ``value``, ``low``, ``high``, ``n``: ``right``, the share of pairs of the true
        class; of each of `CLASSES`, ``recall`` and ``precision``; and for each of `THRESHOLDS`,
        ``right, mse T``, by `creme.analysis.additive.additive_comparison`, whose ``explained_by``
        tells additive from multiplicative pairs where it calls them neither cooperative nor
        redundant; and `ADDED`.
    """
    held_out = subject.loci(loci)
    pairs = true_pairs(held_out, subject.cell)
    table = pair_table(subject, held_out, pairs, replicates=replicates)
    return _class_scores(table, subject.seed)


def pair_table(
    subject: Subject,
    loci: SequenceOf[GrammarLocus],
    pairs: Mapping[str, tuple[Interval, Interval]],
    *,
    search: str = "enhancers",
    replicates: int = 10,
) -> pd.DataFrame:
    """The true class of each pair, and those that a model's fold changes give.

    Parameters
    ----------
    subject : Subject
    loci : sequence of GrammarLocus
    pairs : mapping of str to two intervals
        By gene; loci without one are left out.
    search : str
        ``enhancers`` or ``silencers``.
    replicates : int

    Returns
    -------
    DataFrame
        ``locus``; ``true`` and ``called``, of `pair_class`; and ``mse T`` for each of `THRESHOLDS`.
    """
    dataset = subject.ask(
        "higher_order",
        windows_of(loci),
        tile=TILE,
        tiles={gene: list(pair) for gene, pair in pairs.items()},
        replicates=replicates,
        rounds=2,
        accept="all",
        searches=[search],
    )
    names = dataset["locus"].values.tolist()
    tables = {mse: additive_comparison(dataset, threshold=mse) for mse in THRESHOLDS}
    rows = []
    for locus in loci:
        if locus.gene not in pairs or locus.gene not in names:
            continue
        place, pair = names.index(locus.gene), pairs[locus.gene]
        one = dataset.isel(locus=place, search=0, track=0)
        alone = one["tile_fold_change"].isel(round=0).values
        both = float(one["fold_change"].isel(round=1))
        row: dict[str, object] = {
            "locus": locus.gene,
            "true": pair_class(*true_changes(locus, pair, subject.cell)),
            "called": pair_class(float(alone[0]), float(alone[1]), both),
        }
        for mse, compared in tables.items():
            its = compared.isel(locus=place, search=0, track=0)
            kind = str(its["interaction"].values)
            explained = str(its["explained_by"].values)
            row[f"mse {mse:g}"] = explained if kind == "additive" and explained else kind
        rows.append(row)
    return pd.DataFrame(rows, columns=["locus", "true", "called", *(f"mse {t:g}" for t in tables)])


def true_changes(
    locus: GrammarLocus, pair: SequenceOf[Interval], cell: int
) -> tuple[float, float, float]:
    """True fold changes over the wild type without one tile, without the other, without both."""
    lost = [
        float(locus.truth.necessity(*tiles)[cell]) for tiles in (pair[:1], pair[1:], tuple(pair))
    ]
    return 1 - lost[0], 1 - lost[1], 1 - lost[2]


def _class_scores(table: pd.DataFrame, seed: int) -> pd.DataFrame:
    every = pd.Series(True, index=table.index)
    counted = {"right": (table["true"] == table["called"], every)}
    for name in CLASSES:
        both_so = (table["true"] == name) & (table["called"] == name)
        counted[f"{name} recall"] = (both_so, table["true"] == name)
        counted[f"{name} precision"] = (both_so, table["called"] == name)
    for mse in THRESHOLDS:
        counted[f"right, mse {mse:g}"] = (table["true"] == table[f"mse {mse:g}"], every)
    counted[ADDED] = (table["true"] == "additive", every)
    return ratio_scores(table["locus"], counted, seed).reset_index()


def confusion(table: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Shares of the pairs of each true class that are called each class.

    Parameters
    ----------
    table : DataFrame
        `pair_table`.
    seed : int
        Of the bootstrap.

    Returns
    -------
    DataFrame
        ``score`` (``right``; ``TRUE as CALLED`` for each two of `CLASSES`; ``right, mse T`` and
        `ADDED`), ``value``, ``low``, ``high``, ``n``.
    """
    counted = {
        f"{true} as {called}": (table["called"] == called, table["true"] == true)
        for true in CLASSES
        for called in CLASSES
    }
    scores = _class_scores(table, seed)
    kept = scores[~scores["score"].str.endswith(("recall", "precision"))]
    shares = ratio_scores(table["locus"], counted, seed).reset_index()
    return pd.concat([kept, shares], ignore_index=True)
