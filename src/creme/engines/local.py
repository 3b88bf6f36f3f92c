"""The model in this process, in a thread of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Sequence as SequenceOf
from concurrent.futures import Future
from time import perf_counter
from typing import Any, Literal

from creme.engines.engine import DEPTH, Engine, Guard, Predicted, Slot, StoredRow
from creme.errors import ModelError
from creme.inference.device import Batch, Device
from creme.inference.model_thread import ModelThread
from creme.inference.processor import with_processor
from creme.model import Model, Selection
from creme.sequence import Sequenceable

_Work = tuple[Batch, SequenceOf[StoredRow]]


class LocalEngine(Engine):
    """One slot, whose batches are encoded by the caller's thread while the model is at others.

    Parameters
    ----------
    model : Model
    selection : Selection
    batch_size : int or 'auto', optional
    differences : dict of int to float, optional
        See `creme.inference.device.Device`.
    """

    def __init__(
        self,
        model: Model,
        selection: Selection,
        batch_size: int | Literal["auto"] | None = None,
        differences: Mapping[int, float] | None = None,
    ) -> None:
        super().__init__(model, selection)
        self._device = device = Device(model, selection, batch_size, differences, rooms=DEPTH)
        self.differences = device.differences
        self._slot = Slot("this process", device.batching.size)
        self._futures: list[Future[Predicted]] = []
        self._environments: list[dict[str, Any]] = []
        self._thread: ModelThread[_Work, Predicted] | None = None

    def start(self, guard: Guard, wake: Callable[[], None]) -> None:
        """Begin to predict; see `Engine.start`."""
        self._guard = guard
        self._device.repeat_first = guard.repeats_first
        self._thread = ModelThread(self._predict)

    def slots(self) -> SequenceOf[Slot]:
        """The one; see `Engine.slots`."""
        self._slot.batch_size = self._device.batching.size
        return (self._slot,)

    def submit(
        self, slot: Slot, sequences: SequenceOf[Sequenceable], rows: SequenceOf[StoredRow] = ()
    ) -> Future[Predicted]:
        """Encode a batch, and have it predicted; see `Engine.submit`."""
        assert self._thread is not None
        batch = self._device.prepare(sequences)
        slot.took()
        future = self._thread.submit((batch, rows))
        self._futures = [one for one in self._futures if not one.done()] + [future]
        future.add_done_callback(_counted(slot, len(sequences)))
        return future

    def recall(self) -> None:
        """Cancel what the model has not begun; see `Engine.recall`."""
        for future in self._futures:
            future.cancel()

    def close(self, patience: float | None = None) -> None:
        """Wait for the model; see `Engine.close`."""
        if self._thread is not None:
            self._thread.close(patience)
        # It calls back here: the circle would keep the buffers until garbage is collected.
        self._thread = None
        self._futures.clear()

    def environments(self) -> SequenceOf[dict[str, Any]]:
        """Of the model, which has predicted; see `Engine.environments`."""
        if not self._environments:
            self._environments.append(with_processor(self.model.environment()))
        return self._environments

    def _predict(self, work: _Work) -> Predicted:
        """A batch's values, unless the guard refuses the model, or has refused it."""
        batch, rows = work
        device, guard = self._device, self._guard
        if guard.refusal is not None:
            raise guard.refusal
        first = device.repeat_first
        began = perf_counter()
        try:
            if rows:
                # A random model is found by these.
                device.repeat_first = False
                again = [device.predict([row.sequence])[0] for row in rows]
                guard.judge(rows, again, self.environments()[0])
            values = device.predict(batch)
            return Predicted(values, perf_counter() - began)
        except ModelError as error:
            # That of a first batch may say that the model is random.
            if first or rows:
                guard.refusal = error
            raise
        finally:
            guard.repeats = device.repeats


def _counted(slot: Slot, n: int) -> Callable[[Future[Predicted]], None]:
    """Of a slot alone: what holds the engine would stay until garbage is collected."""

    def ended(future: Future[Predicted]) -> None:
        slot.ended(0 if future.cancelled() or future.exception() else n)

    return ended
