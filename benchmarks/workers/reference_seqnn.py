"""A gene from end to end with the reference package, the network in TensorFlow."""

from __future__ import annotations

import contextlib
import io
from importlib.metadata import version
from pathlib import Path

import creme.creme as package
import numpy as np
from common import BINS, LENGTH, TRACKS, main, tiles, window
from seqnn_keras import Driven

TILE = 5000


def network(data):
    """The network, checked against the output that stands beside its weights."""
    folder = Path(data) / "models" / "seqnn_mini"
    model = Driven(folder / "model.h5", BINS, TRACKS)
    with np.load(folder / "reference_predictions.npz") as file:
        expected = file[file.files[0]]
    result = model.whole(np.eye(4)[window(data, "FKBP1A")])[0]
    apart = np.abs(result - expected).max() / expected.max()
    assert apart < 1e-4, f"the network in Keras is {apart:.2g} away from its published output"
    return model


def end_to_end(data, gene, replicates, tiles_=0):
    x, model = np.eye(4)[window(data, gene)], network(data)
    tss, others = tiles(LENGTH, TILE)
    others = others[len(others) // 2 :][:tiles_] if tiles_ else others
    others = [list(tile) for tile in others]

    def run():
        model.passes = 0
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            package.context_dependence_test(model, x, list(tss), replicates, mean=False)
            wild, _ = package.necessity_test(model, x, others, replicates, mean=False)
            package.sufficiency_test(model, x, list(tss), others, replicates, mean=False)
        return {"passes": model.passes, "wild_type": float(wild[0, 0, 0])}

    return run


if __name__ == "__main__":
    main(
        {"end_to_end": lambda tiles=0, **values: end_to_end(tiles_=tiles, **values)},
        {name: version(name) for name in ("creme-nn", "tensorflow-cpu", "keras")},
    )
