"""Check of a model that takes numbers beside the sequence."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from creme.errors import ModelError
from creme.inference.device import Device
from creme.model import Model
from creme.sequence import Edit, Mutant, Sequence
from creme.testing.checks import ensure
from creme.testing.settings import TOLERANCE

_TRIED = (1.0, -1.0, 0.1, 10.0, 100.0, 1000.0)
"""Values of an input that are tried until one changes a prediction."""


def check_inputs(make: Callable[[], Model]) -> None:
    """Check that each number changes predictions, belongs to its sequence, and is required.

    Raises
    ------
    ConformanceError
        If a prediction does not depend on one of them, `predict` does not take them for 0, a batch
        gives a sequence the numbers of another, or too few are taken without an error.
    """
    model = make()
    names = model.inputs
    if not names:
        return
    ensure(
        len(set(names)) == len(names) and all(names), f"inputs = {names} are not names that differ"
    )
    device = Device(model, model.everything, batch_size=2)
    codes = np.random.default_rng(6).integers(0, 4, model.input_length).astype(np.uint8)
    base = Sequence(codes)

    def predicted(values: NDArray[np.float64]) -> NDArray[np.float32]:
        (row,) = device.predict([base.with_inputs(values)])
        ensure(bool(np.isfinite(row).all()), f"inputs {values.tolist()} gave NaN or infinity")
        return row

    zeros = np.zeros(len(names))
    bare = predicted(zeros)
    own = model.predict_selected(base.onehot(model.n_value)[None], model.everything)[0]
    ensure(_apart(own, bare) <= TOLERANCE, "predict does not take the inputs for 0")
    changed = zeros.copy()
    for place, name in enumerate(names):
        for value in _TRIED:
            one = zeros.copy()
            one[place] = changed[place] = value
            if not np.array_equal(predicted(one), bare):
                break
        else:
            tried = ", ".join(f"{value:g}" for value in _TRIED)
            ensure(False, f"no prediction depends on input {name!r}: {tried} give what 0 gives")
    _of_its_sequence(device, base, changed)
    for short in (base, base.with_inputs(changed[1:]))[: len(names)]:
        _refused(device, short, names)


def _of_its_sequence(device: Device, base: Sequence, values: NDArray[np.float64]) -> None:
    """In a batch each sequence and mutant has its own numbers, whose digest tells them apart."""
    own, bare = base.with_inputs(values), base.with_inputs(np.zeros(len(values)))
    edit = Edit(0, np.full(1, (int(base.codes[0]) + 1) % 4, np.uint8))
    several: list[Sequence | Mutant] = [own, bare, Mutant(own, [edit]), Mutant(bare, [edit])]
    ensure(
        len({each.digest for each in several}) == len(several), "two predictions have one identity"
    )
    alone = np.stack([device.predict([each])[0] for each in several])
    for order in ([0, 1], [1, 0], [2, 3], [3, 2]):
        together = device.predict([several[place] for place in order])
        ensure(
            _apart(together, alone[order]) <= TOLERANCE,
            "in a batch a sequence has inputs of another: its prediction is not what it is alone",
        )


def _refused(device: Device, sequence: Sequence, names: tuple[str, ...]) -> None:
    try:
        device.predict([sequence])
    except ModelError as error:
        unnamed = [name for name in names if name not in str(error)]
        ensure(not unnamed, f"the error does not name the inputs {unnamed}: {error}")
        return
    ensure(False, f"a sequence with {len(sequence.inputs)} numbers was predicted")


def _apart(values: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    return float(np.abs(values - expected).max() / max(float(np.abs(expected).max()), 1e-30))
