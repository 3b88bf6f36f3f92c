"""Check of a model's heads: one pass gives all, each on its grid."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from creme.model import Model, Selection
from creme.testing.checks import ensure
from creme.testing.settings import TOLERANCE


def check_heads(make: Callable[[], Model], onehot: NDArray[np.float32]) -> None:
    """Compare the output of each head with its grid, and with what is selected of it.

    Raises
    ------
    ConformanceError
        If a head's grid leaves the input, its output has another shape or is not finite, or the
        model's own grid gives other numbers than `predict`.
    """
    model = make()
    if not model.heads:
        return
    outputs = {name: values.copy() for name, values in model.predict_heads(onehot).items()}
    names = ["", *model.heads]
    ensure(
        set(outputs) >= set(names),
        f"predict_heads gave {sorted(outputs)}, and the heads are {names}",
    )
    _same("predict_heads", "predict", outputs[""], model.predict(onehot))
    for name, head in model.heads.items():
        grid, values = model.grid_of(name), outputs[name]
        start, end = grid.output_start, grid.output_end
        ensure(
            start >= 0 and end <= model.input_length,
            f"head {name!r}: [{start}, {end}) leaves the input of {model.input_length} bp",
        )
        shape = (len(onehot), head.size, len(head.tracks))
        ensure(values.shape == shape, f"head {name!r} has shape {values.shape}, not {shape}")
        ensure(values.dtype == np.float32, f"head {name!r} is {values.dtype}, not float32")
        ensure(bool(np.isfinite(values).all()), f"head {name!r} has NaN or infinity")
        grid.tss_bin()
    chosen = Selection((model.n_bins - 1,), (0,), _ends(model))
    selected = model.predict_selected(onehot, chosen)
    _same("predict_selected of heads", "predict_heads", selected, chosen.take(outputs))


def _ends(model: Model) -> tuple[tuple[str, Selection], ...]:
    """The last value of the last track of each head."""
    ends = ((name, head.size - 1, len(head.tracks) - 1) for name, head in model.heads.items())
    return tuple((name, Selection((bin_,), (track,))) for name, bin_, track in ends)


def _same(
    what: str, other: str, values: NDArray[np.float32], expected: NDArray[np.float32]
) -> None:
    ensure(
        values.shape == expected.shape,
        f"{what} gave shape {values.shape}, and {other} {expected.shape}",
    )
    apart = float(np.abs(values - expected).max() / max(float(np.abs(expected).max()), 1e-30))
    ensure(apart <= TOLERANCE, f"{what} differs from {other} by {apart:.1e}")
