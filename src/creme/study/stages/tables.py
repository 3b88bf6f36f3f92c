"""Tidy tables of stages: what the functions share that make them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd
import xarray as xr

from creme.analysis.designs import by_design
from creme.results.calibrated import ENDINGS
from creme.results.gaps import SHARE
from creme.results.tidy import tidy
from creme.study.stages.parts import with_part_of
from creme.study.stages.stage import Stage, StageData


def empty(stage: Stage) -> dict[str, pd.DataFrame]:
    """The tables of a stage that had nothing to do: without rows."""
    return {name: pd.DataFrame(columns=["locus"]) for name in stage.tables}


def categories_of(loci: Iterable[str], categories: Mapping[str, str]) -> list[str]:
    """The category of each locus, empty where there is none."""
    return [categories.get(str(name), "") for name in loci]


def tidy_rows(dataset: xr.Dataset, data: StageData, names: Iterable[str]) -> pd.DataFrame:
    """Rows of some variables, without the fill between loci of different sizes."""
    present = [name for name in names if name in dataset]
    if SHARE in dataset and any("tile" in dataset[name].dims for name in present):
        # It says why there is no value.
        present = [*dict.fromkeys([*present, SHARE])]
    frame = tidy(dataset[present])
    for fill in ("tile_start", "position_start"):
        if fill in frame:
            frame = frame[frame[fill].notna()]
    if data.categories is not None and not {"source", "category"} & set(frame):
        frame.insert(1, "category", categories_of(frame["locus"], data.categories))
    whole = [c for c in frame if c in _WHOLE and frame[c].dtype.kind == "f"]
    return frame.astype(dict.fromkeys(whole, "Int64")).reset_index(drop=True)


_WHOLE = {
    *("tile_start", "tile_end", "genomic_start", "genomic_end", "distance", "position_start"),
    *("position_distance", "selected", "selected_start", "kept", "window", "kept_bp"),
    *("sub_start", "sub_end", "sub_genomic_start", "sub_genomic_end"),
}


def statistics(name: str) -> tuple[str, ...]:
    """A measure, its standard deviation and error over replicates, and its place among others."""
    spread = (f"{name}_std", f"{name}_se", f"{name}_std_members", f"{name}_std_positions")
    return (name, *spread, *(f"{name}_{ending}" for ending in ENDINGS))


def with_class(frame: pd.DataFrame, classes: xr.DataArray | None) -> pd.DataFrame:
    """The class of each row's tile, by its locus and start; no column without tiles or classes."""
    if classes is None or "tile_start" not in frame or "cre_class" in frame:
        return frame
    by_tile = classes.to_dataframe().reset_index()
    by_tile = by_tile[by_tile["tile_start"].notna()][["locus", "tile_start", "cre_class"]]
    by_tile = by_tile.astype({"tile_start": frame["tile_start"].dtype}).drop_duplicates()
    joined = frame.merge(by_tile, on=["locus", "tile_start"], how="left", validate="many_to_one")
    at = list(joined).index("category") + 1 if "category" in joined else 1
    joined.insert(at, "cre_class", joined.pop("cre_class").fillna(""))
    return joined


def own_table(data: StageData) -> dict[str, pd.DataFrame]:
    """The table of a stage that a study file adds: all but the replicates, whatever its test."""
    whole = by_design(data.whole)
    variables = whole.data_vars
    names = [str(name) for name in variables if "replicate" not in variables[name].dims]
    frame = tidy_rows(whole, data, names)
    if data.parts:
        return {data.name: with_part_of(frame, data.parts, data.classes)}
    return {data.name: with_class(frame, data.classes)}
