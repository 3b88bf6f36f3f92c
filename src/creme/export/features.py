"""The measures of tests by their place on the genome."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from creme.analysis.categories import context_categories, cre_classes
from creme.analysis.noise import within_noise
from creme.analysis.thresholds import Categories, Classes
from creme.results.presentation import presentation_of
from creme.test import Presentation

KEYS = ["locus", "track", "tile_from", "tile_to"]
COLUMNS = [*KEYS, "gene", "contig", "strand", "start", "end", "value", "noise", "group"]

MOST_FILES = 12
"""Names along a dimension that are told apart; the measure is averaged over a longer one."""

_LABELS = (
    *("gene", "contig", "strand", "tss_position", "start", "end"),
    *("padding_left", "padding_right"),
)
_SUPPORTING = ("_std", "_se", "_replicates")


@dataclass(frozen=True)
class Placed:
    """Values of one test, each with a place on the genome.

    Attributes
    ----------
    values : DataArray
        Along `locus`, `track` if there are tracks, and a dimension of intervals if there is one.
    start : str
        The coordinate of the interval's first base.
    end : str or None
        That of its end; None for single bases.
    of_tss : bool
        Whether the values are those of TSSs.
    part : str
        Tells apart what is exported of one test: a name of a further dimension, such as a motif.
    """

    values: xr.DataArray
    start: str
    end: str | None = None
    of_tss: bool = False
    part: str = ""


def placed(dataset: xr.Dataset, shown: Presentation) -> list[Placed]:
    """A test's measure as values with a place on the genome.

    Parameters
    ----------
    dataset : Dataset
        Of any test.
    shown : Presentation
        Of the test.

    Returns
    -------
    list of Placed
        Intervals are those of ``genomic_start`` and ``genomic_end`` along the dimension that lies
        along the sequence, or single bases without ``genomic_end``. A measure of loci alone is
        placed at their TSS. If the measure has further dimensions, another variable that has none
        takes its place where there is exactly one, such as the importance of a base. Otherwise
        each name along a dimension of at most `MOST_FILES` names is exported for itself, and the
        measure is averaged over dimensions that are numbered. Of the fine-tile search it is what
        is left of each tile with its final score. Empty for a test without genomic intervals, and
        for loci that are on no genome.
    """
    if not set(_LABELS) <= set(dataset.coords) or shown.measure not in dataset.data_vars:
        return []
    dims = set(map(str, dataset[shown.measure].dims))
    if dims <= {"locus", "track"}:
        # The unit of a swap is a pair of loci: it has no place of its own.
        swap = "source" in dataset.coords
        return [] if swap else [Placed(dataset[shown.measure], "tss_position", of_tss=True)]
    if {"sub_genomic_start", "sub_genomic_end", "final_score"} <= set(dataset.variables):
        return [Placed(dataset["final_score"], "sub_genomic_start", "sub_genomic_end")]
    along = shown.along
    if not along or along not in dims or not _along(dataset, "genomic_start", along):
        return []
    end = "genomic_end" if _along(dataset, "genomic_end", along) else None
    values = dataset[shown.measure]
    if dims - {"locus", "track", along}:
        alone = _without_further_dimensions(dataset, shown, along)
        values = values if alone is None else alone
    return [Placed(one, "genomic_start", end, part=part) for part, one in _divided(values, along)]


def _along(dataset: xr.Dataset, name: str, along: str) -> bool:
    return name in dataset.variables and along in dataset[name].dims


def _without_further_dimensions(
    dataset: xr.Dataset, shown: Presentation, along: str
) -> xr.DataArray | None:
    """The only variable beside the measure that has a value for each position and track."""
    others = [
        name
        for name, values in dataset.data_vars.items()
        if name != shown.measure and not str(name).endswith(_SUPPORTING)
        if values.dtype.kind == "f" and set(values.dims) == {"locus", along, "track"}
    ]
    return dataset[others[0]] if len(others) == 1 else None


def _divided(values: xr.DataArray, along: str) -> Iterator[tuple[str, xr.DataArray]]:
    """Parts with their names, along nothing but loci, tracks and positions."""
    further = [dim for dim in values.dims if dim not in ("locus", "track", along)]
    names = [dim for dim in further if _is_text(values, dim) and values.sizes[dim] <= MOST_FILES]
    averaged = [dim for dim in further if dim not in names]
    if averaged:
        values = values.mean(averaged, skipna=True, keep_attrs=True)
    if not names:
        yield "", values
        return
    for _, part in values.stack(part=names, create_index=False).groupby("part", squeeze=False):
        one = part.isel(part=0)
        yield " ".join(str(one[dim].item()) for dim in names), one.drop_vars(names)


def _is_text(values: xr.DataArray, dim: object) -> bool:
    return dim in values.coords and values[dim].dtype.kind in "OUT"


def features(
    dataset: xr.Dataset,
    classes: pd.DataFrame,
    thresholds: Categories | None = None,
    place: Placed | None = None,
) -> pd.DataFrame | None:
    """The values of a test by intervals of the genome, a row for each locus, interval and track.

    Parameters
    ----------
    dataset : Dataset
        Of any test.
    classes : DataFrame
        With `KEYS` and ``cre_class``: `cre_class_features` of all sufficiency tests.
    thresholds : Categories, optional
        Of contexts; the paper's unless given.
    place : Placed, optional
        One of `placed`; the first one unless given.

    Returns
    -------
    DataFrame or None
        `COLUMNS`: the tile, [tile_from, tile_to) in the genome, that the interval [start, end) is
        or lies in; both 0-based, half-open. The interval is cut where the contig ends, and left out
        where it lies outside, or where its value is NaN. ``value`` is the test's measure, see
        `placed`. ``noise`` says whether it is within noise (`creme.analysis.noise`). ``group`` is
        the class of the tile, or the category of the context for the context dependence test, or
        empty. None for a test without places on the genome.
    """
    if place is None:
        places = placed(dataset, presentation_of(dataset, str(dataset.attrs.get("test", ""))))
        if not places:
            return None
        place = places[0]
    tile = ("genomic_start", "genomic_end") if place.start == "sub_genomic_start" else None
    frame = _frame(dataset, place, tile)
    if place.of_tss:
        return _whole(_with_category(frame, dataset, thresholds or Categories()))
    if frame.empty:
        return _whole(frame.assign(group=""))
    groups = classes.rename(columns={"cre_class": "group"})[[*KEYS, "group"]]
    types = {"tile_from": np.float64, "tile_to": np.float64}
    return _whole(frame.merge(groups.astype(types), on=KEYS, how="left"))


def _with_category(
    frame: pd.DataFrame, dataset: xr.Dataset, thresholds: Categories
) -> pd.DataFrame:
    """Values of TSSs with the category of the context, which one test tells."""
    if dataset.attrs.get("test") != "context_dependence" or "effect" not in dataset:
        return frame.assign(group="")
    limits = thresholds.of_loci()
    categories = context_categories(dataset, **limits).to_series().rename("group").reset_index()
    return frame.merge(_as_text(categories[["locus", "track", "group"]]), how="left")


def cre_class_features(dataset: xr.Dataset, thresholds: Classes) -> pd.DataFrame:
    """`KEYS` and ``cre_class`` of each tile, by the sufficiency test's effect; empty: of none."""
    has_tiles = (
        "effect" in dataset
        and {"locus", "track"} <= set(dataset["effect"].dims) <= {"locus", "tile", "track"}
        and {"genomic_start", "genomic_end"} <= set(dataset.coords)
    )
    if not has_tiles:
        return pd.DataFrame(columns=[*KEYS, "cre_class"])
    classes = cre_classes(dataset, **thresholds.of_tiles())
    part = dataset[[]].assign(cre_class=classes).reset_coords()
    part = part[["cre_class", "genomic_start", "genomic_end"]]
    frame = part.to_dataframe().reset_index().dropna(subset=["genomic_start"])
    names = {"genomic_start": "tile_from", "genomic_end": "tile_to"}
    return _as_text(frame.rename(columns=names)[[*KEYS, "cre_class"]])


