"""Stage ``context_dependence``: the category of each locus, and the coverage behind it."""

from __future__ import annotations

from collections.abc import Sequence as SequenceOf
from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd
import xarray as xr

from creme.analysis.categories import CONTEXTS
from creme.errors import listing
from creme.genome import Locus
from creme.runner.tasks import Progress
from creme.study.coverage import coverage
from creme.study.stages.grouping import category_by_locus, category_by_track, loci_by_category
from creme.study.stages.stage import PassedOn, Stage, StageData, StageOutcome
from creme.study.stages.tables import statistics, tidy_rows

if TYPE_CHECKING:
    from creme.store import Store
    from creme.study.prepared import PreparedStudy


def _tables(data: StageData) -> dict[str, pd.DataFrame]:
    limits, track, dataset = data.study.categories, data.track, data.dataset
    by_all = category_by_track(dataset, limits)
    names = [str(name) for name in dataset["locus"].values]
    category = by_all.sel(track=track).values.astype(str)
    taken = category_by_locus(loci_by_category(dataset, limits, track))
    deciding = dataset.sel(track=track)
    table = pd.DataFrame(
        {
            "locus": names,
            "gene": [str(gene) for gene in deciding["gene"].values],
            "effect": deciding["effect"].values,
            "effect_se": deciding["effect_se"].values,
            "category": category,
            "taken": [name in taken for name in names],
        }
    )
    sorted_data = replace(data, categories=dict(zip(names, category, strict=True)))
    frame = tidy_rows(data.whole, sorted_data, ("wild_type", *statistics("effect")))
    return {data.name: frame, "categories": table}


def _counts(tables: dict[str, pd.DataFrame]) -> dict[str, int]:
    """Number of loci by category."""
    if tables["categories"].empty:
        return {}
    counted = tables["categories"]["category"].value_counts()
    names = {"": "none", **{context: context for context in CONTEXTS}}
    return {names[key]: int(counted.get(key, 0)) for key in (*CONTEXTS, "")}


def _between(tables: dict[str, pd.DataFrame]) -> list[str]:
    """The loci without a category, whose effects lie between the thresholds."""
    frame = tables["categories"]
    without = frame[(frame["category"] == "") & frame["effect"].notna()]
    if without.empty:
        return []
    names = [f"{row.locus} ({row.effect:.2f})" for row in without.itertuples()]
    are = "locus is" if len(without) == 1 else "loci are"
    return [
        f"{len(without)} of {len(frame)} {are} of no category of [categories], and in none of the "
        f"stages that go by category: {listing(names, 20)}"
    ]


def _coverage(
    prepared: PreparedStudy, dataset: xr.Dataset, loci: SequenceOf[Locus], store: Store
) -> tuple[dict[str, pd.DataFrame], Progress]:
    table, progress = coverage(prepared, dataset, loci, store)
    return {"coverage": table}, progress


CONTEXT_DEPENDENCE = Stage(
    name="context_dependence",
    test="context_dependence",
    title="Context dependence",
    needs=("loci",),
    finds="categories",
    make_tables=_tables,
    further_tables=("categories", "coverage"),
    from_store=_coverage,
    passes_on=PassedOn("tables/categories.csv", ("locus", "category", "taken")),
    outcome=StageOutcome("categories", {}, _counts),
    remarks=_between,
    thresholds=lambda study: {"categories": study.categories.identity()},
)
