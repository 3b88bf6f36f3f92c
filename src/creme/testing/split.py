"""Check that a model predicted by windows gives what it gives in full."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from creme.adapters.split import SplitModel, size, windows
from creme.inference.feature_memory import CLOSE, WORTH
from creme.inference.windowed import SIMILAR, Windowed, check_trunk
from creme.model import Selection
from creme.sequence import Edit, Mutant, Sequence, Sequenceable
from creme.testing.checks import ensure


def check_split(make: Callable[[], SplitModel], *, tolerance: float = 1e-5) -> None:
    """Predict random mutants by windows, and in full, for several choices of bins and tracks.

    Edits lie at both ends, across the middle, and in several places at once; a later mutant stands
    on what an earlier one left.

    Parameters
    ----------
    make : callable
        Makes the model; a small one, since each mutant takes a full forward pass as well.
    tolerance : float
        Of the largest value.

    Raises
    ------
    ConformanceError
        If they differ.
    """
    model = make()
    check_trunk(model)
    random = np.random.default_rng(0)
    length = model.input_length
    base = Sequence(random.integers(0, 4, length).astype(np.uint8))

    def edit(start: int, bases: int) -> Edit:
        end = min(start + bases, length)
        codes = base.codes[start:end] + random.integers(1, 4, end - start)
        return Edit(start, (codes % 4).astype(np.uint8))

    mutants: list[Sequenceable] = [
        base,
        Mutant(base, [edit(0, 1)]),
        Mutant(base, [edit(length - 1, 1)]),
        Mutant(base, [edit(length // 2, length // 16)]),
        Mutant(base, [edit(length // 7, 3), edit(length // 2, 40), edit(length - 300, 300)]),
        Mutant(base, [edit(0, length)]),
        base,
    ]
    most = _most(model, base, mutants[:-1])
    n, tracks = model.n_bins, len(model.tracks)
    full = np.concatenate([model.predict(m.sequence.onehot(model.n_value)[None]) for m in mutants])
    selections = {
        Selection((n // 2,), (tracks - 1,)),
        Selection((0, n - 1), (0,)),
        Selection(tuple(range(n)), tuple(range(tracks))),
    }
    for selection in sorted(selections, key=repr):
        windowed = Windowed(model, selection)
        parts = [windowed.predict(some) for some in (mutants[:3], mutants[3:-1])]
        computed = windowed.computed
        # Last, since its features may have been given up.
        values = np.concatenate([*parts, windowed.predict(mutants[-1:])])
        expected = selection.take(full)
        largest = float(np.abs(expected).max())
        apart = float(np.abs(values - expected).max())
        ensure(
            apart <= tolerance * largest,
            f"bins {selection.bins[:3]}...: by windows {apart:.3g} away from the full forward "
            f"pass, whose largest value is {largest:.3g}",
        )
        ensure(
            computed <= most,
            f"{computed} bp went through the trunk for {len(mutants) - 1} sequences of {length} "
            f"bp, whose windows have {most} bp",
        )


def _most(model: SplitModel, base: Sequence, mutants: list[Sequenceable]) -> int:
    """bp that go through the trunk at most: the first sequence, and then each one's windows."""
    stride = model.strides[-1]
    n = model.input_length // stride
    # Another start than the base is taken if it is all but as near, and a GPU widens windows.
    share = CLOSE * (1.0 if model.free_memory() is None else SIMILAR)
    most = n
    for mutant in mutants[1:]:
        changed = np.flatnonzero(mutant.sequence.codes != base.codes)
        needed = size(windows(changed, model.input_length, stride, model.radius))
        most += int(needed / share) if needed < WORTH * n else n
    return most * stride
