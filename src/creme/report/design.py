"""Designed CREs: the course of their search, and what they are made of."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.ticker import MaxNLocator

from creme.report.marks import legend, note, number
from creme.report.select import only
from creme.report.style import BLUE, GREEN, GREY, ORANGE, VERMILION, axes_of, styled

_SETS = {
    "search": (BLUE, "-", "backgrounds of the search"),
    "choose": (GREEN, "o", "of the choice"),
    "report": (VERMILION, "s", "of the report"),
}
_BASES = ListedColormap([GREEN, BLUE, ORANGE, VERMILION, "white"])


@styled
def design_rounds(dataset: xr.Dataset, *, locus: str | None = None, ax: Axes | None = None) -> Axes:
    """The score of the best sequence after each round, on the three sets of backgrounds.

    Parameters
    ----------
    dataset : Dataset
        Of the design test.
    locus : str, optional
        Needed where there are several.
    ax : Axes, optional

    Returns
    -------
    Axes

    Notes
    -----
    The grey line is the median of the sequences of a round. What the curves are apart is the
    winner's curse.
    """
    part = only(dataset, locus=locus)
    ax = axes_of(ax)
    ax.set_xlabel("round of the search")
    ax.set_ylabel("score")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    entries: list[tuple[str, Artist]] = []
    rounds = part["round"].values
    for name, (colour, mark, words) in _SETS.items():
        values = part["round_score"].sel(set=name).values.astype(float)
        there = np.isfinite(values)
        if there.any():
            (line,) = ax.plot(rounds[there], values[there], mark, color=colour, markersize=3.5)
            entries.append((words, line))
    if not entries:
        note(ax, "no search to draw: no sequence has a finite score")
        return ax
    (line,) = ax.plot(rounds, part["round_median"].values, color=GREY, linewidth=0.8, zorder=1)
    entries.append(("median of the round", line))
    legend(ax, entries, loc="lower center", ncols=2, bbox_to_anchor=(0.5, 1.0))
    return ax


@styled
def design_composition(
    dataset: xr.Dataset, *, locus: str | None = None, ax: Axes | None = None
) -> Axes:
    """The bases of the designs and of what they are compared with, a row each.

    Parameters
    ----------
    dataset : Dataset
        Of the design test.
    locus : str, optional
        Needed where there are several.
    ax : Axes, optional

    Returns
    -------
    Axes

    Notes
    -----
    Beside each row are its score, its share of G and C, and the share of windows of the locus that
    are nearer to it by their words of four bases.
    """
    from matplotlib.patches import Patch

    part = only(dataset, locus=locus)
    part = part.isel(design=[str(text) != "" for text in part["sequence"].values])
    ax = axes_of(ax)
    texts = [str(text) for text in part["sequence"].values]
    ax.set_xlabel("base of the design, 5' to 3' (bp)")
    ax.set_ylabel("design")
    if not texts or not np.isfinite(part["score"].values).any():
        note(ax, "nothing to draw: no design has a finite score")
        return ax
    codes = np.array([["ACGTN".index(base) for base in text] for text in texts])
    ax.imshow(codes, cmap=_BASES, vmin=0, vmax=4, aspect="auto", interpolation="nearest")
    ax.set_yticks(range(len(texts)), [str(name) for name in part["design"].values])
    ax.tick_params(axis="y", length=0)
    for row in range(len(texts)):
        one = part.isel(design=row)
        words = (
            number(float(one["score"]), ".3g"),
            f"{float(one['gc']):.0%}",
            f"{float(one['kmer_rank']):.0%}",
        )
        for k, text in enumerate(words):
            _beside(ax, k, text, (row, "data"))
    for k, text in enumerate(("score", "GC", "rank")):
        _beside(ax, k, text, (1.04, "axes fraction"))
    entries: list[tuple[str, Artist]] = [
        (base, Patch(color=_BASES(k))) for k, base in enumerate("ACGT")
    ]
    legend(ax, entries, loc="upper left", ncols=4, bbox_to_anchor=(0, 1.16), columnspacing=0.8)
    return ax


def _beside(ax: Axes, column: int, text: str, at: tuple[float, str]) -> None:
    """A cell of the columns at the right of the Axes."""
    height, of = at
    ax.annotate(text, (1, height), (30 + 26 * column, 0), xycoords=("axes fraction", of),
                textcoords="offset points", ha="right", va="center", fontsize=6)  # fmt: skip
