"""Contexts: how much they matter, what the network sees, and what swaps do (Figure 2)."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from creme.analysis.categories import CONTEXTS, context_categories, texts
from creme.analysis.normalise import fold_change
from creme.errors import ConfigError, listing
from creme.report.axis_labels import effect_label
from creme.report.boxen import draw_box
from creme.report.marks import count, frame_groups, legend, name, note, remark, set_names, zero
from creme.report.select import MINUS, finite, grouped, in_order, only
from creme.report.style import BLACK, PALETTE, SKY, SMALL, axes_of, colours, styled

_STEP = 0.05
_MOST_BINS = 80


def _of_track(dataset: xr.Dataset, track: str | None) -> xr.Dataset:
    """With the dimension `track`, of one."""
    return dataset if track is None else dataset.sel(track=[track])


@styled
def context_histogram(
    dataset: xr.Dataset,
    *,
    track: str | None = None,
    enhancing: float = 0.95,
    neutral: float = 0.2,
    silencing: float = -0.5,
    q_below: float | None = None,
    inset: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """The number of loci by context effect; inset, the loci of the three categories.

    Parameters
    ----------
    dataset : Dataset
        Of the context dependence test.
    track : str, optional
        Needed where there are several.
    enhancing, neutral, silencing, q_below : float
        Thresholds, as `creme.analysis.categories.context_categories` takes them.
    inset : bool
        Draw the inset, as an Axes in ``ax.child_axes``.
    ax : Axes, optional

    Returns
    -------
    Axes

    Notes
    -----
    Figure 2a. Bins are multiples of 0.05 wide and start at one, so that the paper's thresholds are
    edges of theirs.
    """
    part = only(dataset[["effect"]], track=track)
    categories = context_categories(
        part if q_below is None else _of_track(dataset, track),
        enhancing=enhancing,
        neutral=neutral,
        silencing=silencing,
        q_below=q_below,
    ).values.astype(str)
    categories = categories.ravel()
    effect = np.asarray(part["effect"].values, dtype=np.float64)
    ax = axes_of(ax)
    ax.set_xlabel(effect_label("context_dependence", dataset.attrs, lines=1))
    ax.set_ylabel("loci")
    there = finite(effect)
    if not there.size:
        note(ax, "no context effect to draw: no locus has a finite one")
        return ax
    edges = _edges(there)
    heights = _bars(ax, there, edges, color="0.65", edgecolor="white", linewidth=0.3)
    zero(ax, across=False)
    ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    if not inset:
        return ax
    if not (categories != "").any():
        remark(ax, "no locus has a category")
        return ax
    counts = {c: finite(effect[categories == c]) for c in CONTEXTS}
    # The inset stands where the bars are low, and the bars are kept below it.
    left = _highest(ax, heights, edges, 0, 0.5) <= _highest(ax, heights, edges, 0.5, 1)
    beneath = _highest(ax, heights, edges, *((0, 0.62) if left else (0.38, 1)))
    ax.set_ylim(0, max(heights.max() * 1.05, 1.05, beneath / 0.3))
    bottom = 0.45
    small = ax.inset_axes((0.09 if left else 0.45, bottom, 0.5, 0.36))
    small.tick_params(labelsize=SMALL, width=0.5, length=2, pad=1.5)
    inner = _edges(there, most=40)
    entries: list[tuple[str, Artist]] = []
    for category, values in counts.items():
        colour = PALETTE[category]
        _bars(small, values, inner, color=colour, linewidth=0, label=category)
        entries.append((f"{category} ({values.size:,})", Patch(color=colour)))
    legend(
        small, entries, loc="lower center", bbox_to_anchor=(0.5, 0.98), ncols=1,
        handlelength=0.8, handleheight=0.6, borderpad=0.1,
    )  # fmt: skip
    small.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    return ax


def _bars(ax: Axes, values: np.ndarray, edges: np.ndarray, **look: Any) -> np.ndarray:
    heights = _heights(values, edges)
    ax.bar(edges[:-1], heights, np.diff(edges), align="edge", **look)
    return heights


def _highest(ax: Axes, heights: np.ndarray, edges: np.ndarray, low: float, high: float) -> float:
    """The highest bar of a part of the Axes, which are 1 wide."""
    first, last = ax.get_xlim()
    places = (edges - first) / (last - first)
    inside = (places[1:] > low) & (places[:-1] < high)
    return float(heights[inside].max(initial=0))


def _heights(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Values a bin; edges are rounded, so that an outermost value may lie a little beyond."""
    return np.histogram(np.clip(values, edges[0], edges[-1]), edges)[0]


