"""The workers that a driver has: accepted, refused and lost."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping
from collections.abc import Sequence as SequenceOf
from concurrent.futures import Future
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from creme.engines.engine import Predicted, Slot, StoredRow
from creme.engines.parcel import Bases
from creme.engines.worker import Opened, versions
from creme.errors import ModelError
from creme.rounding import relative_difference
from creme.sequence import Sequenceable

SILENCE = 300.0
"""Seconds without an answer that any worker may be at a batch: a model may be compiled for it."""

OPENING = 600.0
"""Seconds that a worker is given to load the model, while others wait."""

SLOWNESS = 20.0
"""Times as long as its slowest prediction so far that a worker may be at each one of a batch."""


class LostWorker(Exception):
    """A worker that is no longer there, or a scheduler that was gone for a moment."""


@dataclass(eq=False)
class WorkerSlot(Slot):
    """A worker with its device.

    Attributes
    ----------
    address : str
    environment : dict
        Device and versions that it predicts with.
    bases : Bases
        Digests of those that it was sent.
    jobs : list of Job
        What it was given, in that order.
    held : bool
        Whether it is kept free, or has been, for a batch that may have ended another worker.
    bytes : int
        That were sent to it.
    since : float
        When it was accepted, as `time.perf_counter` has it.
    slowest : float
        Seconds that one of its predictions took, on average of a batch, at most.
    silent : float
        Seconds, at least, since it took up the batch that it is at; none are counted while the
        scheduler does not answer, or this process stands still.
    """

    address: str = ""
    environment: Mapping[str, Any] = field(default_factory=dict)
    bases: Bases = field(default_factory=Bases)
    jobs: list[Job] = field(default_factory=list)
    held: bool = False
    bytes: int = 0
    since: float = field(default_factory=perf_counter)
    slowest: float = 0.0
    silent: float = 0.0

    def took_seconds(self, seconds: float, predictions: int) -> None:
        """Take note of the time that it took for a batch."""
        self.slowest = max(self.slowest, seconds / predictions)

    @property
    def patience(self) -> float:
        """Seconds that it may be silent at the batch that it is at."""
        job = next(iter(self.jobs), None)
        n = len(job.sequences) + len(job.rows) if job else 0
        return max(SILENCE, SLOWNESS * n * self.slowest)


@dataclass(eq=False)
class Job:
    """A batch on its way.

    Attributes
    ----------
    sequences : sequence of Sequence or Mutant
    rows : sequence of StoredRow
    slot : WorkerSlot
        Where it is at present.
    deaths : list of str
        Names of workers that were lost, or given up, while they were at it.
    failed : tuple of WorkerSlot and ModelError, optional
        Where its prediction failed.
    future : Future, optional
    """

    sequences: SequenceOf[Sequenceable]
    rows: SequenceOf[StoredRow]
    slot: WorkerSlot
    deaths: list[str] = field(default_factory=list)
    failed: tuple[WorkerSlot, ModelError] | None = None
    future: Future[Predicted] | None = None

    def begin(self, slot: WorkerSlot) -> None:
        """Be given to a worker."""
        self.slot = slot
        if not slot.jobs:
            slot.silent = 0.0
        slot.took()
        slot.jobs.append(self)

    def leave(self, predicted: int = 0) -> None:
        """Be at no worker any more."""
        if self in self.slot.jobs:
            self.slot.jobs.remove(self)
            self.slot.ended(predicted)


class Workforce:
    """The workers of a cluster, as a driver knows them; all in the client's event loop.

    Parameters
    ----------
    fingerprint : str
        The driver's.

    Attributes
    ----------
    accepted : dict of str to WorkerSlot
        By address.
    refused : dict of str to str
        Reasons by name.
    seen : set of str
        Addresses of all that were looked at and are not lost.
    opening : int
        How many are being looked at.
    trial : array of float32, shape (bins, tracks), optional
        The prediction that the first accepted worker has made of the trial sequence.
    first : Lock
        Held by the worker that is looked at first.
    n_lost : int
        How many were lost after they had been accepted.
    """

    def __init__(self, fingerprint: str) -> None:
        self.accepted: dict[str, WorkerSlot] = {}
        self.refused: dict[str, str] = {}
        self.seen: set[str] = set()
        self.opening = 0
        self.trial: NDArray[np.float32] | None = None
        self.first = asyncio.Lock()
        self._fingerprint = fingerprint
        self._reference = ""
        self._gone: dict[str, asyncio.Future[None]] = {}
        # Kept, since an answer that came in time may be counted after its worker has gone.
        self._past: list[WorkerSlot] = []
        self._news: list[str] = []
        self._remarks: set[str] = set()
        self.n_lost = 0

    def check(self, opened: Opened, tolerance: float) -> None:
        """See whether a worker's model is the driver's.

        Raises
        ------
        ModelError
            If its fingerprint or its versions are others, or its trial differs by more than
            rounding from that of the first worker.
        """
        own = versions()
        if opened.versions != own:
            raise ModelError(f"it has {_named(opened.versions)}, and the driver {_named(own)}")
        if opened.fingerprint != self._fingerprint:
            raise ModelError(
                f"its model has the fingerprint {opened.fingerprint[:12]}, and the driver's "
                f"{self._fingerprint[:12]}: its files are others"
            )
        if not np.isfinite(opened.trial).all():
            return  # no number of another network: it is as good as the others
        if self.trial is None:
            self.trial, self._reference = opened.trial, opened.host
            return
        apart = relative_difference(opened.trial, self.trial)
        if apart > tolerance:
            raise ModelError(
                f"its prediction of a trial sequence differs from that of the first worker, on "
                f"{self._reference}, by {apart:.1e} of the largest value; {tolerance:.1e} is "
                f"allowed"
            )

    def accept(self, address: str, opened: Opened) -> WorkerSlot:
        """Give a worker a slot; one that was opened again keeps its own."""
        slot = self.accepted.get(address)
        if slot is None:
            name = f"{address} on {opened.host}"
            slot = WorkerSlot(name, opened.batch_size, address=address, slowest=opened.seconds)
            self.accepted[address] = slot
        slot.environment = opened.environment
        self.remark(opened.remarks)
        return slot

    def refuse(self, address: str, why: str) -> None:
        """Give a worker nothing to do."""
        self.accepted.pop(address, None)
        self.refused[address] = why
        self._news.append(f"worker {address} is refused: {why}")

    def dismiss(self, slot: WorkerSlot, why: str) -> None:
        """Refuse a worker that was accepted."""
        if self.has(slot):
            self._past.append(slot)
            self.refuse(slot.address, why)

    def has(self, slot: WorkerSlot) -> bool:
        """Whether a worker is one that may be given work."""
        return self.accepted.get(slot.address) is slot

    def silent(self, seconds: float) -> list[tuple[WorkerSlot, str]]:
        """Count seconds in which the scheduler answered; the workers that are at a batch too long.

        None of them unless another worker is not: where nobody answers it need not be theirs.

        Returns
        -------
        list of (WorkerSlot, str)
            Each with the reason to give it up.
        """
        too_long = []
        for slot in self.accepted.values():
            if slot.jobs:
                slot.silent += seconds
                if slot.silent > slot.patience:
                    why = f"it has not answered for {slot.silent:.0f} s"
                    too_long.append((slot, why))
        return too_long if len(too_long) < len(self.accepted) else []

    def give_up(self, slot: WorkerSlot, why: str) -> None:
        """Refuse a worker that does not answer; its batches go to others."""
        n = sum(len(job.sequences) for job in slot.jobs)
        slot.jobs[0].deaths.append(slot.name)
        self.dismiss(slot, f"{why}; {n} sequences that it was given go to others")
        self._release(slot.address)

    def missing(self, there: Iterable[str]) -> set[str]:
        """Of the workers that were there, those that are no longer."""
        return self.seen - set(there)

    def lose(self, address: str) -> None:
        """Forget a worker that is no longer there."""
        self.seen.discard(address)
        self.refused.pop(address, None)
        slot = self.accepted.pop(address, None)
        if slot is not None:
            self.n_lost += 1
            # One whose answer was on its way may be blamed as well: suspects are tried alone.
            if slot.jobs:
                slot.jobs[0].deaths.append(slot.name)
            self._past.append(slot)
            if slot.jobs:
                n = sum(len(job.sequences) for job in slot.jobs)
                self._news.append(
                    f"worker {slot.name} is lost; {n} sequences that it was given go to others"
                )
        self._release(address)

    def _release(self, address: str) -> None:
        """Have nobody wait for a worker's answer any more."""
        gone = self._gone.pop(address, None)
        if gone is not None and not gone.done():
            gone.set_result(None)

    def gone(self, address: str) -> asyncio.Future[None]:
        """Is done when a worker is lost."""
        gone = self._gone.get(address)
        if gone is None:
            gone = asyncio.get_running_loop().create_future()
            if address in self.seen:
                self._gone[address] = gone
            else:
                gone.set_result(None)
        return gone

    async def leave(self) -> None:
        """Forget all workers."""
        self._past += self.accepted.values()
        self.accepted.clear()
        self.seen.clear()

    def remark(self, sentences: Iterable[str]) -> None:
        """Pass on what workers have to say, each sentence once."""
        new = [one for one in sentences if one not in self._remarks]
        self._remarks.update(new)
        self._news += new

    def news(self) -> list[str]:
        """Sentences since the last call."""
        if not self._news:
            return []
        sentences, self._news = self._news, []
        return sentences

    def predictions(self) -> dict[str, int]:
        """By worker, what it has predicted."""
        counts: Counter[str] = Counter()
        for slot in [*self._past, *list(self.accepted.values())]:
            counts[slot.name] += slot.predicted
        return dict(+counts)

    def state(self, link: str | None) -> str:
        """A clause for a person who looks on, with a link to Dask's dashboard."""
        slots = list(self.accepted.values())
        counts = f"{len(slots)} worker{'s' * (len(slots) != 1)}"
        more = [(self.opening, "starting"), (len(self.refused), "refused"), (self.n_lost, "lost")]
        parts = [", ".join([counts, *(f"{n} {what}" for n, what in more if n)])]
        if slots:
            now = perf_counter()
            rates = sorted(slot.predicted / max(now - slot.since, 1e-9) for slot in slots)
            each = f"{rates[0]:.2g}" if len(rates) == 1 else f"{rates[0]:.2g} to {rates[-1]:.2g}"
            in_flight = sum(len(job.sequences) for slot in slots for job in list(slot.jobs))
            parts.append(f"{each} predictions/s each, {in_flight} in flight")
        return "; ".join([*parts, *([link] if link else [])])


def _named(numbers: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in numbers.items())
