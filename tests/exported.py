"""An experiment on loci of both strands that overlap, reach past their contig, and have odd names;
and a whole study."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr

import mini_study as mini
from creme import registry
from creme.genome import Genome, Locus
from creme.models.synthetic import SyntheticModel
from creme.results.directory import Results
from creme.runner.plan import prepare
from creme.runner.run import measure
from creme.store import Store
from creme.study import run_study

LENGTH = 6144
CONTIGS = {"chr2": 30_000, "chr10": 9_000, "alt_1|x": 5_000}
PLACES = [
    ("tab\there", "chr2", 9_000, "+"),
    ("new\nline", "chr2", 11_500, "-"),
    ('quo"te, comma', "chr2", 14_001, "+"),
    ("NA", "chr2", 24_000, "-"),
    ("ünï \x07<b>", "chr10", 1_000, "+"),
    ("a:b@c", "chr10", 8_500, "-"),
    ("x" * 300, "alt_1|x", 2_500, "-"),
    (" ", "alt_1|x", 2_600, "+"),
]


def genome(folder: Path) -> tuple[Path, dict[str, str]]:
    """A FASTA, and its contigs as text."""
    random = np.random.default_rng(3)
    contigs = {name: "".join(random.choice(list("ACGT"), size)) for name, size in CONTIGS.items()}
    mini.write_fasta(folder / "genome.fa", contigs)
    return folder / "genome.fa", contigs


def loci(fasta: Path) -> list[Locus]:
    """All places of a genome."""
    opened = Genome(fasta)
    return [
        Locus(f"locus {k} {name}", contig, at, strand, LENGTH, opened, gene=name)
        for k, (name, contig, at, strand) in enumerate(PLACES)
    ]


def experiment(folder: Path, wanted: list[Locus]) -> Path:
    """A results directory of five tests, two tracks."""
    common = {"tile": 700, "replicates": 2, "seed": 5}
    tiles = {locus.name: [(700, 1400), (4200, 4900)] for locus in wanted[:4]}
    tests = {
        "context_dependence": registry.create("test", {"name": "context_dependence", **common}),
        "necessity": registry.create("test", {"name": "necessity", **common}),
        "enough": registry.create("test", {"name": "sufficiency", **common}),
        "fine_tile": registry.create(
            "test", {"name": "fine_tile", **common, "windows": [100, 50], "tiles": tiles}
        ),
        "bases": registry.create(
            "test", {"name": "saturation_mutagenesis", "seed": 5, "regions": [[3000, 3040]]}
        ),
    }
    plan = prepare(tests, SyntheticModel(length=LENGTH, decay=3000.0), wanted)
    with Store(folder / "predictions") as store:
        report = measure(plan, store)
    assert not report.failures
    results = Results(folder / "odd.results")
    results.claim("name = 'odd'", folder, plan.identity())
    for label, dataset in report.datasets.items():
        # Effects of a synthetic model on random bases are 0: what is exported is told apart.
        results.save(label, _varied(dataset, label))
    results.update({"state": "finished"})
    return results.path


def study(folder: Path) -> Path:
    """A whole study."""
    mini.write(folder, ["GENE,1", "NA", "q;q", "ünï", "a b'c", "#x"])
    return run_study(mini.study(folder)).path


def _varied(dataset: xr.Dataset, label: str) -> xr.Dataset:
    random = np.random.default_rng(len(label))
    value = {"fine_tile": "final_score", "bases": "importance"}.get(label, "effect")
    shape = dataset[value].shape
    values = np.round(random.normal(scale=0.5, size=shape), 6)
    values.flat[:: max(7, values.size // 9)] = np.nan
    return dataset.assign({value: dataset[value].copy(data=values)})
