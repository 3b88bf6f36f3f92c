"""Sequences whose features are remembered, and which of them a new one is nearest to."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from creme.adapters.split import Features, Window, size, windows
from creme.sequence import Codes, Sequenceable, written

MOST = 256
"""Sequences that are remembered: all of them are compared with each new one.

By their `BLOCKS`, which takes a fraction of a millisecond for sequences of any length, so that a
number is a limit of the time as well. Half of them hold the wild types of 64 loci in flight twice.
"""

BLOCKS = 256
"""Parts of a sequence that have a digest of their own."""

WORTH = 0.8
"""Windows that are together longer than this share of the sequence are no cheaper than it."""

CLOSE = 0.95
"""Once one is found, only those are looked at whose windows may be below this share of its own."""

NEARER = 0.5
"""Share of the windows that make a sequence worth waiting for, which is still to be computed."""


@dataclass(frozen=True, eq=False)
class Coded:
    """A sequence's bases, laid out to be compared with others'.

    Attributes
    ----------
    codes : array of uint8, shape (length,)
    digests : array of uint64, shape (blocks,)
        Of each block; a collision costs a better choice, and no exactness.
    """

    codes: Codes
    digests: NDArray[np.uint64]


@dataclass(eq=False)
class Remembered:
    """A sequence with its features; without them while it waits for its turn.

    Attributes
    ----------
    coded : Coded
    origin : bool
        Whether it was near no other one: a wild type, or a background.
    wave : int
        How many came before the one that computes it, in its batch.
    features : tuple of array, optional
    used : int
        When it was used last, in uses of all.
    """

    coded: Coded
    origin: bool
    wave: int
    features: Features | None = None
    used: int = 0

    @property
    def waits(self) -> int:
        """How many waves come before its features are there; 0 if they are."""
        return 0 if self.features is not None else self.wave + 1

    @property
    def bytes(self) -> int:
        """Of features, bases and block digests."""
        features = sum(array.nbytes for array in self.features or ())
        return int(features) + self.coded.codes.nbytes + 8 * BLOCKS


class FeatureMemory:
    """Sequences with their features, looked up by what they share with a new one.

    If there are too many, or their bytes are, the one whose last use is longest ago is given up,
    among the mutants of others if these are half of all, and among origins if not. So the wild
    types of many loci in flight outlast the mutants of one, which are plenty, and a search that
    moves away from its wild type keeps what it has come to.

    Parameters
    ----------
    length : int
        Of the sequences, bp.
    stride, radius : int
        Of the trunk, bp.
    """

    def __init__(self, length: int, stride: int, radius: int) -> None:
        self._length, self._stride, self._radius = length, stride, radius
        self._n = length // stride
        self._all: list[Remembered] = []
        self._uses = 0
        # Whole words of eight bases.
        self._block = 8 * max(1, -(-length // (8 * BLOCKS)))
        blocks = -(-length // self._block)
        self._digests = np.zeros((MOST, blocks), dtype=np.uint64)
        random = np.random.default_rng(0)
        # Odd factors: a change of a single word always shows.
        self._factors = random.integers(0, 2**63, self._block // 8, dtype=np.uint64) * 2 + 1
        # bp that a changed block puts into windows at least, wherever in it the change is: itself
        # and some on either side; or a part of it, where a radius is short.
        reach = 2 * radius + 1
        self._aside = max(0, reach // self._block - 1)
        sizes = np.full(blocks, self._block)
        sizes[-1] = length - (blocks - 1) * self._block
        self._least = np.minimum(sizes, reach)

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Remembered]:
        return iter(self._all)

    @property
    def pays(self) -> bool:
        """Whether there is an edit whose window is cheaper than the sequence."""
        return 2 * -(-self._radius // self._stride) + 1 < WORTH * self._n

    @property
    def bytes(self) -> int:
        """Of all."""
        return sum(one.bytes for one in self._all)

    def coded(self, sequence: Sequenceable) -> Coded:
        """A sequence's bases and its digests; any thread may ask."""
        padded = np.zeros(self._digests.shape[1] * self._block, dtype=np.uint8)
        codes = written(sequence, padded[: len(sequence)])
        padded.flags.writeable = codes.flags.writeable = False
        words = padded.view(np.uint64).reshape(-1, self._factors.size)
        return Coded(codes, np.asarray(words @ self._factors))

    def nearest(self, coded: Coded) -> tuple[Remembered | None, tuple[Window, ...]]:
        """The one to start from, and the windows in which a sequence differs from it.

        One that has its features, unless the windows of one that waits are shorter by half, and so
        on with those that wait for others: a batch that waits for part of itself is no batch. None
        where a full forward pass is no dearer.
        """
        differs = self._digests[: len(self)] != coded.digests
        # The changed blocks alone rule out most, those of other loci.
        places = np.flatnonzero(differs @ self._least < WORTH * self._n * self._stride)
        least = self._bounds(differs[places])
        order = np.argsort(least, kind="stable")
        waves = np.array([self._all[place].waits for place in places], dtype=int)
        best: Remembered | None = None
        parts: tuple[Window, ...] = ()
        for wave in np.unique(waves):
            limit = WORTH * self._n if best is None else NEARER * size(parts)
            chosen = False
            for at in order[waves[order] == wave]:
                if least[at] >= (CLOSE * limit if chosen else limit):
                    break
                one = self._all[places[at]]
                changed = np.flatnonzero(one.coded.codes != coded.codes)
                changes = windows(changed, self._length, self._stride, self._radius)
                if size(changes) < limit:
                    best, parts, limit, chosen = one, changes, size(changes), True
        if best is not None:
            self._touch(best)
        return best, parts

    def _bounds(self, differs: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Positions that the windows have at least, by which blocks differ: (rows, blocks)."""
        width = 2 * self._aside + 1
        summed = np.cumsum(np.pad(differs, ((0, 0), (self._aside + 1, self._aside))), axis=1)
        covered = summed[:, width:] > summed[:, :-width]
        return np.asarray(covered @ self._least / self._stride)

    def sources(self, coded: Coded, parts: SequenceOf[Window]) -> tuple[Remembered | None, ...]:
        """For each window one that has the same bases there, and so the same features.

        A greedy search's next mutants differ from its last ones in two places, and what belongs in
        one of these is there from the wild type.
        """
        return tuple(self._source(coded, part) for part in parts)

    def _source(self, coded: Coded, part: Window) -> Remembered | None:
        start = max(0, part.first * self._stride - self._radius)
        end = min(self._length, part.last * self._stride + self._radius)
        inside = slice(-(-start // self._block), max(-(-start // self._block), end // self._block))
        same = (self._digests[: len(self), inside] == coded.digests[inside]).all(axis=1)
        for place in np.flatnonzero(same):
            one = self._all[place]
            if one.features is not None and np.array_equal(
                one.coded.codes[start:end], coded.codes[start:end]
            ):
                self._touch(one)
                return one
        return None

    def _touch(self, one: Remembered) -> None:
        self._uses += 1
        one.used = self._uses

    def add(self, new: Remembered) -> None:
        """Remember one more, at first without its features."""
        if len(self) == MOST:
            self._give_up()
        self._digests[len(self)] = new.coded.digests
        self._all.append(new)
        self._touch(new)

    def fit(self, memory: int) -> None:
        """Keep to some bytes; one always stays."""
        used = self.bytes
        while used > memory and len(self) > 1:
            used -= self._give_up().bytes

    def _give_up(self) -> Remembered:
        mutants = sum(not one.origin for one in self._all)
        origins = 2 * mutants < len(self)
        places = [place for place, one in enumerate(self._all) if one.origin == origins]
        return self._remove(min(places, key=lambda place: self._all[place].used))

    def _remove(self, place: int) -> Remembered:
        """Take one out; the last one takes its row."""
        one, last = self._all[place], self._all.pop()
        if one is not last:
            self._all[place] = last
            self._digests[place] = self._digests[len(self)]
        return one

    def drop_waiting(self) -> None:
        """Give up those that were never computed."""
        for place in reversed(range(len(self))):
            if self._all[place].features is None:
                self._remove(place)

    def clear(self) -> None:
        """Give up all."""
        self._all.clear()
