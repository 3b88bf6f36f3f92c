"""Many test generators, one model: every distinct sequence predicted once.

The driver thread perturbs, hashes, looks up, encodes and writes, and has helpers to hash; one more
thread holds the model. All work at the same time, and requests are consumed only as fast as the
model needs them.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from collections.abc import Sequence as SequenceOf
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from creme.errors import ConfigError, ModelError, SequenceError
from creme.inference.device import Batch, Device
from creme.runner.tasks import Outcome, Progress, Task
from creme.sequence import Sequenceable
from creme.test import Profiles, Request, Steps

if TYPE_CHECKING:
    from creme.runner.write_buffer import Cache

PROFILED = ("perturb", "hash", "look-up", "one-hot", "model", "wait", "write", "tests")
"""What time is spent on. All but ``model`` is the driver's thread, which works beside the model's:
``wait`` is where it had nothing to do, so a GPU was busy for ``model`` of the whole time.
"""

LOOK_UP = 256
"""Sequences of one request that are hashed and looked up at once."""

HASHING = max(1, min(4, os.cpu_count() or 1))
"""Threads that hash, the driver's among them."""

SHARED = 32
"""Sequences to hash that are too few to be shared among threads."""


@dataclass(eq=False)
class _Active:
    """A generator in flight and the request that it waits for."""

    task: Task
    steps: Steps
    sequences: Iterator[Sequenceable] = field(default_factory=lambda: iter(()))
    rows: list[NDArray[np.float32] | None] = field(default_factory=list)
    missing: int = 0
    exhausted: bool = True
    profiles: bool = False

    def accept(self, request: Request) -> None:
        self.profiles = isinstance(request, Profiles)
        self.sequences = iter(request.sequences if isinstance(request, Profiles) else request)
        self.rows, self.missing, self.exhausted = [], 0, False

    @property
    def answered(self) -> bool:
        return self.exhausted and not self.missing


_Waiting = list[tuple[_Active, int]]


