"""Predicting by windows: of each sequence only what differs from an earlier one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from collections.abc import Sequence as SequenceOf
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from creme.adapters.split import Features, SplitModel, Window, size
from creme.errors import ModelError
from creme.inference.feature_memory import Coded, FeatureMemory, Remembered
from creme.inference.rows import rows_for
from creme.model import Selection
from creme.sequence import Codes, Sequenceable

MEMORY = 2**30
"""Bytes of sequences with their features that are remembered, as long as one fits."""

FAR = 0.1
"""A sequence further than this share from all remembered ones is remembered as well."""

SIMILAR = 0.8
"""On a GPU windows of this share of the longest one's length go through the trunk with it."""

TOLERANCE = 1e-4
"""Of the largest value: what the windowed prediction may differ by from the full one."""


_Bases = tuple[Window, bytes]  # a window with its bases
_Pieces = list[tuple[Window, Features]]  # what each window keeps


@dataclass(eq=False)
class _Planned:
    """A sequence to predict: from a remembered one and windows, or, without one, in full.

    ``sources`` has for each window a remembered sequence that shares it, or None. ``remembered`` is
    this sequence, if it is to be kept; ``wave`` is how many come before it.
    """

    coded: Coded
    base: Remembered | None = None
    parts: tuple[Window, ...] = ()
    sources: tuple[Remembered | None, ...] = ()
    remembered: Remembered | None = None
    wave: int = 0

    @property
    def codes(self) -> Codes:
        return self.coded.codes


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
        Bytes of sequences and features to remember.
    """

    def __init__(self, model: SplitModel, selection: Selection, memory: int = MEMORY) -> None:
        self.model = model
        self.selection = selection
        self.memory = memory
        self.computed = 0
        """bp that went through the trunk so far, out of those of all sequences."""
        self._remembered = FeatureMemory(model.input_length, model.strides[-1], model.radius)
        self._stride = model.strides[-1]
        self._n = model.input_length // self._stride
        self._trunk_checked = self._checked = False
        self._together = False

    def prepare(self, batch: SequenceOf[Sequenceable]) -> list[Coded]:
        """Lay out sequences for `predict`; another thread may be predicting meanwhile."""
        return [self._remembered.coded(sequence) for sequence in batch]

    def predict(self, batch: SequenceOf[Sequenceable | Coded]) -> NDArray[np.float32]:
        """Kept values of a batch, (len(batch), bins, tracks) float32.

        Parameters
        ----------
        batch : sequence of Sequence, Mutant or Coded
            The last from `prepare`, which saves time here.

        Raises
        ------
        ModelError
            If the model's parts do not make its whole: its strides or its radius are wrong.
        """
        if not self._trunk_checked:
            check_trunk(self.model)
            self._trunk_checked = True
            # Now that the network is loaded: a CPU computes the rows of a batch one by one.
            self._together = self.model.free_memory() is not None
        waves: dict[int, list[_Planned]] = defaultdict(list)
        try:
            planned = [
                self._plan(one if isinstance(one, Coded) else self._remembered.coded(one))
                for one in batch
            ]
            for each in planned:
                waves[each.wave].append(each)
            values = {
                id(each): value
                for number in sorted(waves)
                for each, value in zip(waves[number], self._run(waves[number]), strict=True)
            }
        except BaseException:
            # What was planned and not computed has no features.
            self._remembered.drop_waiting()
            raise
        return np.stack([values[id(each)] for each in planned])

    def _plan(self, coded: Coded) -> _Planned:
        if not self._remembered.pays:
            return _Planned(coded)
        base, parts = self._remembered.nearest(coded)
        new = _Planned(coded, base, parts)
        if base is not None:
            new.sources = self._remembered.sources(coded, parts)
            new.wave = base.waits
        if base is None or size(parts) > FAR * self._n:
            new.remembered = Remembered(coded, base is None, new.wave)
            self._remembered.add(new.remembered)
        return new

    def _run(self, wave: list[_Planned]) -> NDArray[np.float32]:
        """Values of sequences that do not wait for one another."""
        whole = self._whole([planned for planned in wave if planned.base is None])
        pieces = self._pieces([planned for planned in wave if planned.base is not None])
        for planned in wave:
            if planned.base is not None and (planned.remembered is not None or self._together):
                whole[id(planned)] = self._patched(planned.base, pieces[id(planned)])
        if self._together:
            rows = zip(*(whole[id(planned)] for planned in wave), strict=True)
            stacked = tuple(self.model.concatenate(list(row), 0) for row in rows)
            values = self._decoded(stacked)
        else:
            values = np.concatenate(
                [self._alone(each, whole.get(id(each)), pieces.get(id(each), [])) for each in wave]
            )
        for planned in wave:
            if planned.remembered is not None:
                planned.remembered.features = whole[id(planned)]
        self._remembered.fit(self.memory)
        if not self._checked:
            self._check(wave, values)
        return values

    def _alone(
        self, planned: _Planned, whole: Features | None, pieces: _Pieces
    ) -> NDArray[np.float32]:
        """The values of one sequence, without a copy of all features if they are not kept."""
        if whole is not None:
            return self._decoded(whole)
        assert planned.base is not None
        assert planned.base.features is not None
        with self._overwritten(planned.base.features, pieces) as features:
            return self._decoded(features)

    def _decoded(self, features: Features) -> NDArray[np.float32]:
        """Values of features: a copy, for a model may show what is put back, or its own buffer."""
        return np.array(self.model.decode(features, self.selection), dtype=np.float32)

    def _whole(self, full: list[_Planned]) -> dict[int, Features]:
        """The features of sequences that start from no other one."""
        if not full:
            return {}
        rows = np.stack([rows_for(self.model, planned.codes) for planned in full])
        encoded = self.model.encode(rows)
        self.computed += rows.shape[0] * rows.shape[1]
        features: dict[int, Features] = {}
        for row, planned in enumerate(full):
            own = tuple(array[row : row + 1] for array in encoded)
            if planned.remembered is not None and len(full) > 1:
                # What is remembered of a batch would keep all of it in memory.
                own = tuple(self._copied(array) for array in own)
            features[id(planned)] = own
        return features

    def _pieces(self, near: list[_Planned]) -> dict[int, _Pieces]:
        """For each sequence what its windows keep, in their order."""
        computed = self._computed(near)
        kept: dict[int, _Pieces] = {}
        for planned in near:
            pieces = kept[id(planned)] = []
            for part, source in zip(planned.parts, planned.sources, strict=True):
                if source is None:
                    pieces.append((part, computed[self._bases(planned, part)]))
                else:
                    assert source.features is not None
                    pieces.append((part, self._cut(source.features, 0, part, 0)))
        return kept

    def _bases(self, planned: _Planned, part: Window) -> _Bases:
        """A window and its bases: those that mutants have in common are computed once."""
        bases = planned.codes[part.start * self._stride : part.end * self._stride]
        return part, bases.tobytes()

    def _computed(self, wave: list[_Planned]) -> dict[_Bases, Features]:
        """The trunk's features of the windows that no remembered sequence has."""
        needed: dict[_Bases, Codes] = {}
        for planned in wave:
            for part, source in zip(planned.parts, planned.sources, strict=True):
                if source is None:
                    needed[self._bases(planned, part)] = planned.codes
        computed: dict[_Bases, Features] = {}
        s = self._stride
        for group in self._groups(list(needed)):
            wide = [part.widened(_length(group[0]), self._n) for part, _ in group]
            rows = np.stack(
                [
                    rows_for(self.model, needed[each][window.start * s : window.end * s])
                    for each, window in zip(group, wide, strict=True)
                ]
            )
            encoded = self.model.encode(rows)
            self.computed += rows.shape[0] * rows.shape[1]
            for row, (each, window) in enumerate(zip(group, wide, strict=True)):
                computed[each] = self._cut(encoded, row, window, window.start)
        return computed

    def _groups(self, needed: list[_Bases]) -> list[list[_Bases]]:
        """Windows that go through the trunk together, the longest first.

        The others are widened to it. A GPU has few calls for that, since the lengths of groups fall
        geometrically; where rows are computed one by one, those of a group are equal.
        """
        least = SIMILAR if self._together else 1.0
        groups: list[list[_Bases]] = []
        for each in sorted(needed, key=_length, reverse=True):
            if not groups or _length(each) < least * _length(groups[-1][0]):
                groups.append([])
            groups[-1].append(each)
        return groups

    def _cut(self, features: Features, row: int, window: Window, start: int) -> Features:
        """The kept part of a window, from features that begin at a position."""
        first, last = window.first - start, window.last - start
        return tuple(
            array[row : row + 1, self._at(k, first) : self._at(k, last)]
            for k, array in enumerate(features)
        )

    def _patched(self, base: Remembered, pieces: _Pieces) -> Features:
        """The features of a remembered sequence with parts exchanged; its own are not touched."""
        assert base.features is not None
        if not pieces:
            return base.features
        whole = []
        for k, array in enumerate(base.features):
            parts, at = [], 0
            for window, kept in pieces:
                parts += [array[:, at : self._at(k, window.first)], kept[k]]
                at = self._at(k, window.last)
            whole.append(self.model.concatenate([*parts, array[:, at:]], 1))
        return tuple(whole)

    @contextmanager
    def _overwritten(self, features: Features, pieces: _Pieces) -> Iterator[Features]:
        """Features with parts exchanged in their place, for a moment."""
        before: list[tuple[int, int, Any]] = []
        try:
            for window, kept in pieces:
                for k, array in enumerate(features):
                    first, last = self._at(k, window.first), self._at(k, window.last)
                    before.append((k, first, self._copied(array[:, first:last])))
                    self.model.overwrite(array, first, kept[k])
            yield features
        finally:
            try:
                for k, first, own in reversed(before):
                    self.model.overwrite(features[k], first, own)
            except BaseException:
                self._remembered.clear()  # nothing may start from what was not put back
                raise

    def _copied(self, array: Any) -> Any:
        return self.model.concatenate([array, array[:, :0]], 1)

    def _at(self, output: int, position: int) -> int:
        """A position of the coarsest output, in positions of another."""
        return position * (self._stride // self.model.strides[output])

    def forget(self) -> bool:
        """Give up all features; returns whether there were any."""
        any_there = len(self._remembered) > 0
        self._remembered.clear()
        return any_there

    def _check(self, wave: list[_Planned], values: NDArray[np.float32]) -> None:
        """Compare the first windowed prediction with a full one, once for each process."""
        for planned, value in zip(wave, values, strict=True):
            if None not in planned.sources:
                continue
            rows = rows_for(self.model, planned.codes)[None]
            whole = self.model.predict_selected(rows, self.selection)[0]
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


def _length(needed: _Bases) -> int:
    return needed[0].end - needed[0].start


def check_trunk(model: SplitModel) -> None:
    """Check that a trunk reaches no further than its radius, on a short random sequence.

    The edit begins a radius after a feature and ends a radius before another one, so that a trunk
    that reaches a single base further shows.

    Raises
    ------
    ModelError
        If the features' number or their reach is not as described.
    """
    stride, radius = model.strides[-1], model.radius
    margin, inner = -(-radius // stride), 2 * radius // stride + 1
    positions = inner + 2 * margin + 4
    random = np.random.default_rng(0)
    first = margin + 2
    begin, end = first * stride + radius, (first + inner) * stride - radius
    codes = random.integers(0, 4, positions * stride).astype(np.uint8)
    both = [codes, codes.copy()]
    both[1][begin:end] = (codes[begin:end] + random.integers(1, 4, end - begin)) % 4
    encoded = [model.encode(rows_for(model, each)[None]) for each in both]
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
