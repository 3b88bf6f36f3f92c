"""Predicting by windows: of each sequence only what differs from a known one."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from creme.errors import ModelError
from creme.model import Selection
from creme.sequence import Codes, Sequenceable, onehot_table
from creme.split import Features, SplitModel, Window, size, windows

MEMORY = 2**30
"""Bytes of features that are remembered, as long as one sequence's fit."""

WORTH = 0.8
"""Windows that are together longer than this share of the sequence are no cheaper than it."""

FAR = 0.1
"""A sequence further than this share from all known ones is remembered as well."""

TOLERANCE = 1e-4
"""Of the largest value: what the windowed prediction may differ by from the full one."""


@dataclass(eq=False)
class _Known:
    """A sequence with its features; without them while it waits for its turn."""

    codes: Codes
    sketch: NDArray[np.uint32]
    features: Features | None = None

    @property
    def bytes(self) -> int:
        return sum(array.nbytes for array in self.features or ())


@dataclass(eq=False)
class _Planned:
    """A sequence to predict: from a known one and windows, or, without one, in full."""

    codes: Codes
    base: _Known | None
    parts: tuple[Window, ...]
    known: _Known | None


class Windowed:
    """Predicts with a `SplitModel`, remembering the features of some sequences.

    Which sequence to start from is found by comparing bases, not from how a mutant came about: so
    the wild type serves a necessity test, the first of the backgrounds a sufficiency test, and the
    tiles chosen so far a greedy search, and an edit that changes nothing costs nothing.

    Parameters
    ----------
    model : SplitModel
    selection : Selection
    memory : int
        Bytes of features to remember.
    """

    def __init__(self, model: SplitModel, selection: Selection, memory: int = MEMORY) -> None:
        self.model = model
        self.selection = selection
        self.memory = memory
        self.computed = 0
        """bp that went through the trunk so far, out of those of all sequences."""
        self._known: OrderedDict[int, _Known] = OrderedDict()
        self._table = onehot_table(model.n_value)
        self._stride = model.strides[-1]
        self._n = model.input_length // self._stride
        self._trunk_checked = self._checked = False

    def predict(self, batch: SequenceOf[Sequenceable]) -> NDArray[np.float32]:
        """Kept values of a batch, (len(batch), bins, tracks) float32.

        Raises
        ------
        ModelError
            If the model's parts do not make its whole: its strides or its radius are wrong.
        """
        if not self._trunk_checked:
            check_trunk(self.model)
            self._trunk_checked = True
        parts = [self._run(wave) for wave in self._waves(batch)]
        return np.concatenate(parts)

    def _waves(self, batch: SequenceOf[Sequenceable]) -> Iterator[list[_Planned]]:
        """Sequences that do not wait for one another, in the order given."""
        wave: list[_Planned] = []
        for one in batch:
            planned = self._plan(one.sequence.codes)
            if planned.base is not None and planned.base.features is None:
                yield wave
                wave = []
            wave.append(planned)
        if wave:
            yield wave

    def _plan(self, codes: Codes) -> _Planned:
        best: _Known | None = None
        parts: tuple[Window, ...] = ()
        least = WORTH * self._n
        # Its windows hold at least the features whose sketch differs: most need no closer look.
        sketch = self._sketch(codes)
        known_ones = list(self._known.values())
        differing = [np.count_nonzero(known.sketch != sketch) for known in known_ones]
        for place in np.argsort(differing, kind="stable"):
            if differing[place] >= least:
                break
            known = known_ones[place]
            changed = np.flatnonzero(known.codes != codes)
            some = windows(changed, codes.size, self._stride, self.model.radius)
            if size(some) < least:
                best, parts, least = known, some, size(some)
        if best is not None:
            self._known.move_to_end(id(best))
        far = best is None or least > FAR * self._n
        new = _Known(codes, sketch) if far else None
        if new is not None:
            self._known[id(new)] = new
        return _Planned(codes, best, parts, new)

    def _sketch(self, codes: Codes) -> NDArray[np.uint32]:
        """The first bases of each feature's own, up to four, as one number."""
        own = codes[: self._n * self._stride].reshape(self._n, self._stride)[:, :4]
        first = np.zeros((self._n, 4), dtype=np.uint8)
        first[:, : own.shape[1]] = own
        return first.view(np.uint32)[:, 0]

    def _run(self, wave: list[_Planned]) -> NDArray[np.float32]:
        try:
            features = self._features(wave)
            stacked = tuple(
                self.model.concatenate(list(each), 0) for each in zip(*features, strict=True)
            )
            values = self.model.decode(stacked, self.selection)
        except BaseException:
            # What was planned and not computed is not known.
            self._known = OrderedDict((k, v) for k, v in self._known.items() if v.features)
            raise
        for planned, each in zip(wave, features, strict=True):
            if planned.known is not None:
                planned.known.features = each
        self._forget()
        if not self._checked:
            self._check(wave, values)
        return values

    def _features(self, wave: list[_Planned]) -> list[Features]:
        """The features of each sequence, whole."""
        full = [planned for planned in wave if planned.base is None]
        found: dict[int, Features] = {}
        if full:
            onehot = np.stack([self._table.take(planned.codes, axis=0) for planned in full])
            encoded = self.model.encode(onehot)
            self.computed += onehot.shape[0] * onehot.shape[1]
            for row, planned in enumerate(full):
                found[id(planned)] = tuple(array[row : row + 1] for array in encoded)
        for planned, pieces in self._pieces([p for p in wave if p.base is not None]):
            assert planned.base is not None
            assert planned.base.features is not None
            found[id(planned)] = self._patched(planned.base.features, pieces)
        return [found[id(planned)] for planned in wave]

    def _pieces(
        self, wave: list[_Planned]
    ) -> Iterator[tuple[_Planned, list[tuple[Window, Features]]]]:
        """Each sequence's windows with what the trunk makes of them, computed together."""
        longest = max((part.end - part.start for p in wave for part in p.parts), default=0)
        asked = [(p, part.widened(longest, self._n)) for p in wave for part in p.parts]
        encoded: Features = ()
        if asked:
            s = self._stride
            onehot = np.stack(
                [self._table.take(p.codes[w.start * s : w.end * s], axis=0) for p, w in asked]
            )
            encoded = self.model.encode(onehot)
            self.computed += onehot.shape[0] * onehot.shape[1]
        row = 0
        for planned in wave:
            pieces = []
            for _ in planned.parts:
                window = asked[row][1]
                kept = tuple(
                    array[row : row + 1, self._at(k, window.first - window.start) :][
                        :, : self._at(k, window.last - window.first)
                    ]
                    for k, array in enumerate(encoded)
                )
                pieces.append((window, kept))
                row += 1
            yield planned, pieces

    def _patched(self, features: Features, pieces: list[tuple[Window, Features]]) -> Features:
        """Features with some of them exchanged; the given ones are not touched."""
        if not pieces:
            return features
        whole = []
        for k, array in enumerate(features):
            parts, at = [], 0
            for window, kept in pieces:
                parts += [array[:, at : self._at(k, window.first)], kept[k]]
                at = self._at(k, window.last)
            whole.append(self.model.concatenate([*parts, array[:, at:]], 1))
        return tuple(whole)

    def _at(self, output: int, position: int) -> int:
        """A position of the coarsest output, in positions of another."""
        return position * (self._stride // self.model.strides[output])

    def forget(self) -> bool:
        """Give up all features; returns whether there were any."""
        some = bool(self._known)
        self._known.clear()
        return some

    def _forget(self) -> None:
        """Keep to the memory, the sequences used last; the last one always stays."""
        used = sum(known.bytes for known in self._known.values())
        while used > self.memory and len(self._known) > 1:
            _, oldest = self._known.popitem(last=False)
            used -= oldest.bytes

    def _check(self, wave: list[_Planned], values: NDArray[np.float32]) -> None:
        """Compare the first windowed prediction with a full one, once for each process."""
        for planned, value in zip(wave, values, strict=True):
            if planned.base is None or not planned.parts:
                continue
            onehot = self._table.take(planned.codes, axis=0)[None]
            whole = self.model.predict_selected(onehot, self.selection)[0]
            largest = float(np.abs(whole).max(initial=0.0))
            apart = float(np.abs(whole - value).max(initial=0.0))
            if not apart <= TOLERANCE * largest:
                raise ModelError(
                    f"model {self.model.name}: predicted by windows, a sequence differs from its "
                    f"full forward pass by {apart:.2g} (largest value {largest:.2g}): its strides, "
                    f"its radius or its decode are wrong; exact = 'full' does without them"
                )
            self._checked = True
            return


def check_trunk(model: SplitModel) -> None:
    """Check that a trunk reaches no further than its radius, on a short random sequence.

    The edit begins a radius after a feature and ends a radius before another one, so that a trunk
    that reaches a single base further is found out.

    Raises
    ------
    ModelError
        If the features' number or their reach is not as described.
    """
    stride, radius = model.strides[-1], model.radius
    margin, inner = -(-radius // stride), 2 * radius // stride + 1
    positions = inner + 2 * margin + 4
    random = np.random.default_rng(0)
    table = onehot_table(model.n_value)
    first = margin + 2
    begin, end = first * stride + radius, (first + inner) * stride - radius
    codes = random.integers(0, 4, positions * stride).astype(np.uint8)
    both = [codes, codes.copy()]
    both[1][begin:end] = (codes[begin:end] + random.integers(1, 4, end - begin)) % 4
    encoded = [model.encode(table.take(each, axis=0)[None]) for each in both]
    for k, (before, after) in enumerate(zip(*encoded, strict=True)):
        scale = stride // model.strides[k]
        if before.shape[1] != positions * scale:
            raise ModelError(
                f"model {model.name}: output {k} of its trunk has {before.shape[1]} positions for "
                f"{codes.size} bp, and {positions * scale} at its stride of {model.strides[k]} bp"
            )
        ends = (slice(None, first * scale), slice((first + inner) * scale, None))
        apart = max(float(abs(before[:, end] - after[:, end]).max()) for end in ends)
        if not apart <= 1e-5 * float(abs(before).max()):
            raise ModelError(
                f"model {model.name}: output {k} of its trunk reaches further than its radius of "
                f"{radius} bp; exact = 'full' does without windows"
            )