class Scheduler:
    """Runs tasks against one model, through the cache.

    Parameters
    ----------
    device : Device
        The model with its selection; predicts batches of sequences, and says how large they
        should be.
    readout : callable
        Kept values, (n, bins, tracks), to activities, (n, activities).
    cache : Cache
        Look-up and write of kept values.
    in_flight : int
        Generators that are open at the same time: enough to fill batches when each asks for few.
    on_progress : callable, optional
        Called with the `Progress` after each step.

    Attributes
    ----------
    progress : Progress
    seconds : dict of str to float
        Where the time went, by `PROFILED`.
    """

    def __init__(
        self,
        device: Device,
        readout: Callable[[NDArray[np.float32]], NDArray[np.float32]],
        cache: Cache,
        *,
        in_flight: int = 64,
        on_progress: Callable[[Progress], None] = lambda progress: None,
    ) -> None:
        self.progress = Progress()
        self.seconds: dict[str, float] = dict.fromkeys(PROFILED, 0.0)
        self._device = device
        self._recorded = set(device.differences)
        self._readout = readout
        self._cache = cache
        self._in_flight = in_flight
        self._on_progress = on_progress
        self._active: list[_Active] = []
        self._queue: deque[Sequenceable] = deque()
        self._waiting: dict[bytes, _Waiting] = {}
        self._outcomes: deque[Outcome] = deque()
        self._hashers: ThreadPoolExecutor | None = None
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

    def run(self, tasks: Iterable[Task]) -> Iterator[Outcome]:
        """Outcomes in the order in which tasks end; ends early, and cleanly, after `stop`.

        Every prediction that was made is in the store when this returns or raises.

        Raises
        ------
        ModelError
            If the model fails, or returns an array of another shape than it described.
        """
        coming = iter(tasks)
        running: dict[Future[NDArray[np.float32]], list[Sequenceable]] = {}
        pool = ThreadPoolExecutor(1, thread_name_prefix="creme-model")
        self._hashers = ThreadPoolExecutor(HASHING, thread_name_prefix="creme-hash")
        try:
            while not self._stopping:
                more = self._admit(coming)
                self._fill()
                yield from self._drain()
                while self._queue and len(running) < 2:
                    # A batch that is not full waits while the answers to come may fill it.
                    if len(self._queue) < self.batch_size and running:
                        break
                    batch = self._next_batch()
                    if batch:
                        running[self._submit(pool, batch)] = batch
                if running:
                    self._collect(running)
                elif not more and not self._active and not self._queue:
                    self._done = True
                    break
            for waits in [future for future in running if future.cancel()]:
                del running[waits]
            while running:
                self._collect(running)
            yield from self._drain()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
            self._hashers.shutdown()
            with self._spent("write"):
                # Where something failed, the model may have been at another batch.
                for future, batch in running.items():
                    if not future.cancelled() and future.exception() is None:
                        self._store(batch, future.result())
                self._cache.flush()
            for active in self._active:
                _close(active.steps)

    def _submit(
        self, pool: ThreadPoolExecutor, sequences: list[Sequenceable]
    ) -> Future[NDArray[np.float32]]:
        with self._spent("one-hot"):
            batch = self._device.prepare(sequences)
        return pool.submit(self._predict, batch)

    def _predict(self, batch: Batch) -> NDArray[np.float32]:
        with self._spent("model"):
            return self._device.predict(batch)

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
            except Exception as error:
                self.progress.failed += 1
                self._outcomes.append(Outcome(task, error=error))
                continue
            active = _Active(task, steps)
            self._active.append(active)
            self._advance(active, None)
        return True

    def _fill(self) -> None:
        """Pull sequences, oldest generator first, until two batches are queued.

        A generator whose request is answered from the cache alone goes on at once.
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

    def _pull(self, active: _Active) -> None:
        """Take some sequences of a request, with one look-up for all of them."""
        try:
            with self._spent("perturb"):
                some = list(islice(active.sequences, LOOK_UP))
            for sequence in some:
                self._check(sequence)
            with self._spent("hash"):
                digests = self._hashed(some)
        except Exception as error:
            self._fail(active, error)
            return
        active.exhausted = len(some) < LOOK_UP
        with self._spent("look-up"):
            found = self._cache.read([d for d in digests if d not in self._waiting])
        self.progress.asked += len(some)
        for sequence, digest in zip(some, digests, strict=True):
            place = len(active.rows)
            active.rows.append(None)
            if digest in found:
                values, fresh = found[digest]
                self.progress.stored += not fresh
                active.rows[place] = values if active.profiles else self._readout(values[None])[0]
                continue
            active.missing += 1
            if digest not in self._waiting:
                self._waiting[digest] = []
                self._queue.append(sequence)
            self._waiting[digest].append((active, place))

    def _hashed(self, sequences: list[Sequenceable]) -> list[bytes]:
        """Digests; of many sequences by several threads."""
        parts = HASHING if len(sequences) >= SHARED else 1
        shares = [sequences[part::parts] for part in range(parts)]
        assert self._hashers is not None
        others = [self._hashers.submit(_digests, share) for share in shares[1:]]
        _digests(shares[0])
        for other in others:
            other.result()
        return _digests(sequences)

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

    def _collect(self, running: dict[Future[NDArray[np.float32]], list[Sequenceable]]) -> None:
        """Wait for a batch; store its values, then hand them to whoever waits for them."""
        with self._spent("wait"):
            done, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in done:
            batch = running.pop(future)
            values = future.result()
            self._record_differences()
            self.progress.predicted += len(batch)
            with self._spent("write"):
                finite = self._store(batch, values)
            digests = [sequence.digest for sequence in batch]
            activities = self._readout(values)
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
                    active.rows[place] = values[row] if active.profiles else activities[row]
                    active.missing -= 1
                    if active.answered:
                        self._advance(active, self._answer(active))
        self._on_progress(self.progress)

    def _store(self, batch: list[Sequenceable], values: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Keep values that are finite; returns which are."""
        finite = np.asarray(np.isfinite(values).all(axis=(1, 2)))
        digests = [one.digest for one, ok in zip(batch, finite, strict=True) if ok]
        self._cache.write(digests, values[finite])
        return finite

    def _record_differences(self) -> None:
        """Keep with the model what its thread has measured of batches since."""
        found = self.differences
        if found.keys() != self._recorded:
            self._cache.record({size: found[size] for size in found.keys() - self._recorded})
            self._recorded = set(found)

    def _answer(self, active: _Active) -> NDArray[np.float32]:
        rows = [row for row in active.rows if row is not None]
        if not rows:
            shape = self._device.selection.shape
            empty = np.empty((0, *shape), dtype=np.float32)
            return empty if active.profiles else self._readout(empty)
        return np.stack(rows)

    def _advance(self, active: _Active, answer: NDArray[np.float32] | None) -> None:
        """Let a generator go on to its next request, or to its end."""
        try:
            with self._spent("tests"):
                active.accept(active.steps.send(answer))  # type: ignore[arg-type]
        except StopIteration as stop:
            self._active.remove(active)
            self.progress.finished += 1
            self._outcomes.append(Outcome(active.task, dataset=stop.value))
        except Exception as error:
            self._fail(active, error)

    def _fail(self, active: _Active, error: Exception) -> None:
        """End one task; the others go on."""
        _close(active.steps)
        self._active.remove(active)
        self.progress.failed += 1
        for waiting in self._waiting.values():
            waiting[:] = [(other, place) for other, place in waiting if other is not active]
        self._outcomes.append(Outcome(active.task, error=error))


def _close(steps: Steps) -> None:
    """End a generator; one that does not want to is left to itself."""
    with suppress(Exception):
        steps.close()


def _digests(sequences: SequenceOf[Sequenceable]) -> list[bytes]:
    """Digests, which the sequences remember."""
    return [sequence.digest for sequence in sequences]
