"""Small real results, from which the reference pages read names, dimensions and types.

A study of six invented genes on the synthetic model, and experiments with the options that add
variables. All of it takes seconds.
"""

from __future__ import annotations

import sys
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

sys.path.append(str(Path(__file__).resolve().parents[2] / "tests"))

import mini_study

TILE = [[7000, 8000]]
OPTIONS: dict[str, dict[str, dict[str, Any]]] = {
    "a tolerance": {"necessity": {"tolerance": 0.2}},
    "`minimum_activity`": {"necessity": {"minimum_activity": 5.0}},
    "a perturbation that leaves short tiles as they are": {
        "necessity": {"tile": 8, "tiles": [[7000, 7008]]}
    },
    '`accept = "tested"`': {"higher_order": {"rounds": 2}},
    'subsets that are sampled (`combine = "all"`)': {
        "interactions": {"strongest": 9, "combine": "all", "orders": 2}
    },
    "a `confidence`": {"higher_order": {"rounds": 1, "confidence": 0.95, "accept": "all"}},
}
"""Parameters that add variables to a test's Dataset, by what a reader would call them."""

ALONE: dict[str, dict[str, Any]] = {
    "interactions": {"strongest": 3, "combine": "all"},
    "saturation_mutagenesis": {"regions": [[6140, 6144]]},
    "compatibility": {"tiles": TILE},
    "motif_embedding": {"motifs": ["TGACTCA"], "positions": [3000, 9000]},
    "design": {"rounds": 1, "candidates": 4, "choose": 2, "finalists": 2, "designs": 1},
    "design_check": {"designs": {"GENE1": ["ACGTTGCA" * 20]}, "part": 40},
}
"""Tests that are no stage of a study."""


@dataclass
class Specimens:
    """Datasets by test, those of options by their words, and tables by file."""

    datasets: dict[str, xr.Dataset] = field(default_factory=dict)
    options: dict[str, dict[str, xr.Dataset]] = field(default_factory=dict)
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)


def make(folder: Path) -> Specimens:
    """Run everything in a folder of its own."""
    import creme

    made = Specimens()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", creme.errors.CremeWarning)
        _study(folder, made)
        _experiments(folder, made)
    return made


def _study(folder: Path, made: Specimens) -> None:
    import creme

    mini_study.write(folder, genes=3)
    results = creme.Study.from_file(mini_study.study(folder)).run()
    for test in results.tests:
        if test != "loci":
            made.datasets[test] = results.dataset(test).load()
    results.export(folder / "export")
    for path in sorted((folder / "mini.study").glob("*.tsv")):
        made.tables[path.name] = pd.read_csv(path, sep="\t")
    for path in sorted((folder / "export" / "tables").glob("*.csv")):
        if path.name != "loci.csv":  # loci.tsv, once more
            made.tables[path.name] = pd.read_csv(path)


def _with_gap(folder: Path) -> Path:
    """The genome with N in the place of a tile."""
    lines = (folder / "genome.fa").read_text(encoding="utf-8").splitlines()
    lines[160:190] = ["N" * 60] * 30
    path = folder / "gap.fa"
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")
    return path


def _experiments(folder: Path, made: Specimens) -> None:
    import creme
    from creme.motifs import name_stretches

    model = creme.load_model("synthetic", length=mini_study.LENGTH, decay=mini_study.DECAY)
    files = {"fasta": folder / "genome.fa", "gtf": folder / "annotation.gtf"}
    loci = creme.load_loci(model, **files, genes=["GENE1", "GENE2"])
    store = str(folder / "predictions")

    def measured(name: str, **parameters: Any) -> xr.Dataset:
        sizes = {"tile": 1000, "replicates": 2}
        fields = creme.registry.load("test", name).model_fields
        chosen = {key: value for key, value in sizes.items() if key in fields}
        return creme.measure(
            name, model, loci, tracks="alpha", store=store, seed=7, **{**chosen, **parameters}
        )

    for name, parameters in ALONE.items():
        made.datasets[name] = measured(name, **parameters)
    mutagenesis = made.datasets["saturation_mutagenesis"]
    # The columns alone, since names need memelite.
    table_of_names = name_stretches(mutagenesis.isel(position=slice(0)), {})
    made.tables["saturation_mutagenesis.motifs.csv"] = table_of_names
    for words, tests in OPTIONS.items():
        made.options[words] = {name: measured(name, **chosen) for name, chosen in tests.items()}
    files["fasta"] = _with_gap(folder)
    loci = creme.load_loci(model, **files, genes=["GENE1"])
    made.options["a gap of N in the window"] = {"necessity": measured("necessity")}
    table: dict[str, Any] = {
        "name": "spread",
        "store": store,
        "model": {
            "plugin": "synthetic",
            "length": mini_study.LENGTH,
            "tracks": ["alpha"],
            "bins": "all",
            "ensemble": {"replicates": {"decay": [5000.0, 6000.0]}},
        },
        "loci": {key: str(path) for key, path in files.items()} | {"genes": ["GENE1"]},
        "tests": [{"name": "necessity", "tile": 1000, "replicates": 2}],
    }
    spread = {**table, "spread": {"members": True, "shift_tss": [-3, 3]}}
    around = {**table, "name": "around", "readouts": [{"name": "around", "of": "neighbours"}]}
    for words, fields in (("`[spread]`", spread), ('`of = "neighbours"`', around)):
        experiment = creme.Experiment(**{**fields, "results": str(folder / fields["name"])})
        made.options[words] = {"necessity": experiment.run().dataset("necessity").load()}
