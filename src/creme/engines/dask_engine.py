"""The workers of a Dask cluster, each with the model on its own device."""

from __future__ import annotations

import asyncio
import concurrent.futures
import hashlib
import json
import time
from collections.abc import Callable, Coroutine, Mapping
from collections.abc import Sequence as SequenceOf
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from creme.engines.delivery import Delivery
from creme.engines.engine import Engine, Guard, Predicted, Slot, StoredRow
from creme.engines.portable import portable
from creme.engines.worker import Opened, Setup, close_session, open_session
from creme.engines.workforce import OPENING, Job, LostWorker, WorkerSlot, Workforce
from creme.errors import ConfigError, CremeError, ModelError
from creme.model import Model, Selection
from creme.sequence import Sequenceable

if TYPE_CHECKING:
    from distributed import Client

LOOK_EVERY = 0.5
"""Seconds between two looks at which workers the cluster has."""

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
    failure : callable, optional
        Why the cluster has no worker and will have none; empty as long as that is not so.
    """

    several = True

    def __init__(
        self,
        client: Client,
        model: Model,
        selection: Selection,
        batch_size: int | Literal["auto"] | None = None,
        differences: Mapping[int, float] | None = None,
        *,
        failure: Callable[[], str] = lambda: "",
    ) -> None:
        super().__init__(model, selection)
        self.differences = dict(differences or {})
        self._client = client
        self._failure = failure
        self._loop: asyncio.AbstractEventLoop = client.loop.asyncio_loop  # type: ignore[union-attr]
        self._fingerprint = model.fingerprint
        carried = portable(model)
        # With the settings that change no prediction: the device is one.
        about = [self._fingerprint, carried.configuration(), *vars(selection).values()]
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
        self._delivery = Delivery(
            self._client, self._setup, self._workforce, guard, self.differences, self._reopened
        )
        self._watcher = self._run(self._watch())

    def slots(self) -> SequenceOf[Slot]:
        """Those of the workers that are accepted; see `Engine.slots`."""
        staff = self._workforce
        if self._client.status == "closed":
            raise ModelError(
                "the cluster's scheduler is gone, and does not come back; what was predicted is "
                "in the store"
            )
        if not staff.seen and not staff.n_lost and (why := self._failure()):
            raise ConfigError(why)
        # One that was lost may come back.
        alone = staff.refused and not (staff.accepted or staff.opening or staff.n_lost)
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
        job.future = future = self._run(self._delivery.predicted(job))
        self._futures.add(future)
        future.add_done_callback(self._futures.discard)
        return future

    def recall(self) -> None:
        """Cancel what waits for a worker, or at one behind another batch; see `Engine.recall`."""
        jobs = list(self._delivery.waiting)
        for slot in list(self._workforce.accepted.values()):
            jobs += slot.jobs[1:]
        for job in jobs:
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
        """Have the workers let go of the model; one that does not answer is left to itself."""
        with suppress(TimeoutError, concurrent.futures.CancelledError):
            self._run(self._released()).result(PATIENCE)

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
                    for slot, why in staff.silent(LOOK_EVERY):
                        staff.give_up(slot, why)
                        self._last_refused = time.monotonic()
                        self._wake()
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
                    opened = await self._first_opened(address)
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

    async def _first_opened(self, address: str) -> Opened:
        """A session at the worker that is looked at alone, for which the others wait."""
        opened = asyncio.ensure_future(self._opened(address, twice=self._guard.repeats_first))
        try:
            while not (await asyncio.wait({opened}, timeout=OPENING))[0]:
                if self._workforce.opening > 1:
                    raise ModelError(
                        f"it has not loaded the model in {OPENING:.0f} s, and others wait for it"
                    )
            return opened.result()
        finally:
            opened.cancel()

    async def _reopened(self, slot: WorkerSlot) -> None:
        self._judge(slot.address, await self._opened(slot.address))

    async def _released(self) -> None:
        await self._client.run(close_session, self.key, on_error="ignore")

    async def _opened(self, address: str, *, twice: bool = False) -> Opened:
        setup = self._setup
        if twice:
            setup = Setup(setup.key, setup.model, setup.selection, setup.batch_size, True)
        opened = await self._delivery.call(address, open_session, setup)
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
