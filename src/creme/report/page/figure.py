"""A figure of the page, and what those that draw them share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from creme.report.page.source import HEAVY, REPLICATES, Source
from creme.report.style import COLUMN, PAGE

FEW: dict[str, Any] = {"resamples": 1}
"""Of a bootstrap whose intervals are not drawn: bands are standard errors."""


@dataclass(frozen=True)
class Drawn:
    """A figure of the page.

    Attributes
    ----------
    stage : str
    title : str
    paper : str
        The figure of the paper that it is; empty if the paper has none.
    caption : str
    drawing : Axes or Figure
    """

    stage: str
    title: str
    paper: str
    caption: str
    drawing: Axes | Figure


def deciding(source: Source, test: str) -> xr.Dataset:
    """A test's Dataset of the deciding track, without what figures do not use."""
    return source.open(test, (*HEAVY, *REPLICATES)).sel(track=[source.track]).load()


def labels_of(source: Source, dataset: xr.Dataset) -> xr.DataArray | None:
    """Category of each locus of a Dataset; None where there are none at all."""
    if not source.categories:
        return None
    named = [source.categories.get(str(name), "") for name in dataset["locus"].values]
    return xr.DataArray(
        np.array(named, dtype=object), dims="locus", coords={"locus": dataset["locus"].values}
    )


def width_of(panels: int) -> float:
    """Of a row of panels, mm."""
    return COLUMN if panels == 1 else min(PAGE, 60.0 * panels)
