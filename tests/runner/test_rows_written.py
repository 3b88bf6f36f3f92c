"""Rows of one-hot that are written whole: few, also where the backgrounds of a test take turns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from creme import registry
from creme.inference.rows import Buffer
from creme.runner.plan import prepare
from creme.runner.run import measure
from creme.store import Store
from toy import Toy, toy_loci

TILE, BATCH = 60, 8


class First(Toy):
    """Its first bases are enough where it is counted how rows are written."""

    def predict(self, onehot):
        return onehot[:, :4].copy().reshape(-1, 4, 4)[:, :2, :2] + np.float32(1)


def tiles(number):
    return [[start, start + TILE] for start in range(30, 30 + TILE * number, TILE)]


# Parameters; rows that may be written whole, a third more than are; and those that would be if
# sequences were taken by their age alone.
TESTS = {
    "necessity": ({}, 20, 16),
    "sufficiency": ({}, 70, 111),
    "distance": ({"tiles": tiles(1)}, 70, 111),
    "set_sufficiency": ({"sets": tiles(12)}, 38, 45),
    "multiplicity": ({"tiles": tiles(1), "copies": 2, "searches": ["enhancers"]}, 105, 201),
    "motif_embedding": ({"motifs": ["TGACTCA"], "positions": list(range(0, 1000, 25))}, 70, 117),
    "design_check": (
        {"designs": ["ACGTTGCA" * 20], "distance": -300, "others": 0, "replicates": 20},
        65,
        240,
    ),
}


@pytest.mark.parametrize("name", TESTS)
def test_few_rows_are_written_whole(name, tmp_path, monkeypatch):
    whole: list[bool] = []
    written = Buffer._write

    def counted(self, row, sequence):
        before = self._holds[row]
        whole.append(before is None or before.base is not sequence.base)
        written(self, row, sequence)

    monkeypatch.setattr(Buffer, "_write", counted)
    parameters, most, _ = TESTS[name]
    test = registry.create("test", {"name": name, "tile": TILE, "replicates": 10, **parameters})
    plan = replace(prepare([test], First(), toy_loci(1)), batch_size=BATCH)
    with Store(tmp_path / "store") as store:
        report = measure(plan, store)
    assert not report.failures
    assert len(whole) == report.progress.predicted
    assert sum(whole) <= most
