"""Check that a model's numbers are its sequence's alone: neither chance nor a state is in them."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from creme.errors import listing
from creme.model import Model
from creme.testing.checks import ensure

_LISTED = 4


def deterministic(
    make: Callable[[], Model], first: NDArray[np.float32], second: NDArray[np.float32]
) -> None:
    """Predict two inputs in turn, with the model and with one that is made anew.

    Raises
    ------
    ConformanceError
        If a prediction of the same input is another one: the message says whether it is random,
        or depends on a state, and which tensors of a PyTorch network have changed.
    """
    model = make()
    values = _predicted(model, first)
    before = dict(_tensors(model))
    later = [_predicted(model, each) for each in (first, second, first)]
    again, after_another = later[0], later[2]
    if np.array_equal(values, again) and np.array_equal(values, after_another):
        ensure(
            np.array_equal(values, _predicted(make(), first)),
            "a model made anew predicts otherwise",
        )
        return
    changed = [name for name, digest in _tensors(model) if before.get(name) != digest]
    named = (
        f": {listing(changed, _LISTED)} of its network are others than before" if changed else ""
    )
    twin = make()
    same_course = all(
        np.array_equal(one, _predicted(twin, each))
        for one, each in zip([values, *later], (first, first, second, first), strict=True)
    )
    ensure(
        not (changed or same_course),
        f"two predictions of the same input differ: the model has a state that changes between "
        f"predictions, such as a counter, a cache or running statistics{named}",
    )
    ensure(
        False,
        "two predictions of the same input differ: they are random, also in a model made anew",
    )


def _predicted(model: Model, onehot: NDArray[np.float32]) -> NDArray[np.float32]:
    values = model.predict(onehot).copy()
    finite = bool(np.isfinite(values).all())
    ensure(finite, "predictions cannot be compared: predict returned NaN or infinity")
    return values


def _tensors(model: Model) -> Iterator[tuple[str, str]]:
    """Name and digest of each parameter and buffer of a loaded PyTorch network."""
    torch = sys.modules.get("torch")
    loaded: Any = getattr(model, "network", None) if torch is not None else None
    for part in loaded if isinstance(loaded, tuple) else (loaded,):
        if torch is not None and isinstance(part, torch.nn.Module):
            for name, tensor in (*part.named_parameters(), *part.named_buffers()):
                values = tensor.detach().float().cpu().contiguous().numpy()
                yield name, hashlib.sha256(values.tobytes()).hexdigest()
