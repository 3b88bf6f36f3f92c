"""Stage ``loci``: the activity of every TSS, and the loci that a study is about."""

from __future__ import annotations

import pandas as pd

from creme.study.stages.stage import PassedOn, Stage, StageData, StageOutcome

ALL_SITES, SELECTED = "loci.tsv", "selected.tsv"

INPUT = "input:"
"""Before the name of a number that the model takes beside the sequence: a column of both tables."""


def _tables(data: StageData) -> dict[str, pd.DataFrame]:
    import json

    return {"funnel": pd.DataFrame(json.loads(data.dataset.attrs["funnel"]))}


LOCI = Stage(
    name="loci",
    test="tss_activity",
    title="Selection of loci",
    takes="sites",
    finds="loci",
    make_tables=_tables,
    own_table=False,
    further_tables=("funnel",),
    files=(ALL_SITES, SELECTED),
    passes_on=PassedOn(
        SELECTED, ("contig", "tss", "strand", "gene", "transcript", "locus"), further=INPUT
    ),
    outcome=StageOutcome("funnel", [], lambda tables: tables["funnel"].to_dict("records")),
)
