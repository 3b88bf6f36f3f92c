"""Tables of a stage that a study file adds with the compatibility test, and its forecast."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from creme.analysis.compatibility import compatibility, pair_table
from creme.analysis.compatibility_classes import compatibility_classes
from creme.errors import ConfigError
from creme.study.stages.stage import PairForecast, Stage, StageData
from creme.study.stages.tables import own_table
from creme.suite.compatibility import Compatibility

TEST = "compatibility"
_OF_PROMOTERS = ("responsiveness", "responsiveness_low", "responsiveness_high")


def with_pairs(stage: Stage) -> Stage:
    """The stage with a table of pairs and one of promoters, ``NAME_pairs`` and ``NAME_promoters``.

    It is no stage of every study: its matrix grows with the square of the loci.
    """
    return replace(
        stage,
        make_tables=_tables,
        further_tables=(f"{stage.name}_pairs", f"{stage.name}_promoters"),
        pairs=PairForecast(_count, shares="sufficiency"),
    )


def _tables(data: StageData) -> dict[str, pd.DataFrame]:
    try:
        result, classes = compatibility(data.dataset), compatibility_classes(data.dataset)
    except ConfigError:  # fewer carriers or promoters than say anything
        pairs = promoters = pd.DataFrame(columns=["promoter"])
    else:
        pairs = pair_table(result)
        places = classes[["promoter_place", "promoter_q", "promoter_class"]]
        merged = result[[*_OF_PROMOTERS]].assign(places.data_vars)
        kept = [name for name in merged.coords if name not in (*merged.dims, "promoter_group")]
        promoters = merged.drop_vars(kept).to_dataframe().reset_index()
    return {
        **own_table(data),
        f"{data.name}_pairs": pairs,
        f"{data.name}_promoters": promoters,
    }


def _count(test: Compatibility, enhancers: int, shared: bool) -> tuple[int, int, int]:
    """Carriers, sequences, and those to be predicted, with a promoter for each enhancer at most."""
    promoters = enhancers if test.promoters is None else len(test.promoters)
    places = 1 if test.distances is None else len(test.distances)
    sequences = test.replicates * promoters * (1 + places * (enhancers + test.shuffled))
    # The promoters at home are controls of the sufficiency test: few, and not counted.
    return test.replicates, sequences, sequences
