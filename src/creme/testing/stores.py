"""Checks of a store of predictions: one contract, whatever keeps its index and its arrays."""

from __future__ import annotations

import hashlib
import threading
import warnings
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from creme.errors import CremeWarning, StoreError
from creme.testing.checks import Check, NotChecked, ensure, run_all

if TYPE_CHECKING:
    from creme.store import Source, Store

OpenStore = Callable[[], "Store"]
"""Opens one store, again each time."""

SHAPE = (2, 3)
_MODEL = "ab" * 32


def check_store(make: Callable[[], OpenStore]) -> None:
    """Run all checks of a store.

    Parameters
    ----------
    make : callable
        Called for each check, it makes a place for a new and empty store and returns a function
        that opens it: with the same content each time, also several times at once.

            def make():
                folder = tempfile.mkdtemp()
                url = new_database()
                return lambda: Store(folder, index_url=url)

            check_store(make)

    Raises
    ------
    ConformanceError
        If any check fails; it names them all.
    """
    run_all(store_checks(), make)


def store_checks() -> list[Check]:
    """The checks of a store, each called with ``make``; see `check_store`."""
    return [
        Check(function)
        for function in (
            check_read_back,
            check_first_writer_wins,
            check_sources_apart,
            check_refusals,
            check_records,
            check_opened_twice,
            check_threads,
            check_damage,
            check_compact,
            check_compact_while_read,
            check_merge,
            check_prune,
            check_verify,
        )
    ]


def digest(number: int) -> bytes:
    """A digest for each number."""
    return hashlib.sha256(str(number).encode()).digest()


def rows(numbers: Iterable[int]) -> NDArray[np.float32]:
    """Values for each number, (n, 2, 3), that compress badly."""
    made = [np.random.default_rng(n).normal(size=SHAPE).astype(np.float32) for n in numbers]
    return np.stack(made) if made else np.empty((0, *SHAPE), np.float32)


def fill(store: Store, numbers: Iterable[int], a_chunk: int = 7, model: str = _MODEL) -> Source:
    """Store predictions, a few in each chunk."""
    source = store.source(model, SHAPE, {"model": f"m{model[:2]}"})
    those = list(numbers)
    for start in range(0, len(those), a_chunk):
        part = those[start : start + a_chunk]
        store.write(source, [digest(n) for n in part], rows(part))
    return source


def ensure_holds(store: Store, source: Source, numbers: Iterable[int], beside: int = 0) -> None:
    """Check that a store has some predictions, bit for bit, and not some others."""
    those = list(numbers)
    values = store.read(source, [digest(n) for n in those])
    for n in those:
        ensure(digest(n) in values, f"prediction {n} is not there")
        same = np.array_equal(values[digest(n)], rows([n])[0])
        ensure(same, f"prediction {n} has other values than were stored")
        ensure(not values[digest(n)].flags.writeable, "what is read can be changed")
    others = [digest(n) for n in range(10**6, 10**6 + beside)]
    ensure(store.read(source, others) == {}, "something is read that was never stored")


def check_read_back(make: Callable[[], OpenStore]) -> None:
    """Written values are read bit for bit, also when the store is opened again."""
    opened = make()
    with opened() as store:
        source = fill(store, range(2500), 600)
        ensure(store.read(source, []) == {}, "something is read for no digest")
        ensure_holds(store, source, np.random.default_rng(0).permutation(2500).tolist(), 500)
    with opened() as store:
        source = store.source(_MODEL, SHAPE)
        ensure_holds(store, source, [*range(2500), *range(50)], 5)
        ensure(store.count() == store.count(source) == 2500, "the count is another number")


def check_first_writer_wins(make: Callable[[], OpenStore]) -> None:
    """A prediction that is there stays when another one is written; chunks have numbers."""
    with make()() as store:
        source = fill(store, range(10))
        before = {d: n for d, (_, n) in store.lookup(source, map(digest, range(10))).items()}
        numbers = store.write(source, [digest(n) for n in range(5, 15)], rows(range(105, 115)))
        ensure_holds(store, source, range(10))
        after = store.lookup(source, map(digest, range(15)))
        ensure(all(after[d][1] == before[d] for d in before), "a prediction moved to another chunk")
        ensure(
            {after[digest(n)][1] for n in range(10, 15)} == set(numbers),
            "`write` returned other numbers than `lookup` gives",
        )


def check_sources_apart(make: Callable[[], OpenStore]) -> None:
    """Predictions of one source are not served for another, and a source has one shape."""
    with make()() as store:
        fill(store, range(5))
        other = store.source("cd" * 32, SHAPE, {"model_fingerprint": "f_1%"})
        ensure(store.read(other, [digest(1)]) == {}, "a source answers for another one")
        ensure(store.sources_of("f_1%") == [other], "`sources_of` finds another source")
        ensure(not store.holds_any(other), "an empty source holds something")
        _refused(lambda: store.source("cd" * 32, (1, 1)), "a source of another shape")


