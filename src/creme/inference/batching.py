"""How many sequences go through a model at once: found by trying, and remembered."""

from __future__ import annotations

import hashlib
import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from creme.errors import CremeWarning
from creme.files.cache_folder import cache_folder
from creme.files.durable import write_text
from creme.model import Model

GAIN = 1.05
"""A larger batch has to make this many times as many predictions a second."""

LONG = 2.0
"""Seconds: a batch that takes longer has no cost left that a larger one could share."""

RUNS = 3
"""Batches of a size that are timed; the first one compiles and allocates, and does not count."""

SPARE = 0.1
"""Of a GPU's free memory: what is left alone."""


@dataclass
class _Tried:
    """Of one size: batches so far, the fastest one's seconds, and the memory that was left."""

    size: int
    batches: int = 0
    seconds: float = float("inf")
    free: int | None = None

    @property
    def rate(self) -> float:
        return self.size / self.seconds


class Batching:
    """The size of batches for one model on its device.

    A number that the user gives stays. Otherwise it begins at the model's own and, on a GPU or
    where the user says ``"auto"``, is doubled as long as that makes more predictions a second and
    the GPU's memory lasts; what was found is remembered in the cache folder by the model's
    fingerprint and the device. Whatever the size came from, it is halved when memory runs out.

    Parameters
    ----------
    model : Model
    batch_size : int or 'auto', optional
        The one that the user gives.

    Attributes
    ----------
    size : int
        Sequences a batch.
    """

    def __init__(self, model: Model, batch_size: int | Literal["auto"] | None = None) -> None:
        self.size = batch_size if isinstance(batch_size, int) else model.batch_size
        self._model = model
        self._chosen = batch_size
        self._most: int | None = None
        self._started = False
        self._searching = not isinstance(batch_size, int)
        self._best: _Tried | None = None
        self._now = _Tried(self.size)

    @property
    def settled(self) -> bool:
        """Whether the size will stay, unless memory runs out."""
        return self._started and not self._searching

    def ran(self, size: int, seconds: float) -> None:
        """Take note of a batch that was predicted, at once or in parts.

        Warns
        -----
        CremeWarning
            If the user gave a size, and it does not fit into memory.
        """
        if not self._started:
            self._start()
        if isinstance(self._chosen, int) and self.size < self._chosen:
            warnings.warn(
                f"model {self._model.name}: batch_size = {self._chosen} does not fit into memory; "
                f"going on with {self.size}",
                CremeWarning,
                stacklevel=2,
            )
            self._chosen = self.size
        if not self._searching or size != self.size:
            return
        now = self._now
        now.batches += 1
        if now.batches == 1:
            return
        now.seconds = min(now.seconds, seconds)
        if now.batches < RUNS:
            return
        now.free = self._model.free_memory()
        best = self._best
        if best is not None and now.rate < GAIN * best.rate:
            self._settle(best.size)
        elif now.seconds > LONG or not self._room(best, now):
            self._settle(now.size)
        else:
            self._best, self._now = now, _Tried(2 * now.size)
            self.size *= 2

    def exceeded(self, size: int) -> None:
        """Take note that a batch did not fit into memory: no later one will be as large."""
        most = max(1, size // 2)
        if self._most is None or most < self._most:
            self._most = most
        if self.size <= self._most:
            return
        if self._searching:
            self._settle(self._most)
        else:
            self.size = self._most

    def _start(self) -> None:
        """With the network loaded: whether to search at all, and the size that was found before."""
        self._started = True
        if not self._searching:
            return
        if self._chosen is None and self._model.free_memory() is None:
            self._searching = False
            return
        remembered = _read(self._note())
        if remembered is not None:
            self._searching = False
            self.size = remembered

    def _room(self, before: _Tried | None, now: _Tried) -> bool:
        """Whether twice the size is likely to fit into the GPU's memory."""
        if before is None or before.free is None or now.free is None:
            return True
        added = max(0, before.free - now.free)  # for size - before.size = size / 2 sequences
        return 2 * added <= (1 - SPARE) * now.free

    def _settle(self, size: int) -> None:
        self._searching = False
        self.size = size
        if self._started:
            _write(self._note(), self._device(), size)

    def _device(self) -> str:
        return str(self._model.environment().get("device", "cpu"))

    def _note(self) -> Path:
        key = json.dumps([self._model.fingerprint, self._device()])
        name = hashlib.sha256(key.encode()).hexdigest()[:32]
        return cache_folder() / "batch-sizes" / f"{name}.json"


def _read(note: Path) -> int | None:
    try:
        size = json.loads(note.read_text(encoding="utf-8"))["batch_size"]
    except (OSError, ValueError, KeyError, TypeError):
        return None  # not there, or not ours: found anew
    return size if isinstance(size, int) and size > 0 else None


def _write(note: Path, device: str, size: int) -> None:
    try:
        note.parent.mkdir(parents=True, exist_ok=True)
        write_text(note, json.dumps({"device": device, "batch_size": size}))
    except OSError:
        pass  # a cache that cannot be written is no reason not to work
