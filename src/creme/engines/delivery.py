"""A batch on its way to a worker of a Dask cluster, and from one that is lost to another."""

from __future__ import annotations

import asyncio
import concurrent.futures
import uuid
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from creme.engines.engine import Guard, LostBatchError, Predicted
from creme.engines.parcel import packed
from creme.engines.worker import Setup, WorkerAnswer, predict
from creme.engines.workforce import OPENING, Job, LostWorker, WorkerSlot, Workforce
from creme.errors import ModelError
from creme.sequence import Sequenceable

if TYPE_CHECKING:
    from distributed import Client

MOMENT = 0.1
"""Seconds between two looks for a worker that may have a batch of another one."""

DEATHS = 3
"""Workers that a batch may end, one after another, before it is given up."""


class Delivery:
    """Gets batches predicted, whatever becomes of the workers; all in the client's event loop.

    Parameters
    ----------
    client : distributed.Client
    setup : Setup
        Of the workers' sessions.
    workforce : Workforce
    guard : Guard
    differences : dict of int to float
        Of batches from sequences alone, by size; those that workers measure are added.
    reopen : callable
        Opens the session of a worker that has lost it.

    Attributes
    ----------
    waiting : set of Job
        Those that no worker has, until there is one for them.
    """

    def __init__(
        self,
        client: Client,
        setup: Setup,
        workforce: Workforce,
        guard: Guard,
        differences: dict[int, float],
        reopen: Callable[[WorkerSlot], Awaitable[None]],
    ) -> None:
        self._client = client
        self._key = setup.key
        self._nothing = Predicted(np.empty((0, *setup.selection.shape), dtype=np.float32), 0.0)
        self._workforce = workforce
        self._guard = guard
        self._differences = differences
        self._reopen = reopen
        self.waiting: set[Job] = set()

    async def call(self, address: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """A function's result at a worker; one that comes after it was given up is dropped.

        Raises
        ------
        LostWorker
            If the worker is lost or given up meanwhile, or the scheduler is lost.
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

    async def predicted(self, job: Job) -> Predicted:
        """A batch's values, from whichever worker.

        Raises
        ------
        LostBatchError
            If one of its sequences has ended `DEATHS` workers; it has the values of the others.
        """
        try:
            while (answer := await self._tried(job)) is None:
                if len(job.deaths) == DEATHS - 1 and len(job.sequences) > 1:
                    return await self._one_by_one(job)
                failed_here = job.failed is not None and job.failed[0] is job.slot
                await self._to_another(job, job.slot if failed_here else None)
            return answer
        finally:
            job.leave()
            job.slot.held &= not job.deaths

    async def _tried(self, job: Job) -> Predicted | None:
        """A batch's values from the worker that it is at; None where another one has to try."""
        guard, staff = self._guard, self._workforce
        if guard.refusal is not None:
            raise guard.refusal
        try:
            answer = await self._answer(job)
        except LostWorker:
            return None
        except ModelError as error:
            if not staff.has(job.slot):
                return None  # refused meanwhile, for another batch
            if job.failed or len(staff.accepted) < 2:
                raise
            # Perhaps the worker's own.
            job.failed = (job.slot, error)
            return None
        if job.rows:
            self._compare(job, answer)
        if job.failed:
            slot, failure = job.failed
            staff.dismiss(slot, f"its model failed where another one did not: {failure}")
        for size, difference in answer.differences.items():
            self._differences.setdefault(size, difference)
        job.slot.batch_size = answer.batch_size
        job.slot.took_seconds(answer.seconds, len(job.rows) + len(job.sequences))
        staff.remark(answer.remarks)
        job.leave(len(job.sequences))
        return Predicted(answer.values, answer.seconds)

    async def _one_by_one(self, job: Job) -> Predicted:
        """The values of a batch that has ended workers, each sequence alone, at one worker at once.

        So the sequence that ends a third worker is lost, and its neighbours are not. Where `DEATHS`
        of them do, the rest is lost with them.
        """
        job.leave()
        rows, slot = job.rows, job.slot
        kept: list[Predicted] = []
        lost: list[Sequenceable] = []
        why = ""
        for place, sequence in enumerate(job.sequences):
            if len(lost) == DEATHS:
                lost += job.sequences[place:]
                break
            part = Job([sequence], rows, slot, list(job.deaths), future=job.future)
            try:
                if place and self._workforce.has(slot) and not slot.jobs:
                    slot.held = True
                    part.begin(slot)
                else:
                    await self._to_another(part)
                kept.append(await self.predicted(part))
            except LostBatchError as error:
                lost.append(sequence)
                why = why or str(error)
            else:
                rows = ()
            slot = part.slot
        values = np.concatenate([self._nothing.values, *(one.values for one in kept)])
        predicted = Predicted(values, sum(one.seconds for one in kept))
        if lost:
            raise LostBatchError(why, lost, predicted)
        return predicted

    async def _answer(self, job: Job) -> WorkerAnswer:
        """A worker's answer to a batch, once it has the model and the bases."""
        slot = job.slot
        while True:
            rows = packed([row.sequence for row in job.rows], slot.bases.lacks)
            batch = packed(job.sequences, slot.bases.lacks)
            slot.bytes += batch.nbytes + rows.nbytes
            answer: WorkerAnswer = await self.call(
                slot.address, predict, self._key, batch, rows, dict(self._differences)
            )
            slot.silent = 0.0
            if not answer.lacks:
                return answer
            slot.bases.clear()
            if answer.lacks == "session":
                slot.silent = -OPENING
                await self._reopen(slot)
                slot.silent = 0.0

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
                f"a sequence of this unit ended or held up {DEATHS} workers, one after another: "
                f"{', '.join(job.deaths)}",
                job.sequences,
                self._nothing,
            )
        suspect = bool(job.deaths)
        chosen: WorkerSlot | None = None
        self.waiting.add(job)
        try:
            while chosen is None or not staff.has(chosen) or (suspect and chosen.jobs):
                await asyncio.sleep(MOMENT)
                if chosen is None or not staff.has(chosen):
                    others = [x for x in staff.accepted.values() if x is not but and not x.held]
                    chosen = min(others, key=lambda slot: slot.in_flight, default=None)
                    if chosen is not None and suspect:
                        chosen.held = True
        except BaseException:
            if chosen is not None and suspect:
                chosen.held = False
            raise
        finally:
            self.waiting.discard(job)
        job.begin(chosen)
