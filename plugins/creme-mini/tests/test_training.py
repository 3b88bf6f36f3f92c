"""The first steps of the training beside the log of the one that made the shipped weights."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

TRAINING = Path(__file__).resolve().parents[1] / "training"
STEPS = 50
ONCE_ROUNDED = 0.02
"""Share of a loss by which it may differ on a processor that rounds otherwise."""


def _first(file: Path) -> dict[str, str]:
    with file.open(newline="") as lines:
        return next(csv.DictReader(lines))


@pytest.mark.training
def test_the_command_gives_the_first_row_of_its_log(tmp_path):
    pytest.importorskip("torch")
    command = [sys.executable, str(TRAINING / "train.py"), "--out", str(tmp_path)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run([*command, "--steps", str(STEPS)], check=True, env=environment)
    ours, logged = _first(tmp_path / "curve.csv"), _first(TRAINING / "curve.csv")
    assert list(ours) == list(logged)
    assert (
        (ours["step"], ours["stage"]) == (str(STEPS), "motifs") == (logged["step"], logged["stage"])
    )
    for name in ("loss_coverage", "loss_open", "loss_ratio"):
        assert float(ours[name]) == pytest.approx(float(logged[name]), rel=ONCE_ROUNDED), name
    assert (tmp_path / "weights.safetensors").stat().st_size > 100_000
