"""The contract between a run and the models that predict for it."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from collections.abc import Sequence as SequenceOf
from concurrent.futures import Future
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from creme.errors import ModelError
from creme.model import Model, Selection
from creme.sequence import Sequenceable

DEPTH = 2
"""Batches that a slot is given: the one that its model is at, and the next one."""

BASES = 64
"""Base sequences that a slot is at home to at once."""


@dataclass(frozen=True)
class StoredRow:
    """A sequence, and its stored values, (bins, tracks)."""

    sequence: Sequenceable
    values: NDArray[np.float32]


@dataclass(frozen=True)
class Predicted:
    """Of one batch.

    Attributes
    ----------
    values : array of float32, shape (sequences, bins, tracks)
        In the order of the sequences.
    seconds : float
        That the model took, with the rows that were predicted again.
    """

    values: NDArray[np.float32]
    seconds: float


@dataclass(eq=False)
class Slot:
    """A model in one place: a thread, or a worker with its device.

    Attributes
    ----------
    name : str
    batch_size : int
        Sequences that suit its device at once.
    in_flight : int
        Batches that it was given and has not answered.
    predicted : int
        Sequences that it has answered.
    began : float
        When it took up the batch that it is at, as `time.perf_counter` has it.
    """

    name: str
    batch_size: int
    in_flight: int = 0
    predicted: int = 0
    began: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def took(self) -> None:
        """Count a batch that it is given."""
        with self._lock:
            if not self.in_flight:
                self.began = perf_counter()
            self.in_flight += 1

    def ended(self, predicted: int = 0) -> None:
        """Count a batch that it has answered, or that was taken back."""
        with self._lock:
            self.in_flight -= 1
            self.predicted += predicted
            self.began = perf_counter()


class Guard(Protocol):
    """Sees to it that a model is the one of the stored predictions.

    Attributes
    ----------
    refusal : ModelError, optional
        Why no batch is predicted any more.
    repeats : int
        Predictions that were made to find a model that is random.
    trials : int
        Predictions that were made to compare workers.
    """

    refusal: ModelError | None
    repeats: int
    trials: int

    @property
    def repeats_first(self) -> bool:
        """Whether the first batch's first sequence is to be predicted twice."""

    @property
    def tolerance(self) -> float:
        """The largest difference that passes for rounding, relative to a row's largest value."""

    def judge(
        self,
        rows: SequenceOf[StoredRow],
        values: SequenceOf[NDArray[np.float32]],
        environment: Mapping[str, Any],
    ) -> None:
        """Compare stored rows with the values that they have now; raises `ModelError`."""


class Engine(ABC):
    """Predicts batches of sequences in one or several slots.

    Encoding, and halving where memory runs out, happen where the model is. A slot is given `DEPTH`
    batches at most.

    Parameters
    ----------
    model : Model
        Describes what is predicted; an engine may load it elsewhere.
    selection : Selection
        What is kept of each prediction.

    Attributes
    ----------
    differences : dict of int to float
        Of batches from sequences alone, by size; see `creme.inference.device.Device`.
    """

    several: bool = False
    """Whether there may be several slots, so that it matters which one a sequence goes to."""

    def __init__(self, model: Model, selection: Selection) -> None:
        self.model = model
        self.selection = selection
        self.differences: dict[int, float] = {}

    @abstractmethod
    def start(self, guard: Guard, wake: Callable[[], None]) -> None:
        """Begin to predict.

        Parameters
        ----------
        guard : Guard
        wake : callable
            To be called, from any thread, when there is a slot more or less.
        """

    @abstractmethod
    def slots(self) -> SequenceOf[Slot]:
        """Those that are there at present.

        Raises
        ------
        ModelError
            If there is none, and there will not be.
        """

    @abstractmethod
    def submit(
        self, slot: Slot, sequences: SequenceOf[Sequenceable], rows: SequenceOf[StoredRow] = ()
    ) -> Future[Predicted]:
        """Predict a batch at a slot, or at another one where that is lost.

        Parameters
        ----------
        slot : Slot
        sequences : sequence of Sequence or Mutant
        rows : sequence of StoredRow
            To be predicted before, each alone, and judged by the guard.

        Returns
        -------
        Future
            Its ``result`` raises `ModelError` where the model fails, and `LostBatchError` where
            sequences of the batch alone do.
        """

    @abstractmethod
    def recall(self) -> None:
        """Cancel the futures of those batches that no model has begun."""

    @abstractmethod
    def close(self, patience: float | None = None) -> None:
        """Wait for the batches in flight, and let go of what was started.

        Parameters
        ----------
        patience : float, optional
            Seconds; after them what is in flight is left to itself.
        """

    @abstractmethod
    def environments(self) -> SequenceOf[dict[str, Any]]:
        """Devices and versions that have predicted, as JSON values; it only gets longer."""

    @property
    def batch_size(self) -> int:
        """Sequences a batch at present, of the slot that takes most."""
        return max((slot.batch_size for slot in self.slots()), default=self.model.batch_size)

    def predictions(self) -> dict[str, int]:
        """By worker, the sequences that it has predicted; empty where there is but one slot."""
        return {}

    def state(self) -> str:
        """A clause on the slots for a person who looks on; empty where there is but one."""
        return ""

    def news(self) -> list[str]:
        """Sentences on what has happened since this was called last."""
        return []


class LostBatchError(ModelError):
    """Sequences that ended the workers that were at them, or held them up.

    Parameters
    ----------
    message : str
    lost : sequence of Sequence or Mutant
    predicted : Predicted
        Of the others of their batch, in its order.
    """

    def __init__(self, message: str, lost: SequenceOf[Sequenceable], predicted: Predicted) -> None:
        super().__init__(message)
        self.lost = lost
        self.predicted = predicted
