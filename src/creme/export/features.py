"""Values by their place on the genome, from the Datasets of tests."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from creme.analysis.categories import context_categories, cre_classes
from creme.analysis.thresholds import Categories, Classes

KEYS = ["locus", "track", "tile_from", "tile_to"]
COLUMNS = [*KEYS, "gene", "contig", "strand", "start", "end", "value", "group"]

_LABELS = (
    *("gene", "contig", "strand", "tss_position", "start", "end"),
    *("padding_left", "padding_right"),
)


def features(
    dataset: xr.Dataset, classes: pd.DataFrame, thresholds: Categories | None = None
) -> pd.DataFrame | None:
    """What a test says of intervals of the genome, a row for each locus, interval and track.

    Parameters
    ----------
    dataset : Dataset
        Of any test.
    classes : DataFrame
        With `KEYS` and ``cre_class``: `cre_class_features` of all sufficiency tests.
    thresholds : Categories, optional
        Of contexts; the paper's unless given.

    Returns
    -------
    DataFrame or None
        `COLUMNS`: the tile, [tile_from, tile_to) in the genome, that the interval [start, end) is
        or lies in; both 0-based, half-open. The interval is cut where the contig ends, and left out
        where it lies outside, or where its value is NaN. ``value`` is the test's effect: of tiles
        (necessity, sufficiency and tests of users with such tiles); of the TSS (context
        dependence); the final score of each sub-tile (fine-tile); the importance of each base
        (saturation mutagenesis). ``group`` is the class of the tile or the category of the context,
        or empty. None for a test without any of these, and for loci that are on no genome.
    """
    if not set(_LABELS) <= set(dataset.coords):
        return None
    test = dataset.attrs.get("test")
    if test == "context_dependence":
        frame = _frame(dataset, "effect", "tss_position", None)
        limits = (thresholds or Categories()).configuration()
        limits.pop("at_most")
        found = context_categories(dataset, **limits).to_series().rename("group").reset_index()
        return _whole(frame.merge(_as_text(found[["locus", "track", "group"]]), how="left"))
    if test == "fine_tile":
        frame = _frame(
            dataset,
            *("final_score", "sub_genomic_start", "sub_genomic_end"),
            tile=("genomic_start", "genomic_end"),
        )
    elif test == "saturation_mutagenesis":
        frame = _frame(dataset, "importance", "genomic_start", None)
    elif _has_tiles(dataset):
        frame = _frame(dataset, "effect", "genomic_start", "genomic_end")
    else:
        return None
    if frame.empty:
        return _whole(frame.assign(group=""))
    known = classes.rename(columns={"cre_class": "group"})[[*KEYS, "group"]]
    types = {"tile_from": np.float64, "tile_to": np.float64}
    return _whole(frame.merge(known.astype(types), on=KEYS, how="left"))


def cre_class_features(dataset: xr.Dataset, thresholds: Classes) -> pd.DataFrame:
    """`KEYS` and ``cre_class`` of each tile, by the sufficiency test's effect; empty: of none."""
    named = cre_classes(dataset, weak=thresholds.weak, strong=thresholds.strong)
    if not _has_tiles(dataset):
        return pd.DataFrame(columns=[*KEYS, "cre_class"])
    part = dataset[[]].assign(cre_class=named).reset_coords()
    part = part[["cre_class", "genomic_start", "genomic_end"]]
    frame = part.to_dataframe().reset_index().dropna(subset=["genomic_start"])
    names = {"genomic_start": "tile_from", "genomic_end": "tile_to"}
    return _as_text(frame.rename(columns=names)[[*KEYS, "cre_class"]])


def _has_tiles(dataset: xr.Dataset) -> bool:
    return (
        "effect" in dataset
        and {"locus", "track"} <= set(dataset["effect"].dims) <= {"locus", "tile", "track"}
        and {"genomic_start", "genomic_end"} <= set(dataset.coords)
    )


def _frame(
    dataset: xr.Dataset,
    value: str,
    start: str,
    end: str | None,
    tile: tuple[str, str] | None = None,
) -> pd.DataFrame:
    """Rows with a value and a place; `end` is one base after `start` unless given."""
    wanted = dict.fromkeys([value, start, *([end] if end else []), *(tile or ()), *_LABELS])
    part = dataset.reset_coords()[list(wanted)]
    frame = _as_text(part.to_dataframe().reset_index())
    first = frame[start].to_numpy(dtype=np.float64)
    last = first + 1 if end is None else frame[end].to_numpy(dtype=np.float64)
    forward = frame["strand"].to_numpy() != "-"
    left, right = (frame[f"padding_{side}"].to_numpy() for side in ("left", "right"))
    # Where the contig begins and ends, as far as the window reaches.
    low = frame["start"].to_numpy() + np.where(forward, left, right)
    high = frame["end"].to_numpy() - np.where(forward, right, left)
    of_tile = [frame[name].to_numpy(dtype=np.float64) for name in tile] if tile else [first, last]
    frame = frame.assign(
        value=frame[value].to_numpy(dtype=np.float64),
        tile_from=of_tile[0],
        tile_to=of_tile[1],
        start=np.maximum(first, low),
        end=np.minimum(last, high),
    )
    there = np.isfinite(frame["value"]) & (frame["start"] < frame["end"]) & (frame["contig"] != "")
    return frame.loc[there, [name for name in COLUMNS if name != "group"]].reset_index(drop=True)


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
