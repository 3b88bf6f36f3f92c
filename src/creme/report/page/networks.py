"""Figures of local networks: edges, pairs and landscapes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from creme import report
from creme.analysis.epistasis import pair_table
from creme.analysis.landscape_tables import order_table
from creme.analysis.network import EDGE_COLUMNS, edges, hubs
from creme.genome.places import interval_text
from creme.report.page.figure import PageFigure
from creme.report.page.results import PageResults
from creme.report.select import MINUS

_MOST = 3
"""Loci that are drawn: those with most edges and joined pairs."""
_EPISTASIS = f"epistasis = log2 WT {MINUS} log2 A {MINUS} log2 B + log2 AB"


def networks(results: PageResults) -> Iterator[PageFigure]:
    """Arcs and matrices of the loci with most edges, and the variance by order."""
    dataset = results.open("interactions").sel(track=[results.view.track]).load()
    track = results.view.track
    pairs = _table(results, "pairs")
    if pairs is None:
        pairs = pair_table(dataset)
    of_tss = _edges(results)
    pairs, of_tss = (table[table["track"] == track] for table in (pairs, of_tss))
    count = of_tss["locus"].value_counts()
    joined = pairs.loc[~pairs["kind"].isin(["", "none"]), "locus"].value_counts()
    count = count.add(joined, fill_value=0)
    names = [str(name) for name in dataset["locus"].values]
    chosen = sorted(names, key=lambda name: (-count.get(name, 0), names.index(name)))[:_MOST]
    if not chosen:
        return
    figure, axes = report.panels(len(chosen), 1, width=175, height=48 * len(chosen))
    for name, ax in zip(chosen, axes[:, 0], strict=True):
        report.network_arcs(of_tss, pairs, locus=name, track=track, ax=ax)
    first = hubs(of_tss).head(1).to_dict("records")
    hub = ""
    if first and first[0]["genes"] > 1:
        place = interval_text(*(first[0][key] for key in ("contig", "source_start", "source_end")))
        hub = f" The tile that acts on most genes is {place} ({first[0]['gene_names']})."
    yield PageFigure(
        "Local networks",
        "Tiles and the TSSs that they act on",
        "",
        "An arc joins a tile to a TSS whose activity changes when the tile is shuffled; a wider "
        "arc is a larger change. Below the line: pairs of tiles that can replace each other "
        "(redundant), need each other (cooperative), or of which one shields the TSS from the "
        "other (insulating)."
        f"{hub}",
        figure,
        "effect = (WT - shuffled) / WT of the TSS at the arc's end",
        of_tss.reset_index(drop=True),
    )
    figure, axes = report.panels(1, len(chosen), width=60.0 * len(chosen), height=60)
    for name, ax in zip(chosen, axes[0], strict=True):
        report.pair_matrix(pairs, locus=name, track=track, ax=ax)
    kinds = pairs.loc[~pairs["kind"].isin(["", "none"]), "kind"].value_counts()
    named = ", ".join(f"{number} {kind}" for kind, number in sorted(kinds.items()))
    yield PageFigure(
        "Local networks",
        "Pairs of tiles",
        "",
        "The effect of shuffling two tiles together, compared with shuffling each alone; tiles by "
        "their distance from the TSS. Negative: more is lost together. Dots: q of at most 0.05. "
        f"Of all {len(pairs)} pairs: {named or 'none is more than noise'}.",
        figure,
        f"{_EPISTASIS}; below the diagonal (WT {MINUS} A {MINUS} B + AB) / WT",
        pairs.reset_index(drop=True),
    )
    orders = order_table(dataset)
    if orders.empty:
        return
    figure, axes = report.panels(1, 2, width=120, height=58)
    report.landscape(dataset, locus=chosen[0], track=track, ax=axes[0, 0])
    report.variance_shares(orders, track=track, ax=axes[0, 1])
    higher = orders[(orders["order"] > 1)].groupby(["scale", "locus"])["share"].sum()
    means = {scale: float(np.mean(higher[scale])) for scale in ("additive", "log")}
    yield PageFigure(
        "Local networks",
        "All subsets of tiles",
        "",
        "Left: a point is a subset of tiles that are shuffled together; lines follow a greedy "
        "search and the subset of each size that leaves the least activity. Right: the shares of "
        "the variance that single tiles, pairs and larger sets explain. Averaged over loci, pairs "
        f"and larger sets explain {means['additive']:.0%} on the additive scale and "
        f"{means['log']:.0%} on the log scale.",
        figure,
        "activity with the tiles shuffled / wild type",
        orders,
    )


def _table(results: PageResults, name: str) -> pd.DataFrame | None:
    table = results.table(name)
    return None if table is None or table.empty else table


def _edges(results: PageResults) -> pd.DataFrame:
    """A study's table; of an experiment those of its necessity test, if there is one."""
    table = _table(results, "edges")
    if table is not None:
        return table
    if results.view.kind == "study" or "necessity" not in results.labels:
        return pd.DataFrame(columns=list(EDGE_COLUMNS))
    necessity = results.view.dataset(results.labels["necessity"])
    if necessity.attrs.get("effect_scale", "relative") != "relative":
        return pd.DataFrame(columns=list(EDGE_COLUMNS))
    return edges(necessity)
