"""Enhancers and promoters in all pairs: a map with its margins, and responsiveness."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm
from matplotlib.patches import Patch

from creme.report.marks import colour_bar, legend, name, note, number, size_of, text_width, zero
from creme.report.select import only
from creme.report.style import (
    BLACK,
    BLUE,
    DIVERGING,
    GREY,
    SMALL,
    VERMILION,
    axes_of,
    styled,
)

_HIGH = 1.25
"""Lines of names, by the size of their letters; without room for all, every second stands."""
_BESIDE = (1.22, 43.0)
"""The map with what stands beside it, by its width, and their labels, pt."""
_ABOVE = (1.19, 22.0)


@styled
def pair_map(
    result: xr.Dataset,
    *,
    distance: int | None = None,
    track: str | None = None,
    shuffled: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """How far each pair is from the prediction by strength and responsiveness.

    Rows are promoters by responsiveness, with it at the right, and columns enhancers by strength,
    with it above; shuffled enhancers stand at the right of the others, behind a line. A dot marks a
    pair that is called, a small square the promoter's own enhancer; hatched ones are masked.

    Parameters
    ----------
    result : Dataset
        Of `creme.analysis.compatibility.compatibility`.
    distance : int, optional
        Needed where there are several.
    track : str, optional
        Needed where there are several.
    shuffled : bool
        Draw the shuffled enhancers.
    ax : Axes, optional

    Returns
    -------
    Axes
        Of the map; those of the margins are its ``child_axes``.
    """
    ax = axes_of(ax, height=70)
    one = _ordered(only(result, distance=distance, track=track), shuffled)
    values = one["deviation"].transpose("promoter", "enhancer").values.astype(float)
    ax.set_xlabel("enhancers, by strength")
    ax.set_ylabel("promoters, by responsiveness")
    if not np.isfinite(values).any():
        note(ax, "nothing to draw: no deviation is finite")
        return ax
    most = max(float(np.nanmax(np.abs(values))), 1e-3)
    ax.patch.set(hatch="/////", edgecolor="0.7")
    image = ax.imshow(
        values,
        aspect="auto",
        interpolation="none",
        cmap=DIVERGING,
        norm=TwoSlopeNorm(0.0, -most, most),
        gid="pairs",
    )
    rows, columns = values.shape
    _names(ax, one)
    called = np.argwhere(one["compatible"].transpose("promoter", "enhancer").values != 0)
    if called.size:
        ax.plot(called[:, 1], called[:, 0], ".", color=BLACK, markersize=3, gid="called")
    if "own" in one.coords:
        own = np.argwhere(one["own"].transpose("promoter", "enhancer").values.astype(bool))
        if own.size:
            ax.plot(
                own[:, 1], own[:, 0], "s", markerfacecolor="none", markeredgecolor="0.25",
                markersize=5, markeredgewidth=0.6, gid="own",
            )  # fmt: skip
    null = one["null"].values.astype(bool)
    if null.any() and not null.all():
        ax.axvline(columns - null.sum() - 0.5, color=BLACK, linewidth=0.8, gid="shuffled")
    above = ax.inset_axes((0, 1.03, 1, 0.16))
    strength = np.nan_to_num(one["strength"].values.astype(float))
    above.bar(range(columns), strength, color=GREY, width=0.8)
    furthest = float(strength[np.abs(strength).argmax()])
    above.set(xlim=(-0.5, columns - 0.5), xticks=[])
    above.set_yticks([])
    above.text(-0.01, 0.5, f"strength, to {number(furthest, '.1f')}", fontsize=SMALL, ha="right",
               va="center", transform=above.transAxes)  # fmt: skip
    side = ax.inset_axes((1.02, 0, 0.13, 1))
    at = one["responsiveness"].values
    reach = [at - one["responsiveness_low"].values, one["responsiveness_high"].values - at]
    side.barh(range(rows), at, xerr=np.nan_to_num(np.abs(reach)), color=GREY, height=0.8,
              error_kw={"elinewidth": 0.6})  # fmt: skip
    side.set(ylim=(rows - 0.5, -0.5), yticks=[])
    side.set_xticks([1.0], ["1"])  # their mean; there is room for one
    side.xaxis.tick_top()
    side.annotate("response", (0.5, 1), (0, 14), fontsize=SMALL, ha="center",
                  xycoords="axes fraction", textcoords="offset points")  # fmt: skip
    for margin in (above, side):
        margin.tick_params(labelsize=SMALL, width=0.6, length=2)
    colour_bar(ax, image, "deviation, log2", left=1.17)
    return ax


@styled
def response_lines(
    dataset: xr.Dataset,
    result: xr.Dataset,
    *,
    distance: int | None = None,
    track: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """The activity of each promoter with stronger and stronger enhancers, over its activity alone.

    Parameters
    ----------
    dataset : Dataset
        Of the compatibility test.
    result : Dataset
        Of `creme.analysis.compatibility.compatibility`.
    distance : int, optional
        Needed where there are several.
    track : str, optional
        Needed where there are several.
    ax : Axes, optional

    Returns
    -------
    Axes

    Notes
    -----
    A line is a promoter, the mean over carriers; the darker, the more responsive. Points are pairs
    that are called, red above the line and blue below it.
    """
    ax = axes_of(ax)
    one = _ordered(only(result, distance=distance, track=track), True)
    effect = only(dataset, distance=distance, track=track)["effect"].mean("locus")
    effect = effect.sel(promoter=one["promoter"].values, enhancer=one["enhancer"].values)
    ax.set_xlabel("strength of the enhancer, log2")
    ax.set_ylabel("log2 of activity, over the promoter alone")
    values = effect.transpose("promoter", "enhancer").values.astype(float)
    strength = one["strength"].values.astype(float)
    if not (np.isfinite(values) & np.isfinite(strength)).any():
        note(ax, "nothing to draw: no effect is finite")
        return ax
    order = np.argsort(strength)
    called = one["compatible"].transpose("promoter", "enhancer").values
    for row, rank in zip(values, np.linspace(0.15, 0.75, len(values)), strict=True):
        ax.plot(strength[order], row[order], color=str(rank), linewidth=0.7, zorder=2)
    entries = []
    for sign, colour, words in ((1, VERMILION, "more than expected"), (-1, BLUE, "less")):
        rows, columns = np.nonzero(called == sign)
        if rows.size:
            ax.plot(strength[columns], values[rows, columns], "o", color=colour, markersize=3,
                    zorder=3, gid=words)  # fmt: skip
            entries.append((f"{words} ({rows.size})", Patch(facecolor=colour)))
    zero(ax)
    legend(ax, entries, loc="best")
    return ax


def _ordered(one: xr.Dataset, shuffled: bool) -> xr.Dataset:
    """Promoters by responsiveness, enhancers by strength, both falling; shuffled ones last."""
    if not shuffled:
        one = one.isel(enhancer=~one["null"].values.astype(bool))
    rows = np.argsort(-np.nan_to_num(one["responsiveness"].values, nan=-np.inf), kind="stable")
    strength = np.nan_to_num(one["strength"].values, nan=-np.inf)
    columns = np.lexsort((-strength, one["null"].values.astype(bool)))
    return one.isel(promoter=rows, enhancer=columns)


def _names(ax: Axes, one: xr.Dataset) -> None:
    rows, columns = (
        [name(text, 20) for text in one[dim].values] for dim in ("promoter", "enhancer")
    )
    # Of what it is given, the Axes have some four fifths before there are labels.
    width, height = (extent * 1.4 for extent in size_of(ax))
    for labels, others, whole, (share, rest), set_ticks, turned in (
        (rows, columns, height, _ABOVE, ax.set_yticks, 0),
        (columns, rows, width, _BESIDE, ax.set_xticks, 90),
    ):
        # The names of the other axis take some of it.
        taken = max(text_width(text, SMALL) for text in others)
        room = max(1.0, (whole - taken - rest) / share) / len(labels)
        step = max(1, int(np.ceil(_HIGH * SMALL / room - 1e-6)))
        kept = range(0, len(labels), step)
        texts = [labels[k] for k in kept]
        set_ticks(kept, texts, parse_math=False, rotation=turned, fontsize=SMALL)
