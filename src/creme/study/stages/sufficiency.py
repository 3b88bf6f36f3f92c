"""Stage ``sufficiency``: each tile in random context, and which of them are CREs."""

from __future__ import annotations

import pandas as pd

from creme.analysis.within_locus import tiles_of_loci
from creme.results.neighbours import NEIGHBOUR
from creme.study.stages.grouping import class_of_tiles
from creme.study.stages.stage import PassedOn, Stage, StageData, StageOutcome
from creme.study.stages.tables import categories_of, statistics, tidy_rows, with_class


def _tables(data: StageData) -> dict[str, pd.DataFrame]:
    frame = tidy_rows(data.whole, data, ("wild_type", *statistics("effect")))
    frame = with_class(frame, class_of_tiles(data.dataset, data.study.classes, data.track))
    classified = frame[(frame["track"] == data.track) & (frame["cre_class"] != "")]
    if NEIGHBOUR in classified:
        classified = classified[classified[NEIGHBOUR] == 0]
    columns = [
        *("locus", "category", "tile_start", "tile_end", "genomic_start", "genomic_end"),
        *("distance", "effect", "effect_se", "cre_class"),
    ]
    limits = data.study.classes
    counts = tiles_of_loci(
        data.dataset, data.track, weak=limits.weak, weak_silencer=limits.silencers[0]
    )
    counts.insert(1, "category", categories_of(counts["locus"], data.categories or {}))
    return {
        data.name: frame,
        "cre_classes": classified[columns].reset_index(drop=True),
        "cre_counts": counts,
    }


def _counts(tables: dict[str, pd.DataFrame]) -> dict[str, dict[str, int]]:
    """Number of tiles by category and class."""
    if tables["cre_classes"].empty:
        return {}
    return {
        str(context): {
            str(name): int(n) for name, n in part["cre_class"].value_counts().sort_index().items()
        }
        for context, part in tables["cre_classes"].groupby("category")
        if context
    }


SUFFICIENCY = Stage(
    name="sufficiency",
    test="sufficiency",
    title="Sufficiency",
    needs=("context_dependence",),
    takes="categories",
    finds="classes",
    make_tables=_tables,
    further_tables=("cre_classes", "cre_counts"),
    passes_on=PassedOn(
        "tables/cre_classes.csv", ("locus", "category", "tile_start", "tile_end", "cre_class")
    ),
    outcome=StageOutcome("classes", {}, _counts),
    thresholds=lambda study: {"classes": study.classes.of_tiles()},
)
