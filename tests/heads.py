"""A model with three heads beside its own grid: counts, a profile, and contacts of pairs."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from creme.adapters.loaded import check_input
from creme.model import OutputHead, Track, TrackTable
from creme.sequence import Sequence
from toy import Toy

PAIRED = 6


class Several(Toy):
    """The toy network, whose hidden windows are read in four ways; it counts forward passes."""

    name: ClassVar[str] = "several"
    passes: ClassVar[list[int]] = []

    @property
    def heads(self) -> dict[str, OutputHead]:
        return {
            "counts": OutputHead(2400, 1, TrackTable((Track("sum"),))),
            "profile": OutputHead(
                100,
                16,
                TrackTable((Track("fwd", strand="+", pair=1), Track("rev", strand="-", pair=0))),
            ),
            "contacts": OutputHead(400, PAIRED, TrackTable((Track("map"),)), pairs=1),
        }

    def identity(self) -> dict[str, Any]:
        return {}

    def predict(self, onehot):
        return self.predict_heads(onehot)[""]

    def predict_heads(self, onehot):
        check_input(self, onehot)
        self.passes.append(len(onehot))
        own = super().predict(onehot)
        letters = onehot[:, :, :2].reshape(len(onehot), 24, 100, 2).mean(axis=2)
        bins = onehot[:, :, 0].reshape(len(onehot), PAIRED, 400).mean(axis=2)
        first, second = np.triu_indices(PAIRED, 1)
        contacts = (bins[:, first] * bins[:, second])[:, :, None]
        return {
            "": own,
            "counts": own.sum(axis=(1, 2), keepdims=True),
            "profile": np.ascontiguousarray(letters[:, 4:20]).astype(np.float32),
            "contacts": contacts.astype(np.float32),
        }


MODEL = Several()


def outputs(codes) -> dict[str, np.ndarray]:
    """Whole outputs of one sequence, by head, (bins, tracks) in float64."""
    predicted = MODEL.predict_heads(Sequence(np.asarray(codes)).onehot()[None])
    return {name: each[0].astype(np.float64) for name, each in predicted.items()}
