"""A study's folder of any number of loci, written from random numbers: no model, in seconds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from creme.study.config import STAGES
from creme.study.folder import SELECTED, Folder
from creme.study.loci import TEST
from creme.suite.statistics import averaged

LENGTH, TILE, TILES, REPLICATES, ROUNDS, COPIES = 196_608, 5000, 38, 10, 5, 4
TRACK = "invented"
WITHOUT = ("context_swap",)
"""Stages that are left waiting."""

STUDY = """\
name = "many"
seed = 3

[model]
plugin = "synthetic"

[loci]
fasta = "genome.fa"
gtf = "annotation.gtf"
"""


def write(path: Path, loci: int, names: list[str] | None = None) -> Folder:
    """The folder; loci are called ``GENE1`` and so on unless `names` are given."""
    rng = np.random.default_rng(5)
    names = names or [f"GENE{k + 1}" for k in range(loci)]
    coords = _coords(names)
    folder = Folder(path)
    identity = {stage: {"seed": 3} for stage in STAGES}
    said = {
        "name": "many",
        "folder": str(path.parent),
        "store": str(path.parent / "predictions"),
        "track": TRACK,
        "model": {"name": "random numbers", "fingerprint": "0" * 64, "tracks": [TRACK]},
        "funnel": [{"step": "transcripts", "left": loci, "removed": 0, "why": "transcripts"}],
        "versions": {"creme-toolkit": "0"},
    }
    folder.claim(STUDY, said, identity)
    counts = {"asked": 7, "predicted": 5, "stored": 1, "repeated": 1, "seconds": 3600.0}
    for stage in STAGES:
        if stage in WITHOUT:
            continue
        label = label_of(stage)
        dataset = _activities(coords) if stage == "loci" else _DATASETS[stage](rng, coords)
        dataset.attrs = {"test": label, "configuration": "{}"}
        folder.results(stage).path.mkdir(parents=True)
        folder.results(stage).save(label, dataset)
        state = {"state": "finished", "identity": {"tests": {label: {"name": label}}}}
        (folder.results(stage).path / "run.json").write_text(json.dumps(state))
        folder.update_stage(stage, {"state": "finished", "units": loci, **counts})
    table = pd.DataFrame(
        {
            "contig": coords["contig"][1],
            "tss": coords["tss_position"][1],
            "strand": coords["strand"][1],
            "gene": coords["gene"][1],
            "transcript": coords["transcript"][1],
            "locus": names,
            "activity": np.linspace(30, 300, len(names)),
        }
    )
    folder.write_tables({SELECTED: table})
    return folder


def label_of(stage: str) -> str:
    """The label of a stage's Dataset."""
    return TEST if stage == "loci" else stage


def _activities(coords: dict[str, tuple[str, np.ndarray]]) -> xr.Dataset:
    n = len(coords["locus"][1])
    activity = np.linspace(30, 300, n, dtype=np.float32)[:, None]
    return xr.Dataset({"wild_type": (("locus", "track"), activity)}, coords)


