"""Stage ``distance``: CREs moved away from their TSS and towards it."""

from __future__ import annotations

import pandas as pd
import xarray as xr

from creme.analysis.distances import distance_curve
from creme.study.stages.stage import Stage, StageData
from creme.study.stages.tables import statistics, tidy_rows, with_class


def _tables(data: StageData) -> dict[str, pd.DataFrame]:
    dataset = data.dataset
    frame = with_class(tidy_rows(data.whole, data, statistics("fold_change")), data.classes)
    parts = []
    tiles = frame[["locus", "tile", "category", "cre_class"]].drop_duplicates()
    kinds = tiles["cre_class"].str.rpartition(" ")[2]
    for key, rows in tiles.groupby(tiles["category"] + " " + kinds):
        category, _, kind = str(key).rpartition(" ")
        chosen = {(row.locus, row.tile) for row in rows.itertuples()}
        mask = xr.DataArray(
            [
                [(str(locus), int(tile)) in chosen for tile in dataset["tile"].values]
                for locus in dataset["locus"].values
            ],
            dims=("locus", "tile"),
        )
        curve = distance_curve(dataset[["fold_change"]].where(mask)).to_dataframe().reset_index()
        parts.append(curve[curve["n"] > 0].assign(category=category, kind=kind))
    columns = [
        *("category", "kind", "track", "distance"),
        *("mean", "se", "low", "high", "n"),
    ]
    curves = pd.concat(parts)[columns].sort_values(columns[:4], kind="stable")
    return {data.name: frame, "distance_curve": curves.reset_index(drop=True)}


DISTANCE = Stage(
    name="distance",
    test="distance",
    title="Distance",
    needs=("sufficiency",),
    takes="cres",
    cres={"enhancing": ["enhancer"], "silencing": ["silencer"]},
    make_tables=_tables,
    further_tables=("distance_curve",),
)