def check_refusals(make: Callable[[], OpenStore]) -> None:
    """NaN, other shapes and invalid digests are refused, and nothing is stored."""
    with make()() as store:
        source = store.source(_MODEL, SHAPE)
        nan = np.full((1, *SHAPE), np.nan, np.float32)
        _refused(lambda: store.write(source, [digest(1)], nan), "NaN")
        _refused(lambda: store.write(source, [digest(1)], rows([1, 2])), "a row too many")
        _refused(lambda: store.write(source, [b"short"], rows([1])), "what is no digest")
        _refused(lambda: store.read(source, [b"short"]), "what is no digest")
        ensure(store.count() == 0, "something was stored")


def check_records(make: Callable[[], OpenStore]) -> None:
    """Differences of batches, environments and descriptions are kept, those of the first writer."""
    opened = make()
    with opened() as store:
        source = fill(store, range(3))
        store.source(_MODEL, SHAPE, {"model": "another"})
        for size, difference in ((8, 2e-7), (8, 3e-7), (4, 0.0)):
            store.record_batch(source, size, difference)
        store.environments.record(source, {"device": "cpu"})
        store.environments.record(source, {"device": "cpu"})
    with opened() as store:
        (source,) = store.sources()
        ensure(source.description == {"model": "mab"}, "a description was replaced")
        ensure(store.batches(source) == {4: 0.0, 8: 2e-7}, "differences of batches are others")
        ensure(store.environments.of(source) == [{"device": "cpu"}], "environments are others")
        (info,) = store.info()
        ensure((info.predictions, info.chunks) == (3, 1), "`info` counts otherwise")


def check_opened_twice(make: Callable[[], OpenStore]) -> None:
    """Two that have the store open see each other's predictions."""
    one, other = _two(make())
    with one, other:
        source = fill(one, range(20))
        ensure_holds(other, source, range(20))
        fill(other, range(15, 40))
        ensure_holds(one, source, range(40), 5)


def check_threads(make: Callable[[], OpenStore]) -> None:
    """Threads write and read at the same time."""
    failures: list[BaseException] = []

    def work(store: Store, first: int) -> None:
        try:
            source = fill(store, range(first, first + 60))
            ensure_holds(store, source, range(first, first + 60), 5)
        except BaseException as error:
            failures.append(error)

    with make()() as store:
        threads = [threading.Thread(target=work, args=(store, 30 * k)) for k in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]
        ensure_holds(store, store.source(_MODEL, SHAPE), range(150))


def check_damage(make: Callable[[], OpenStore]) -> None:
    """A damaged chunk is not served, its predictions can be stored again, and others stay."""
    opened = make()
    with opened() as store:
        fill(store, range(20), 10)
        _cut(store, _files(store)[0])
    with opened() as store, warnings.catch_warnings():
        warnings.simplefilter("ignore", CremeWarning)
        source = store.source(_MODEL, SHAPE)
        values = store.read(source, [digest(n) for n in range(20)])
        ensure(len(values) == 10 == store.count(), "a damaged chunk is served, or a whole one not")
        fill(store, range(20))
        ensure_holds(store, source, range(20), 5)


def check_compact(make: Callable[[], OpenStore]) -> None:
    """Compaction keeps every value and every chunk's number, in few files."""
    from creme.store.compact import compact

    opened = make()
    with opened() as store:
        source = fill(store, range(300))
        numbers = {d: n for d, (_, n) in store.lookup(source, map(digest, range(300))).items()}
        done = compact(store, grace=0)
        ensure(done.rows == 300 and done.finished, "not all was copied")
    with opened() as store:
        ensure_holds(store, source, range(300), 5)
        after = {d: n for d, (_, n) in store.lookup(source, map(digest, range(300))).items()}
        ensure(after == numbers, "a prediction has another chunk")
        ensure(len(_files(store)) <= 1, "there are more files than one")
        fill(store, range(300, 400))
        compact(store, grace=0)
        ensure(compact(store, grace=0).rows == 0, "what is compact was copied again")
    with opened() as store:
        ensure_holds(store, source, range(400), 5)
        ensure(len(_files(store)) <= 1, "there are more files than one")
        ensure(store.count() == 400, "the count is another number")
        ensure(store.info()[0].chunks == 58, "a chunk is counted twice")


def check_compact_while_read(make: Callable[[], OpenStore]) -> None:
    """Reading and writing during compactions loses nothing."""
    from creme.store.compact import compact

    one, other = _two(make())
    with one, other:
        for start in range(0, 120, 40):
            source = fill(one, range(start, start + 40))
            ensure_holds(other, source, range(start + 40))
            forget(other)
            compact(one, grace=0)
            fill(other, range(start + 20, start + 40))
            ensure_holds(other, source, range(start + 40), 5)


