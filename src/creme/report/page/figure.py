"""A figure of the page, and what the modules that draw them share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from creme.report.page.encode import Html
from creme.report.page.results import PageResults
from creme.report.style import COLUMN, PAGE

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
    """

    section: str
    title: str
    paper: str
    caption: str
    drawing: Axes | Figure


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
