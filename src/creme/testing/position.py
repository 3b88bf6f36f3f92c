"""Check that what a model calls a bin lies where it says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from creme.model import Model
from creme.sequence import Codes, onehot_table
from creme.testing.checks import NotChecked, ensure

ELSEWHERE = 1e-5
"""Of the largest value: what a bin that an edit does not reach may differ by, from rounding."""

CHANGED = 1e-7
"""Of the largest value: what a bin that an edit reaches differs by at least."""


@dataclass(frozen=True)
class _EditedPart:
    """A bin, or part of one's field, whose bases are all changed."""

    start: int
    end: int
    bin: int
    part: str


def position(make: Callable[[], Model]) -> None:
    """Where `receptive_field` is given, an edit changes the bins that it reaches, and no others."""
    model = make()
    reach = model.receptive_field
    if reach is None:
        raise NotChecked("the model gives no receptive_field")
    ensure(isinstance(reach, int) and reach >= 0, f"receptive_field = {reach!r} is no length")
    random = np.random.default_rng(0)
    starts = model.output_start + model.bin_size * np.arange(model.n_bins)
    lows, highs = starts - reach, starts + model.bin_size + reach
    reached: dict[str, list[bool]] = {"before": [], "after": []}
    for _ in range(2):
        base = random.integers(0, 4, model.input_length).astype(np.uint8)
        before = _predict(model, base)
        scale = float(np.abs(before).max())
        for place in _places(model, reach):
            changed = base.copy()
            span = slice(place.start, place.end)
            changed[span] = (base[span] + random.integers(1, 4, place.end - place.start)) % 4
            apart = np.abs(_predict(model, changed) - before).max(axis=1)
            outside = (highs <= place.start) | (lows >= place.end)
            worst = int(np.argmax(np.where(outside, apart, -1)))
            ensure(
                not outside[worst] or apart[worst] <= ELSEWHERE * scale,
                f"an edit of [{place.start}, {place.end}) changed bin {worst}, which sees "
                f"[{lows[worst]}, {highs[worst]}) with a receptive_field of {reach} bp",
            )
            seen = bool(apart[place.bin] > CHANGED * scale)
            if place.part in reached:
                reached[place.part].append(seen)
            elif place.part == "own":
                ensure(
                    seen,
                    f"an edit of [{place.start}, {place.end}), all bases of bin {place.bin}, did "
                    f"not change it",
                )
    for side, seen_there in reached.items():
        ensure(
            not seen_there or any(seen_there),
            f"no edit of the outermost bases {side} a bin that it sees, with a receptive_field of "
            f"{reach} bp, changed it: it sees less far than that, or other positions",
        )


def _places(model: Model, reach: int) -> Iterator[_EditedPart]:
    """The edited positions: both ends of the input, and all bases of a few bins and around them."""
    length, size = model.input_length, model.bin_size
    yield _EditedPart(0, min(size, length), 0, "end")
    yield _EditedPart(max(0, length - size), length, model.n_bins - 1, "end")
    for index in sorted({0, model.n_bins // 3, model.n_bins // 2, model.n_bins - 1}):
        start = model.output_start + index * size
        end = start + size
        low, high = start - reach, end + reach
        inner = min(size, reach)
        yield _EditedPart(start, end, index, "own")
        for first, last, part in (
            (low - size, low, "outside"),
            (high, high + size, "outside"),
            (low, low + inner, "before"),
            (high - inner, high, "after"),
        ):
            whole = first >= 0 and last <= length
            if whole and last > first:
                yield _EditedPart(first, last, index, part)


def _predict(model: Model, codes: Codes) -> NDArray[np.float32]:
    """One sequence's output, (n_bins, tracks)."""
    return model.predict(onehot_table(model.n_value).take(codes, axis=0)[None])[0].copy()
