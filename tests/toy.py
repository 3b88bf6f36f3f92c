"""A small network with random weights: every base at every position matters, and not by a sum."""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from creme.genome import Locus
from creme.model import Model, Track, TrackTable
from creme.runner.plan import prepare
from creme.runner.run import measure
from creme.sequence import Sequence
from creme.store import Store

LENGTH, WINDOW = 2400, 40


class Toy(Model):
    """Position-specific weights of neighbouring bases, windows, two non-linear layers."""

    name: ClassVar[str] = "toy"
    version: ClassVar[str] = "1"
    batch_size: ClassVar[int] = 16

    @property
    def input_length(self) -> int:
        return LENGTH

    @property
    def bin_size(self) -> int:
        return 400

    @property
    def n_bins(self) -> int:
        return 2

    @property
    def tracks(self) -> TrackTable:
        return TrackTable((Track("one"), Track("two")))

    def identity(self) -> dict[str, Any]:
        return {}

    @cached_property
    def _weights(self) -> tuple[np.ndarray, np.ndarray]:
        random = np.random.default_rng(3)
        return (
            random.normal(size=(LENGTH - 1, 25)),
            random.normal(size=(LENGTH // WINDOW, 4)),
        )

    def predict(self, onehot):
        pairs, mixing = self._weights
        out = np.empty((len(onehot), 2, 2), dtype=np.float32)
        for row, one in zip(out, onehot, strict=True):
            codes = np.where(one.max(axis=1) > 0.5, one.argmax(axis=1), 4)
            drive = np.zeros(LENGTH)
            drive[1:] = pairs[np.arange(LENGTH - 1), codes[:-1] * 5 + codes[1:]]
            hidden = np.tanh(drive.reshape(-1, WINDOW).sum(axis=1) / np.sqrt(WINDOW))
            row[:] = np.exp(0.3 * hidden @ mixing).reshape(2, 2)
        return out


MODEL = Toy()


def toy_loci(number: int = 2) -> list[Locus]:
    """Loci of random sequences."""
    random = np.random.default_rng(11)
    return [
        Locus.from_sequence(Sequence(random.integers(0, 4, LENGTH, dtype=np.uint8)), f"locus{k}")
        for k in range(number)
    ]


def activity(codes) -> np.ndarray:
    """(track,) at the TSS, as the runner reads it, in float64."""
    onehot = Sequence(np.asarray(codes)).onehot()
    return MODEL.predict(onehot[None])[0, MODEL.tss_bin()].astype(np.float64)


def run(test, loci, folder):
    """The test's Dataset and the run's counts."""
    with Store(folder / "store") as store:
        report = measure(prepare([test], MODEL, loci), store)
    assert not report.failures, report.failures
    return report.datasets[test.name], report.progress
