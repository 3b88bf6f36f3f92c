"""What the comparisons with the reference share: sequences, shuffles, and its environment."""

from __future__ import annotations

import hashlib
import os
import pickle
import subprocess
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from creme.genome import Locus
from creme.kernels.shuffle import dinucleotide_shuffles
from creme.model import Model, Track, TrackTable
from creme.seeds import derive
from creme.sequence import Sequence
from creme.tiling import Tiling
from position_model import BINS, LENGTH, TRACKS, PositionModel

TILE, REPLICATES, SEED = 200, 3, 17
CLOSE: dict[str, Any] = {"rtol": 2e-6, "atol": 1e-7}


class Ours(Model):
    """The same model, as ours."""

    name: ClassVar[str] = "position"
    version: ClassVar[str] = "1"
    batch_size: ClassVar[int] = 4
    input_length: ClassVar[int] = LENGTH
    bin_size: ClassVar[int] = 200
    n_bins: ClassVar[int] = BINS
    tracks: ClassVar[TrackTable] = TrackTable(tuple(Track(str(k)) for k in range(TRACKS)))

    @cached_property
    def _model(self) -> PositionModel:
        return PositionModel()

    def identity(self) -> dict[str, Any]:
        return {}

    def predict(self, onehot):
        return self._model.predict(onehot)


def random_locus(name: str, seed: int) -> Locus:
    codes = np.random.default_rng(seed).integers(0, 4, LENGTH, dtype=np.uint8)
    return Locus.from_sequence(Sequence(codes), name)


LOCUS, OTHER = random_locus("locus", 1), random_locus("other", 2)
CODES = LOCUS.sequence.codes
TSS = [900, 1100]
TILES = [[tile.start, tile.end] for tile in Tiling.around(LENGTH, LENGTH // 2, TILE)]
CRE = [300, 500]


def backgrounds(locus: Locus) -> np.ndarray:
    seeds = [derive(SEED, locus.key, "background", k) for k in range(REPLICATES)]
    return dinucleotide_shuffles(locus.sequence.codes, seeds)


def controls(locus: Locus) -> np.ndarray:
    found = backgrounds(locus)
    found[:, slice(*TSS)] = locus.sequence.codes[slice(*TSS)]
    return found


def tile_shuffles(start: int, end: int, rounds: int) -> np.ndarray:
    seeds = [
        derive(SEED, LOCUS.key, "tile", start, end, *(("round", r) if r else ()), k)
        for r in range(rounds)
        for k in range(REPLICATES)
    ]
    return dinucleotide_shuffles(CODES[start:end], seeds)


def key(codes: np.ndarray) -> str:
    return hashlib.sha256(np.asarray(codes, np.uint8).tobytes()).hexdigest()


def ask(folder: Path, job: dict[str, Any]) -> dict[str, Any]:
    """Run a job in the reference's environment."""
    python = os.environ.get("CREME_REFERENCE_PYTHON")
    if not python:
        pytest.skip("no reference environment: run 'make test-reference'")
    (folder / "job").write_bytes(pickle.dumps(job))
    done = subprocess.run(
        [
            python,
            str(Path(__file__).parent / "reference" / "driver.py"),
            str(folder / "job"),
            str(folder / "out"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return pickle.loads((folder / "out").read_bytes())
