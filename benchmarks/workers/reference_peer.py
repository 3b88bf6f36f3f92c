"""The same jobs with the package that the paper's authors published."""

from __future__ import annotations

import contextlib
import io
import sys
from importlib.metadata import version

import creme.creme as package
import creme.shuffle
import numpy as np
from common import ONCE, activity, codes, main, tiles


class Cheap:
    """`activity`, shaped as the package expects it."""

    def __init__(self, length):
        self.seq_length = length

    def predict(self, onehot):
        onehot = np.asarray(onehot)
        return activity(onehot[None] if onehot.ndim == 2 else onehot)[:, None, None]


def onehot(length):
    return np.eye(4)[codes(length)]


def shuffle(length, n):
    x = onehot(length)
    return lambda: [creme.shuffle.dinuc_shuffle(x) for _ in range(n)]


def suite(name, arguments):
    def job(length, tile, replicates):
        x, (tss, others) = onehot(length), tiles(length, tile)
        given = arguments(list(tss), [list(each) for each in others])

        def run():
            with contextlib.redirect_stdout(io.StringIO()):
                getattr(package, name)(
                    Cheap(length), x, **given, num_shuffle=replicates, mean=False
                )
            return ONCE

        return run

    return job


JOBS = {
    "shuffle": shuffle,
    "necessity": suite("necessity_test", lambda tss, others: {"tiles": others}),
    "sufficiency": suite(
        "sufficiency_test", lambda tss, others: {"tss_tile": tss, "tiles": others}
    ),
    "distance": suite(
        "distance_test",
        lambda tss, others: {
            "tile_fixed_coord": tss,
            "tile_var_coord": others[0],
            "test_positions": [start for start, _ in others],
        },
    ),
}

if __name__ == "__main__":
    sys.exit(main(JOBS, version("creme-nn"), lambda: creme.shuffle.dinuc_shuffle(onehot(1000))))
