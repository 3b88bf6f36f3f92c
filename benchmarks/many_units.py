"""What a unit costs beside its predictions: a context swap of all pairs of loci on a free model.

    python benchmarks/many_units.py                203 loci, 41,209 pairs, and a tenth of them
    python benchmarks/many_units.py --loci 40 --replicates 2

Each size runs in a process of its own, once with an empty store and once with a full one. Printed
are the seconds of the whole run, the processor's milliseconds that a unit takes to be logged, and
to be joined and saved, those of the test itself, the peak of memory above that after the imports,
and what the labels and the numbers of the result need: labels are in memory, numbers need not be.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar
from unittest.mock import patch

import numpy as np

import creme.results.join  # noqa: F401  its imports are none of a run's memory
from creme.genome import Locus
from creme.kernels.shuffle import dinucleotide_shuffles
from creme.model import Model, Track, TrackTable
from creme.results.directory import Results
from creme.results.join import Joined
from creme.results.units import UnitLog
from creme.runner.plan import prepare
from creme.runner.run import measure
from creme.sequence import Sequence
from creme.store import Store
from creme.suite.context_swap import ContextSwap

LENGTH = 1024


class Free(Model):
    """A model that costs next to nothing."""

    name: ClassVar[str] = "free"
    version: ClassVar[str] = "1"
    batch_size: ClassVar[int] = 512
    input_length: ClassVar[int] = LENGTH
    bin_size: ClassVar[int] = 128
    n_bins: ClassVar[int] = 8
    tracks: ClassVar[TrackTable] = TrackTable((Track("one"),))

    def identity(self) -> dict[str, Any]:
        """Nothing that could be set."""
        return {}

    def predict(self, onehot: np.ndarray) -> np.ndarray:
        """The C in every seventh base; see `creme.model.Model.predict`."""
        out = np.empty((len(onehot), 8, 1), np.float32)
        out[:] = 1 + onehot[:, ::7, 1].sum(axis=1)[:, None, None]
        return out


def loci(number: int) -> list[Locus]:
    """Loci of random sequences."""
    random = np.random.default_rng(5)
    draws = random.integers(0, 4, (number, LENGTH), dtype=np.uint8)
    return [Locus.from_sequence(Sequence(codes), f"GENE{k}") for k, codes in enumerate(draws)]


def memory(field: str) -> float:
    """A field of this process's status, MiB."""
    (line,) = [x for x in Path("/proc/self/status").read_text().splitlines() if field in x]
    return int(line.split()[1]) / 1024


@contextmanager
def timed(
    spent: dict[str, float],
    owner: type,
    method: str,
    clock: Callable[[], float] = time.process_time,
) -> Iterator[None]:
    """Add up the processor's time that a method takes, which other work does not disturb."""
    inner = getattr(owner, method)

    def outer(*args: Any, **kwargs: Any) -> Any:
        began = clock()
        try:
            return inner(*args, **kwargs)
        finally:
            key = f"{owner.__name__}.{method}"
            spent[key] = spent.get(key, 0.0) + clock() - began

    with patch.object(owner, method, outer):
        yield


def one(number: int, replicates: int, folder: Path) -> dict[str, Any]:
    """A run of all pairs into a results directory; figures of it."""
    dinucleotide_shuffles(np.zeros(LENGTH, np.uint8), [1])
    plan = prepare([ContextSwap(tile=100, replicates=replicates)], Free(), loci(number))
    results = Results(folder / f"{number}.results")
    results.claim("", folder, plan.identity())
    spent: dict[str, float] = {}
    base = memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    began = time.perf_counter()
    with (
        Store(folder / f"{number}.store") as store,
        timed(spent, UnitLog, "append", time.thread_time),  # beside the model's thread
        timed(spent, UnitLog, "read"),
        timed(spent, Joined, "__init__"),
        timed(spent, Joined, "write"),
    ):
        report = measure(plan, store, results=results)
    seconds = time.perf_counter() - began
    assert not report.failures, report.failures[:3]
    peak = memory("VmHWM") - base
    dataset = results.load("context_swap")
    labels = sum(
        sum(len(str(text)) + 49 for text in values.values.flat)
        if values.dtype.kind == "O"
        else values.nbytes
        for values in dataset.coords.values()
    )
    return {
        "units": number**2,
        "predicted": report.progress.predicted,
        "seconds": seconds,
        "logged": 1000 * spent["UnitLog.append"] / number**2,
        "joined": 1000 * (sum(spent.values()) - spent["UnitLog.append"]) / number**2,
        "tests": 1000 * report.seconds["tests"] / number**2,
        "peak": peak,
        "labels": labels / 2**20,
        "numbers": sum(v.nbytes for v in dataset.data_vars.values()) / 2**20,
    }


def main() -> None:
    """Run the sizes and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--loci", type=int, default=203)
    parser.add_argument("--replicates", type=int, default=2)
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps(one(args.loci, args.replicates, args.one)))
        return
    columns = (
        *("units", "predicted", "seconds", "logged", "joined", "tests", "peak", "labels"),
        "numbers",
    )
    print("logged, joined (and saved), tests: ms a unit; peak, labels, numbers: MiB")
    print("".join(f"{name:>11}" for name in columns))
    with tempfile.TemporaryDirectory() as folder:
        for number in (round(args.loci / 10**0.5), args.loci):
            for _ in ("predicted", "from the store"):
                command = [sys.executable, __file__, "--one", folder, "--loci", str(number)]
                command += ["--replicates", str(args.replicates)]
                done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
                row = json.loads(done.stdout)
                cells = (row[name] for name in columns)
                print("".join(f"{c:11.3f}" if isinstance(c, float) else f"{c:11d}" for c in cells))


if __name__ == "__main__":
    main()
