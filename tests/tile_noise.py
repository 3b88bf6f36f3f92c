"""A stand-in for a model: activities that are a function of the tiles' bases, without a network.

Every tile adds a draw of its own that its bases decide, so that the native bases are one draw of
the same kind as their shuffles; and what is planted depends on which tiles are native.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from creme.genome import Locus
from creme.sequence import Sequence, Sequenceable
from creme.suite.tiled import TiledTest
from creme.test import Profiles

TILE, TILES = 50, 39
"""bp, and tiles with that of the TSS, which is in the middle."""

Planted = Callable[[NDArray[np.bool_]], NDArray[np.float64]]
"""From which tiles are native, (n, tile), the TSS tile left out, to activities, (n,)."""

_WEIGHTS = np.random.default_rng(17).integers(1, 2**63, (TILES, TILE), dtype=np.uint64)


def draws(codes: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Standard normal values that the bases of tiles decide, (n, tile)."""
    rows = codes.reshape(len(codes), TILES, TILE).astype(np.uint64)
    mixed = (rows * _WEIGHTS).sum(axis=2, dtype=np.uint64)
    for shift in (np.uint64(30), np.uint64(27)):
        mixed ^= mixed >> shift
        mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(31)
    return ndtri((mixed.astype(np.float64) + 0.5) / 2.0**64)


def locus(number: int) -> Locus:
    random = np.random.default_rng([3, number])
    codes = random.integers(0, 4, TILES * TILE, dtype=np.uint8)
    return Locus.from_sequence(Sequence(codes), f"locus{number}")


class TileNoise:
    """Activities of one locus.

    Parameters
    ----------
    locus : Locus
    planted : callable
    noise : float
        Standard deviation between shuffles of a tile.
    middle : bool
        Whether native bases lie in the middle of their shuffles, as if each tile did exactly
        nothing, in place of being one more draw.
    """

    def __init__(
        self,
        locus: Locus,
        planted: Planted,
        noise: float = 0.05,
        middle: bool = False,
    ) -> None:
        self._planted, self._noise = planted, noise
        self._native = locus.sequence.codes
        self._draws = np.zeros((1, TILES)) if middle else draws(self._native[None])
        self.requested = 0

    def activities(self, sequences: Iterable[Sequenceable]) -> NDArray[np.float32]:
        """(n, 1), of any sequences of the locus's length."""
        codes = np.stack([one.sequence.codes for one in sequences])
        self.requested += len(codes)
        native = (codes == self._native).reshape(len(codes), TILES, TILE).all(axis=2)
        noise = np.where(native, 0, draws(codes) - self._draws)
        others = np.arange(TILES) != TILES // 2
        values = self._planted(native[:, others]) + self._noise * noise[:, others].sum(axis=1)
        return values[:, None].astype(np.float32)


def answer(test: TiledTest, locus: Locus, model: TileNoise):
    """The Dataset of a test."""
    steps = test.run(locus)
    request = next(steps)
    while True:
        assert not isinstance(request, Profiles)
        try:
            request = steps.send(model.activities(request))
        except StopIteration as end:
            return end.value
