"""A trained network in the demo: what tests find on it, beside the oracle and what is true."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from creme import registry
from creme.benchmark.subject import Subject, windows_of
from creme.benchmark.truth import RULES, STRENGTHS, effect_table, true_effects
from creme.cli.terminal import out, show_table
from creme.demo.loci import GrammarLocus, random_loci
from creme.demo.rules import grammar
from creme.errors import CremeWarning

if TYPE_CHECKING:
    import pandas as pd

NETWORK = "mini"
GRAMMAR, CELL = "cis", "alpha"
LOCI, TILE, REPLICATES = 8, 1000, 5
TESTS = ("necessity", "sufficiency")
SEED = 7
Q, LEAST = RULES["both"]["q"], RULES["both"]["least"]
"""Calls have a q below the one, and are counted once more with an effect of the other or more."""
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
    subject = Subject("network", network, GRAMMAR, CELL, None, folder / "predictions", SEED, False)
    loci = random_loci(grammar(GRAMMAR), LOCI, network.input_length, SEED, "demo")
    out.print(
        f"A trained network, {NETWORK}, on {LOCI} loci of grammar {GRAMMAR} that it has not seen; "
        f"cell type {CELL}, tiles of {TILE:,} bp, {REPLICATES} shuffles:"
    )
    tables = {
        (test, one.name): _effects(test, one, loci)
        for test in TESTS
        for one in (subject.oracle, subject)
    }
    _show_elements(loci, tables["necessity", "oracle"], tables["necessity", "network"])
    out.print(
        f"Acting tiles have a true effect of {STRENGTHS.strong} or more. Calls have q < {Q}; right "
        f"ones have the sign of the truth. A network answers a little to what does nothing, and "
        f"steadily, so that q is small: calls of {LEAST} or more leave that out."
    )
    columns = [
        *("test", "answered by", "acting tiles", "found", "calls", "right"),
        *(f"calls of {LEAST} or more", "right", "correlation"),
    ]
    rows = [[*key, *_counts(table)] for key, table in tables.items()]
    show_table("network", columns, rows, "what is found of what is true")


def _effects(test: str, subject: Subject, loci: tuple[GrammarLocus, ...]) -> pd.DataFrame:
    """A row for each tile: effect, q, truth, and where it lies."""
    with warnings.catch_warnings():
        # Of outliers among the few shuffles; what is compared here is the mean with them.
        warnings.simplefilter("ignore", CremeWarning)
        dataset = subject.ask(test, windows_of(loci), tile=TILE, replicates=REPLICATES)
    table = effect_table(dataset, true_effects(loci, dataset, test, CELL), REPLICATES)
    starts = np.tile(dataset["tile_start"].values, len(loci))
    return table.assign(start=starts, end=starts + TILE)


def _counts(table: pd.DataFrame) -> list[object]:
    called = table["q"] < Q
    acts = table["truth"].abs() > STRENGTHS.nothing
    right = called & acts & (np.sign(table["effect"]) == np.sign(table["truth"]))
    acting = table["truth"].abs() >= STRENGTHS.strong
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
