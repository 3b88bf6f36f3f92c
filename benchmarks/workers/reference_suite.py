"""The same jobs with the package that the paper's authors published."""

from __future__ import annotations

import contextlib
import io
from importlib.metadata import version

import creme.creme as package
import creme.shuffle
import numpy as np
from common import activity, codes, main, tiles


class Cheap:
    """`activity`, shaped as the package expects it."""

    def __init__(self, length):
        self.seq_length = length
        self.passes = 0

    def predict(self, onehot):
        onehot = np.asarray(onehot)
        onehot = onehot[None] if onehot.ndim == 2 else onehot
        self.passes += len(onehot)
        return activity(onehot)[:, None, None]


def onehot(length):
    return np.eye(4)[codes(length)]


def shuffle(length, n):
    x = onehot(length)

    def run():
        for _ in range(n):
            creme.shuffle.dinuc_shuffle(x)

    return run


def suite(name, arguments):
    """A job that calls one of its tests; `arguments` makes them from the sequence and tiles."""

    def job(length, tile, replicates):
        x, (tss, others) = onehot(length), tiles(length, tile)

        def run():
            model = Cheap(length)
            # Made anew each time: the package empties some of the lists that it is given.
            values = arguments(x, list(tss), [list(each) for each in others])
            with (
                contextlib.redirect_stdout(io.StringIO()),
                contextlib.redirect_stderr(io.StringIO()),
            ):
                getattr(package, name)(model, x, num_shuffle=replicates, **values)
            return {"predictions": model.passes}

        return run

    return job


JOBS = {
    "shuffle": shuffle,
    "context_dependence": suite(
        "context_dependence_test", lambda x, tss, others: {"tile_pos": tss, "mean": False}
    ),
    "necessity": suite("necessity_test", lambda x, tss, others: {"tiles": others, "mean": False}),
    "sufficiency": suite(
        "sufficiency_test",
        lambda x, tss, others: {"tss_tile": tss, "tiles": others, "mean": False},
    ),
    "distance": suite(
        "distance_test",
        lambda x, tss, others: {
            "tile_fixed_coord": tss,
            "tile_var_coord": others[1],
            "test_positions": [start for start, _ in others],
            "mean": False,
        },
    ),
    "higher_order": suite(
        "higher_order_interaction_test",
        lambda x, tss, others: {
            "cre_tiles_to_test": others,
            "optimization": np.argmin,
            "num_rounds": 3,
        },
    ),
    "multiplicity": suite(
        "multiplicity_test",
        lambda x, tss, others: {
            "tss_tile_coord": tss,
            "cre_tile_coord": others[1],
            "cre_tile_seq": x[slice(*others[1])],
            "test_coords": others,
            "num_copies": 2,
            "optimization": np.argmax,
        },
    ),
}

if __name__ == "__main__":
    main(
        JOBS,
        {"creme-nn": version("creme-nn")},
        lambda: creme.shuffle.dinuc_shuffle(onehot(1000)),
    )
