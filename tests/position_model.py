"""A model for both sides: position-specific, non-linear, with bins and tracks; numpy alone."""

from __future__ import annotations

import numpy as np

LENGTH, BINS, TRACKS = 2000, 4, 3


class PositionModel:
    """What the reference package expects of a model; shapes as Enformer's wrapper has them."""

    seq_length = LENGTH

    def __init__(self):
        random = np.random.default_rng(5)
        self.first = random.normal(size=(LENGTH, 4))
        self.pairs = random.normal(size=(4, 4))
        self.mixing = random.normal(size=(LENGTH // 50, BINS * TRACKS))

    def predict(self, onehot):
        """(L, 4) or (N, L, 4) to (N, bins, tracks) float32, one sequence at a time."""
        onehot = np.asarray(onehot, dtype=np.float64).reshape(-1, LENGTH, 4)
        out = np.empty((len(onehot), BINS, TRACKS), dtype=np.float32)
        for row, one in zip(out, onehot, strict=True):
            here = (one * self.first).sum(axis=1)
            here[1:] *= 1 + 0.5 * ((one[:-1] @ self.pairs) * one[1:]).sum(axis=1)
            hidden = np.tanh(here.reshape(-1, 50).sum(axis=1) / 7)
            row[:] = np.exp(0.4 * hidden @ self.mixing).reshape(BINS, TRACKS)
        return out
