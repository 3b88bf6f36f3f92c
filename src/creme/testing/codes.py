"""Check of a model that takes codes: they are read as the one-hot is that they stand for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from creme.adapters.split import SplitModel
from creme.errors import ModelError
from creme.model import Model, Selection
from creme.sequence import N, onehot_table
from creme.testing.checks import NotChecked, ensure


def codes(make: Callable[[], Model]) -> None:
    """Where `takes_codes` is true, codes give the numbers of their one-hot, bit for bit."""
    model = make()
    # Some are built for it, and know then what they take.
    _ = model.fingerprint
    if not model.takes_codes:
        raise NotChecked("the model takes one-hot alone: takes_codes is False")
    shape = (2, model.input_length)
    batch: NDArray[Any] = np.random.default_rng(4).integers(0, N, shape, dtype=np.uint8)
    batch[:, :: model.input_length // 50 + 1] = N
    batch[1, : model.input_length // 50] = N
    before = batch.copy()
    batch.flags.writeable = False
    onehot = onehot_table(model.n_value).take(batch, axis=0)
    expected = model.predict(onehot).copy()
    _equal("predict", model.predict(batch), expected)
    ensure(np.array_equal(batch, before), "predict changed its codes")
    _equal("predict of a view", model.predict(np.repeat(batch, 2, axis=0)[::2]), expected)
    for row in range(2):
        alone = model.predict(onehot[row : row + 1]).copy()
        _equal("predict of one sequence", model.predict(batch[row : row + 1]), alone)
    chosen = Selection((0, model.n_bins - 1)[: model.n_bins], (len(model.tracks) - 1,))
    selected = model.predict_selected(onehot, chosen).copy()
    _equal("predict_selected", model.predict_selected(batch, chosen), selected)
    if isinstance(model, SplitModel):
        for one, other in zip(model.encode(batch), model.encode(onehot), strict=True):
            _equal("encode", one, other)
    ensure(len(model.predict(batch[:0])) == 0, "no codes gave predictions")
    _refuses(model, np.zeros((1, model.input_length + 1), np.uint8))


def _equal(method: str, values: Any, expected: Any) -> None:
    """Of arrays of numpy or of a framework; NaN is a matter of other checks."""
    same = values.shape == expected.shape and bool(
        ((values == expected) | ((values != values) & (expected != expected))).all()
    )
    ensure(
        same,
        f"{method} reads codes otherwise than one-hot: A C G T N are 0 1 2 3 4, and an N is "
        f"n_value in all four channels",
    )


def _refuses(model: Model, batch: NDArray[Any]) -> None:
    try:
        model.predict(batch)
    except ModelError as error:
        length = str(model.input_length)
        ensure(length in str(error), f"the error does not name the length {length}: {error}")
        return
    ensure(False, "codes of another length were predicted")
