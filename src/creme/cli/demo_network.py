"""A trained network in the demo: what tests find on it, beside the oracle and what is true."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from creme import registry
from creme.cli.terminal import out, show_table
from creme.demo.loci import GrammarLocus, random_loci
from creme.demo.rules import grammar
from creme.errors import CremeWarning
from creme.genome import Locus
from creme.sequence import Sequence

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from creme.model import Model

NETWORK = "mini"
GRAMMAR, CELL = "cis", "alpha"
LOCI, TILE, REPLICATES = 8, 1000, 5
TESTS = ("necessity", "sufficiency")
SEED = 7
STRONG = 0.1
"""True effect from which a tile is to be found."""
Q = 0.05
LEAST = 0.05
"""Measured effect above which calls are counted once more."""
_ROUNDING = 1e-6
SHOWN = 10


def show_network(folder: Path) -> None:
    """Measure necessity and sufficiency with both models, if the network is installed, and compare.

    Parameters
    ----------
    folder : Path
        Of the demo; its store keeps the predictions.
    """
    if NETWORK not in registry.plugins("model"):
        package = registry.OUR_MODELS[NETWORK]
        out.print(
            f"With {package} installed, the demo also compares what tests find on a trained "
            f"network with what is true."
        )
        return
    network = registry.create("model", {"name": NETWORK})
    models = {
        "oracle": registry.create("model", {"name": "oracle", "length": network.input_length}),
        "network": network,
    }
    loci = random_loci(grammar(GRAMMAR), LOCI, network.input_length, SEED, "demo")
    out.print(
        f"A trained network, {NETWORK}, on {LOCI} loci of grammar {GRAMMAR} that it has not seen; "
        f"cell type {CELL}, tiles of {TILE:,} bp, {REPLICATES} shuffles:"
    )
    tables = {
        (test, name): _effects(test, model, loci, folder / "predictions")
        for test in TESTS
        for name, model in models.items()
    }
    _show_elements(loci, tables["necessity", "oracle"], tables["necessity", "network"])
    out.print(
        f"Acting tiles have a true effect of {STRONG} or more. Calls have q < {Q}; right ones have "
        f"the sign of the truth. A network answers a little to what does nothing, and steadily, so "
        f"that q is small: calls of {LEAST} or more leave that out."
    )
    columns = [
        *("test", "answered by", "acting tiles", "found", "calls", "right"),
        *(f"calls of {LEAST} or more", "right", "correlation"),
    ]
    rows = [[*key, *_counts(table)] for key, table in tables.items()]
    show_table("network", columns, rows, "what is found of what is true")


def _effects(test: str, model: Model, loci: tuple[GrammarLocus, ...], store: Path) -> pd.DataFrame:
    """A row for each tile: effect, q, truth, and where it lies."""
    from creme.api import measure
    from creme.benchmark.truth import effect_table, true_effects

    with warnings.catch_warnings():
        # Of outliers among the few shuffles; what is compared here is the mean with them.
        warnings.simplefilter("ignore", CremeWarning)
        dataset: xr.Dataset = measure(
            test,
            model,
            [Locus.from_sequence(Sequence(one.codes), one.gene) for one in loci],
            tracks=f"{GRAMMAR}:{CELL}",
            store=store,
            seed=SEED,
            progress=False,
            tile=TILE,
            replicates=REPLICATES,
        )
    table = effect_table(dataset, true_effects(loci, dataset, test, CELL), REPLICATES)
    starts = np.tile(dataset["tile_start"].values, len(loci))
    return table.assign(start=starts, end=starts + TILE)


def _counts(table: pd.DataFrame) -> list[object]:
    called = table["q"] < Q
    acts = table["truth"].abs() > _ROUNDING
    right = called & acts & (np.sign(table["effect"]) == np.sign(table["truth"]))
    acting = table["truth"].abs() >= STRONG
    large = table["effect"].abs() >= LEAST
    chosen = (acting, acting & right, called, right, called & large, right & large)
    return [
        *(int(rows.sum()) for rows in chosen),
        float(np.corrcoef(table["effect"], table["truth"])[0, 1]),
    ]


def _show_elements(
    loci: tuple[GrammarLocus, ...], oracle: pd.DataFrame, network: pd.DataFrame
) -> None:
    """The tiles that do most, by what is true of them, and the elements that they touch."""
    strongest = oracle["truth"].abs().sort_values(ascending=False, kind="stable").index
    by_gene = {locus.gene: locus for locus in loci}
    rows: list[list[object]] = []
    for at in strongest:
        tile = oracle.loc[at]
        elements = [
            one.kind
            for one in by_gene[tile["locus"]].elements
            if one.start < tile["end"] and one.end > tile["start"]
        ]
        if elements and len(rows) < SHOWN:
            effects = (tile["truth"], tile["effect"], network["effect"][at])
            named = ", ".join(elements)
            rows.append([tile["locus"], named, int(tile["distance"]), *map(float, effects)])
    columns = ["gene", "elements", "distance", "true", "oracle", "network"]
    title = f"necessity of the {len(rows)} tiles that do most"
    show_table("network_tiles", columns, rows, title)
