"""Tables with places on the genome instead of positions in the window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from creme.genome.places import interval_text

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

INTERVAL = "interval"
"""The column of a row's place."""

PLACES = {"selected_start": "selected", "position_start": "position"}
"""Positions in the window where something was put or selected, and the columns of their places."""


def with_places(frame: pd.DataFrame, dataset: xr.Dataset) -> pd.DataFrame:
    """A tidy table with genomic places instead of positions in the window.

    Parameters
    ----------
    frame : DataFrame
        From `creme.results.tidy.tidy`.
    dataset : Dataset
        Whose table it is.

    Returns
    -------
    DataFrame
        `INTERVAL` is the tile or base that a row is of, or the tile that a round has selected;
        ``position`` and ``selected``, where something was put, are places too, instead of
        ``position_start`` and ``selected_start``. Columns whose numbers these say are left out.
        As it was where the loci have no place.

    Notes
    -----
    A window runs along its gene: of a gene on the minus strand its first base has the largest
    coordinate.
    """
    if not {"contig", "start", "end", "strand"} <= set(frame):
        return frame
    frame = frame.copy()
    if {"genomic_start", "genomic_end"} <= set(frame):
        frame[INTERVAL] = _texts(frame, frame["genomic_start"], frame["genomic_end"])
        frame = frame.drop(columns=["genomic_start", "genomic_end"])
        gone = [name for name in ("tile_start", "tile_end", "tile") if name in frame]
        if len(gone) > 1:
            frame = frame.drop(columns=gone)
    length = _tile_length(dataset)
    for name, column in PLACES.items():
        if name not in frame:
            continue
        shown = INTERVAL if column == "selected" and INTERVAL not in frame else column
        low, high = on_genome(frame, frame[name].astype(float), length)
        frame[shown] = _texts(frame, low, high)
        frame = frame.drop(columns=[name, *({column} & set(frame) - {shown})])
    return frame


def on_genome(frame: pd.DataFrame, start: pd.Series, length: int) -> tuple[pd.Series, pd.Series]:
    """The genomic [start, end), 0-based, of positions in the window.

    Parameters
    ----------
    frame : DataFrame
        With the ``start``, ``end`` and ``strand`` of each row's window.
    start : Series
        Where it begins in the window; negative or NaN where nothing is.
    length : int
        bp
    """
    start = start.where(start >= 0)
    forward = frame["strand"] == "+"
    low = (frame["start"] + start).where(forward, frame["end"] - start - length)
    return low, low + length


def _texts(frame: pd.DataFrame, low: Any, high: Any) -> list[str]:
    return [
        interval_text(contig, start, end)
        for contig, start, end in zip(frame["contig"], low, high, strict=True)
    ]


def _tile_length(dataset: xr.Dataset) -> int:
    """The length of all tiles of a test; 1 where they have none in common."""
    if not {"tile_start", "tile_end"} <= set(dataset.variables):
        return 1
    lengths = (dataset["tile_end"] - dataset["tile_start"]).values.astype(float)
    own = np.unique(lengths[np.isfinite(lengths) & (lengths > 0)])
    return int(own[0]) if own.size == 1 else 1