def _coords(names: list[str]) -> dict[str, tuple[str, np.ndarray]]:
    number = np.arange(len(names))
    tss = 500_000 + 250_000 * number
    strand = np.where(number % 2, "-", "+").astype(object)
    before = np.where(number % 2, LENGTH // 2 - 1, LENGTH // 2)
    text = np.array(names, dtype=object)
    return {
        "locus": ("locus", text),
        "gene": ("locus", text),
        "transcript": ("locus", np.array([f"{name}.1" for name in names], dtype=object)),
        "contig": ("locus", np.full(len(names), "chr1", dtype=object)),
        "tss_position": ("locus", tss),
        "strand": ("locus", strand),
        "start": ("locus", tss - before),
        "end": ("locus", tss - before + LENGTH),
        "track": ("track", np.array([TRACK], dtype=object)),
    }


def _tiles(coords: dict[str, tuple[str, np.ndarray]], chosen: slice) -> xr.Dataset:
    away = np.concatenate([np.arange(-TILES // 2, 0), np.arange(1, TILES // 2 + 1)])
    distance = away * TILE
    start = LENGTH // 2 + distance - TILE // 2
    known = xr.Dataset(coords=coords)
    forward = (known["strand"] == "+").values[:, None]
    first, last = known["start"].values[:, None], known["end"].values[:, None]
    low = np.where(forward, first + start, last - start - TILE)
    return known.assign_coords(
        distance=("tile", distance),
        tile_start=("tile", start),
        tile_end=("tile", start + TILE),
        genomic_start=(("locus", "tile"), low),
        genomic_end=(("locus", "tile"), low + TILE),
    ).isel(tile=chosen)


def _like(tiles: xr.Dataset, name: str, dims: tuple[str, ...], values: np.ndarray) -> xr.Dataset:
    found = averaged(name, (*dims, "replicate", "track"), values[..., None])
    wild_type = np.full((tiles.sizes["locus"], 1), 50, dtype=np.float32)
    return tiles.merge(found).assign(wild_type=(("locus", "track"), wild_type))


def _context(rng: np.random.Generator, coords: dict[str, tuple[str, np.ndarray]]) -> xr.Dataset:
    n = len(coords["locus"][1])
    middle = np.array([0.98, 0.0, -1.5])[np.arange(n) % 3][:, None]
    known = xr.Dataset(coords=coords)
    return _like(known, "effect", ("locus",), rng.normal(middle, 0.01, (n, REPLICATES)))


def _effects(rng: np.random.Generator, coords: dict[str, tuple[str, np.ndarray]]) -> xr.Dataset:
    n = len(coords["locus"][1])
    middle = rng.normal(0, 0.05, (n, TILES, 1))
    middle[:, 21] += 0.6
    values = rng.normal(middle, 0.05, (n, TILES, REPLICATES))
    return _like(_tiles(coords, slice(None)), "effect", ("locus", "tile"), values)


def _sets(rng: np.random.Generator, coords: dict[str, tuple[str, np.ndarray]]) -> xr.Dataset:
    n = len(coords["locus"][1])
    values = rng.normal(np.linspace(0.1, 1, 5)[:, None], 0.05, (n, 5, REPLICATES))
    known = xr.Dataset(coords={**coords, "tiles": np.arange(5)})
    return _like(known, "fold_change", ("locus", "tiles"), values)


def _distance(rng: np.random.Generator, coords: dict[str, tuple[str, np.ndarray]]) -> xr.Dataset:
    n = len(coords["locus"][1])
    tiles = _tiles(coords, slice(21, 22))
    every = _tiles(coords, slice(None))
    values = rng.normal(1, 0.1, (n, 1, TILES, REPLICATES))
    found = _like(tiles, "fold_change", ("locus", "tile", "position"), values)
    return found.assign_coords(
        position_start=("position", every["tile_start"].values),
        position_distance=("position", every["distance"].values),
    )


def _greedy(rng: np.random.Generator, coords: dict[str, tuple[str, np.ndarray]]) -> xr.Dataset:
    n = len(coords["locus"][1])
    tiles = _tiles(coords, slice(None))
    values = np.sort(rng.uniform(0.1, 1, (n, 2, ROUNDS, 1)), axis=2)[:, :, ::-1]
    values = rng.normal(values, 0.02, (n, 2, ROUNDS, REPLICATES))
    selected = np.argsort(rng.random((n, 2, TILES)), axis=-1)[..., :ROUNDS, None]
    alone = rng.uniform(0.5, 1, (n, 2, ROUNDS, TILES, 1))
    dims = ("locus", "search", "round")
    found = _like(tiles, "fold_change", dims, values)
    return found.assign(
        tile_fold_change=((*dims, "tile", "track"), alone),
    ).assign_coords(
        search=["enhancers", "silencers"],
        selected=((*dims, "track"), selected),
        selected_start=((*dims, "track"), tiles["tile_start"].values[selected]),
    )


def _copies(rng: np.random.Generator, coords: dict[str, tuple[str, np.ndarray]]) -> xr.Dataset:
    n = len(coords["locus"][1])
    every = _tiles(coords, slice(None))
    values = rng.normal(np.arange(1, COPIES + 1)[:, None], 0.1, (n, 1, 1, COPIES, REPLICATES))
    dims = ("locus", "tile", "search", "copy")
    found = _like(_tiles(coords, slice(21, 22)), "fold_change", dims, values)
    selected = rng.integers(0, TILES, (n, 1, 1, COPIES, 1))
    raw = rng.uniform(10, 20, (n, 1, REPLICATES, 1)).astype(np.float32)
    return found.assign(
        control=(("locus", "tile", "replicate", "track"), raw),
        tss_control=(("locus", "replicate", "track"), raw[:, 0] / 20),
    ).assign_coords(
        search=["enhancers"],
        copies=("copy", np.arange(1, COPIES + 1)),
        position_start=("position", every["tile_start"].values),
        position_distance=("position", every["distance"].values),
        selected=((*dims, "track"), selected),
        selected_start=((*dims, "track"), every["tile_start"].values[selected]),
    )


def _fine(rng: np.random.Generator, coords: dict[str, tuple[str, np.ndarray]]) -> xr.Dataset:
    n = len(coords["locus"][1])
    tiles = _tiles(coords, slice(21, 22))
    left = np.array([5000.0, 3000.0, 1000.0])
    start = tiles["tile_start"].values[:, None] + 1000.0 + np.zeros((n, 1, 1, 1))
    low = tiles["genomic_start"].values[..., None, None] + 1000.0
    steps, ends = ("locus", "tile", "round", "track"), ("locus", "tile", "sub_tile", "track")
    return tiles.assign(
        wild_type=(("locus", "track"), np.full((n, 1), 50, dtype=np.float32)),
        kept_bp=(steps, np.broadcast_to(left[:, None], (n, 1, 3, 1)).copy()),
        window=(steps, np.full((n, 1, 3, 1), 1000.0)),
        score=(steps, rng.uniform(0.7, 1, (n, 1, 3, 1))),
        final_score=(("locus", "tile", "track"), rng.uniform(0.7, 1, (n, 1, 1))),
        sub_start=(ends, start),
        sub_end=(ends, start + 1000),
        sub_genomic_start=(ends, low),
        sub_genomic_end=(ends, low + 1000),
    )


_DATASETS = {
    "context_dependence": _context,
    "necessity": _effects,
    "sufficiency": _effects,
    "distance": _distance,
    "higher_order": _greedy,
    "set_sufficiency": _sets,
    "multiplicity": _copies,
    "fine_tile": _fine,
}
