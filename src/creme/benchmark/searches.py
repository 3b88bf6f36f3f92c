"""The sets of tiles that a greedy search names, compared with what is true."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence as SequenceOf
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from creme.benchmark.detections import Strengths, ratio_scores
from creme.benchmark.subject import Subject, windows_of
from creme.demo.truth import Interval, LocusTruth

if TYPE_CHECKING:
    import xarray as xr

    from creme.demo.loci import GrammarLocus

LEAST = 0.05
"""Change of the activity, as a share of the wild type's, that makes a tile one of the true set: the
least that the test's own rule accepts."""

SIGNS = {"enhancers": -1.0, "silencers": 1.0}
"""Directions in which a search moves the activity."""


def search_table(dataset: xr.Dataset, loci: SequenceOf[GrammarLocus], cell: int) -> pd.DataFrame:
    """A row for each tile that a search named or should have named.

    Parameters
    ----------
    dataset : Dataset
        Of ``higher_order``, one track.
    loci : sequence of GrammarLocus
        Those of the Dataset, in its order.
    cell : int
        Number of the cell type.

    Returns
    -------
    DataFrame
        ``locus``, ``search``, ``tile``; ``named``, whether the search named it; ``change``, the
        true change in the search's direction when it was named, as a share of the wild type's
        activity (NaN if it was not); ``in_set``, whether the exact greedy search names it, the one
        that reads the truth and ends where no tile changes `LEAST`; ``alone``, its true change
        while all others stand.
    """
    tiles = list(
        zip(dataset["tile_start"].values.tolist(), dataset["tile_end"].values.tolist(), strict=True)
    )
    names = dataset["search"].values.tolist()
    selected = dataset["selected"].isel(track=0).transpose("locus", "search", ...).values
    rows = []
    for place, locus in enumerate(loci):
        activity = partial(true_activity, locus.truth, tiles, cell)
        for number, name in enumerate(names):
            sign = SIGNS[name]
            named = [int(k) for k in selected[place, number].ravel() if k >= 0]
            changes = {
                tile: sign * (activity(named[: k + 1]) - activity(named[:k]))
                for k, tile in enumerate(named)
            }
            true_set = exact_set(activity, len(tiles), sign)
            for tile in sorted({*named, *true_set}):
                rows.append(
                    {
                        "locus": locus.gene,
                        "search": name,
                        "tile": tile,
                        "named": tile in changes,
                        "change": changes.get(tile, np.nan),
                        "in_set": tile in true_set,
                        "alone": sign * (activity([tile]) - 1.0),
                    }
                )
    columns = ["locus", "search", "tile", "named", "change", "in_set", "alone"]
    return pd.DataFrame(rows, columns=columns)


def true_activity(
    truth: LocusTruth, tiles: SequenceOf[Interval], cell: int, chosen: SequenceOf[int]
) -> float:
    """The true activity without some tiles, as a share of the wild type's."""
    return float(truth.without([tiles[k] for k in chosen])[cell] / truth.wild_type[cell])


def exact_set(activity: Callable[[SequenceOf[int]], float], tiles: int, sign: float) -> set[int]:
    """The exact search: in each round the tile that changes the true activity most."""
    chosen: list[int] = []
    before = 1.0
    while len(chosen) < tiles:
        after = {tile: activity([*chosen, tile]) for tile in range(tiles) if tile not in chosen}
        best = max(after, key=lambda tile: sign * after[tile])
        if sign * (after[best] - before) < LEAST:
            break
        chosen.append(best)
        before = after[best]
    return set(chosen)


def search_scores(table: pd.DataFrame, strengths: Strengths, *, seed: int) -> pd.DataFrame:
    """Shares of named tiles that are right, and of true sets that are named, with intervals.

    Parameters
    ----------
    table : DataFrame
        `search_table`.
    strengths : Strengths
        A named tile is right if its change is above `Strengths.nothing`.
    seed : int
        Of the bootstrap.

    Returns
    -------
    DataFrame
        As `creme.benchmark.detections.scores`: ``named that act``; ``set named``, of the tiles of
        the true set; ``hidden named``, of those of them that change less than `LEAST` alone, which
        necessity cannot tell.
    """
    named, in_set = table["named"], table["in_set"]
    return ratio_scores(
        table["locus"],
        {
            "named that act": (table["change"] > strengths.nothing, named),
            "set named": (named, in_set),
            "hidden named": (named, in_set & (table["alone"] < LEAST)),
        },
        seed,
    )


def searched_scores(
    subject: Subject, *, loci: int, tile: int = 2500, replicates: int = 5, rounds: int = 5
) -> pd.DataFrame:
    """Greedy searches by both rules of acceptance, compared with the exact one.

    Parameters
    ----------
    subject : Subject
    loci, tile, replicates, rounds : int

    Returns
    -------
    DataFrame
        ``accept``, ``search`` and the columns of `search_scores`.
    """
    held_out = subject.loci(loci)
    parts = []
    for accept in ("tested", "all"):
        dataset = subject.ask(
            "higher_order",
            windows_of(held_out),
            tile=tile,
            replicates=replicates,
            rounds=rounds,
            accept=accept,
        )
        table = search_table(dataset, held_out, subject.cell)
        for kind, rows in table.groupby("search"):
            scores = search_scores(rows, Strengths(), seed=subject.seed).reset_index()
            parts.append(scores.assign(accept=accept, search=kind))
    whole = pd.concat(parts, ignore_index=True)
    return whole[
        ["accept", "search", *(name for name in whole if name not in ("accept", "search"))]
    ]
