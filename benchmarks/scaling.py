"""How many workers one driver can keep at work.

    python benchmarks/scaling.py                       a stand-in engine, 1 to 512 workers
    python benchmarks/scaling.py --dask 1 8 32         Dask's own workers, in this process
    python benchmarks/scaling.py --write docs/scaling.md

A worker takes 0.1 s a prediction, as Enformer does on a GPU of the A100's class, and computes
nothing. Everything else is as in a study at Enformer's 196,608 bp: tests of loci make their
mutants, which are hashed, looked up, packed as they would travel, stored and handed back; a
necessity test of 5-kb tiles with 10 replicates asks for 381 sequences of each locus.
"""

from __future__ import annotations

import argparse
import heapq
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from collections.abc import Sequence as SequenceOf
from concurrent.futures import Future
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from creme.engines.cluster import OpenCluster
from creme.engines.engine import Engine, Guard, Predicted, Slot, StoredRow
from creme.engines.parcel import Bases, packed
from creme.genome import Locus
from creme.model import Model, Selection, Track, TrackTable
from creme.runner.plan import prepare
from creme.runner.run import measure
from creme.sequence import Sequence, Sequenceable, onehot_table
from creme.store import Store
from creme.suite.necessity import Necessity

LENGTH = 196_608
SECONDS = 0.1


class Asleep(Model):
    """A model of Enformer's grid that sleeps; its predictions are a hash of the sequence."""

    name: ClassVar[str] = "asleep"
    version: ClassVar[str] = "1"
    batch_size: ClassVar[int] = 8
    input_length: ClassVar[int] = LENGTH
    bin_size: ClassVar[int] = 128
    n_bins: ClassVar[int] = 896
    tracks: ClassVar[TrackTable] = TrackTable((Track("one"),))

    seconds: float = SECONDS

    def identity(self) -> dict[str, Any]:
        """Nothing that changes a prediction."""
        return {}

    def predict(self, onehot: np.ndarray) -> np.ndarray:
        """Positive numbers; see `creme.model.Model.predict`."""
        time.sleep(self.seconds * len(onehot))
        out = np.empty((len(onehot), 896, 1), np.float32)
        out[:] = 1 + onehot[:, ::997, 1].sum(axis=1)[:, None, None]
        return out


class StandIn(Engine):
    """Workers that are a heap of times: each answers a batch after so many seconds.

    Batches are packed as they would travel, and their bytes counted.
    """

    several = True

    def __init__(self, model: Model, selection: Selection, workers: int, batch_size: int) -> None:
        super().__init__(model, selection)
        self.bytes = 0
        self._slots = [Slot(f"worker {k}", batch_size) for k in range(workers)]
        self._bases = {slot: Bases() for slot in self._slots}
        self._free = dict.fromkeys(self._slots, 0.0)
        self._due: list[tuple[float, int, Slot, Future[Predicted], int]] = []
        self._changed = threading.Condition()
        self._number = 0
        self._over = False
        self.waited = 0.0
        """Seconds that workers had nothing to do, once they had begun."""

    def start(self, guard: Guard, wake: Callable[[], None]) -> None:
        """Begin to answer."""
        threading.Thread(target=self._answer, daemon=True).start()

    def slots(self) -> SequenceOf[Slot]:
        """All workers."""
        return self._slots

    def submit(
        self, slot: Slot, sequences: SequenceOf[Sequenceable], rows: SequenceOf[StoredRow] = ()
    ) -> Future[Predicted]:
        """Answer a batch when the worker would have predicted it."""
        parcel = packed(sequences, self._bases[slot].lacks)
        self.bytes += parcel.nbytes
        slot.took()
        future: Future[Predicted] = Future()
        with self._changed:
            now = time.perf_counter()
            begins = max(now, self._free[slot])
            self.waited += now - self._free[slot] if 0 < self._free[slot] < now else 0
            ends = self._free[slot] = begins + SECONDS * len(sequences)
            self._number += 1
            heapq.heappush(self._due, (ends, self._number, slot, future, len(sequences)))
            self._changed.notify()
        return future

    def recall(self) -> None:
        """Nothing is taken back."""

    def close(self, patience: float | None = None) -> None:
        """End the thread that answers."""
        with self._changed:
            self._over = True
            self._changed.notify()

    def environments(self) -> SequenceOf[dict[str, Any]]:
        """None that matters."""
        return [{"device": "none"}]

    def _answer(self) -> None:
        shape = self.selection.shape
        while True:
            with self._changed:
                if self._over and not self._due:
                    return
                wait = self._due[0][0] - time.perf_counter() if self._due else 1.0
                if wait > 0:
                    self._changed.wait(wait)
                    continue
                _, _, slot, future, n = heapq.heappop(self._due)
            values = np.random.default_rng(n).random((n, *shape), dtype=np.float32) + 1
            slot.ended(n)
            future.set_result(Predicted(values, SECONDS * n))


class StandInCluster(OpenCluster):
    """Gives the stand-in where a run asks for an engine."""

    def __init__(self, workers: int, batch_size: int) -> None:
        self.workers, self.batch_size = workers, batch_size
        self.made: StandIn

    def engine(self, model: Model, selection: Selection, *more: Any) -> Any:
        """The engine of the run."""
        self.made = StandIn(model, selection, self.workers, self.batch_size)
        return self.made


