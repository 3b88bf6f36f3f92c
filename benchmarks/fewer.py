"""Predictions that an early stop saves, and how often the answer is that of all replicates.

    python benchmarks/fewer.py                              planted and empty loci, a minute
    python benchmarks/fewer.py --data FOLDER --write docs/fewer_predictions.md

The full run comes first; the others request the first part of it, so that its predictions answer
nearly all of them.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import xarray as xr

from creme.analysis.categories import context_categories, cre_classes
from creme.demo.genome import plant
from creme.files.durable import write_text
from creme.genome import Locus
from creme.models.synthetic import SyntheticModel
from creme.runner.experiment import parse
from creme.runner.plan import Plan, prepare
from creme.runner.run import measure
from creme.seeds import derive
from creme.store import Store
from creme.suite.context_dependence import ContextDependence
from creme.suite.higher_order import HigherOrder
from creme.suite.necessity import Necessity
from creme.suite.sufficiency import Sufficiency
from creme.test import Test
from creme.testing.tests import RandomModel
from creme.tiling import Tiling

TOLERANCES = (0.01, 0.02, 0.05)
CONFIDENCES = (0.8, 0.95, 0.99)
REPLICATES, ROUNDS = 10, 3
BEGIN, END = "<!-- written by benchmarks/fewer.py -->", "<!-- end of what it wrote -->"

LENGTH, TILE = 24_576, 1000
SMALL = {"length": LENGTH, "decay": 6000.0}


class Noisy(SyntheticModel):
    """The synthetic model, where every base adds a little: a shuffle changes the activity."""

    name: ClassVar[str] = "noisy"
    noise: float = 0.05

    def predict(self, onehot: np.ndarray) -> np.ndarray:
        """Activities times a random network's output to a small power."""
        values = super().predict(onehot)
        return values * RandomModel(length=self.length).predict(onehot)[:, :1, :1] ** self.noise


@dataclass(frozen=True)
class Loci:
    """A set of loci and their model.

    Attributes
    ----------
    title : str
    plan : Plan
        Without tests.
    tile : int
    searches : dict of str to int
        Rounds by direction.
    classes : dict of str to float
        Thresholds of CRE classes; the paper's unless given.
    """

    title: str
    plan: Plan
    tile: int
    searches: dict[str, int]
    classes: dict[str, Any] = field(default_factory=dict)