def _edges(values: np.ndarray, most: int = _MOST_BINS) -> np.ndarray:
    """Edges on multiples of 0.05, or of a multiple of it where there would be too many bins."""
    low, high = values.min(), values.max()
    # Bins are not narrower than numbers of this size can tell.
    least = max((high - low) / most, 1e-12 * max(abs(low), abs(high)))
    width = _STEP * max(1, int(np.ceil(least / _STEP)))
    first = np.floor(np.round(low / width, 9))
    last = max(np.ceil(np.round(high / width, 9)), first + 1)
    return np.round(np.arange(first, last + 1) * width, 9)


@styled
def coverage_profile(
    before: np.ndarray,
    after: np.ndarray,
    *,
    bin_size: int,
    tss_bin: float | None = None,
    spread: np.ndarray | None = None,
    reach: int | None = None,
    names: tuple[str, str] = ("wild type", "context shuffled"),
    title: str = "",
    ax: Axes | None = None,
) -> Axes:
    """The coverage that a model predicts along a locus, before and after a perturbation.

    Parameters
    ----------
    before : array of float, (bins,)
        NaN where a bin was not kept.
    after : array of float, (bins,) or (replicate, bins)
        Of replicates, their mean is drawn.
    bin_size : int
        bp.
    tss_bin : float, optional
        The bin whose first base is the TSS, with a fraction where the TSS lies within it; the first
        of the second half unless given.
    spread : array of float, (bins,), optional
        Of `after`, such as the standard deviation over replicates: a band of plus and minus.
    reach : int, optional
        Draw so many bp on either side of the TSS; all unless given.
    names : tuple of str
        Of both, in the legend.
    title : str
    ax : Axes, optional

    Returns
    -------
    Axes

    Raises
    ------
    ConfigError
        If they have different numbers of bins, or the bin size is not positive.

    Notes
    -----
    Figure 2b. Profiles are what ``Model.predict`` gives for the locus's sequence and its mutants;
    the results' Datasets hold activities alone, but a study has those of a few loci in its table
    ``coverage``.
    """
    first = np.asarray(before, dtype=np.float64)
    second = np.asarray(after, dtype=np.float64)
    if first.ndim != 1 or second.ndim not in (1, 2) or second.shape[-1] != first.size:
        raise ConfigError(
            f"before is {first.shape} and after {second.shape}: (bins,), and (bins,) or "
            f"(replicate, bins) with as many bins, are needed"
        )
    band = None if spread is None else np.asarray(spread, dtype=np.float64)
    if band is not None and band.shape != first.shape:
        raise ConfigError(f"before is {first.shape} and spread {band.shape}: as many are needed")
    if bin_size < 1:
        raise ConfigError(f"bin_size = {bin_size}: a bin has at least 1 bp")
    if second.ndim == 2:
        second = second.mean(axis=0) if len(second) else np.full(first.size, np.nan)
    centre = first.size // 2 if tss_bin is None else tss_bin
    edges = (np.arange(first.size + 1) - centre) * bin_size / 1000
    ax = axes_of(ax, height=40)
    ax.set_xlabel("distance from TSS (kb)")
    ax.set_ylabel("predicted coverage")
    if title:
        ax.set_title(name(title, 40))
    if not np.isfinite(first).any() and not np.isfinite(second).any():
        note(ax, "no coverage to draw")
        return ax
    entries: list[tuple[str, Artist]] = []
    one, other = names
    entries.append((one, ax.stairs(first, edges, fill=True, color=SKY, alpha=0.75, linewidth=0)))
    if band is not None and np.isfinite(band).any():
        low, high = second - band, second + band
        ax.stairs(high, edges, baseline=low, fill=True, color=BLACK, alpha=0.25, linewidth=0)
    entries.append((other, ax.stairs(second, edges, color=BLACK, linewidth=0.7, baseline=None)))
    if reach is not None:
        ax.set_xlim(-reach / 1000, reach / 1000)
    else:
        ax.set_xlim(edges[0], edges[-1])
    lowest = min(0.0, *(finite(values).min(initial=0) for values in (first, second)))
    # The legend stands above what is drawn.
    ax.set_ylim(lowest, lowest + 1.22 * (ax.get_ylim()[1] - lowest))
    legend(ax, entries, loc="upper right")
    return ax


