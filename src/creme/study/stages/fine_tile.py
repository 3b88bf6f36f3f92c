"""Stage ``fine_tile``: the smallest parts of CREs that keep their effect."""

from __future__ import annotations

import pandas as pd

from creme.analysis.categories import CONTEXTS
from creme.study.forecast.bounds import fine_tile
from creme.study.stages.stage import PassedOn, SearchForecast, Stage, StageData
from creme.study.stages.tables import tidy_rows, with_class


def _tables(data: StageData) -> dict[str, pd.DataFrame]:
    traces = tidy_rows(data.dataset, data, ("score", "window", "kept_bp"))
    parts = tidy_rows(
        data.dataset,
        data,
        ("sub_start", "sub_end", "sub_genomic_start", "sub_genomic_end", "final_score"),
    )
    traces, parts = with_class(traces, data.classes), with_class(parts, data.classes)
    return {
        data.name: traces[traces["window"].notna()].reset_index(drop=True),
        "sub_tiles": parts[parts["sub_start"].notna()].reset_index(drop=True),
    }


FINE_TILE = Stage(
    name="fine_tile",
    test="fine_tile",
    title="Fine-tile search",
    needs=("sufficiency",),
    takes="cres",
    cres={context: ["enhancer"] for context in CONTEXTS},
    finds="parts",
    passes_on=PassedOn(
        "tables/sub_tiles.csv",
        ("locus", "tile_start", "tile_end", "track", "sub_start", "sub_end"),
    ),
    make_tables=_tables,
    further_tables=("sub_tiles",),
    searches=SearchForecast(
        fine_tile,
        "estimate",
        shares="sufficiency",
        note="fine tiles: as if each window but one of a search's stage were removed, and no step "
        "taken back",
    ),
)
