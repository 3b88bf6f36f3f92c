"""Results of tests without figures of their own, one of them of nobody who is installed."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
import xarray as xr

from creme import registry
from creme.genome import Locus
from creme.models.synthetic import SyntheticModel
from creme.results.directory import Results
from creme.runner.plan import prepare
from creme.runner.run import measure
from creme.sequence import Edit, Mutant
from creme.store import Store
from creme.test import Test
from creme.tiling import Tile

SPOTS = ((500, 700), (3500, 3600), (5000, 5400))


class Sags(Test):
    """How far activity sags when a spot is filled with one base.

    Its class is not registered, as that of a plugin which is not installed where it is read.
    """

    name: ClassVar[str] = "sags"
    measure: ClassVar[str] = "ratio"
    neutral: ClassVar[float] = 1.0
    summary: ClassVar[str] = "How much activity is left."
    along: ClassVar[str] = "spot"

    def run(self, unit):
        """``ratio`` is (spot, filling, try, track)."""
        (wild_type,) = yield [unit.sequence]
        mutants = [
            Mutant(unit.sequence, [Edit(start, np.full(end - start - k, base, np.uint8))])
            for start, end in SPOTS
            for base in (0, 3)
            for k in range(2)
        ]
        activities = yield mutants
        shape = (len(SPOTS), 2, 2, len(wild_type))
        # A model of motifs has nothing to say of random bases: what is told apart is made up.
        odd = np.arange(np.prod(shape)).reshape(shape) / 100
        ratio = activities.reshape(shape) / wild_type + odd
        intervals = [unit.interval(Tile(*spot)) for spot in SPOTS]
        dims = ("spot", "filling", "try", "track")
        return xr.Dataset(
            {
                "ratio": (dims, ratio.astype(np.float32)),
                "wild_type": ("track", wild_type),
                "ratio_se": (dims, np.full(shape, 0.1, np.float32)),
            },
            coords={
                "filling": ["A", "T"],
                "genomic_start": ("spot", [start for start, _ in intervals]),
                "genomic_end": ("spot", [end for _, end in intervals]),
            },
        )


def experiment(folder: Path, loci: list[Locus], name: str = "any", seed: int = 5) -> Path:
    """A results directory of four tests, two tracks."""
    tests = {
        "bases": registry.create(
            "test", {"name": "saturation_mutagenesis", "regions": [[3000, 3006]]}
        ),
        "motifs": registry.create(
            "test",
            {
                "name": "motif_embedding",
                "tile": 700,
                "replicates": 2,
                "motifs": ["TGACTCA", "GATAAG"],
                "positions": [1000, 4000],
                "seed": seed,
            },
        ),
        "dose": registry.create("test", {"name": "dose", "copies": 2, "motif": "TGACTCA"}),
        "sags": Sags(),
    }
    plan = prepare(tests, SyntheticModel(length=loci[0].length, decay=3000.0), loci)
    results = Results(folder / f"{name}.results")
    results.claim(f"name = '{name}'", folder, plan.identity())
    with Store(folder / "predictions") as store:
        report = measure(plan, store, results=results)
    assert not report.failures, report.failures
    results.update({"state": "finished"})
    return results.path
