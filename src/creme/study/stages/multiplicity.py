"""Stage ``multiplicity``: further copies of CREs, and where activity saturates."""

from __future__ import annotations

from collections.abc import Sequence as SequenceOf
from typing import Any

import pandas as pd

from creme.analysis.categories import CONTEXTS
from creme.analysis.saturation import saturation
from creme.study.forecast.bounds import multiplicity
from creme.study.stages.higher_order import AT_MOST
from creme.study.stages.stage import SearchForecast, Stage, StageData
from creme.study.stages.tables import statistics, tidy_rows, with_class


def _tables(data: StageData) -> dict[str, pd.DataFrame]:
    frame = with_class(tidy_rows(data.whole, data, statistics("fold_change")), data.classes)
    curves = saturation(data.dataset, seed=data.study.seed)
    fitted = with_class(tidy_rows(curves, data, map(str, curves.data_vars)), data.classes)
    return {data.name: frame, "saturation": fitted}


def _searches(classes: SequenceOf[str]) -> dict[str, Any]:
    """An enhancer is put where it raises the activity most, a silencer where it lowers it."""
    kinds = {name.rpartition(" ")[2] for name in classes}
    return {"searches": sorted(f"{kind}s" for kind in kinds)}


MULTIPLICITY = Stage(
    name="multiplicity",
    test="multiplicity",
    title="Multiplicity",
    needs=("sufficiency",),
    takes="cres",
    cres={context: ["enhancer"] for context in CONTEXTS},
    make_tables=_tables,
    further_tables=("saturation",),
    defaults=_searches,
    searches=SearchForecast(multiplicity, "bound", shares="sufficiency", note=AT_MOST),
)
