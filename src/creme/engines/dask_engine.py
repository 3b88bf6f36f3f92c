"""The workers of a Dask cluster, each with the model on its own device."""

from __future__ import annotations

import asyncio
import concurrent.futures
import hashlib
import json
import time
import uuid
from collections.abc import Callable, Coroutine, Mapping
from collections.abc import Sequence as SequenceOf
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from creme.engines.engine import Engine, Guard, LostBatchError, Predicted, Slot, StoredRow
from creme.engines.parcel import packed
from creme.engines.portable import portable
from creme.engines.worker import Opened, Setup, WorkerAnswer, close_session, open_session, predict
from creme.engines.workforce import Job, LostWorker, WorkerSlot, Workforce
from creme.errors import CremeError, ModelError
from creme.model import Model, Selection
from creme.sequence import Sequenceable

if TYPE_CHECKING:
    from distributed import Client

LOOK_EVERY = 0.5
"""Seconds between two looks at which workers the cluster has."""

MOMENT = 0.1
"""Seconds between two looks for a worker that may have a batch of another one."""

DEATHS = 3
"""Workers that a batch may end, one after another, before it is given up."""

PATIENCE = 5.0
"""Seconds after which a cluster whose workers are all refused is given up."""

Returned = TypeVar("Returned")


class DaskEngine(Engine):
    """A slot for each accepted worker of a Dask cluster.

    A worker is accepted when its model has the driver's fingerprint, its versions are the driver's,
    and its prediction of a trial sequence is that of the worker that was accepted first, within the
    tolerance of the stored predictions. What is in flight at a worker that is lost goes to another
    one.

    Everything about workers happens in the client's event loop.

    Parameters
    ----------
    client : distributed.Client
    model : Model
    selection : Selection
    batch_size : int or 'auto', optional
        See `creme.inference.batching.Batching`; each worker has its own.
    differences : dict of int to float, optional
        Those that were measured before.
    """

    several = True

    def __init__(
        self,
        client: Client,
        model: Model,
        selection: Selection,
        batch_size: int | Literal["auto"] | None = None,
        differences: Mapping[int, float] | None = None,
    ) -> None:
        super().__init__(model, selection)
        self.differences = dict(differences or {})
        self._client = client
        self._loop: asyncio.AbstractEventLoop = client.loop.asyncio_loop  # type: ignore[union-attr]
        self._fingerprint = model.fingerprint
        carried = portable(model)
        # With the settings that change no prediction: the device is one.
        about = [self._fingerprint, carried.configuration(), selection.bins, selection.tracks]
        text = json.dumps([*about, batch_size], sort_keys=True, default=str)
        self.key = hashlib.sha256(text.encode()).hexdigest()
        self._setup = Setup(self.key, carried, selection, batch_size)
        self._batch_size = batch_size if isinstance(batch_size, int) else model.batch_size
        self._workforce = Workforce(self._fingerprint)
        self._environments: list[dict[str, Any]] = []
        self._futures: set[Future[Predicted]] = set()
        self._watcher: Future[None] | None = None
        self._last_refused = 0.0
        self._link = client.dashboard_link

    def start(self, guard: Guard, wake: Callable[[], None]) -> None:
        """Look for workers, now and as long as the run lasts; see `Engine.start`."""
        self._guard = guard
        self._wake = wake
        self._watcher = self._run(self._watch())

    def slots(self) -> SequenceOf[Slot]:
        """Those of the workers that are accepted; see `Engine.slots`."""
        staff = self._workforce
        if self._client.status == "closed":
            raise ModelError(
                "the cluster's scheduler is gone, and does not come back; what was predicted is "
                "in the store"
            )
        alone = staff.refused and not staff.accepted and not staff.opening
        if alone and time.monotonic() - self._last_refused > PATIENCE:
            name, why = next(iter(staff.refused.items()))
            raise ModelError(
                f"no worker can be used; {len(staff.refused)} were refused, the first one, "
                f"{name}: {why}"
            )
        return [slot for slot in staff.accepted.values() if not slot.held]

    def submit(
        self, slot: Slot, sequences: SequenceOf[Sequenceable], rows: SequenceOf[StoredRow] = ()
    ) -> Future[Predicted]:
        """Send a batch to a worker; see `Engine.submit`."""
        assert isinstance(slot, WorkerSlot)
        job = Job(sequences, rows, slot)
        job.begin(slot)
        job.future = future = self._run(self._predicted(job))
        self._futures.add(future)
        future.add_done_callback(self._futures.discard)
        return future

    def recall(self) -> None:
        """Cancel what waits at a worker behind another batch; see `Engine.recall`."""
        for slot in list(self._workforce.accepted.values()):
            for job in slot.jobs[1:]:
                if job.future is not None:
                    job.future.cancel()

    def close(self, patience: float | None = None) -> None:
        """Wait for the batches in flight, and leave the workers; see `Engine.close`."""
        concurrent.futures.wait(list(self._futures), timeout=patience)
        for future in list(self._futures):
            future.cancel()
        if self._watcher is not None:
            self._watcher.cancel()
            self._watcher = None
        self._run(self._workforce.leave())

    def release(self) -> None:
        """Have the workers let go of the model."""
        self._client.run(close_session, self.key, on_error="ignore")

    def environments(self) -> list[dict[str, Any]]:
        """Of all workers so far, each once; see `Engine.environments`."""
        return self._environments

    @property
    def batch_size(self) -> int:
        """Of the worker that takes most; see `Engine.batch_size`."""
        sizes = [slot.batch_size for slot in self._workforce.accepted.values()]
        return max(sizes, default=self._batch_size)

    def state(self) -> str:
        """The workers, what each predicts a second, and where to look at them."""
        return self._workforce.state(self._link)

    def predictions(self) -> dict[str, int]:
        """By worker, what it has predicted; those that are lost are among them."""
        return self._workforce.predictions()

    def news(self) -> list[str]:
        """Workers that were refused or lost; see `Engine.news`."""
        return self._workforce.news()

    def _run(self, coroutine: Coroutine[Any, Any, Returned]) -> Future[Returned]:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    # From here on in the event loop.

    async def _watch(self) -> None:
        """Open a session at each new worker, and see which are lost."""
        staff = self._workforce
        opening: set[asyncio.Task[None]] = set()
        try:
            while True:
                there = await self._addresses()
                if there is not None:
                    for address in staff.missing(there):
                        staff.lose(address)
                        self._wake()
                    for address in there - staff.seen:
                        staff.seen.add(address)
                        task = asyncio.ensure_future(self._open(address))
                        opening.add(task)
                        task.add_done_callback(opening.discard)
                await asyncio.sleep(LOOK_EVERY)
        finally:
            for task in opening:
                task.cancel()

    async def _addresses(self) -> set[str] | None:
        """Of the cluster's workers; None while the scheduler does not answer."""
        if self._client.status != "running":
            return None
        try:
            scheduler: Any = self._client.scheduler
            return set(await asyncio.wait_for(scheduler.ncores(), 30))
        except (OSError, TimeoutError):
            return None

    async def _open(self, address: str) -> None:
        """Accept a worker, or refuse it."""
        staff = self._workforce
        staff.opening += 1
        try:
            # One alone at first: the others are compared with it.
            async with staff.first:
                opened = None
                if staff.trial is None:
                    opened = await self._opened(address, twice=self._guard.repeats_first)
                    self._judge(address, opened)
            if opened is None:
                opened = await self._opened(address)
                self._judge(address, opened)
        except CremeError as error:
            self._last_refused = time.monotonic()
            staff.refuse(address, str(error))
        except (OSError, LostWorker, asyncio.CancelledError, concurrent.futures.CancelledError):
            staff.seen.discard(address)  # it comes back, or does not
        except Exception as error:
            self._last_refused = time.monotonic()
            staff.refuse(address, f"{type(error).__name__}: {error}")
        finally:
            staff.opening -= 1
            self._wake()

    async def _opened(self, address: str, *, twice: bool = False) -> Opened:
        setup = self._setup
        if twice:
            setup = Setup(setup.key, setup.model, setup.selection, setup.batch_size, True)
        opened = await self._call(address, open_session, setup)
        if twice:
            self._guard.repeats += opened.repeats
        self._guard.trials += 1
        return opened

    def _judge(self, address: str, opened: Opened) -> None:
        """Accept a worker by its account of its model; raises `ModelError`."""
        staff = self._workforce
        staff.check(opened, self._guard.tolerance)
        if opened.environment not in self._environments:
            self._environments.append(opened.environment)
        staff.accept(address, opened)

    async def _call(self, address: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """A function's result at a worker.

        Raises
        ------
        LostWorker
            If the worker is lost meanwhile, or the scheduler.
        """
        try:
            future = self._client.submit(
                function,
                *arguments,
                key=f"creme-{function.__name__}-{uuid.uuid4().hex}",
                workers=[address],
                allow_other_workers=False,
                pure=False,
            )
        except RuntimeError as error:  # a client that is closed
            raise LostWorker(address) from error
        gone = self._workforce.gone(address)
        result = asyncio.ensure_future(future._result())
        try:
            await asyncio.wait({result, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not result.done():
                raise LostWorker(address)
            try:
                return result.result()
            except (asyncio.CancelledError, concurrent.futures.CancelledError, OSError) as error:
                raise LostWorker(address) from error
        finally:
            result.cancel()
            future.release()

    async def _predicted(self, job: Job) -> Predicted:
        """A batch's values, from whichever worker."""
        guard, staff = self._guard, self._workforce
        predicted = 0
        try:
            while True:
                if guard.refusal is not None:
                    raise guard.refusal
                try:
                    answer = await self._answer(job)
                except LostWorker:
                    await self._to_another(job)
                    continue
                except ModelError as error:
                    if job.failed or len(staff.accepted) < 2:
                        raise
                    # Perhaps the worker's own: another one is to try.
                    job.failed = (job.slot, error)
                    await self._to_another(job, job.slot)
                    continue
                if job.rows:
                    self._compare(job, answer)
                if job.failed:
                    slot, failure = job.failed
                    staff.dismiss(slot, f"its model failed where another one did not: {failure}")
                for size, difference in answer.differences.items():
                    self.differences.setdefault(size, difference)
                job.slot.batch_size = answer.batch_size
                staff.remark(answer.remarks)
                predicted = len(job.sequences)
                return Predicted(answer.values, answer.seconds)
        finally:
            job.leave(predicted)
            job.slot.held &= not job.deaths

    async def _answer(self, job: Job) -> WorkerAnswer:
        """What a worker has to say to a batch, once it has the model and the bases."""
        slot = job.slot
        while True:
            rows = packed([row.sequence for row in job.rows], slot.bases.lacks)
            batch = packed(job.sequences, slot.bases.lacks)
            slot.bytes += batch.nbytes + rows.nbytes
            answer: WorkerAnswer = await self._call(
                slot.address, predict, self.key, batch, rows, dict(self.differences)
            )
            if not answer.lacks:
                return answer
            slot.bases.clear()
            if answer.lacks == "session":
                self._judge(slot.address, await self._opened(slot.address))

    def _compare(self, job: Job, answer: WorkerAnswer) -> None:
        """Have the guard judge the model by stored rows."""
        try:
            self._guard.judge(job.rows, answer.again, job.slot.environment)
        except ModelError as error:
            self._guard.refusal = error
            raise

    async def _to_another(self, job: Job, but: WorkerSlot | None = None) -> None:
        """Move a batch to another worker; wait for one if there is none.

        Raises
        ------
        LostBatchError
            If it has ended `DEATHS` workers.
        """
        # One that may have ended a worker is tried alone, so that it ends no other batch.
        staff = self._workforce
        job.leave()
        if len(job.deaths) >= DEATHS:
            raise LostBatchError(
                f"a batch with a sequence of this unit, {len(job.sequences)} in all, ended "
                f"{DEATHS} workers, one after another: {', '.join(job.deaths)}"
            )
        suspect = bool(job.deaths)
        chosen: WorkerSlot | None = None
        try:
            while chosen is None or chosen.lost or (suspect and chosen.jobs):
                await asyncio.sleep(MOMENT)
                if chosen is None or chosen.lost:
                    others = [x for x in staff.accepted.values() if x is not but and not x.held]
                    chosen = min(others, key=lambda slot: slot.in_flight, default=None)
                    if chosen is not None and suspect:
                        chosen.held = True
        except BaseException:
            if chosen is not None and suspect:
                chosen.held = False
            raise
        job.begin(chosen)
