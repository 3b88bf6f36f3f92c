"""Faults and what they cost: the cases of the suite of faults, and children that meet them.

Each case is short among the ordinary tests, and long in ``make test-faults``, which writes the
table of `docs/reliability.md` from what the cases have recorded.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import signal
import subprocess
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import sqlalchemy as sa

from creme.cli.trouble import trouble
from creme.errors import CremeError
from creme.store import Store
from creme.store.schema import chunks, packed, predictions
from creme.testing.stores import SHAPE, digest, rows

LONG = "CREME_TEST_LONG" in os.environ
FORK = multiprocessing.get_context("fork")
MODEL = "ab" * 32
HANG = 120.0
"""Seconds after which a child hangs; none of them has work for more than a few."""

CASES = {
    "kill-writer-sqlite": "SIGKILL of a writer, index in SQLite",
    "kill-writer-postgresql": "SIGKILL of a writer, index in PostgreSQL",
    "kill-run": "SIGKILL of `creme run`",
    "kill-study": "SIGKILL of `creme study`",
    "kill-merge": "SIGKILL of a merge",
    "kill-compaction-sqlite": "SIGKILL of a compaction, index in SQLite",
    "kill-compaction-postgresql": "SIGKILL of a compaction, index in PostgreSQL",
    "kill-prune": "SIGKILL of a prune",
    "kill-repair": "SIGKILL of `verify --repair`",
    "sigterm-run": "SIGTERM to `creme run`",
    "sigint-run": "SIGINT (Ctrl-C) to `creme run`",
    "four-writers-sqlite": "four processes write 10,000 rows each at once, SQLite",
    "four-writers-postgresql": "four processes write 10,000 rows each at once, PostgreSQL",
    "flip-index": "a byte of `index.sqlite` changed",
    "flip-chunk": "a byte of a chunk changed",
    "flip-shard": "a byte of a shard changed",
    "flip-array": "a byte of an array's `zarr.json` changed",
    "flip-results": "a byte of a results directory changed (Datasets, checksums, `run.json`)",
    "flip-unit-log": "a byte of a unit log changed",
    "flip-study": "a byte of `study.json` or of a study's tables changed",
    "full-disk-write": "disk full while a store is made and written",
    "full-disk-compaction": "disk full in a compaction",
    "full-disk-merge": "disk full in a merge",
    "full-disk-prune": "disk full in a prune",
    "full-disk-repair": "disk full in `verify --repair`",
    "full-disk-run": "disk full in `creme run`",
    "full-disk-study": "disk full in `creme study`",
    "few-files": "a limit on open files",
    "small-files": "a limit on the size of files",
    "little-memory": "a limit on memory",
    "few-threads": "no further thread can be started",
    "locked-sqlite": "the index is locked by another connection for a minute, SQLite",
    "locked-postgresql": "the index is locked by another connection for a minute, PostgreSQL",
    "clock-lock": "the clock jumps, by up to a day, of who has or wants a store for itself",
    "clock-verbs": "the clock jumps while the verbs of the cache run beside a writer and a reader",
    "clock-run": "the clock jumps in `creme run`",
}
"""The rows of the table, in order."""


@dataclass
class Case:
    """What a fault has cost.

    Attributes
    ----------
    tries : int
        Faults that struck.
    rows : int
        Predictions that were compared with what their sequence must have.
    lost : int
        Rows that were stored and are not there any more.
    wrong : int
        Rows, or numbers of results, that are other ones.
    twice : int
        Rows that were paid for again though they were stored.
    sentences : Counter
        What the user saw.
    unexpected : list of str
        Tracebacks, and what did not end.
    """

    tries: int = 0
    rows: int = 0
    lost: int = 0
    wrong: int = 0
    twice: int = 0
    sentences: Counter[str] = field(default_factory=Counter)
    unexpected: list[str] = field(default_factory=list)

    def saw(self, text: object) -> None:
        """Note a sentence; names of files and numbers are left out, for they are of one try."""
        plain = re.sub(r"(?<![\w/])(?:sqlite:|postgresql:)?/{1,4}[^\s',;:)]*", "FILE", str(text))
        self.sentences[re.sub(r"\b\d[\d,.]*\d\b|\b\d\b", "N", plain)] += 1

    def holds(self, store: Store, numbers: Iterable[int], model: str = MODEL) -> None:
        """Compare a store's rows with those that these numbers must have."""
        wanted = list(numbers)
        there = store.read(store.source(model, SHAPE), [digest(n) for n in wanted])
        self.rows += len(wanted)
        self.lost += sum(digest(n) not in there for n in wanted)
        self.wrong += sum(
            not np.array_equal(there[digest(n)], rows([n])[0]) for n in wanted if digest(n) in there
        )

    def once(self, store: Store) -> None:
        """See that no row of a store is in two chunks."""
        self.twice += stored_twice(store)


@contextmanager
def case(name: str, *, loses: bool = False) -> Iterator[Case]:
    """A case of `CASES`, recorded for the table, and that has cost nothing.

    Parameters
    ----------
    name : str
    loses : bool
        Whether the fault is of the rows themselves: those that it hit may be lost, never wrong.
    """
    assert name in CASES
    cost = Case()
    try:
        yield cost
    finally:
        record(name, cost)
    assert cost.tries
    assert not cost.unexpected, "\n".join(cost.unexpected[:3])
    assert (cost.wrong, cost.twice) == (0, 0)
    assert loses or not cost.lost


