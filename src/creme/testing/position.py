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
"""Of a track's largest value: what a bin that an edit does not reach may differ by by rounding."""

NOISE = 4
"""Times the difference that a batch makes: the same, where that is more."""

FAINT = 2
"""A field of which not even this part is seen is taken to be too large, and not to fade."""

LOPSIDED = 4
"""The two sides of a field fade alike, up to this part of it."""

_TRIES = 12
"""Edits at most by which the end of what is seen is looked for."""


@dataclass(frozen=True)
class _EditedPart:
    """A bin, or part of one's field or of what is outside of it, whose bases are all changed."""

    start: int
    end: int
    bin: int
    part: str


class _Edited:
    """A model with a random sequence, and what edits of that change."""

    def __init__(self, model: Model, seed: int) -> None:
        self._model = model
        self._random = np.random.default_rng(seed)
        self._base = self._random.integers(0, 4, model.input_length).astype(np.uint8)
        self._before = _predict(model, self._base)
        finite = bool(np.isfinite(self._before).all())
        ensure(finite, "positions cannot be told: predict returned NaN or infinity")
        # Of each track by itself: a rare class beside a usual one is no rounding.
        scale = np.maximum(np.abs(self._before).max(axis=0), np.float32(1e-30))
        onehot = onehot_table(model.n_value).take(self._base, axis=0)[None]
        batch = model.predict(np.concatenate([onehot, onehot[:, ::-1]]))[0]
        noise = NOISE * np.abs(batch - self._before).max(axis=0)
        self._allowed = np.maximum(ELSEWHERE * scale, noise)

    def edit(self, start: int, end: int) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
        """Change all bases of a span: bins of which a bit changes, and times rounding by which."""
        changed = self._base.copy()
        changed[start:end] = (changed[start:end] + self._random.integers(1, 4, end - start)) % 4
        after = _predict(self._model, changed)
        apart = np.abs(after - self._before)
        return (after != self._before).any(axis=1), (apart / self._allowed).max(axis=1)


def position(make: Callable[[], Model]) -> str:
    """Where `receptive_field` is given, an edit changes the bins that it reaches, and no others."""
    model = make()
    reach = model.receptive_field
    if reach is None:
        raise NotChecked("the model gives no receptive_field")
    ensure(isinstance(reach, int) and reach >= 0, f"receptive_field = {reach!r} is no length")
    starts = model.output_start + model.bin_size * np.arange(model.n_bins)
    lows, highs = starts - reach, starts + model.bin_size + reach
    places = list(_places(model, reach))
    own: dict[int, list[bool]] = {}
    outermost: dict[str, list[bool]] = {"before": [], "after": []}
    several = [_Edited(model, seed) for seed in range(2)]
    for edited in several:
        for place in places:
            seen, large = edited.edit(place.start, place.end)
            outside = (highs <= place.start) | (lows >= place.end)
            worst = int(np.argmax(np.where(outside, large, -1)))
            ensure(
                not outside[worst] or large[worst] <= 1,
                f"an edit of [{place.start}, {place.end}) changed bin {worst}, which sees "
                f"[{lows[worst]}, {highs[worst]}) with a receptive_field of {reach} bp",
            )
            if place.part == "own":
                own.setdefault(place.bin, []).append(bool(seen[place.bin]))
            elif place.part in outermost:
                outermost[place.part].append(bool(seen[place.bin]))
    for index, seen_there in own.items():
        start = int(starts[index])
        ensure(
            any(seen_there),
            f"an edit of [{start}, {start + model.bin_size}), all bases of bin {index}, did not "
            f"change it",
        )
    if all(any(seen_there) or not seen_there for seen_there in outermost.values()):
        return ""
    return _faded(several, places, reach, model.bin_size, outermost)


def _faded(
    several: list[_Edited],
    places: list[_EditedPart],
    reach: int,
    bin_size: int,
    outermost: dict[str, list[bool]],
) -> str:
    """How far a bin is seen to see, where its outermost bases change no bit of it."""
    visible = {
        side: reach if any(seen) else _visible(several, places, reach, side)
        for side, seen in outermost.items()
        if seen
    }
    side = min(visible, key=lambda each: visible[each])
    nearest, furthest = visible[side], max(visible.values())
    sees = f"with a receptive_field of {reach} bp"
    ensure(
        FAINT * nearest >= reach,
        f"no edit of the outermost bases {side} a bin that it sees, {sees}, changed it: it sees "
        f"less far than that, or other positions; {nearest} bp {side} it are seen",
    )
    ensure(
        LOPSIDED * (furthest - nearest) <= max(reach, LOPSIDED * bin_size - 1),
        f"a bin sees other positions, {sees}: edits change it up to {nearest} bp {side} it, and up "
        f"to {furthest} bp on the other side",
    )
    return (
        f"the outermost bases of the receptive_field of {reach} bp are not visible in float32: "
        f"edits change a bin up to {nearest} bp before or after it, so that bins which are less "
        f"than {reach - nearest} bp away from where they should be would not be found"
    )


def _visible(several: list[_Edited], places: list[_EditedPart], reach: int, side: str) -> int:
    """The furthest distance beyond which an edit of all that a bin sees changes a bit of it."""
    bins = [place for place in places if place.part == side]

    def seen(distance: int) -> bool:
        """Whether any of the bases from so far away on, to the field's end, is seen."""
        for edited in several:
            for place in bins:
                start, end = place.start, place.start + reach - distance
                if side == "after":
                    start, end = place.end - reach + distance, place.end
                if edited.edit(start, end)[0][place.bin]:
                    return True
        return False

    near, far = 0, reach
    for _ in range(_TRIES):
        if far - near <= max(1, reach // 50):
            break
        middle = (near + far) // 2
        near, far = (middle, far) if seen(middle) else (near, middle)
    return near


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
    # All that a bin does not see, at once: what a base at its edge does is faint.
    middle = model.output_start + (model.n_bins // 2) * size
    for first, last in ((0, middle - reach), (middle + size + reach, length)):
        if last > max(0, first):
            yield _EditedPart(first, last, model.n_bins // 2, "outside")


def _predict(model: Model, codes: Codes) -> NDArray[np.float32]:
    """One sequence's output, (n_bins, tracks)."""
    return model.predict(onehot_table(model.n_value).take(codes, axis=0)[None])[0].copy()
