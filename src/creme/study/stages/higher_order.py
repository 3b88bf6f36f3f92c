"""Stage ``higher_order``: sets of tiles that matter together, and whether they are additive."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from creme.analysis.additive import additive_comparison
from creme.results.neighbours import own
from creme.study.forecast.bounds import higher_order
from creme.study.stages.context_dependence import CONTEXT_DEPENDENCE
from creme.study.stages.stage import PassedOn, SearchForecast, Stage, StageData
from creme.study.stages.tables import categories_of, statistics, tidy_rows

_BY_SET = (
    *("mse", "difference", "interaction", "mse_multiplicative", "difference_multiplicative"),
    *("interaction_additive", "interaction_multiplicative", "explained_by"),
)
_ABOVE_FLOOR = ("mse_above_floor", "mse_multiplicative_above_floor")
AT_MOST = "searches: at most, each track and direction going its own way"


def _tables(data: StageData) -> dict[str, pd.DataFrame]:
    dataset = data.dataset
    limit = data.study.classes.additive
    comparison = additive_comparison(dataset, threshold=limit, floor=_floor(data))
    traces = dataset.assign(additive=comparison["additive"])
    names = ("wild_type", *statistics("fold_change"), "additive", "initial")
    frame = tidy_rows(traces, data, names)
    by = comparison[[name for name in (*_BY_SET, *_ABOVE_FLOOR) if name in comparison]]
    sets = by.drop_vars([n for n in by.coords if n not in ("locus", "search", "track")])
    table = sets.to_dataframe(dim_order=["locus", "search", "track"]).reset_index()
    table.insert(1, "category", categories_of(table["locus"], data.categories or {}))
    return {data.name: frame, "interactions": table}


def _floor(data: StageData) -> xr.DataArray | None:
    """The activity of the TSS tile alone, (locus, track), as context dependence has measured it.

    None where the searches keep another TSS tile than that test.
    """
    context = data.earlier(CONTEXT_DEPENDENCE.name)
    tests: list[Any] = [data.study.test(name) for name in (data.name, CONTEXT_DEPENDENCE.name)]
    sizes = [test.tile if test.tss_tile is None else test.tss_tile for test in tests]
    if context is None or sizes[0] != sizes[1]:
        return None
    return own(context)["mutant"].astype(np.float64).mean("replicate")


HIGHER_ORDER = Stage(
    name="higher_order",
    test="higher_order",
    title="Higher-order interactions",
    needs=("context_dependence",),
    takes="categories",
    finds="sets",
    passes_on=PassedOn(
        "tables/higher_order.csv", ("locus", "search", "track", "round", "selected_start")
    ),
    defaults=lambda classes: {"accept": "all"},  # the paper's way
    make_tables=_tables,
    further_tables=("interactions",),
    thresholds=lambda study: {"additive": study.classes.additive},
    searches=SearchForecast(higher_order, "bound", shares="necessity", note=AT_MOST),
)
