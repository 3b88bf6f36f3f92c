"""The chunks that were used last, in memory."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_BYTES = 64 * 2**20


class Held(NamedTuple):
    """A chunk's rows, (n, bins, tracks) float32, and the seed of its tags (`creme.store.tags`)."""

    rows: NDArray[np.float32]
    seed: int


class ChunkMemory:
    """Rows of the chunks that were used last, up to some bytes; any thread may use it.

    Parameters
    ----------
    most : int
        Bytes; one chunk stays however large it is.
    """

    def __init__(self, most: int = _BYTES) -> None:
        self._most = most
        self._rows: OrderedDict[int, Held] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, ids: Iterable[int]) -> dict[int, Held]:
        """Those chunks that are here, by number."""
        with self._lock:
            rows = {number: self._rows[number] for number in ids if number in self._rows}
            for number in rows:
                self._rows.move_to_end(number)
        return rows

    def add(self, number: int, chunk: Held) -> None:
        """Take a chunk, whose rows must not change any more."""
        chunk.rows.flags.writeable = False
        with self._lock:
            # Another thread may have read the same chunk in the meantime.
            self._bytes += 0 if number in self._rows else chunk.rows.nbytes
            self._rows[number] = chunk
            while self._bytes > self._most and len(self._rows) > 1:
                self._bytes -= self._rows.popitem(last=False)[1].rows.nbytes
