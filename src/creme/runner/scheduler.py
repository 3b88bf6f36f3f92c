"""Many test generators, one model: every distinct sequence predicted once.

The driver thread perturbs, hashes, looks up, encodes and writes, and has helpers to hash; one more
thread calls the model. All work at the same time, and requests are consumed only as fast as the
model needs them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from itertools import islice
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from creme.errors import ConfigError, ModelError, SequenceError
from creme.inference.device import Batch, Device
from creme.inference.model_thread import ModelThread
from creme.runner.hashing import Hashers
from creme.runner.request import InFlight
from creme.runner.same_model import StoredRow
from creme.runner.tasks import AwaitedBatch, Outcome, Progress, Task
from creme.runner.write_buffer import NarrowerSource, WriteBuffer, narrower_sources
from creme.sequence import Sequenceable

PROFILED = ("perturb", "hash", "look-up", "one-hot", "model", "wait", "write", "tests")
"""What time is spent on. All but ``model`` is the driver's thread, which works beside the model's:
``wait`` is where it had nothing to do, so a GPU was busy for ``model`` of the whole time.
"""

LOOK_UP = 256
"""Sequences of one request that are hashed and looked up at once."""

TICK = 1.0
"""Seconds between two calls of ``on_progress`` while a batch takes longer."""

GRACE = 0.5
"""Seconds that the batch in flight is given when a run is ended at once."""

_Requests = list[tuple[InFlight, int]]
"""Who waits for a sequence, and for which row of their answers."""

_Work = tuple[Batch, list[StoredRow]]


class Scheduler:
    """Runs tasks against one model, through a write buffer.

    Parameters
    ----------
    device : Device
        The model with its selection; predicts batches of sequences, and says how large they
        should be.
    readout_of : callable
        A unit's readout: from kept values, (n, bins, tracks), to activities, (n, activities).
    buffer : WriteBuffer
        Look-up and write of kept values.
    in_flight : int
        Generators that are open at the same time: enough to fill batches when each asks for few.
    on_progress : callable, optional
        Called with the `Progress` after each step, and every `TICK` seconds while a batch takes
        longer.
    progress : Progress, optional
        Goes on counting here, where a run has several parts.

    Attributes
    ----------
    progress : Progress
    buffer : WriteBuffer
    seconds : dict of str to float
        Where the time went, by `PROFILED`.
    """

    def __init__(
        self,
        device: Device,
        readout_of: Callable[[object], Callable[[NDArray[np.float32]], NDArray[np.float32]]],
        buffer: WriteBuffer,
        *,
        in_flight: int = 64,
        on_progress: Callable[[Progress], None] = lambda progress: None,
        progress: Progress | None = None,
    ) -> None:
        self.progress = Progress() if progress is None else progress
        self.seconds: dict[str, float] = dict.fromkeys(PROFILED, 0.0)
        self._device = device
        self._readout_of = readout_of
        self.buffer = buffer
        self._same_model = buffer.same_model
        device.repeat_first = self._same_model.repeats_first
        self._in_flight = in_flight
        self._on_progress = on_progress
        self._active: list[InFlight] = []
        self._queue: deque[Sequenceable] = deque()
        self._waiting: dict[bytes, _Requests] = {}
        self._running: dict[Future[NDArray[np.float32]], list[Sequenceable]] = {}
        self._taken_up = 0.0
        self._outcomes: deque[Outcome] = deque()
        self._hashers: Hashers | None = None
        self._stopping = False
        self._done = False

    def stop(self) -> None:
        """Ask for an end after the batches that the model is at; safe in a signal handler."""
        self._stopping = True

    @property
    def batch_size(self) -> int:
        """Sequences a batch at present."""
        return self._device.batching.size

    @property
    def differences(self) -> dict[int, float]:
        """Of batches from sequences alone, by size; see `Device`."""
        return dict(self._device.differences)

    @property
    def stopped(self) -> bool:
        """Whether the last run ended before its tasks did."""
        return self._stopping and not self._done

    def awaited_batch(self) -> AwaitedBatch | None:
        """The batch that the model is at; None if it has none."""
        batch = next(iter(self._running.values()), None)
        if batch is None:
            return None
        requests = (self._waiting.get(sequence.digest) for sequence in batch)
        tasks = (active.task for each in requests if each for active, _ in each)
        return AwaitedBatch(len(batch), next(tasks, None), perf_counter() - self._taken_up)

    def narrower_sources(self) -> list[NarrowerSource]:
        """See `creme.runner.write_buffer.narrower_sources`."""
        return narrower_sources(self.buffer.store, self._device.model, self._device.selection)

    def run(self, tasks: Iterable[Task]) -> Generator[Outcome, None, None]:
        """Outcomes in the order in which tasks end; ends early, and cleanly, after `stop`.

        Every prediction that was made is in the store when this returns or raises. It waits for
        the batch that the model is at, and on a KeyboardInterrupt for no longer than `GRACE`.

        Raises
        ------
        ModelError
            If the model fails, or returns an array of another shape than it described.
        """
        coming = iter(tasks)
        model = ModelThread(self._predict)
        self._hashers = Hashers()
        patience: float | None = None
        try:
            while not self._stopping:
                more = self._admit(coming)
                self._fill()
                yield from self._drain()
                while self._queue and len(self._running) < 2:
                    # A batch that is not full waits while the answers to come may fill it.
                    if len(self._queue) < self.batch_size and self._running:
                        break
                    batch = self._next_batch()
                    if batch:
                        self._submit(model, batch)
                if self._running:
                    self._collect()
                elif not more and not self._active and not self._queue:
                    self._done = True
                    break
            self._cancel_waiting()
            while self._running:
                self._collect()
            yield from self._drain()
        except BaseException as error:
            # Whoever reads the outcomes may have been interrupted as well.
            left = isinstance(error, GeneratorExit) and self._stopping
            patience = GRACE if left or isinstance(error, KeyboardInterrupt) else None
            raise
        finally:
            self._cancel_waiting()
            try:
                model.close(patience)
            finally:
                self._end()

    def _submit(
        self, model: ModelThread[_Work, NDArray[np.float32]], sequences: list[Sequenceable]
    ) -> None:
        with self._spent("one-hot"):
            batch = self._device.prepare(sequences)
        if not self._running:
            self._taken_up = perf_counter()
        self._running[model.submit((batch, self._same_model.due()))] = sequences

    def _cancel_waiting(self) -> None:
        """Take back the batches that the model has not begun."""
        for future in [future for future in self._running if future.cancel()]:
            del self._running[future]

    def _end(self) -> None:
        """Keep what was predicted, and end everything that is open."""
        try:
            with self._spent("write"):
                # Where something failed, the model may have been at another batch.
                for future, batch in self._running.items():
                    if future.done() and future.exception() is None:
                        self._count(batch)
                        self._store(batch, future.result())
                self._running.clear()
                self.buffer.end()
        finally:
            if self._hashers is not None:
                self._hashers.close()
            for active in self._active:
                active.close()

    def _predict(self, work: _Work) -> NDArray[np.float32]:
        """A batch's values, after stored rows were predicted again and compared."""
        batch, stored_rows = work
        with self._spent("model"):
            wider = bool(stored_rows and self.buffer.read_from())
            return self._same_model.predict(self._device, batch, stored_rows, wider=wider)

    @contextmanager
    def _spent(self, what: str) -> Iterator[None]:
        began = perf_counter()
        try:
            yield
        finally:
            self.seconds[what] += perf_counter() - began

    def _drain(self) -> Iterator[Outcome]:
        while self._outcomes:
            yield self._outcomes.popleft()

    def _admit(self, coming: Iterator[Task]) -> bool:
        """Open generators until enough are in flight; returns whether there may be more."""
        while len(self._active) < self._in_flight and not self._stopping:
            task = next(coming, None)
            if task is None:
                return False
            try:
                steps = task.test.run(task.unit)
                if not isinstance(steps, Generator):
                    raise ConfigError(
                        f"run of test {task.test.name} returned {type(steps).__name__}: it has to "
                        f"be a generator, which yields what it asks for"
                    )
                active = InFlight(task, steps, self._readout_of(task.unit))
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                self.progress.failed += 1
                self._outcomes.append(Outcome(task, error=error))
                continue
            self._active.append(active)
            self._advance(active, None)
        return True

    def _fill(self) -> None:
        """Pull sequences, oldest generator first, until two batches are queued.

        A generator whose request is answered from the store alone goes on at once.
        """
        target = 2 * self.batch_size
        for active in list(self._active):
            while active in self._active and not active.exhausted:
                if len(self._queue) >= target or self._stopping:
                    return
                self._pull(active)
                if active.answered:
                    self._advance(active, self._answer(active))
                self._on_progress(self.progress)

    def _pull(self, active: InFlight) -> None:
        """Take a part of a request's sequences, with one look-up for all of them."""
        try:
            with self._spent("perturb"):
                part = list(islice(active.sequences, LOOK_UP))
            for sequence in part:
                self._check(sequence)
            assert self._hashers is not None
            with self._spent("hash"):
                digests = self._hashers.digests(part)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            self._fail(active, error)
            return
        active.exhausted = len(part) < LOOK_UP
        with self._spent("look-up"):
            stored = self.buffer.read([d for d in digests if d not in self._waiting])
        self.progress.asked += len(part)
        for sequence, digest in zip(part, digests, strict=True):
            place = len(active.rows)
            active.rows.append(None)
            if digest in stored:
                values, fresh, of_others = stored[digest]
                self.progress.repeated += fresh
                self.progress.stored += not fresh
                self.progress.of_others += of_others
                if not fresh:
                    self._same_model.take_note(sequence, digest, values)
                active.rows[place] = values if active.profiles else active.readout(values[None])[0]
                continue
            active.missing += 1
            if digest not in self._waiting:
                self._waiting[digest] = []
                self._queue.append(sequence)
            self._waiting[digest].append((active, place))

    def _check(self, sequence: Any) -> None:
        if not isinstance(sequence, Sequenceable):
            raise SequenceError(
                f"a test yields Sequence or Mutant objects, not {type(sequence).__name__}"
            )
        if len(sequence) != self._device.model.input_length:
            raise SequenceError(
                f"a sequence of {len(sequence)} bp was asked for, and model "
                f"{self._device.model.name} takes {self._device.model.input_length} bp"
            )

    def _next_batch(self) -> list[Sequenceable]:
        batch: list[Sequenceable] = []
        while self._queue and len(batch) < self.batch_size:
            sequence = self._queue.popleft()
            if self._waiting[sequence.digest]:
                batch.append(sequence)
            else:  # whoever asked for it has failed since
                del self._waiting[sequence.digest]
        return batch

    def _collect(self) -> None:
        """Wait for a batch; store its values, then hand them to whoever waits for them."""
        with self._spent("wait"):
            done, _ = wait(self._running, TICK, return_when=FIRST_COMPLETED)
        if not done:
            with self._spent("write"):
                self.buffer.flush()
        for future in done:
            values = future.result()
            batch = self._running[future]
            self.buffer.record(self.differences)
            self.buffer.record_environment(self._device.model)
            with self._spent("write"):
                finite = self._store(batch, values)
            # Until now an interruption leaves it to `_end`.
            del self._running[future]
            self._taken_up = perf_counter()
            self._count(batch)
            digests = [sequence.digest for sequence in batch]
            activities: dict[int, NDArray[np.float32]] = {}
            for row, digest in enumerate(digests):
                for active, place in self._waiting.pop(digest):
                    if active not in self._active:
                        continue
                    if not finite[row]:
                        self._fail(
                            active,
                            ModelError(
                                f"model {self._device.model.name} returned NaN or infinity for "
                                f"sequence {place} of a request; it was not stored"
                            ),
                        )
                        continue
                    of = id(active.readout)
                    if of not in activities and not active.profiles:
                        activities[of] = active.readout(values)
                    active.rows[place] = values[row] if active.profiles else activities[of][row]
                    active.missing -= 1
                    if active.answered:
                        self._advance(active, self._answer(active))
        self._on_progress(self.progress)

    def _count(self, batch: list[Sequenceable]) -> None:
        """Count a batch that was predicted, and the requests that it answers besides."""
        self.progress.predicted += len(batch)
        for sequence in batch:
            self.progress.repeated += max(0, len(self._waiting[sequence.digest]) - 1)

    def _store(self, batch: list[Sequenceable], values: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Keep the values that are finite; returns whether each sequence's are, (n,)."""
        finite = np.asarray(np.isfinite(values).all(axis=(1, 2)))
        digests = [one.digest for one, ok in zip(batch, finite, strict=True) if ok]
        self.buffer.write(digests, values[finite])
        return finite

    def _answer(self, active: InFlight) -> NDArray[np.float32]:
        rows = [row for row in active.rows if row is not None]
        if not rows:
            shape = self._device.selection.shape
            empty = np.empty((0, *shape), dtype=np.float32)
            return empty if active.profiles else active.readout(empty)
        return np.stack(rows)

    def _advance(self, active: InFlight, answer: NDArray[np.float32] | None) -> None:
        """Let a generator go on to its next request, or to its end."""
        try:
            with self._spent("tests"):
                active.accept(active.steps.send(answer))  # type: ignore[arg-type]
        except StopIteration as stop:
            self._active.remove(active)
            self.progress.finished += 1
            self._outcomes.append(Outcome(active.task, dataset=stop.value))
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            self._fail(active, error)

    def _fail(self, active: InFlight, error: BaseException) -> None:
        """End one task; the others go on."""
        active.close()
        self._active.remove(active)
        self.progress.failed += 1
        for waiting in self._waiting.values():
            waiting[:] = [(other, place) for other, place in waiting if other is not active]
        self._outcomes.append(Outcome(active.task, error=error))
