"""The scheduler's view of the store: one source of predictions, written in small groups."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Sequence as SequenceOf
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray

from creme.model import Model, Selection
from creme.store import Store


def source_description(model: Model, selection: Selection) -> dict[str, Any]:
    """What the store records of a source of predictions, for people to read."""
    return {
        "model": model.name,
        "version": model.version,
        "model_fingerprint": model.fingerprint,
        "bins": list(selection.bins),
        "tracks": [model.tracks[index].name for index in selection.tracks],
        "bin_size": model.bin_size,
        "configuration": model.configuration(),
        "machine": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
    }


def source_fingerprint(model: Model, selection: Selection) -> str:
    """SHA-256 (hexadecimal) of the model's fingerprint and of what is kept of its output."""
    kept = [model.fingerprint, selection.bins, selection.tracks]
    return hashlib.sha256(json.dumps(kept).encode()).hexdigest()


class Cache:
    """Reads and writes one source, holding small writes back for a moment.

    A chunk costs milliseconds and a file however few rows it has, so the rows of fast batches are
    gathered for up to a second: that, and the batch in flight, is what a kill costs.
    """

    def __init__(self, store: Store, model: Model, selection: Selection) -> None:
        self.store = store
        self.source = store.source(
            source_fingerprint(model, selection),
            selection.shape,
            source_description(model, selection),
        )
        self._held: dict[bytes, NDArray[np.float32]] = {}
        self._stored_at = monotonic()

    def read(self, digests: SequenceOf[bytes]) -> dict[bytes, tuple[NDArray[np.float32], bool]]:
        """Kept values, (bins, tracks), of what is known, and whether this run predicted them."""
        held = {digest: (self._held[digest], True) for digest in digests if digest in self._held}
        rest = [digest for digest in digests if digest not in held]
        return {**held, **self.store.lookup(self.source, rest)}

    def write(self, digests: SequenceOf[bytes], values: NDArray[np.float32]) -> None:
        """Take predictions; they are stored now or with the next ones, within a second."""
        self._held.update(zip(digests, values, strict=True))
        while len(self._held) >= self.source.chunk_rows:
            self._store(list(self._held)[: self.source.chunk_rows])
        # Batches of a slow model are not held at all.
        if monotonic() - self._stored_at > 1.0:
            self.flush()

    def compared(self) -> dict[int, float]:
        """Sizes of batches whose difference is known; see `creme.inference.device.Device`."""
        return self.store.batches(self.source)

    def record(self, differences: dict[int, float]) -> None:
        """Keep differences with the model, by size of batch."""
        for size, difference in differences.items():
            self.store.record_batch(self.source, size, difference)

    def flush(self) -> None:
        """Store what is held back."""
        if self._held:
            self._store(list(self._held))

    def _store(self, digests: list[bytes]) -> None:
        self.store.write(self.source, digests, np.stack([self._held[each] for each in digests]))
        for each in digests:
            del self._held[each]
        self._stored_at = monotonic()
