"""Stage ``set_sufficiency``: the greedy sets put back, tile by tile, into random context."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from creme.analysis.set_sufficiency import needed_by_class, tiles_needed
from creme.study.stages.stage import Stage, StageData
from creme.study.stages.tables import categories_of, statistics, tidy_rows


def _tables(data: StageData) -> dict[str, pd.DataFrame]:
    dataset = data.dataset
    frame = tidy_rows(dataset, data, ("wild_type", *statistics("fold_change")))
    categories = categories_of(dataset["locus"].values, data.categories or {})
    classes = xr.DataArray(np.array(categories, dtype=object), dims="locus")
    needed = needed_by_class(tiles_needed(dataset), classes)
    return {data.name: frame, "tiles_needed": needed.rename(columns={"class": "category"})}


SET_SUFFICIENCY = Stage(
    name="set_sufficiency",
    test="set_sufficiency",
    title="Set sufficiency",
    needs=("higher_order",),
    takes="sets",
    make_tables=_tables,
    further_tables=("tiles_needed",),
)
