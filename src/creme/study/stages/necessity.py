"""Stage ``necessity``: each tile of the loci with a category, shuffled."""

from __future__ import annotations

import pandas as pd

from creme.study.stages.stage import Stage, StageData
from creme.study.stages.tables import statistics, tidy_rows


def _tables(data: StageData) -> dict[str, pd.DataFrame]:
    return {data.name: tidy_rows(data.whole, data, ("wild_type", *statistics("effect")))}


NECESSITY = Stage(
    name="necessity",
    test="necessity",
    title="Necessity",
    needs=("context_dependence",),
    takes="categories",
    make_tables=_tables,
)
