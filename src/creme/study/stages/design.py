"""Stage ``design``: synthetic CREs for target genes."""

from __future__ import annotations

import pandas as pd

from creme.analysis.designs import design_table, round_table
from creme.errors import ConfigError, nearest
from creme.study.forecast.bounds import design
from creme.study.stages.stage import Chosen, Found, PassedOn, SearchForecast, Stage, StageData
from creme.study.stages.tables import own_table
from creme.suite.design import Design

_NO_TARGET = (
    "[{stage}] targets has {name!r}, which is no selected locus{like}: 'creme study --status' and "
    "loci.tsv say which step left it out"
)


def _chosen(findings: Found) -> Chosen:
    """The targets that the study file names, or the loci of its categories."""
    study = findings.study
    targets = study.built_in_options(DESIGN.name).targets
    if targets is None:
        wanted = {n for c in study.contexts(DESIGN.name) for n in findings.categories.get(c, [])}
        loci = [locus for locus in findings.loci if locus.name in wanted]
        return Chosen(loci, note="" if loci else "no locus has a category that it takes")
    names = [locus.name for locus in findings.loci]
    for name in targets:
        if name not in names:
            like = nearest(name, names)
            raise ConfigError(_NO_TARGET.format(stage=DESIGN.name, name=name, like=like))
    return Chosen([locus for locus in findings.loci if locus.name in targets])


def _tables(data: StageData) -> dict[str, pd.DataFrame]:
    order = design_table(data.dataset)
    if order.empty:
        order = pd.DataFrame(columns=["name", "locus", "design", "sequence"])
    return {
        **own_table(data),
        f"{data.name}_order": order,
        f"{data.name}_rounds": round_table(data.dataset),
    }


DESIGN = Stage(
    name="design",
    test="design",
    title="Design",
    needs=("context_dependence",),
    takes="categories",
    chooses=_chosen,
    keys=("targets",),
    finds="designs",
    passes_on=PassedOn("tables/design_order.csv", ("name", "locus", "design", "sequence")),
    # Those of its search, and not the shuffles that [common] has.
    defaults=lambda classes: {"replicates": Design.model_fields["replicates"].default},
    make_tables=_tables,
    further_tables=("design_order", "design_rounds"),
    searches=SearchForecast(
        design,
        "bound",
        shares="sufficiency",
        note="at most: population x rounds x backgrounds, as if no sequence of a search came twice",
    ),
    by_default=False,
)
