"""Results of the suite on the toy network, once for all figures."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import xarray as xr

from creme.analysis.categories import context_categories
from creme.suite.compatibility import Compatibility
from creme.suite.context_dependence import ContextDependence
from creme.suite.context_swap import ContextSwap
from creme.suite.design import Design
from creme.suite.distance import Distance
from creme.suite.fine_tile import FineTile
from creme.suite.higher_order import HigherOrder
from creme.suite.interactions import Interactions
from creme.suite.motif_embedding import MotifEmbedding
from creme.suite.multiplicity import Multiplicity
from creme.suite.necessity import Necessity
from creme.suite.saturation_mutagenesis import SaturationMutagenesis
from creme.suite.sufficiency import Sufficiency
from toy import run, toy_loci

TILES = [(0, 200), (300, 500), (800, 1000), (1500, 1700), (2200, 2400)]
TWO = [(300, 500), (1500, 1700)]
GROUPS = {"enhancing": ["locus0", "locus1"], "neutral": ["locus2"], "silencing": ["locus3"]}


@cache
def results() -> dict[str, xr.Dataset]:
    """Datasets by test: four loci, two tracks, three replicates."""
    loci = toy_loci(4)
    common = {"tile": 200, "replicates": 3, "seed": 4}
    tests = [
        ContextDependence(**common),
        ContextSwap(**common, groups=GROUPS),
        Necessity(**common, tiles=TILES),
        Sufficiency(**common, tiles=TILES),
        Distance(**common, tiles=TWO),
        HigherOrder(**common, tiles=TILES, accept="all"),
        Multiplicity(**common, tiles=TWO, copies=4, positions=[0, 300, 700, 1400, 2000]),
        Interactions(**common, strongest=3, combine="all"),
        FineTile(**common, tiles=TWO, windows=[50, 10], shares=[0.9, 0.7], removed=[1, 2]),
        SaturationMutagenesis(regions=[(1180, 1200), (1220, 1230)], seed=4),
        Compatibility(**common, tiles=TWO),
        Design(**common, length=60, distance=-300, rounds=2, candidates=6, choose=2, finalists=3),
        MotifEmbedding(**common, motifs=["TGACTCA", "GGGCGG"], positions=[100, 900, 1500]),
    ]
    with tempfile.TemporaryDirectory() as folder:
        return {test.name: run(test, loci, Path(folder))[0] for test in tests}


@cache
def categories() -> xr.DataArray:
    """Categories of the toy's contexts, by thresholds that put loci into several."""
    thresholds: dict[str, Any] = {"enhancing": 0.2, "neutral": 0.15, "silencing": -0.15}
    return context_categories(results()["context_dependence"], **thresholds)
