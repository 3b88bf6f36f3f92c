"""Whether the model at work is the one whose predictions are stored under its fingerprint.

A fingerprint covers what a plugin names. Weights that it does not name, or that are drawn anew each
time, would mix the numbers of two networks in one result without a word. So before a run adds to
predictions that are stored, it predicts a few of these again.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Mapping
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray

from creme.engines.engine import StoredRow
from creme.errors import CremeWarning, ModelError
from creme.rounding import ROUNDING, UNLIKE, allowed_difference, relative_difference
from creme.sequence import Sequenceable
from creme.store import Source, Store

SWITCH = "CREME_COMPARE_STORED"
"""Environment variable: with ``off`` nothing is predicted again."""

PREDICTIONS = 3
"""Further predictions that a run makes at most."""

CANDIDATES = 256
"""Stored predictions among which those that differ most are looked for."""

CANDIDATE_BYTES = 64 * 2**20
"""Memory that they may take."""

HELD_SECONDS = 60.0
HELD_BYTES = 64 * 2**20
"""How much is held back from the store while there was nothing to compare: a kill costs it."""


@dataclass
class SameModel:
    """Compares a model with the stored predictions that a run asks for.

    The driver's thread tells it what was read from the store (`take_note`), and takes the rows that
    are to be predicted before the next batch (`due`); an engine does so, and has them compared
    (`judge`).

    Parameters
    ----------
    store : Store
    source : Source
        What the run adds to.
    reads_wider : callable
        Whether stored rows may be parts of rows with more bins or tracks.

    Attributes
    ----------
    on : bool
        Whether anything is predicted again; see `SWITCH`.
    compared : int
        Stored predictions that were made again.
    difference : float
        The largest one, relative to the largest value of its row.
    allowed : float
        The largest difference that passes for rounding.
    refusal : ModelError, optional
        Why the model was refused; no batch is predicted and nothing is stored after it.
    repeats : int
        Further predictions of the first batch; see `creme.inference.device.Device`.
    trials : int
        Predictions by which workers were compared; see `creme.engines.dask_engine`.
    others_hold : bool
        Whether stores of others, which are read first, have predictions of the source.
    """

    store: Store
    source: Source
    reads_wider: Callable[[], bool] = lambda: False
    compared: int = 0
    difference: float = 0.0
    allowed: float = ROUNDING
    refusal: ModelError | None = None
    repeats: int = 0
    trials: int = 0
    others_hold: bool = False
    _adds: bool = False
    _same_hardware: bool = False
    _requested: int = 0
    _predicted: int = 0
    _bytes: int = 0
    _candidates: dict[bytes, StoredRow] = field(default_factory=dict)
    _anchors: list[NDArray[np.float32]] = field(default_factory=list)
    _waits_since: float | None = None

    def __post_init__(self) -> None:
        self.on = os.environ.get(SWITCH, "on").lower() not in ("off", "0", "no", "false")
        self._holds_any = self.others_hold or self.store.holds_any(self.source)
        self._recorded_before = bool(self.store.environments.of(self.source))

    @property
    def repeats_first(self) -> bool:
        """Whether the first batch's first sequence is to be predicted again; see `Device`."""
        return self.on and not self._adds

    def take_note(self, sequence: Sequenceable, digest: bytes, values: NDArray[np.float32]) -> None:
        """Take note of a prediction that an earlier run, or another process, has stored."""
        if not self.on or len(self._candidates) >= CANDIDATES or self._bytes >= CANDIDATE_BYTES:
            return
        if self._requested < PREDICTIONS and digest not in self._candidates:
            # A copy: the whole chunk would stay in memory with a part of it.
            self._candidates[digest] = StoredRow(sequence, values.copy())
            self._bytes += values.nbytes

    def due(self) -> list[StoredRow]:
        """The stored rows to predict before the next batch; those that differ most.

        They come as soon as there are some: a run that found one alone at first goes on with the
        next ones.
        """
        self._adds = True
        rows: list[StoredRow] = []
        while self._candidates and self._requested + self.repeats < PREDICTIONS:
            anchors = self._anchors or [next(iter(self._candidates.values())).values]
            apart = {
                digest: min(relative_difference(row.values, anchor) for anchor in anchors)
                for digest, row in self._candidates.items()
            }
            row = self._candidates.pop(max(apart, key=lambda digest: apart[digest]))
            self._anchors.append(row.values)
            self._requested += 1
            rows.append(row)
        if self._requested + self.repeats >= PREDICTIONS:
            self._candidates.clear()
            self._anchors.clear()
        return rows

    @property
    def tolerance(self) -> float:
        """The largest difference that passes for rounding: of what is recorded for batches."""
        return allowed_difference(self.store.batches(self.source).values())

    def judge(
        self,
        rows: SequenceOf[StoredRow],
        values: SequenceOf[NDArray[np.float32]],
        environment: Mapping[str, Any],
    ) -> None:
        """Compare all values of stored rows with those that they have now.

        Parameters
        ----------
        rows : sequence of StoredRow
        values : sequence of array of float32, shape (bins, tracks)
            Made again, each sequence alone.
        environment : mapping
            Device and versions that made them, with the processor.

        Raises
        ------
        ModelError
            If they differ by more than rounding.

        Warns
        -----
        CremeWarning
            If they differ by more than is usual on one machine, and were made on another one, or
            nothing is known of that.
        """
        differences = [
            relative_difference(now, row.values) for now, row in zip(values, rows, strict=True)
        ]
        self._predicted += len(rows)
        # NaN is no other network's number: whoever asks for the sequence is told, and none is kept.
        differences = [one for one in differences if np.isfinite(one)]
        if not differences:
            return
        largest = max(differences)
        self.difference = max(self.difference, largest)
        batches = self.store.batches(self.source)
        self.allowed = self.tolerance
        # This run's own is among them by its second batch.
        recorded = self.store.environments.of(self.source)
        self._same_hardware = self._recorded_before and all(one == environment for one in recorded)
        if largest > self.allowed:
            # Rows with more bins or tracks, of which they are parts, agree to rounding alone.
            strict = bool(batches) and not self.reads_wider()
            self._refuse(len(differences), largest, strict=strict)
        self.compared += len(differences)

    def _refuse(self, rows: int, largest: float, *, strict: bool) -> None:
        """Refuse the model, or warn, by a difference that is larger than rounding.

        Parameters
        ----------
        strict : bool
            Whether rounding is known well enough to refuse all that exceeds it on one machine.
        """
        name = self.source.description.get("model", "")
        differ = f"differ by {largest:.1e} of their largest value; {self.allowed:.1e} is allowed"
        if (strict and self._same_hardware) or largest > max(UNLIKE, self.allowed):
            raise ModelError(
                f"model {name} is not the one that made the predictions in {self._where()}, "
                f"although its fingerprint is the same: made again, {rows} of them {differ}. "
                f"Have its fingerprint cover the weights (`files`, or identity()), seed what is "
                f"random, and give the experiment another store; {SWITCH}=off mixes them"
            )
        warnings.warn(
            f"model {name}: stored predictions, made again, {differ} on the same hardware, and "
            f"{UNLIKE:.0e} on other hardware, with other versions, or where none is recorded",
            CremeWarning,
            stacklevel=2,
        )

    def _where(self) -> str:
        return " or ".join(str(store.place) for store in (self.store, *self.store.others))

    def waits(self, held_bytes: int) -> bool:
        """Whether new predictions stay out of the store until stored ones have been compared.

        For as long as `HELD_SECONDS`, and up to `HELD_BYTES`: it may be that none is asked for.
        """
        if self.refusal is not None:
            return True
        if not self.on or not self._holds_any or self.compared:
            return False
        if self._waits_since is None:
            self._waits_since = monotonic()
        return held_bytes < HELD_BYTES and monotonic() - self._waits_since < HELD_SECONDS

    @property
    def predictions(self) -> int:
        """Those that were made to compare."""
        return self._predicted + self.repeats + self.trials

    def summary(self) -> dict[str, Any]:
        """The comparison as JSON values; empty where nothing was there to compare with."""
        if not self._adds or not (self._holds_any or self.compared):
            return {}
        if not self.on:
            return {"stored_rows": 0, "note": f"nothing was compared: {SWITCH} is off"}
        if not self.compared:
            note = "nothing was compared: this run asked for no sequence that was stored before"
            return {"stored_rows": 0, "note": note}
        return {
            "stored_rows": self.compared,
            "largest_difference": self.difference,
            "allowed": self.allowed,
            "same_hardware": self._same_hardware,
        }

    def attributes(self) -> dict[str, str]:
        """`summary` as an attribute of results, ``compared_with_store``."""
        summary = self.summary()
        return {"compared_with_store": json.dumps(summary)} if summary else {}
