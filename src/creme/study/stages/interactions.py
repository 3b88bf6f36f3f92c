"""Stage ``interactions``: the local network of each locus with a category."""

from __future__ import annotations

from collections.abc import Sequence as SequenceOf
from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd
import xarray as xr

from creme.analysis.epistasis import pair_table
from creme.analysis.landscape_tables import order_table, shapley_table
from creme.analysis.network import EDGE_COLUMNS, edges
from creme.genome import Locus
from creme.runner.tasks import Progress
from creme.study.stages.parts import pairs_with_part_of
from creme.study.stages.stage import Stage, StageData
from creme.study.stages.tables import own_table
from creme.suite.necessity import Necessity

if TYPE_CHECKING:
    from creme.store import Store
    from creme.study.prepared import PreparedStudy


def _tables(data: StageData) -> dict[str, pd.DataFrame]:
    limits = data.study.network
    necessity = data.earlier("necessity")
    scale = "relative" if necessity is None else necessity.attrs.get("effect_scale", "relative")
    acting = pd.DataFrame(columns=list(EDGE_COLUMNS))
    if necessity is not None and scale == "relative":
        acting = edges(necessity, **limits.of_edges())
    return {
        "pairs": pair_table(data.dataset, **limits.of_pairs()),
        "edges": acting,
        "shapley": shapley_table(data.dataset),
        "orders": order_table(data.dataset),
    }


def _accessibility(
    prepared: PreparedStudy, dataset: xr.Dataset, loci: SequenceOf[Locus], store: Store
) -> tuple[dict[str, pd.DataFrame], Progress]:
    """Edges between tiles, of the predictions that the necessity test has left in the store."""
    limits, test = prepared.study.network, prepared.study.test("necessity")
    if limits.accessibility is None:
        return {"tile_edges": pd.DataFrame(columns=list(EDGE_COLUMNS))}, Progress()
    assert isinstance(test, Necessity)
    # It had the necessity test's loci, in its own order or fewer.
    names = {str(name) for name in dataset["locus"].values}
    chosen = [locus for locus in loci if locus.name in names]
    # To the module, which imports the runner's plan: only who reads profiles pays.
    from creme.runner.tile_edges import tile_accessibility

    read = tile_accessibility(prepared.plan, store, test, chosen, limits.accessibility)
    return {"tile_edges": edges(read, **limits.of_edges())}, Progress()


def _kinds(tables: dict[str, pd.DataFrame]) -> list[str]:
    """How many pairs of each kind there are, and how many edges."""
    pairs = tables["pairs"]
    if pairs.empty:
        return []
    counts = pairs.loc[~pairs["kind"].isin(["", "none"]), "kind"].value_counts()
    kinds = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
    return [f"{len(pairs)} pairs of tiles: {kinds or 'none acts together beyond noise'}"]


def with_pairs_of_parts(stage: Stage) -> Stage:
    """An added stage of this test that takes parts, with a table of their pairs, ``NAME_pairs``."""
    return replace(stage, make_tables=_tables_of_parts, further_tables=(f"{stage.name}_pairs",))


def _tables_of_parts(data: StageData) -> dict[str, pd.DataFrame]:
    pairs = pair_table(data.dataset, **data.study.network.of_pairs())
    return {**own_table(data), f"{data.name}_pairs": pairs_with_part_of(pairs, data.parts)}


INTERACTIONS = Stage(
    name="interactions",
    test="interactions",
    title="Interactions of tiles",
    needs=("necessity",),
    takes="categories",
    make_tables=_tables,
    # interactions.csv is the higher-order stage's.
    own_table=False,
    further_tables=("pairs", "edges", "tile_edges", "shapley", "orders"),
    from_store=_accessibility,
    remarks=_kinds,
    thresholds=lambda study: {"network": study.network.identity()},
    by_default=False,
)
