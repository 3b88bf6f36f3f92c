"""Stage ``higher_order``: sets of tiles that matter together, and whether they are additive."""

from __future__ import annotations

import pandas as pd

from creme.analysis.additive import additive_comparison
from creme.study.forecast.bounds import higher_order
from creme.study.stages.stage import SearchForecast, Stage, StageData
from creme.study.stages.tables import categories_of, statistics, tidy_rows

_BY_SET = (
    *("mse", "difference", "interaction", "mse_multiplicative", "difference_multiplicative"),
    *("interaction_additive", "interaction_multiplicative", "explained_by"),
)
AT_MOST = "searches: at most, each track and direction going its own way"


def _tables(data: StageData) -> dict[str, pd.DataFrame]:
    dataset = data.dataset
    comparison = additive_comparison(dataset, threshold=data.study.classes.additive)
    traces = dataset.assign(additive=comparison["additive"])
    names = ("wild_type", *statistics("fold_change"), "additive", "initial")
    frame = tidy_rows(traces, data, names)
    by = comparison[list(_BY_SET)]
    sets = by.drop_vars([n for n in by.coords if n not in ("locus", "search", "track")])
    table = sets.to_dataframe(dim_order=["locus", "search", "track"]).reset_index()
    table.insert(1, "category", categories_of(table["locus"], data.categories or {}))
    return {data.name: frame, "interactions": table}


HIGHER_ORDER = Stage(
    name="higher_order",
    test="higher_order",
    title="Higher-order interactions",
    needs=("context_dependence",),
    takes="categories",
    defaults=lambda classes: {"accept": "all"},  # the paper's way
    make_tables=_tables,
    further_tables=("interactions",),
    thresholds=lambda study: {"additive": study.classes.additive},
    searches=SearchForecast(higher_order, "bound", shares="necessity", note=AT_MOST),
)
