"""Check a model against a prediction that its author has from elsewhere.

That letters, positions and bins are read in the right order cannot be told from a model alone: one
whose channels are exchanged is a model as well, of other sequences.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from creme.model import Model
from creme.sequence import ALPHABET, Sequence
from creme.testing.checks import ensure

Onehot = NDArray[np.float32]
Output = NDArray[np.float32]


def check_example(
    make: Callable[[], Model],
    sequence: Sequence | str,
    expected: ArrayLike,
    *,
    tolerance: float = 1e-4,
) -> None:
    """A known sequence gives its known prediction.

    Where it does not, inputs and outputs in other orders are tried, and the error names the one
    that gives the expected numbers: the sequence reversed or shifted, channels exchanged, bins or
    tracks turned around.

    Parameters
    ----------
    make : callable
        Makes the model.
    sequence : Sequence or str
        Of the model's input length; a real or random one, not the same from both ends.
    expected : array, shape (n_bins, tracks)
        The network's prediction where it comes from: in the program of its authors.
    tolerance : float
        Of the largest value.

    Raises
    ------
    ConformanceError
        If the prediction is another one, or would be the same for any sequence.
    """
    model = make()
    letters = Sequence.from_string(sequence) if isinstance(sequence, str) else sequence
    ensure(
        len(letters) == model.input_length,
        f"the example has {len(letters)} bp, and the model takes {model.input_length} bp",
    )
    target = np.asarray(expected, dtype=np.float32)
    shape = (model.n_bins, len(model.tracks))
    ensure(
        target.shape in (shape, (1, *shape)),
        f"what is expected has the shape {target.shape}, and the model gives {shape}",
    )
    target = target.reshape(shape)
    scale = max(float(np.abs(target).max()), 1e-30)
    onehot = letters.onehot(model.n_value)

    def apart(output: Output) -> float:
        return float(np.abs(output - target).max()) / scale

    predicted = model.predict(onehot[None])[0]
    if apart(predicted) > tolerance:
        fitting = [
            name
            for name, output in _variants(model, onehot, predicted)
            if apart(output) <= tolerance
        ]
        reason = f": it expects {', or '.join(fitting)}" if fitting else ""
        ensure(
            False,
            f"the prediction differs from what is expected by {apart(predicted):.1e} of the "
            f"largest value; {tolerance:.0e} is allowed{reason}",
        )
    turned = model.predict(np.ascontiguousarray(onehot[None, ::-1, [1, 0, 2, 3]]))[0]
    ensure(
        apart(turned) > tolerance,
        "the example tells nothing: the sequence reversed and with A and C exchanged gives the "
        "same prediction; take another sequence",
    )


def _variants(model: Model, onehot: Onehot, predicted: Output) -> Iterator[tuple[str, Output]]:
    """Other readings of the input, and the prediction of each."""
    yield "bins in the reverse order", predicted[::-1]
    yield "tracks in the reverse order", predicted[:, ::-1]
    for name, variant in _inputs(model, onehot):
        output = model.predict(np.ascontiguousarray(variant)[None])[0]
        yield name, output
        yield f"{name}, and bins in the reverse order", output[::-1]


def _inputs(model: Model, onehot: Onehot) -> Iterator[tuple[str, Onehot]]:
    yield "the sequence reversed", onehot[::-1]
    yield "the reverse complement", onehot[::-1, ::-1]
    for order in permutations(range(4)):
        if order != (0, 1, 2, 3):
            letters = " ".join(ALPHABET[code] for code in order)
            yield f"channels in the order {letters}", onehot[:, order]
    for step in sorted({1, model.bin_size}):
        if step < len(onehot):
            for by in (step, -step):
                side = "later" if by > 0 else "earlier"
                yield f"the sequence {step} bp {side}", _moved(onehot, by, model.n_value)
    if not (onehot.max(axis=1) == 1).all():
        value = 0.25 if model.n_value == 0 else 0.0
        other = onehot.copy()
        other[onehot.max(axis=1) != 1] = value
        yield f"an n_value of {value}", other


def _moved(onehot: Onehot, by: int, fill: Any) -> Onehot:
    moved = np.full_like(onehot, fill)
    if by > 0:
        moved[by:] = onehot[:-by]
    else:
        moved[:by] = onehot[-by:]
    return moved
