"""Local networks: arcs over a locus, the matrix of its pairs, and its landscape."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import CenteredNorm
from matplotlib.patches import Arc
from matplotlib.ticker import MaxNLocator

from creme.analysis.landscape import best_of_size, greedy_order, sizes
from creme.analysis.landscape_tables import landscapes
from creme.analysis.network import joined_pairs
from creme.analysis.noise import Q
from creme.errors import ConfigError, listing
from creme.report.marks import colour_bar, legend, name, note, offset, zero
from creme.report.select import only
from creme.report.style import GREY, PALETTE, SMALL, axes_of, styled

UP, DOWN = "#D55E00", "#0072B2"
"""Edges that activate, and that repress."""
PAIRED = {"redundant": "#8C8C8C", "cooperative": "#009E73", "insulating": "#CC79A7"}
"""Pairs of tiles by kind."""


@styled
def network_arcs(
    edges: pd.DataFrame,
    pairs: pd.DataFrame | None = None,
    *,
    locus: str | None,
    track: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """The edges of a locus as arcs over its sequence, and its joined pairs below.

    Parameters
    ----------
    edges : DataFrame
        Of `creme.analysis.network.edges`.
    pairs : DataFrame, optional
        Of `creme.analysis.epistasis.pair_table`.
    locus : str
    track : str, optional
        Needed where there are several.
    ax : Axes, optional

    Returns
    -------
    Axes

    Notes
    -----
    The wider an arc, the larger the effect; its dot stands at the target. Pairs that are redundant,
    cooperative or insulating are below the line.
    """
    ax = axes_of(ax)
    here = _of(edges, locus, track)
    ax.set_yticks([])
    ax.set_title(name(locus or ""), parse_math=False)
    ax.set_xlabel("position, kb")
    ax.set_ylabel("edges")
    below = joined_pairs(_of(pairs, locus, track)) if pairs is not None else None
    if here.empty and (below is None or below.empty):
        note(ax, "nothing to draw: no edge is more than noise")
        return ax
    entries: dict[str, Artist] = {}
    places: list[float] = []
    for row in here.to_dict("records"):
        source = (row["source_start"] + row["source_end"]) / 2e3
        target = (row["target_start"] + row["target_end"]) / 2e3
        colour = UP if row["sign"] == "+" else DOWN
        arc = _arc(ax, source, target, colour, abs(float(row["effect"])), up=True)
        entries.setdefault("activates" if row["sign"] == "+" else "represses", arc)
        places += [source, target]
    for gene, part in here[here["kind"] == "tss"].groupby("target_gene", sort=False):
        at = float(part["target_start"].iloc[0]) / 1e3
        ax.plot([at], [0], marker="v", color="0.2", markersize=3.5, zorder=4, linestyle="none")
        ax.annotate(
            name(gene, 14),
            (at, 0),
            xytext=(0, -5),
            textcoords="offset points",
            ha="center",
            va="top",
            fontsize=5.5,
            parse_math=False,
        )
    for row in [] if below is None else below.to_dict("records"):
        source = (row["source_start"] + row["source_end"]) / 2e3
        target = (row["target_start"] + row["target_end"]) / 2e3
        colour = PAIRED[row["kind"]]
        entries.setdefault(row["kind"], _arc(ax, source, target, colour, 0.4, up=False))
        places += [source, target]
    zero(ax)
    low, high = min(places), max(places)
    margin = 0.06 * max(high - low, 1.0)
    ax.set_xlim(low - margin, high + margin)
    ax.set_ylim(-1.1 if below is not None and len(below) else -0.25, 1.1)
    legend(ax, list(entries.items()), loc="upper right")
    return ax


def _of(table: pd.DataFrame, locus: str | None, track: str | None) -> pd.DataFrame:
    """The rows of a locus, if one is given, and of one track."""
    names = sorted(set(table["track"]))
    if track is None and len(names) > 1:
        raise ConfigError(f"choose one of the {len(names)} tracks, {listing(names)}: track = ...")
    here = table[table["track"] == (track or "".join(names[:1]))]
    return here if locus is None else here[here["locus"] == locus]


def _arc(ax: Axes, source: float, target: float, colour: str, size: float, *, up: bool) -> Artist:
    """Half an ellipse between two places, as high as 1."""
    width = abs(target - source)
    angles = (0, 180) if up else (180, 360)
    arc = Arc(
        ((source + target) / 2, 0),
        max(width, 1e-6),
        2.0,
        theta1=angles[0],
        theta2=angles[1],
        edgecolor=colour,
        linewidth=0.5 + 2 * min(size, 1.0),
        alpha=0.8,
    )
    ax.add_patch(arc)
    return arc


@styled
def pair_matrix(
    pairs: pd.DataFrame, *, locus: str | None, track: str | None = None, ax: Axes | None = None
) -> Axes:
    """The epistasis of a locus's pairs: log2 above the diagonal, additive below it.

    Parameters
    ----------
    pairs : DataFrame
        Of `creme.analysis.epistasis.pair_table`.
    locus : str
    track : str, optional
        Needed where there are several.
    ax : Axes, optional

    Returns
    -------
    Axes

    Notes
    -----
    A dot marks a q of at most 0.05. Blue: more is lost together than one by one; red: less.
    """
    ax = axes_of(ax)
    here = _of(pairs, locus, track)
    ax.set_title(name(locus or ""), parse_math=False)
    ax.set_xlabel("distance from the TSS")
    ax.set_ylabel("distance from the TSS")
    if here.empty or not np.isfinite(here["epistasis"].to_numpy(float)).any():
        note(ax, "nothing to draw: no pair was measured")
        return ax
    places = sorted({*here["first_distance"], *here["second_distance"]})
    at = {place: k for k, place in enumerate(places)}
    values = np.full((len(places), len(places)), np.nan)
    marked = []
    for row in here.to_dict("records"):
        one, other = sorted((at[row["first_distance"]], at[row["second_distance"]]))
        values[one, other], values[other, one] = row["epistasis"], row["additive_epistasis"]
        if row["epistasis_q"] <= Q:
            marked.append((other, one))
        if row["additive_epistasis_q"] <= Q:
            marked.append((one, other))
    largest = float(np.nanmax(np.abs(values))) or 1.0
    image = ax.imshow(values, cmap="RdBu_r", norm=CenteredNorm(0, largest), aspect="equal")
    for x, y in marked:
        ax.plot([x], [y], marker="o", color="black", markersize=1.8, linestyle="none")
    labels = [offset(place) for place in places]
    ax.set_xticks(range(len(places)), labels, rotation=90, fontsize=SMALL)
    ax.set_yticks(range(len(places)), labels, fontsize=SMALL)
    colour_bar(ax, image, "log2 (above), share of WT (below)", left=1.02)
    return ax


@styled
def landscape(
    dataset: xr.Dataset,
    *,
    locus: str | None = None,
    track: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """The activity of all subsets of a locus's tiles, and the path of a greedy search in them.

    Parameters
    ----------
    dataset : Dataset
        Of the interactions test, with all subsets.
    locus, track : str, optional
        Needed where there are several.
    ax : Axes, optional

    Returns
    -------
    Axes

    Notes
    -----
    A point is a subset, its activity the mean over replicates. The line is the path that takes the
    tile whose loss leaves least, one after another; rings are the subset of each number of lost
    tiles that leaves least of all.
    """
    ax = axes_of(ax)
    only(dataset, locus=locus, track=track)
    part = dataset.sel(locus=[locus or dataset["locus"].values[0]])
    part = part.sel(track=[track or dataset["track"].values[0]])
    ax.set_xlabel("tiles lost")
    ax.set_ylabel("activity / WT")
    ax.set_title(name(str(part["locus"].values[0])), parse_math=False)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    whole = [one for one in landscapes(part) if one.whole and one.wild_type > 0]
    if not whole:
        note(ax, "nothing to draw: not all subsets were measured")
        return ax
    values = whole[0].values().mean(axis=0) / whole[0].wild_type
    size = sizes(whole[0].members)
    cloud = ax.scatter(size, values, s=4, color=GREY, linewidths=0, zorder=2)
    masks = [0]
    for member in greedy_order(values):
        masks.append(masks[-1] | 1 << member)
    (path,) = ax.plot(size[masks], values[masks], color=PALETTE["observed"], zorder=3)
    best = best_of_size(values)
    rings = ax.scatter(
        size[best], values[best], s=18, facecolors="none", edgecolors=UP, linewidths=0.8, zorder=4
    )
    zero(ax, 1.0)
    legend(
        ax,
        [("all subsets", cloud), ("greedy path", path), ("least of its size", rings)],
        loc="best",
    )
    return ax


@styled
def variance_shares(
    orders: pd.DataFrame, *, track: str | None = None, ax: Axes | None = None
) -> Axes:
    """Shares of the variance that single tiles, pairs, triples and so on make, on both scales.

    Parameters
    ----------
    orders : DataFrame
        Of `creme.analysis.landscape_tables.order_table`.
    track : str, optional
        Needed where there are several.
    ax : Axes, optional

    Returns
    -------
    Axes

    Notes
    -----
    A point is a locus; the line is the mean over loci.
    """
    ax = axes_of(ax)
    here = _of(orders, None, track)
    here = here[np.isfinite(here["share"].to_numpy(float))]
    ax.set_xlabel("tiles that act together")
    ax.set_ylabel("share of the variance")
    if here.empty:
        note(ax, "nothing to draw: not all subsets were measured")
        return ax
    entries: list[tuple[str, Artist]] = []
    for shift, (scale, colour) in enumerate((("additive", UP), ("log", DOWN))):
        part = here[here["scale"] == scale]
        means = part.groupby("order")["share"].mean()
        ax.scatter(
            part["order"] + 0.12 * (2 * shift - 1), part["share"], s=4, color=colour, linewidths=0
        )
        (line,) = ax.plot(means.index, means.to_numpy(), color=colour)
        entries.append((scale, line))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    zero(ax)
    legend(ax, entries, loc="best")
    return ax
