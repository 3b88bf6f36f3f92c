"""How a test's results are shown, from what they say themselves."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from creme import registry
from creme.errors import PluginError
from creme.results.gaps import SHARE
from creme.test import Presentation

if TYPE_CHECKING:
    import xarray as xr

MEASURES = {"effect": 0.0, "fold_change": 1.0, "score": 0.0}
"""The measures of the toolkit's own tests, and their neutral values."""

_SUPPORTING = (
    "_std",
    "_se",
    "_replicates",
    "_percentile",
    "_panel_p",
    "_members",
    "_positions",
    SHARE,
)


def presentation_of(
    dataset: xr.Dataset, label: str, declared: Presentation | None = None
) -> Presentation:
    """How a test is shown.

    Each part is taken from the Dataset's attributes ``measure``, ``neutral``, ``title``,
    ``summary`` and ``along``, or else from the test's class, if it is installed here. A measure
    that the Dataset does not have is replaced by one that it has.

    Parameters
    ----------
    dataset : Dataset
        Of one test; nothing but its attributes and the names of its variables is read.
    label : str
        What the results call the test.
    declared : Presentation, optional
        That of the test's class; of the installed test of its name unless given.

    Returns
    -------
    Presentation
        ``neutral`` is NaN where it is not known.
    """
    name = str(dataset.attrs.get("test", label))
    declared = declared or _of_class(name)

    def text(key: str, default: str = "") -> str:
        own = dataset.attrs.get(key)
        return own if isinstance(own, str) else getattr(declared, key, default)

    measure = text("measure")
    neutral = _number(dataset.attrs.get("neutral"), getattr(declared, "neutral", math.nan))
    if measure not in dataset.data_vars:
        measure, neutral = _guessed(dataset)
    along = text("along", _along(dataset, measure))
    if along and along not in dataset.dims:
        along = _along(dataset, measure)
    words = label.replace("_", " ").replace("-", " ")
    return Presentation(
        test=name,
        measure=measure,
        neutral=neutral,
        title=text("title") or words[:1].upper() + words[1:],
        summary=text("summary"),
        along=along,
    )


def _of_class(name: str) -> Presentation | None:
    """That of the installed test; None for one that is not installed, or cannot be imported."""
    if name not in registry.plugins("test"):
        return None
    try:
        return registry.load("test", name).presentation()
    except PluginError:
        return None


def _number(value: object, default: float) -> float:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return default


def _guessed(dataset: xr.Dataset) -> tuple[str, float]:
    """A measure and its neutral value; empty and NaN for a Dataset without numbers."""
    for measure, neutral in MEASURES.items():
        if measure in dataset.data_vars:
            return measure, neutral
    values = [
        str(name)
        for name, variable in dataset.data_vars.items()
        if variable.dtype.kind == "f" and "replicate" not in variable.dims
    ]
    others = [name for name in values if name != "wild_type" and not name.endswith(_SUPPORTING)]
    # A stored Dataset does not keep the order of its variables.
    return (min(others, default=values[0] if values else ""), math.nan)


def _along(dataset: xr.Dataset, measure: str) -> str:
    """The dimension of the measure whose positions have a place on the genome."""
    if not measure or "genomic_start" not in dataset.coords:
        return ""
    dims = [str(dim) for dim in dataset["genomic_start"].dims if dim != "locus"]
    return dims[-1] if dims and dims[-1] in dataset[measure].dims else ""
