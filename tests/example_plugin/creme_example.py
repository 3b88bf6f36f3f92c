"""A model from outside the package that can be made to fail."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from creme import Model, Sequence, Track, TrackTable


class ExampleModel(Model):
    """Weighted base counts; NaN where the sequence holds a poison word, if one is given."""

    name: ClassVar[str] = "example_model"
    version: ClassVar[str] = "1"
    batch_size: ClassVar[int] = 4
    length: int = 1024
    poison: str = ""

    @property
    def input_length(self) -> int:
        return self.length

    @property
    def bin_size(self) -> int:
        return 32

    @property
    def n_bins(self) -> int:
        return self.length // 64

    @property
    def tracks(self) -> TrackTable:
        return TrackTable((Track("one"), Track("two")))

    def identity(self) -> dict:
        return {"length": self.length}

    def predict(self, onehot):
        weights = np.linspace(0.1, 1.0, self.length)[:, None] * np.array([1.0, 2.0, 3.0, 5.0])
        total = (onehot * weights).sum(axis=(1, 2)) / self.length
        out = np.empty((len(onehot), self.n_bins, 2), dtype=np.float32)
        out[:] = total[:, None, None] * np.arange(1, self.n_bins + 1)[:, None] * [1.0, 0.5]
        if self.poison:
            word = Sequence.from_string(self.poison).onehot()
            for row, sequence in enumerate(onehot):
                if np.array_equal(sequence[: len(word)], word):
                    out[row] = np.nan
        return out