def loci(number: int) -> list[Locus]:
    """Loci of random sequences."""
    random = np.random.default_rng(5)
    return [
        Locus.from_sequence(Sequence(random.integers(0, 4, LENGTH, dtype=np.uint8)), f"GENE{k}")
        for k in range(number)
    ]


def driver_seconds() -> float:
    """The processor's seconds of this process so far."""
    spent = os.times()
    return spent.user + spent.system


def one(workers: int, batch_size: int, seconds: float, dask: bool) -> dict[str, Any]:
    """A run that takes about so many seconds; its throughput once all workers are at work."""
    ideal = min(workers / SECONDS, 4000)
    number = max(2, round(seconds * ideal / 381) + 1)
    onehot_table(0.25)
    plan = prepare([Necessity(tile=5000, replicates=10)], Asleep(), loci(number))
    seen: list[tuple[float, int]] = []

    def on_progress(progress: Any) -> None:
        seen.append((time.perf_counter(), progress.predicted))

    with tempfile.TemporaryDirectory() as folder, Store(Path(folder) / "store") as store:
        before = driver_seconds()
        if dask:
            sent, report = _by_dask(plan, store, workers, on_progress)
        else:
            cluster = StandInCluster(workers, batch_size)
            report = measure(plan, store, cluster=cluster, on_progress=on_progress)
            sent = cluster.made.bytes
        spent = driver_seconds() - before
    n = report.progress.predicted
    # From when each worker has had a batch to when the first of them may be without one.
    first, last = 2 * workers * batch_size, n - 2 * workers * batch_size
    inner = [(at, done) for at, done in seen if first <= done <= last] or seen
    rate = (inner[-1][1] - inner[0][1]) / max(1e-9, inner[-1][0] - inner[0][0])
    return {
        "workers": workers,
        "batch": batch_size,
        "predictions": n,
        "rate": rate,
        "ideal": workers / SECONDS,
        "bytes": sent / n,
        "cpu": 1000 * spent / n,
        "seconds": {name: round(1000 * s / n, 3) for name, s in report.seconds.items()},
    }


def _by_dask(plan: Any, store: Store, workers: int, on_progress: Any) -> tuple[int, Any]:
    """As `one`, with Dask's scheduler and workers in this process."""
    from distributed import Client, LocalCluster

    from creme.engines.cluster import opened

    slots: dict[str, Any] = {}
    with (
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=False,
            memory_limit=0,
            dashboard_address=None,
        ) as local,
        Client(local) as client,
        opened(client) as cluster,
    ):
        client.wait_for_workers(workers)

        def on_start(scheduler: Any) -> None:
            inner = scheduler.engine.submit

            def submit(slot: Any, *arguments: Any) -> Any:
                slots[slot.name] = slot
                return inner(slot, *arguments)

            scheduler.engine.submit = submit

        report = measure(plan, store, cluster=cluster, on_progress=on_progress, on_start=on_start)
    return sum(slot.bytes for slot in slots.values()), report


def table(rows: list[dict[str, Any]]) -> list[str]:
    """Rows in Markdown."""
    lines = [
        "| workers | batch | predictions/s | of ideal | bytes sent | driver, ms of processor |",
        "|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        lines.append(
            f"| {row['workers']} | {row['batch']} | {row['rate']:,.0f} | "
            f"{100 * row['rate'] / row['ideal']:.0f} % | {row['bytes']:,.0f} | {row['cpu']:.2f} |"
        )
    return lines


def main() -> None:
    """Measure each size in a process of its own, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 8, 64, 128, 256, 512])
    parser.add_argument("--batches", type=int, nargs="+", default=[8, 32])
    parser.add_argument("--dask", type=int, nargs="+", default=[], help="Dask's workers instead")
    parser.add_argument("--seconds", type=float, default=20.0, help="about, for each")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--write", type=Path, help="put the table into this page")
    options = parser.parse_args()
    if options.one:
        workers, batch, kind = options.one
        print(json.dumps(one(int(workers), int(batch), options.seconds, kind == "dask")))
        return
    kind = "dask" if options.dask else "stand-in"
    sizes = [(n, b) for n in options.dask or options.workers for b in options.batches]
    if options.dask:
        sizes = [(n, Asleep.batch_size) for n in options.dask]
    rows = []
    for workers, batch in sizes:
        command = [sys.executable, __file__, "--one", str(workers), str(batch), kind]
        command += ["--seconds", str(options.seconds)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        rows.append(json.loads(done.stdout.splitlines()[-1]))
        print(table(rows)[-1], rows[-1]["seconds"], flush=True)
    lines = table(rows)
    print(*lines, sep="\n")
    if options.write:
        mark = f"<!-- {kind} -->"
        page = options.write.read_text(encoding="utf-8").split(mark)
        about = f"Measured on {platform.machine()}, {os.cpu_count()} cores, Python "
        about += f"{platform.python_version()}, load {os.getloadavg()[0]:.1f} before."
        page[1] = "\n".join(["", *lines, "", about, ""])
        options.write.write_text(mark.join(page), encoding="utf-8")


if __name__ == "__main__":
    main()