def _frame(dataset: xr.Dataset, place: Placed, tile: tuple[str, str] | None) -> pd.DataFrame:
    """Rows with a value and a place."""
    names = dict.fromkeys(
        [place.start, *([place.end] if place.end else []), *(tile or ()), *_LABELS]
    )
    values = place.values.reset_coords(drop=True)
    if "track" not in values.dims:
        values = values.expand_dims(track=[""])
    part = dataset.reset_coords()[[n for n in names if n in dataset.variables]]
    part = part.assign(value=values, noise=_noise(dataset, place))
    frame = _as_text(part.to_dataframe().reset_index())
    first = frame[place.start].to_numpy(dtype=np.float64)
    last = first + 1 if place.end is None else frame[place.end].to_numpy(dtype=np.float64)
    forward = frame["strand"].to_numpy() != "-"
    left, right = (frame[f"padding_{side}"].to_numpy() for side in ("left", "right"))
    # Where the contig begins and ends, as far as the window reaches.
    low = frame["start"].to_numpy() + np.where(forward, left, right)
    high = frame["end"].to_numpy() - np.where(forward, right, left)
    of_tile = [frame[name].to_numpy(dtype=np.float64) for name in tile] if tile else [first, last]
    frame = frame.assign(
        value=frame["value"].to_numpy(dtype=np.float64),
        tile_from=of_tile[0],
        tile_to=of_tile[1],
        start=np.maximum(first, low),
        end=np.minimum(last, high),
    )
    valid = np.isfinite(frame["value"]) & (frame["start"] < frame["end"]) & (frame["contig"] != "")
    return frame.loc[valid, [name for name in COLUMNS if name != "group"]].reset_index(drop=True)


def _noise(dataset: xr.Dataset, place: Placed) -> xr.DataArray:
    """Whether the values are within noise, where they are the effects that this is known of."""
    noise = within_noise(dataset) if place.values.name == "effect" else None
    return xr.DataArray(False) if noise is None else noise


def _as_text(frame: pd.DataFrame) -> pd.DataFrame:
    """Text as str objects, from whatever a store gives."""
    texts = ("locus", "track", "gene", "contig", "strand", "group", "cre_class")
    return frame.assign(**{name: frame[name].astype(object) for name in texts if name in frame})


def _whole(frame: pd.DataFrame) -> pd.DataFrame:
    """Places as whole numbers, in the order of the genome, as LC_ALL=C sort -k1,1 -k2,2n -k3,3n."""
    frame = frame.assign(group=frame["group"].fillna(""))
    frame = frame.astype(dict.fromkeys(["start", "end", "tile_from", "tile_to"], np.int64))
    # Of str by code points, which is the order of their bytes in UTF-8.
    return frame.sort_values(["contig", "start", "end"], kind="stable", ignore_index=True)[COLUMNS]
