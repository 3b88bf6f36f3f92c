"""The strongest rows of a test's results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from creme.cli.places import INTERVAL, PLACES, with_places

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from creme.test import Presentation


def strongest(
    dataset: xr.Dataset, shown: Presentation, top: int, *, whole: bool = True
) -> tuple[list[str], list[list[Any]]]:
    """The rows of a test's measure that are furthest from its neutral value.

    Parameters
    ----------
    dataset : Dataset
    shown : Presentation
        Of the test.
    top : int
        How many rows.
    whole : bool
        With what a glance does without: the wild type, standard deviations, percentiles, and a
        track that is the only one.

    Returns
    -------
    list of str
        Columns: what tells the rows apart, with genomic intervals (`creme.cli.places`), the wild
        type, the measure, its spread, and its q (`creme.analysis.noise`).
    list of rows
        In the order of the Dataset where no neutral value is known; those of a test without a
        measure have all its values.
    """
    from creme.analysis.noise import q_values
    from creme.results.calibrated import ENDINGS
    from creme.results.tidy import tidy

    if not shown.measure:
        frame = with_places(tidy(dataset), dataset)
        return [str(name) for name in frame], first_rows(frame, top)
    measure = shown.measure
    spread = [f"{measure}_std_{of}" for of in ("members", "positions")]
    names = dict.fromkeys(["wild_type", measure, f"{measure}_std", f"{measure}_se", *spread])
    names |= dict.fromkeys(f"{measure}_{ending}" for ending in ENDINGS)
    part = dataset[[name for name in names if name in dataset.data_vars]].load()
    if measure == "effect" and (q := q_values(dataset)) is not None:
        names["q"] = None
        part = part.assign(q=q)
    frame = tidy(part).dropna(subset=[measure])
    if not np.isnan(shown.neutral):
        away = (frame[measure] - shown.neutral).abs()
        frame = frame.reindex(away.sort_values(ascending=False, kind="stable").index)
    telling = _telling(part, measure, frame)
    frame = with_places(frame.head(top), dataset)
    telling = [PLACES.get(name, name) for name in telling]
    columns = [name for name in telling if name in frame and name not in names]
    if INTERVAL in frame and INTERVAL not in columns:
        columns.insert(1 if "locus" in columns else 0, INTERVAL)
    columns += [name for name in names if name in frame]
    if not whole:
        hidden = {f"{measure}_{of}" for of in ("std", "percentile", "panel_percentile")}
        hidden |= {"wild_type"} - {measure}
        hidden |= {"track"} if dataset.sizes.get("track") == 1 else set()
        hidden |= {"position"} if "position_distance" in columns else set()
        columns = [name for name in columns if name not in hidden]
    rows = first_rows(frame[columns], top)
    return columns if whole else [_SHORT.get(name, name) for name in columns], rows


def first_rows(frame: pd.DataFrame, top: int) -> list[list[Any]]:
    """The first rows of a table as lists."""
    shown = frame.head(top)
    whole = [str(name) for name in shown if str(name).endswith("distance")]
    # They are floats where some rows have none.
    whole = [name for name in whole if shown[name].notna().all()]
    rows: list[list[Any]] = (
        shown.astype(dict.fromkeys(whole, np.int64)).to_numpy(dtype=object).tolist()
    )
    return rows


_SHORT = {f"{measure}_se": "se" for measure in ("effect", "fold_change", "score")}


def _telling(part: xr.Dataset, measure: str, frame: pd.DataFrame) -> list[str]:
    """Columns that tell rows apart: without what the table of the loci has, and without numbers
    where another column says the same more plainly."""
    from creme.results.tidy import tidy_columns

    dims = {str(dim) for dim in part[measure].dims}
    further = dims - {"locus", "track"}
    own = [str(n) for n, values in part.coords.items() if further & set(map(str, values.dims))]
    ordered = dict.fromkeys([*tidy_columns(part), *sorted(own), *sorted(dims)])
    # A dimension is what tells rows apart, whatever its name, but where a coordinate along it does.
    hidden = _ABOUT_THE_LOCUS - further
    for number, plain in _PLAINER.items():
        if plain in frame and (number not in dims or number in part[plain].dims):
            hidden.add(number)
    return [name for name in ordered if name in frame and name not in hidden]


_PLAINER = {
    **{"tile": "tile_start", "copy": "copies", "position": "position_start"},
    **dict.fromkeys(
        ("neighbour", "neighbour_transcript", "neighbour_position", "neighbour_strand"),
        "neighbour_distance",
    ),
}
"""Numbers along dimensions, and what says the same more plainly."""

_ABOUT_THE_LOCUS = {
    *("gene", "transcript", "contig", "tss_position", "strand", "start", "end"),
    *("padding_left", "padding_right", "source", "target", "selected", "kept"),
}