def planted(number: int, name: str = "planted") -> list[Locus]:
    """Small loci with elements of kinds, places and strengths of their own."""
    loci = []
    tiles = tuple(Tiling.around(LENGTH, LENGTH // 2, TILE))
    for k in range(number):
        draw = np.random.Generator(np.random.Philox(derive(0, name, k) % 2**64))
        promoter = draw.choice(["weak_promoter", "medium_promoter", "strong_promoter"])
        elements = [
            (
                str(draw.choice(["enhancer", "enhancer", "silencer"])),
                tiles[place].start + int(draw.integers(100, 500)),
                int(draw.integers(1, 7)),
            )
            for place in draw.permutation(len(tiles))[: draw.integers(2, 6)]
        ]
        title = f"{name}{k + 1}"
        sequence = plant(str(promoter), elements, length=LENGTH, name=title)
        loci.append(Locus.from_sequence(sequence, title))
    return loci


def empty(number: int) -> list[Locus]:
    """Small loci with a promoter and nothing else."""
    return [
        Locus.from_sequence(plant("medium_promoter", [], length=LENGTH, name=f"empty{k}"), f"e{k}")
        for k in range(number)
    ]


def artificial(number: int) -> Iterator[Loci]:
    """The sets that need no data."""
    searches = {"enhancers": ROUNDS, "silencers": ROUNDS}
    for title, model, loci in (
        ("planted, no noise", SyntheticModel(**SMALL), planted(number)),
        ("planted, noise", Noisy(**SMALL), planted(number)),
        ("nothing planted, noise", Noisy(**SMALL), empty(number // 2)),
        ("nothing planted, no noise", SyntheticModel(**SMALL), empty(number // 2)),
    ):
        yield Loci(title, prepare([], model, loci, tracks="alpha"), TILE, searches)


def real(data: Path) -> Loci:
    """Five active TSSs of human chromosome 20 on a small trained network."""
    files = {
        "params": "models/seqnn_mini/params.json",
        "weights": "models/seqnn_mini/model.h5",
        "targets": "models/seqnn_mini/targets.txt",
    }
    paths = "\n".join(f'{key} = "{(data / path).resolve()}"' for key, path in files.items())
    text = f"""
        name = "fewer"
        [model]
        plugin = "seqnn"
        {paths}
        tracks = ["CAGE"]
        strand = "+"
        bins = "1021-1026"
        [[readouts]]
        name = "six_bins"
        bins = "1021-1026"
        over_tracks = "mean"
        [loci]
        fasta = "{(data / "sequence/chr20_hg19_1Mb.fa.gz").resolve()}"
        bed = "{(data / "annotation/chr20_hg19_1Mb.tss.bed").resolve()}"
        genes = ["PSMF1", "FKBP1A", "SNPH", "NSFL1C", "RAD21L1"]
        [[tests]]
        name = "context_dependence"
    """
    plan = replace(Plan.of(parse(text, "fewer", data)), seed=7)
    # The rounds after the first, which is the necessity test, take the time. The network's
    # effects are small: by the paper's thresholds hardly any tile has a class.
    searches = {"enhancers": ROUNDS, "silencers": 2}
    return Loci("chromosome 20", plan, 5000, searches, {"weak": 0.05, "strong": 0.1})


def measure_test(plan: Plan, test: Test, store: Store) -> tuple[xr.Dataset, int]:
    """A test's Dataset, and the number of sequences that it requested."""
    report = measure(replace(plan, tests={"test": test}), store)
    assert not report.failures, report.failures
    return report.datasets["test"].isel(track=0), report.progress.asked


def same(one: xr.DataArray, other: xr.DataArray) -> str:
    """``n of N`` equal, and of text the number that is not empty in the full run."""
    equal = (one.values == other.values).ravel()
    of_a_class = "" if one.dtype != object else f" ({(one.values != '').sum()} in one)"
    return f"{equal.sum()} of {equal.size}{of_a_class}"


def replicate_rows(loci: Loci, store: Store) -> Iterator[list[str]]:
    """Tests whose effect is a mean over replicates, by tolerance."""
    common = {"tile": loci.tile, "replicates": REPLICATES, "seed": loci.plan.seed}
    of_tiles: Callable[[xr.Dataset], xr.DataArray] = partial(cre_classes, **loci.classes)
    for kind, classes in (
        (ContextDependence, context_categories),
        (Necessity, of_tiles),
        (Sufficiency, of_tiles),
    ):
        full, all_predictions = measure_test(loci.plan, kind(**common), store)
        for tolerance in TOLERANCES:
            adaptive, fewer = measure_test(loci.plan, kind(**common, tolerance=tolerance), store)
            difference = (adaptive.effect - full.effect).values
            yield [
                loci.title,
                kind.name,
                f"{tolerance:g}",
                f"{1 - fewer / all_predictions:.0%}",
                f"{float((adaptive.replicates_used == REPLICATES).mean()):.0%}",
                f"{np.abs(difference).max():.3f}",
                f"{np.sqrt(np.mean(difference**2)):.4f}",
                f"{float(np.sqrt((full.effect_se**2).mean())):.4f}",
                same(classes(full), classes(adaptive)),
            ]


def search_rows(loci: Loci, store: Store) -> Iterator[list[str]]:
    """Greedy searches, by confidence."""
    for direction, rounds in loci.searches.items():
        common = {
            "tile": loci.tile,
            "replicates": REPLICATES,
            "rounds": rounds,
            "searches": (direction,),
            "accept": "all",
            "seed": loci.plan.seed,
        }
        full, all_predictions = measure_test(loci.plan, HigherOrder(**common), store)
        full = full.isel(search=0)
        for confidence in CONFIDENCES:
            adaptive, fewer = measure_test(
                loci.plan, HigherOrder(**common, confidence=confidence), store
            )
            adaptive = adaptive.isel(search=0)
            order = (adaptive.selected == full.selected).all("round")
            last = np.abs(adaptive.fold_change - full.fold_change).isel(round=-1)
            yield [
                loci.title,
                direction,
                f"{rounds}",
                f"{confidence:g}",
                f"{1 - fewer / all_predictions:.0%}",
                same(adaptive.selected.isel(round=0), full.selected.isel(round=0)),
                f"{int(order.sum())} of {order.size}",
                f"{float(last.max()):.3f}",
            ]


def markdown(head: list[str], rows: list[list[str]]) -> str:
    """A table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def report(sets: list[Loci], folder: Path) -> str:
    """Both tables."""
    replicates: list[list[str]] = []
    searches: list[list[str]] = []
    for loci in sets:
        began = time.process_time()
        with Store(folder / loci.title.replace(" ", "_")) as store:
            replicates += replicate_rows(loci, store)
            searches += search_rows(loci, store)
        print(f"{loci.title}: {time.process_time() - began:.0f} s of CPU", flush=True)
    return "\n\n".join(
        [
            f"Replicates: at most {REPLICATES}.",
            markdown(
                [
                    *("loci", "test", "tolerance", "predictions saved", "effects with all"),
                    *("largest difference", "rms difference", "rms standard error, full"),
                    "same class",
                ],
                replicates,
            ),
            f"Greedy searches, {REPLICATES} replicates.",
            markdown(
                [
                    *("loci", "search", "rounds", "confidence", "predictions saved"),
                    *("same first tile", "same order", "largest difference of the last round"),
                ],
                searches,
            ),
        ]
    )


def main() -> None:
    """Measure, print, and write into a page between its two marks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of real models and sequences")
    parser.add_argument("--store", type=Path, help="keeps the predictions; none unless given")
    parser.add_argument("--loci", type=int, default=24, help="planted loci")
    parser.add_argument("--write", type=Path, help="a page with the marks")
    options = parser.parse_args()
    sets = [*artificial(options.loci), *([real(options.data)] if options.data else [])]
    with tempfile.TemporaryDirectory() as folder:
        tables = report(sets, options.store or Path(folder))
    print(tables)
    if options.write:
        page = options.write.read_text(encoding="utf-8")
        before, _, rest = page.partition(BEGIN)
        after = rest.partition(END)[2]
        write_text(options.write, f"{before}{BEGIN}\n\n{tables}\n\n{END}{after}")


if __name__ == "__main__":
    main()
