"""A figure of the page, and what the modules that draw them share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from creme.report.axis_labels import effect_label
from creme.report.page.encode import Html
from creme.report.page.results import PageResults
from creme.report.style import COLUMN, PAGE
from creme.results.tidy import tidy

FEW: dict[str, Any] = {"resamples": 1}
"""Of a bootstrap whose intervals are not drawn: bands are standard errors."""


@dataclass(frozen=True)
class PageFigure:
    """A figure of the page.

    Attributes
    ----------
    section : str
        The heading that it stands under.
    title : str
    paper : str
        The figure of the paper that it is, or "" if the paper has none.
    caption : str
    drawing : Axes or Figure
    formula : str
        How the values are computed; "" where the drawing's axes say it.
    data : DataFrame or None
        The values that are drawn, for who wants to draw them otherwise.
    """

    section: str
    title: str
    paper: str
    caption: str
    drawing: Axes | Figure
    formula: str = ""
    data: pd.DataFrame | None = None


@dataclass(frozen=True)
class PageSection:
    """A section of figures of a test that the paper does not have.

    Attributes
    ----------
    title : str
    text : list of str
        Paragraphs above the figures.
    figures : list of PageFigure
    table : Html or None
        Below the figures.
    """

    title: str
    text: list[str]
    figures: list[PageFigure]
    table: Html | None = None


def formula_of(test: str, attributes: Mapping[str, Any]) -> str:
    """How a test's effect is computed: ``effect = (WT - shuffled) / WT``."""
    return f"effect = {effect_label(test, attributes, lines=1).partition(', ')[2]}"


def values_of(dataset: xr.Dataset, *names: str, labels: xr.DataArray | None = None) -> pd.DataFrame:
    """The values of some variables as a table, without rows that have none.

    Parameters
    ----------
    dataset : Dataset
        Of a test.
    *names : str
        Variables; those that the Dataset lacks are left out.
    labels : DataArray, optional
        The category of each locus, as `labels_of` gives them.
    """
    there = [name for name in names if name in dataset.data_vars]
    part = dataset[there].drop_vars("category", errors="ignore")
    if labels is not None and set(labels.dims) == {"locus"}:
        part = part.assign_coords(category=("locus", labels.values.astype(object)))
    frame = tidy(part).dropna(subset=there, how="all")
    # Labels that say nothing of a drawn value.
    dropped = ("transcript", "padding_left", "padding_right", "start", "end", "bases_kept")
    return frame.drop(columns=[name for name in dropped if name in frame]).reset_index(drop=True)


def labels_of(results: PageResults, dataset: xr.Dataset) -> xr.DataArray | None:
    """Category of each locus of a Dataset; None where there are none at all."""
    categories = results.view.categories
    if not categories:
        return None
    named = [categories.get(str(name), "") for name in dataset["locus"].values]
    return xr.DataArray(
        np.array(named, dtype=object), dims="locus", coords={"locus": dataset["locus"].values}
    )


def width_of(panels: int) -> float:
    """Of a row of panels, mm."""
    return COLUMN if panels == 1 else min(PAGE, 60.0 * panels)
