"""Every test of the suite, run on small models: joined and saved as xarray would do it."""

from __future__ import annotations

from typing import Any

import pytest
import xarray as xr

from concatenated import concatenated, saved
from creme import registry
from creme.models.synthetic import SyntheticModel
from creme.results.directory import Results
from creme.runner import run as running
from creme.runner.plan import Plan, prepare
from creme.runner.run import measure
from creme.store import Store
from creme.suite.tss_activity import TssActivity
from exported import genome as written_genome
from exported import loci as placed_loci
from toy import MODEL, toy_loci

TILES = [(100, 300), (700, 900), (2000, 2200)]
OTHERS = {
    "locus0": TILES,
    "locus1": TILES[1:],
    "locus2": TILES[:1],
    "locus3": [*TILES, (2200, 2400)],
}
SUITE: dict[str, list[dict[str, Any]]] = {
    "context_dependence": [{}, {"tolerance": 0.3}],
    "context_swap": [{}, {"groups": {"a": ["locus1", "locus0"], "b": ["locus3"]}}],
    "necessity": [{}, {"tiles": OTHERS}, {"replicates": 1}],
    "sufficiency": [{"tiles": OTHERS}, {"tiles": TILES, "tolerance": 0.3, "replicates": 9}],
    "distance": [{"tiles": TILES[:2], "positions": [0, 300, 1500]}, {"tiles": OTHERS}],
    "higher_order": [{"tiles": TILES}, {"tiles": OTHERS}],
    "multiplicity": [
        {"tiles": TILES[:1], "positions": [0, 300, 1500], "copies": 2},
        {"tiles": OTHERS, "copies": 3},
    ],
    "fine_tile": [{"tiles": OTHERS, "windows": [50, 10], "shares": [0.95, 0.8], "removed": [2, 1]}],
    "saturation_mutagenesis": [
        {"regions": [(1190, 1194)]},
        {"regions": {"locus0": [(10, 14)], "locus2": [(10, 14), (50, 52)]}},
    ],
    "motif_embedding": [{"motifs": ["TGACTCA", "GG"], "positions": [10, 1500]}],
    "compatibility": [
        {"tiles": TILES[:2]},
        {"tiles": {**OTHERS}, "distances": [-400, 500], "carriers": ["locus1"], "replicates": 2},
    ],
    "design": [
        {
            "length": 50,
            "distance": -400,
            "rounds": 1,
            "candidates": 3,
            "choose": 2,
            "finalists": 2,
            "designs": 1,
        }
    ],
    "tss_activity": [{"bins": [0, 1], "tss_bin": 1, "bin_size": 400}],
}
CASES = [(name, case) for name, cases in SUITE.items() for case in cases]


def create(name, changes):
    if name == "tss_activity":  # no plugin: a study has its own way to it
        return TssActivity(**changes)
    common = {} if name == "saturation_mutagenesis" else {"tile": 200, "replicates": 3}
    return registry.create("test", {"name": name, "seed": 1, **common, **changes})


def both(plan: Plan, folder, monkeypatch) -> dict[str, xr.Dataset]:
    """By test, the results of a run, which are what the twin makes of what it returned."""
    returned: dict[str, dict[int, Any]] = {label: {} for label in plan.tests}

    class Log(running.UnitLog):
        def append(self, place, dataset, unit, labels):
            returned[self.path.stem][place] = (dataset, unit, labels)
            super().append(place, dataset, unit, labels)

    monkeypatch.setattr(running, "UnitLog", Log)
    results = Results(folder / "results")
    results.claim("", folder, plan.identity())
    with Store(folder / "store") as store:
        report = measure(plan, store, results=results)
        again = measure(plan, store)
    assert not report.failures
    out = {}
    for label, units in returned.items():
        expected = concatenated([units[k] for k in sorted(units)], plan.activities)
        expected = expected.assign_attrs(again.datasets[label].attrs)
        assert again.datasets[label].identical(expected)
        twin = saved(expected, folder / f"{label}.twin")
        with xr.open_zarr(results.path / f"{label}.zarr", consolidated=False, chunks=None) as own:
            assert own.load().identical(twin)
        for name, values in twin.variables.items():
            assert own[name].dtype == values.dtype
            assert own[name].dims == values.dims
        out[label] = own
    return out


@pytest.mark.parametrize(
    ("name", "changes"), CASES, ids=[f"{n}-{k}" for k, (n, _) in enumerate(CASES)]
)
def test_toy_model(name, changes, tmp_path, monkeypatch):
    test = create(name, changes)
    plan = prepare({"label": test}, MODEL, toy_loci(4), bins="all")
    own = both(plan, tmp_path, monkeypatch)["label"]
    shown = test.presentation()
    assert own.measure == shown.measure in own
    assert own.neutral == shown.neutral
    assert (own.title, own.summary, own.along) == (shown.title, shown.summary, shown.along)
    assert own.test == name
    if "tiles" in changes and changes["tiles"] is OTHERS:
        assert own[shown.measure].isnull().any()


def test_synthetic_model_and_odd_names(tmp_path, monkeypatch):
    """Loci of both strands that reach past their contig, with names of all kinds."""
    tests = {
        "swap": registry.create("test", {"name": "context_swap", "tile": 700, "replicates": 2}),
        "need": registry.create("test", {"name": "necessity", "tile": 700, "replicates": 2}),
    }
    loci = placed_loci(written_genome(tmp_path)[0])
    plan = prepare(tests, SyntheticModel(length=6144, decay=3000.0), loci)
    own = both(plan, tmp_path, monkeypatch)
    assert own["swap"].sizes["locus"] == 64
    assert own["need"]["gene"].values.tolist() == [locus.gene for locus in loci]