def check_merge(make: Callable[[], OpenStore]) -> None:
    """A store is added to another one; values that differ are reported, and do not replace any."""
    from creme.store import Store
    from creme.store.merge import merge

    with TemporaryDirectory() as folder, Store(Path(folder) / "s") as part:
        fill(part, range(10, 30))
        fill(part, range(5), model="cd" * 32)
        source = part.source(_MODEL, SHAPE)
        near = rows([40])[0]
        part.write(source, [digest(40), digest(41)], np.stack([near, -near]))
        with make()() as store:
            fill(store, range(20))
            nearly = near * np.float32(1 + 1e-6)
            store.write(source, [digest(40), digest(41)], np.stack([nearly, near]))
            first, second = merge(store, part)
            counts = (first.added, first.same, first.rounded, first.conflicts)
            ensure(counts == (10, 10, 1, 1), f"added, same, rounded, conflicts: {counts}")
            ensure(first.digests == [digest(41)], "the conflict is not named")
            ensure(second.added == 5, "a source is missing")
            ensure_holds(store, first.source, range(30), 5)
            ensure_holds(store, second.source, range(5))
            kept = store.read(first.source, [digest(41)])[digest(41)]
            ensure(np.array_equal(kept, near), "what was there was replaced")
            ensure(sum(one.added for one in merge(store, part)) == 0, "it was added again")


def check_prune(make: Callable[[], OpenStore]) -> None:
    """Chosen rows are deleted and the others stay; without `delete` nothing is deleted."""
    from creme.store.compact import compact
    from creme.store.prune import Choice, prune

    with make()() as store:
        one = fill(store, range(50))
        other = fill(store, range(50), model="cd" * 32)
        compact(store, grace=0)
        fill(store, range(50, 60))
        chosen = prune(store, Choice(model="mab"))
        ensure([each.predictions for each in chosen] == [60], "another number is chosen")
        ensure_holds(store, one, range(60))
        prune(store, Choice(model="mab"), delete=True, grace=0)
        ensure(store.read(one, [digest(n) for n in range(60)]) == {}, "what was pruned is there")
        ensure_holds(store, other, range(50))
        ensure(len(_files(store)) <= 1, "files of what was pruned are there")
        fill(store, range(60))
        ensure_holds(store, one, range(60), 5)


def check_verify(make: Callable[[], OpenStore]) -> None:
    """Verification finds no fault in an undamaged store; after a repair a store has none."""
    from creme.store.compact import compact
    from creme.store.verify import verify

    opened = make()
    with opened() as store:
        source = fill(store, range(50), 10)
        compact(store, grace=0)
        fill(store, range(50, 70), 10)
        findings = verify(store)
        ensure((findings.predictions, findings.chunks) == (70, 7), "other numbers are counted")
        ensure(not findings.damage, "damage was found in what is whole")
        for file in _files(store):
            _cut(store, file)
    with opened() as store:
        findings = verify(store)
        ensure(len(findings.damaged_chunks) == 7, "damaged chunks were not found")
        ensure(findings.lost_lines == 70, "lines of damaged chunks were not found")
        verify(store, repair=True, grace=0)
        ensure(not verify(store).damage, "damage is left after a repair")
        ensure(store.count() == 0, "damaged predictions are counted")
        fill(store, range(70))
        ensure_holds(store, source, range(70), 5)
        ensure(not verify(store).damage, "damage was found in what was stored again")


def _refused(action: Callable[[], object], what: str) -> None:
    try:
        action()
    except StoreError:
        return
    ensure(False, f"{what} is not refused")


def _two(opened: OpenStore) -> tuple[Store, Store]:
    """The store opened twice at once."""
    with ExitStack() as stack:
        one = stack.enter_context(opened())
        try:
            other = stack.enter_context(opened())
        except StoreError as error:
            raise NotChecked(f"one at a time may open it: {error}") from None
        stack.pop_all()
    return one, other


def forget(store: Store) -> None:
    """Let a store read again what it remembers."""
    from creme.store.chunk_memory import ChunkMemory

    store.reader.memory = ChunkMemory()


def _files(store: Store) -> list[str]:
    """The names of the files of chunks and shards, those of chunks of their own first."""
    from creme.store.place import ARRAYS

    place = store.place
    loose, shards = [], []
    for source in (name for name in place.names(ARRAYS) if name.startswith("source-")):
        folder = f"{ARRAYS}/{source}"
        for number in place.names(f"{folder}/c"):
            if place.size(f"{folder}/c/{number}")[0]:
                loose.append(f"{folder}/c/{number}/0/0")
        shards += [f"{folder}/{name}" for name in place.names(folder) if name.startswith("c.")]
    return sorted(loose) + sorted(shards)


def _cut(store: Store, name: str) -> None:
    """Take the last bytes of a file away."""
    content = store.place.read(name)[:-3]
    store.place.remove(name)
    store.place.write_first(name, content)
