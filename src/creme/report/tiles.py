"""Effects of tiles by context, and necessity against sufficiency (Figure 3b, c; Supp. 2)."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes

from creme.report.axis_labels import effect_label
from creme.report.boxen import draw_boxen
from creme.report.comparison import comparison_scatter
from creme.report.marks import count, frame_groups, name, note, set_names, zero
from creme.report.select import finite, grouped, only
from creme.report.style import axes_of, colours, styled


@styled
def tile_effects(
    dataset: xr.Dataset,
    categories: xr.DataArray | None = None,
    *,
    track: str | None = None,
    label: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Effects of all tiles by the category of their context, as boxen plots.

    Parameters
    ----------
    dataset : Dataset
        Of the necessity or the sufficiency test.
    categories : DataArray of text, optional
        Along ``locus``, as `creme.analysis.categories.context_categories` gives them; all tiles in
        one group without them. Loci without a category are left out.
    track : str, optional
        Needed where there are several.
    label : str
        Of the y axis; that of the test which made the results unless given.
    ax : Axes, optional

    Returns
    -------
    Axes

    Notes
    -----
    Figures 3b and 3c. The number of tiles of a group stands below it.
    """
    effect = only(dataset["effect"], track=track)
    if categories is not None:
        categories = only(categories, track=track)
    groups = grouped(effect, categories)
    ax = axes_of(ax)
    ax.set_ylabel(label or effect_label(str(dataset.attrs.get("test", "")), dataset.attrs))
    tints = colours(groups)
    labels, total = [], 0
    for place, (category, values) in enumerate(groups.items()):
        there = finite(values)
        draw_boxen(ax, place, there, tints[category])
        shown = "all contexts" if categories is None else name(category, 16)
        labels.append(f"{shown}\n{count(there.size)}")
        total += there.size
    set_names(ax, labels)
    frame_groups(ax, len(labels))
    if categories is not None:
        ax.set_xlabel("context (n: tiles)")
    zero(ax)
    if not total:
        note(ax, "no tile to draw: no effect is finite, or no locus has a category")
    return ax


@styled
def necessity_sufficiency(
    table: pd.DataFrame,
    *,
    track: str | None = None,
    title: str = "",
    colour: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Necessity against sufficiency of the same tiles, with their rank correlation.

    Parameters
    ----------
    table : DataFrame
        Of `creme.analysis.comparison.necessity_and_sufficiency`, or some rows of it, such as those
        of the loci of one category.
    track : str, optional
        Needed where there are several.
    title : str
    colour : str, optional
    ax : Axes, optional

    Returns
    -------
    Axes

    Notes
    -----
    Supplementary Figure 2c to e.
    """
    ax = comparison_scatter(
        table,
        "necessity",
        "sufficiency",
        labels=(
            effect_label("necessity", table.attrs.get("necessity", {})),
            effect_label("sufficiency", table.attrs.get("sufficiency", {})),
        ),
        track=track,
        title=title,
        colour=colour,
        diagonal=False,
        ax=ax,
    )
    if len(table) and np.isfinite(table[["necessity", "sufficiency"]].to_numpy(float)).any():
        zero(ax)
        zero(ax, across=False)
    return ax
