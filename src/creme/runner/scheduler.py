"""Many test generators, one model: every distinct sequence predicted once.

The driver thread perturbs, hashes, looks up, hands out batches and writes, and has helpers to hash;
an engine predicts, in one place or in many. All work at the same time, and requests are consumed
only as fast as the engine needs them.
"""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from itertools import islice
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from creme.engines.engine import DEPTH, Engine, LostBatchError
from creme.errors import ConfigError, CremeWarning, ModelError
from creme.runner.dispatch import Dispatch, SentBatch
from creme.runner.hashing import Hashers
from creme.runner.request import InFlight, check_sequences
from creme.runner.stopwatch import Spent
from creme.runner.tasks import AwaitedBatch, Outcome, Progress, Task
from creme.runner.write_buffer import NarrowerSource, WriteBuffer, narrower_sources
from creme.sequence import Sequenceable

PROFILED = ("perturb", "hash", "look-up", "one-hot", "model", "wait", "write", "tests")
"""Kinds of work that take time. All but ``model`` is the driver's thread, beside the model's:
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

IN_FLIGHT = 64
"""Generators that are open at the same time: enough to fill batches when each asks for few."""

MOST_IN_FLIGHT = 512
"""With several slots, as many as sequences fill them, and no more than this."""


class Scheduler:
    """Runs tasks against one model, through a write buffer.

    Parameters
    ----------
    engine : Engine
        The model with its selection; predicts batches of sequences, and says how large they
        should be.
    readout_of : callable
        A unit's readout: from kept values, (n, bins, tracks), to activities, (n, activities).
    buffer : WriteBuffer
        Look-up and write of kept values.
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
        engine: Engine,
        readout_of: Callable[[object], Callable[[NDArray[np.float32]], NDArray[np.float32]]],
        buffer: WriteBuffer,
        *,
        on_progress: Callable[[Progress], None] = lambda progress: None,
        progress: Progress | None = None,
    ) -> None:
        self.progress = Progress() if progress is None else progress
        self.seconds: dict[str, float] = dict.fromkeys(PROFILED, 0.0)
        self._spent = {what: Spent(self.seconds, what) for what in PROFILED}
        self.engine = engine
        self._readout_of = readout_of
        self.buffer = buffer
        self._same_model = buffer.same_model
        self._on_progress = on_progress
        self._active: dict[InFlight, None] = {}
        self._waiting: dict[bytes, _Requests] = {}
        self._dispatch = Dispatch(engine, _wanted(self._waiting), self._same_model.due)
        self._capacity = 0
        self._outcomes: deque[Outcome] = deque()
        self._hashers: Hashers | None = None
        self._stopping = False
        self._done = False

    def stop(self) -> None:
        """Ask for an end after the batches that the model is at; safe in a signal handler."""
        self._stopping = True

    @property
    def differences(self) -> dict[int, float]:
        """Of batches from sequences alone, by size; see `Engine`."""
        return dict(self.engine.differences)

    @property
    def stopped(self) -> bool:
        """Whether the last run ended before its tasks did."""
        return self._stopping and not self._done

    def awaited_batch(self) -> AwaitedBatch | None:
        """The batch that a model is at for longest; None if there is none."""
        batch = self._dispatch.oldest()
        if batch is None:
            return None
        requests = (self._waiting.get(sequence.digest) for sequence in batch.sequences)
        tasks = (active.task for each in requests if each for active, _ in each)
        seconds = perf_counter() - batch.slot.began
        return AwaitedBatch(len(batch.sequences), next(tasks, None), seconds)

    def narrower_sources(self) -> list[NarrowerSource]:
        """See `creme.runner.write_buffer.narrower_sources`."""
        return narrower_sources(self.buffer.store, self.engine.model, self.engine.selection)

    def run(self, tasks: Iterable[Task]) -> Generator[Outcome, None, None]:
        """Outcomes in the order in which tasks end; ends early, and cleanly, after `stop`.

        Every prediction that was made is in the store when this returns or raises. It waits for
        the batches that models are at, and on a KeyboardInterrupt for no longer than `GRACE`.

        Raises
        ------
        ModelError
            If the model fails, or returns an array of another shape than it described.
        """
        coming = iter(tasks)
        self._hashers = Hashers()
        patience: float | None = None
        try:
            self.engine.start(self._same_model, self._dispatch.wake())
            while not self._stopping:
                self._pass_on_news()
                slots = self.engine.slots()
                # What the store answers need not wait for a first slot.
                sizes = [slot.batch_size for slot in slots] or [self.engine.batch_size]
                self._capacity = DEPTH * sum(sizes)
                more = self._admit(coming)
                self._fill()
                yield from self._drain()
                if self._dispatch.queue:
                    with self._spent["one-hot"]:
                        self._dispatch.feed(slots)
                if self._dispatch.sent or self._dispatch.queue:
                    self._collect()
                elif not more and not self._active:
                    self._done = True
                    break
            self._dispatch.recall()
            while self._dispatch.sent:
                self._collect()
            yield from self._drain()
        except BaseException as error:
            # Whoever reads the outcomes may have been interrupted as well.
            left = isinstance(error, GeneratorExit) and self._stopping
            patience = GRACE if left or isinstance(error, KeyboardInterrupt) else None
            raise
        finally:
            self._dispatch.recall()
            try:
                self.engine.close(patience)
            finally:
                self._end()

    def _end(self) -> None:
        """Keep what was predicted, and end everything that is open."""
        try:
            with self._spent["write"]:
                # Where something failed, models may have been at other batches.
                for future, batch in self._dispatch.sent.items():
                    if future.done() and future.exception() is None:
                        digests = [sequence.digest for sequence in batch.sequences]
                        self._count(digests)
                        self._store(digests, future.result().values)
                self._dispatch.sent.clear()
                self.buffer.end()
        finally:
            if self._hashers is not None:
                self._hashers.close()
            for active in self._active:
                active.close()

    def _drain(self) -> Iterator[Outcome]:
        while self._outcomes:
            yield self._outcomes.popleft()

    def _admit(self, coming: Iterator[Task]) -> bool:
        """Open generators until enough are in flight; returns whether there may be more."""
        most = IN_FLIGHT
        if self.engine.several:
            most = max(most, min(MOST_IN_FLIGHT, self._capacity))
        while len(self._active) < most and not self._stopping:
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
                readout = self._readout_of(task.unit)
                active = InFlight(task, steps, readout, self.engine.selection)
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                self.progress.failed += 1
                self._outcomes.append(Outcome(task, error=error))
                continue
            self._active[active] = None
            self._advance(active, None)
        return True

    def _fill(self) -> None:
        """Pull sequences, oldest generator first, until as many are queued as slots take.

        A generator whose request is answered from the store alone goes on at once.
        """
        target = self._capacity
        for active in list(self._active):
            while active in self._active and not active.exhausted:
                if len(self._dispatch.queue) >= target or self._stopping:
                    return
                self._pull(active)
                if active.answered:
                    self._advance(active, self._answer(active))
                self._on_progress(self.progress)

    def _pull(self, active: InFlight) -> None:
        """Take a part of a request's sequences, with one look-up for all of them."""
        try:
            with self._spent["perturb"]:
                part = list(islice(active.sequences, LOOK_UP))
            check_sequences(part, self.engine.model)
            assert self._hashers is not None
            with self._spent["hash"]:
                digests = self._hashers.digests(part)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            self._fail(active, error)
            return
        active.exhausted = len(part) < LOOK_UP
        with self._spent["look-up"]:
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
                active.rows[place] = active.read(values[None])[0]
                continue
            active.missing += 1
            if digest not in self._waiting:
                self._waiting[digest] = []
                self._dispatch.queue.push(sequence)
            self._waiting[digest].append((active, place))

    def _collect(self) -> None:
        """Wait for batches; store their values, then hand them to whoever waits for them."""
        with self._spent["wait"]:
            ended = self._dispatch.wait(TICK)
        if not ended:
            with self._spent["write"]:
                self.buffer.flush()
        for batch in ended:
            self._take(batch)
        self._pass_on_news()
        self._on_progress(self.progress)

    def _pass_on_news(self) -> None:
        """Warn of what has become of workers."""
        for sentence in self.engine.news():
            warnings.warn(sentence, CremeWarning, stacklevel=2)

    def _take(self, sent: SentBatch) -> None:
        """Take the answer to a batch."""
        digests = [sequence.digest for sequence in sent.sequences]
        try:
            predicted = sent.future.result()
        except LostBatchError as error:
            self._fail_all(error.lost, error)
            digests = [digest for digest in digests if digest in self._waiting]
            predicted = error.predicted
        values = predicted.values
        self.seconds["model"] += predicted.seconds
        self.buffer.record(self.differences)
        self.buffer.record_environments(self.engine.environments())
        with self._spent["write"]:
            finite = self._store(digests, values)
        # Until now an interruption leaves it to `_end`.
        del self._dispatch.sent[sent.future]
        self._count(digests)
        answers: dict[int, NDArray[np.float32]] = {}
        for row, digest in enumerate(digests):
            for active, place in self._waiting.pop(digest):
                if active not in self._active:
                    continue
                if not finite[row]:
                    self._fail(
                        active,
                        ModelError(
                            f"model {self.engine.model.name} returned NaN or infinity for "
                            f"sequence {place} of a request; it was not stored"
                        ),
                    )
                    continue
                # One call for all rows of a batch, of those that are read alike.
                of = 0 if active.profiles else id(active.readout)
                if of not in answers:
                    answers[of] = active.read(values)
                active.rows[place] = answers[of][row]
                active.missing -= 1
                if active.answered:
                    self._advance(active, self._answer(active))

    def _fail_all(self, sequences: Iterable[Sequenceable], error: Exception) -> None:
        """End the tasks that wait for sequences which cannot be predicted."""
        for sequence in sequences:
            for active, _ in self._waiting.pop(sequence.digest):
                if active in self._active:
                    self._fail(active, error)

    def _count(self, digests: list[bytes]) -> None:
        """Count a batch that was predicted, and the requests that it answers besides."""
        self.progress.predicted += len(digests)
        for digest in digests:
            self.progress.repeated += max(0, len(self._waiting[digest]) - 1)

    def _store(self, digests: list[bytes], values: NDArray[np.float32]) -> list[bool]:
        """Keep the values that are finite; returns whether each sequence's are."""
        finite: list[bool] = np.asarray(np.isfinite(values).all(axis=(1, 2))).tolist()
        if all(finite):
            self.buffer.write(digests, values)
        else:
            whole = [digest for digest, ok in zip(digests, finite, strict=True) if ok]
            self.buffer.write(whole, values[finite])
        return finite

    def _answer(self, active: InFlight) -> NDArray[np.float32]:
        rows = [row for row in active.rows if row is not None]
        if not rows:
            return active.read(np.empty((0, *self.engine.selection.shape), dtype=np.float32))
        return np.stack(rows)

    def _advance(self, active: InFlight, answer: NDArray[np.float32] | None) -> None:
        """Let a generator go on to its next request, or to its end."""
        try:
            with self._spent["tests"]:
                active.accept(active.steps.send(answer))  # type: ignore[arg-type]
        except StopIteration as stop:
            del self._active[active]
            self.progress.finished += 1
            self._outcomes.append(Outcome(active.task, dataset=stop.value))
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            self._fail(active, error)

    def _fail(self, active: InFlight, error: BaseException) -> None:
        """End one task; the others go on."""
        active.close()
        del self._active[active]
        self.progress.failed += 1
        for waiting in self._waiting.values():
            waiting[:] = [(other, place) for other, place in waiting if other is not active]
        self._outcomes.append(Outcome(active.task, error=error))


def _wanted(waiting: dict[bytes, _Requests]) -> Callable[[Sequenceable], bool]:
    """Whether a sequence is still waited for; one whose requests have all failed is forgotten."""

    def wanted(sequence: Sequenceable) -> bool:
        if waiting[sequence.digest]:
            return True
        del waiting[sequence.digest]
        return False

    return wanted
