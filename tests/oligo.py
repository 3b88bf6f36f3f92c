"""A model of oligos: 249 bp in, whose read-out site is the middle, and no bins around."""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from creme.model import Model, Track, TrackTable

LENGTH, SITE = 249, 124


class Oligo(Model):
    """Weights of neighbouring bases at every position, the site's among them; three layers."""

    name: ClassVar[str] = "oligo"
    version: ClassVar[str] = "1"

    @property
    def input_length(self) -> int:
        return LENGTH

    @property
    def bin_size(self) -> int:
        return LENGTH

    @property
    def n_bins(self) -> int:
        return 1

    @property
    def tracks(self) -> TrackTable:
        return TrackTable((Track("donor"), Track("acceptor")))

    def identity(self) -> dict[str, Any]:
        return {}

    @cached_property
    def _weights(self) -> tuple[np.ndarray, np.ndarray]:
        random = np.random.default_rng(4)
        return random.normal(size=(LENGTH - 1, 25)), random.normal(size=(LENGTH, 2))

    def predict(self, onehot):
        pairs, mixing = self._weights
        out = np.empty((len(onehot), 1, 2), dtype=np.float32)
        for row, one in zip(out, onehot, strict=True):
            codes = np.where(one.max(axis=1) > 0.5, one.argmax(axis=1), 4)
            drive = np.zeros(LENGTH)
            drive[1:] = pairs[np.arange(LENGTH - 1), codes[:-1] * 5 + codes[1:]]
            row[0] = np.exp(0.1 * np.tanh(drive) @ mixing)
        return out


MODEL = Oligo()