_SWAPS = {
    "effect": f"(mutant {MINUS} unperturbed) / WT",
    "dinuc_effect": f"(mutant {MINUS} dinuc) / WT",
    "activity": "mutant / WT",
    "dinuc_activity": "mutant in shuffled context / WT",
}


@styled
def swap_boxes(
    dataset: xr.Dataset,
    *,
    source: str | None = None,
    measure: str = "effect",
    own: bool = False,
    track: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """The effects of TSSs of one category in contexts of each category.

    Parameters
    ----------
    dataset : Dataset
        Of the context swap test.
    source : str, optional
        Category of the TSSs; needed where there are several.
    measure : {'effect', 'dinuc_effect', 'activity', 'dinuc_activity'}
        The test's effects; or the mutant's activity over the source's wild type, in the target's
        context and in that shuffled.
    own : bool
        Take also each TSS in its own context, where the effect is 0 by definition.
    track : str, optional
        Needed where there are several.
    ax : Axes, optional

    Returns
    -------
    Axes

    Raises
    ------
    ConfigError
        If there is no such measure or category.

    Notes
    -----
    Figure 2c (``effect``) and Supplementary Figure 1 (``dinuc_effect``).
    """
    if measure not in _SWAPS:
        raise ConfigError(f"measure = {measure!r}: it is one of {listing(_SWAPS)}")
    part = only(dataset, track=track)
    if measure.endswith("activity"):
        values = fold_change(part, "mutant" if measure == "activity" else "dinuc_mutant")
        values = values.mean("replicate") if "replicate" in values.dims else values
    else:
        values = part[measure].astype(np.float64)
    categories = texts(part["source_category"])
    sources = in_order(categories)
    ax = axes_of(ax, height=50)
    ax.set_ylabel(_SWAPS[measure])
    if not sources:
        note(ax, "no swap to draw: the results have no pair of loci")
        return ax
    if source is None and len(sources) > 1:
        raise ConfigError(f"choose one of the source categories {listing(sources)}: source = ...")
    source = source if source is not None else sources[0]
    if source not in {*sources, *CONTEXTS}:
        raise ConfigError(f"there is no source category {source!r}: there are {listing(sources)}")
    foreign = texts(part["source"]) != texts(part["target"])
    values = values.isel(locus=np.flatnonzero((categories == source) & (own | foreign)))
    groups = grouped(values, part["target_category"])
    tints = colours(groups)
    labels = []
    for place, (target, chosen) in enumerate(groups.items()):
        there = finite(chosen)
        draw_box(ax, place, there, tints[target])
        labels.append(f"{name(target, 16)}\n{count(there.size)}")
    set_names(ax, labels)
    frame_groups(ax, len(labels))
    ax.set_xlabel("context that the TSS is put into")
    ax.set_title("TSSs of all loci" if source == "all" else f"TSSs of {name(source, 30)} contexts")
    zero(ax, 1.0 if measure.endswith("activity") else 0.0)
    if not finite(values).size:
        note(ax, "no TSS in a context other than its own")
    return ax
