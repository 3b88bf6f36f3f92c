"""Questions that need planted loci: classes of pairs, silencers too; sets of one to four tiles."""

from __future__ import annotations

from functools import partial

import pandas as pd

from creme.benchmark.detections import Strengths, ratio_scores
from creme.benchmark.planted import PlantedLocus, planted_pairs, planted_sets
from creme.benchmark.searches import SIGNS, exact_set, search_scores, search_table, true_activity
from creme.benchmark.sets import CLASSES, TILE, confusion, pair_table
from creme.benchmark.subject import Subject, windows_of
from creme.tiling import Tiling

SIZES = {"enhancers": (1, 2, 3, 4), "silencers": (1, 2, 3)}
"""Sizes of the true sets that are planted."""


def planted_pair_scores(subject: Subject, *, loci: int, replicates: int = 10) -> pd.DataFrame:
    """How pairs of each class are classified; all classes are as frequent.

    Parameters
    ----------
    subject : Subject
    loci : int
        In all: a fifth of each class, and of silencers.
    replicates : int

    Returns
    -------
    DataFrame
        ``pairs`` (``enhancers`` or ``silencers``) and the columns of
        `creme.benchmark.sets.confusion`.
    """
    planted = planted_pairs(subject, max(1, loci // (len(CLASSES) + 1)), TILE)
    parts = []
    for name in ("enhancers", "silencers"):
        chosen = [
            one
            for kind, its in planted.items()
            for one in its
            if (kind == "silencers") == (name == "silencers")
        ]
        table = pair_table(
            subject,
            [one.locus for one in chosen],
            {one.locus.gene: (one.tiles[0], one.tiles[1]) for one in chosen},
            search=name,
            replicates=replicates,
        )
        parts.append(confusion(table, subject.seed).assign(pairs=name))
    return _first(pd.concat(parts, ignore_index=True), ["pairs"])


def planted_set_scores(
    subject: Subject, *, loci: int, tile: int = 2500, replicates: int = 5, rounds: int = 6
) -> pd.DataFrame:
    """Greedy searches on loci whose true sets have one to four tiles.

    Parameters
    ----------
    subject : Subject
    loci : int
        In all: as many of each size of `SIZES`.
    tile, replicates, rounds : int

    Returns
    -------
    DataFrame
        ``accept``, ``search``, ``size`` and the columns of
        `creme.benchmark.searches.search_scores`, whose scores come with two of loci: ``whole set
        named``, of all its tiles; ``names one that does nothing``, the searches that name a tile
        which does nothing, or the contrary.
    """
    number = max(1, loci // sum(map(len, SIZES.values())))
    parts = []
    for search, sizes in SIZES.items():
        for size in sizes:
            accepted = partial(
                _true_set_has, size=size, search=search, cell=subject.cell, tile=tile
            )
            planted = planted_sets(subject, number, tile, size, search, accepted)
            held_out = [one.locus for one in planted]
            for accept in ("tested", "all") if held_out else ():
                dataset = subject.ask(
                    "higher_order",
                    windows_of(held_out),
                    tile=tile,
                    replicates=replicates,
                    rounds=rounds,
                    accept=accept,
                    searches=[search],
                )
                table = search_table(dataset, held_out, subject.cell)
                scores = [search_scores(table, Strengths(), seed=subject.seed)]
                scores.append(_of_loci(table, subject.seed))
                parts.append(
                    pd.concat(scores).reset_index().assign(accept=accept, search=search, size=size)
                )
    return _first(pd.concat(parts, ignore_index=True), ["accept", "search", "size"])


def _true_set_has(one: PlantedLocus, size: int, search: str, cell: int, tile: int) -> bool:
    """Whether the exact search names so many tiles, those of the planted elements."""
    length = one.locus.truth.length
    tiles = [(each.start, each.end) for each in Tiling.around(length, length // 2, tile)]
    activity = partial(true_activity, one.locus.truth, tiles, cell)
    named = exact_set(activity, len(tiles), SIGNS[search])
    return len(named) == size and {tiles[k] for k in named} == set(one.tiles)


def _of_loci(table: pd.DataFrame, seed: int) -> pd.DataFrame:
    by_locus = table.groupby("locus", sort=False)
    wrong = table["named"] & ~(table["change"] > Strengths().nothing)
    whole = by_locus.apply(lambda rows: bool((rows["named"] | ~rows["in_set"]).all()))
    some_wrong = wrong.groupby(table["locus"], sort=False).any()
    loci = pd.Series(whole.index)
    every = pd.Series(True, index=loci.index)
    counted = {
        "whole set named": (pd.Series(whole.to_numpy()), every),
        "names one that does nothing": (pd.Series(some_wrong.to_numpy()), every),
    }
    return ratio_scores(loci, counted, seed)


def _first(table: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    return table[[*names, *(name for name in table if name not in names)]]
