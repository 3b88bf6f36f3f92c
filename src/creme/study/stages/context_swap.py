"""Stage ``context_swap``: each TSS of a category in the contexts of all others."""

from __future__ import annotations

import pandas as pd

from creme.study.forecast.bounds import context_swap
from creme.study.stages.stage import PairForecast, Stage, StageData
from creme.study.stages.tables import statistics, tidy_rows


def _tables(data: StageData) -> dict[str, pd.DataFrame]:
    names = ("wild_type", "unperturbed", "mutant", "effect", *statistics("dinuc_effect"))
    return {data.name: tidy_rows(data.dataset, data, names)}


CONTEXT_SWAP = Stage(
    name="context_swap",
    test="context_swap",
    title="Context swap",
    needs=("context_dependence",),
    takes="categories",
    fewest=2,
    too_few="one locus alone has a category: there is no other context to swap",
    make_tables=_tables,
    pairs=PairForecast(context_swap, shares="context_dependence"),
)