def record(name: str, cost: Case) -> None:
    """Keep what a case has cost, where the suite runs as a whole."""
    if folder := os.environ.get("CREME_FAULTS_FOLDER"):
        content = {**vars(cost), "sentences": cost.sentences.most_common(), "seconds": time.time()}
        Path(folder).mkdir(parents=True, exist_ok=True)
        (Path(folder) / f"{name}.json").write_text(json.dumps(content))


def tries(short: int, long: int) -> int:
    """How often a case is tried."""
    return long if LONG else short


def random(name: str) -> np.random.Generator:
    """The moments and places of a case: the same ones each time."""
    return np.random.Generator(np.random.Philox(crc32(name.encode())))


def stored_twice(store: Store) -> int:
    """Rows of a store's chunks that no line points to: they were paid for, and stored, again."""

    def count(connection: sa.Connection) -> int:
        own = sa.select(sa.func.sum(chunks.c.rows)).where(chunks.c.retired.is_(None))
        kept = [connection.scalar(one) or 0 for one in (own, sa.select(sa.func.sum(packed.c.rows)))]
        lines = sa.select(sa.func.count()).select_from(predictions)
        return int(sum(kept)) - int(connection.scalar(lines) or 0)

    return store.index.read(count)


def all_values(path: Path) -> dict[bytes, np.ndarray]:
    """All predictions of a store of one source, by digest."""
    with Store(path) as store:
        return {
            key: values
            for source in store.sources()
            for key, values in store.read(source, digests(store)).items()
        }


def digests(store: Store) -> list[bytes]:
    """Those of all lines of a store."""
    query = sa.select(predictions.c.digest)
    return [bytes(one) for one in store.index.read(lambda c: c.scalars(query).all())]


# Children.


def killed(work: Callable[..., Any], *args: object, after: float) -> bool:
    """Whether a process was killed, some seconds after its beginning, before its end."""
    job = FORK.Process(target=work, args=args)
    job.start()
    time.sleep(after)
    assert job.pid
    os.kill(job.pid, signal.SIGKILL)
    job.join()
    return job.exitcode != 0


def seconds(work: Callable[..., Any], *args: object) -> float:
    """How long the work takes in a process of its own."""
    job = FORK.Process(target=work, args=args)
    began = time.monotonic()
    job.start()
    job.join()
    assert job.exitcode == 0
    return time.monotonic() - began


def kills(name: str, n: int, whole: float) -> Iterator[float]:
    """Moments within the time that some work takes: for `n` kills, and for those that missed."""
    moments = random(name)
    for place in range(8 * n):
        # One in each part of it, by turns.
        yield whole * float((place % n + moments.uniform()) / n)


@dataclass(frozen=True)
class Ending:
    """How a child ended: well, with a sentence, or in another way, which `unexpected` says."""

    well: bool
    sentence: str = ""
    unexpected: str = ""


def _child(
    pipe: Any, limit: Callable[[], None] | None, work: Callable[..., Any], args: tuple[Any, ...]
) -> None:
    try:
        if limit:
            limit()
        work(*args)
        answer = Ending(True)
    except CremeError as error:
        answer = Ending(False, str(error))
    except BaseException as error:
        # As the command says it.
        sentence = trouble(error)
        answer = (
            Ending(False, sentence)
            if sentence
            else Ending(False, "", traceback.format_exc()[-900:])
        )
    pipe.send(answer)


def ending(work: Callable[..., Any], *args: Any, limit: Callable[[], None] | None = None) -> Ending:
    """Do some work in a process of its own, under a limit that is set there."""
    here, there = FORK.Pipe(duplex=False)
    job = FORK.Process(target=_child, args=(there, limit, work, args))
    job.start()
    there.close()
    try:
        answer = here.recv() if here.poll(HANG) else Ending(False, "", "no end within two minutes")
    except EOFError:
        answer = Ending(False, "", "it died without a word")
    job.join(HANG)
    if job.is_alive():
        job.kill()
        job.join()
        answer = Ending(False, "", f"its process did not end ({answer})")
    elif job.exitcode:
        answer = Ending(False, "", f"exit status {job.exitcode} ({answer})")
    here.close()
    return answer


def met(cost: Case, outcome: Ending) -> bool:
    """Note how a child ended; whether the fault struck."""
    if outcome.unexpected:
        cost.unexpected.append(outcome.unexpected)
    elif not outcome.well:
        cost.saw(outcome.sentence)
    return not outcome.well


def command(arguments: list[str], limit: Callable[[], None] | None = None, **more: Any) -> Ending:
    """Run a command of `creme` to its end."""
    try:
        done = subprocess.run(
            arguments, capture_output=True, text=True, check=False, timeout=HANG,
            preexec_fn=limit, **more,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return Ending(False, "", "no end within two minutes")
    text = done.stderr.strip()
    if done.returncode < 0 or "Traceback" in text or "fault of the program" in text:
        return Ending(False, "", f"exit status {done.returncode}: {text[-900:]}")
    sentence = " ".join((text or done.stdout.strip()).split())
    return Ending(done.returncode == 0, sentence)
