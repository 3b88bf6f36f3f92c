"""Batches on their way to an engine's slots, and back."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence as SequenceOf
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from creme.engines.engine import DEPTH, Engine, Predicted, Slot, StoredRow
from creme.runner.waiting_line import WaitingLine
from creme.sequence import Sequenceable


@dataclass(eq=False)
class SentBatch:
    """A batch that a slot was given.

    Attributes
    ----------
    sequences : list of Sequence or Mutant
    slot : Slot
    future : Future
    """

    sequences: list[Sequenceable]
    slot: Slot
    future: Future[Predicted]


class Dispatch:
    """Hands queued sequences to the slots of an engine.

    Parameters
    ----------
    engine : Engine
    wanted : callable
        Whether anybody still waits for a sequence.
    rows : callable
        Gives the stored rows that are to be predicted with the next batch.

    Attributes
    ----------
    queue : WaitingLine
        Sequences that no slot was given.
    sent : dict of Future to SentBatch
        Batches whose answers were not taken, in the order in which they were handed out.
    """

    def __init__(
        self,
        engine: Engine,
        wanted: Callable[[Sequenceable], bool],
        rows: Callable[[], list[StoredRow]],
    ) -> None:
        self.engine = engine
        self.queue = WaitingLine(by_base=engine.several)
        self.sent: dict[Future[Predicted], SentBatch] = {}
        self._wanted = wanted
        self._rows = rows
        self._ended: SimpleQueue[Future[Predicted] | None] = SimpleQueue()

    def wake(self) -> Callable[[], None]:
        """A function that ends `wait`; of the queue alone, which an engine may outlive."""
        ended = self._ended
        return lambda: ended.put(None)

    def feed(self, slots: SequenceOf[Slot]) -> None:
        """Hand out batches: first to slots that have none, then full ones to be next."""
        if self.engine.several:
            self.queue.keep_homes(slots)
        idle = list(slots)
        for take in (self.queue.take, self.queue.take_from_others):
            idle = [slot for slot in idle if not slot.in_flight]
            for place, slot in enumerate(idle):
                # Few sequences are shared by all that have none.
                share = -(-len(self.queue) // (len(idle) - place))
                self._submit(slot, take, min(slot.batch_size, share))
        for slot in slots:
            # A batch that is not full waits while the answers to come may fill it.
            if 0 < slot.in_flight < DEPTH and len(self.queue) >= slot.batch_size:
                self._submit(slot, self.queue.take, slot.batch_size)

    def wait(self, seconds: float) -> list[SentBatch]:
        """The batches that are answered, or failed, in the next seconds; none after `wake`."""
        ended: list[Future[Predicted] | None] = []
        with suppress(Empty):
            ended.append(self._ended.get(timeout=seconds))
            while True:
                ended.append(self._ended.get_nowait())
        return [self.sent[one] for one in ended if one in self.sent and not one.cancelled()]

    def recall(self) -> None:
        """Take back the batches that no model has begun."""
        self.engine.recall()
        for future in [future for future in self.sent if future.cancelled()]:
            del self.sent[future]

    def oldest(self) -> SentBatch | None:
        """The batch that a model is at for longest."""
        return min(self.sent.values(), key=lambda one: one.slot.began, default=None)

    def _submit(
        self, slot: Slot, take: Callable[[Slot, int], list[Sequenceable]], size: int
    ) -> None:
        batch: list[Sequenceable] = []
        while len(batch) < size and (taken := take(slot, size - len(batch))):
            batch += filter(self._wanted, taken)
        if batch:
            future = self.engine.submit(slot, batch, self._rows())
            self.sent[future] = SentBatch(batch, slot, future)
            future.add_done_callback(self._ended.put)
