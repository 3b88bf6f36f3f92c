"""A store gone through: what is damaged, what nobody needs, and how to be rid of both."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import sqlalchemy as sa

from creme.store.arrays import Source
from creme.store.compact import GRACE, sweep
from creme.store.packed import Shards, groups, read_chunks, retire_shards
from creme.store.reader import checksum
from creme.store.schema import Chunk, chunks, find_chunks, packed, predictions
from creme.store.tags import fits, seed_of, tag_of

if TYPE_CHECKING:
    from creme.store.store import Store

_CHUNKS_A_STEP = 200
_LINES_A_STEP = 20_000


@dataclass
class Findings:
    """Faults that were met in a store; with repair, those that were removed.

    Attributes
    ----------
    predictions : int
        Lines of the index that are right.
    chunks : int
        Chunks that are whole.
    damaged_chunks : list of int
        Those whose values are missing or damaged: their predictions are made again when they are
        asked for.
    damaged_lines : int
        Lines of the index that are not those that were written.
    lost_lines : int
        Lines of chunks that are damaged, or were found so before.
    untagged_lines : int
        Lines of a writer before tags, that are right as far as can be seen; repair tags them.
    unused_chunks : int
        Whole chunks that no line points to, as where two processes predicted the same.
    orphans : list of str
        Names, in the store's place, of chunks that the index does not have: of writers that were
        killed.
    temporary : list of str
        Names of files of writes that were killed.
    """

    predictions: int = 0
    chunks: int = 0
    damaged_chunks: list[int] = field(default_factory=list)
    damaged_lines: int = 0
    lost_lines: int = 0
    untagged_lines: int = 0
    unused_chunks: int = 0
    orphans: list[str] = field(default_factory=list)
    temporary: list[str] = field(default_factory=list)

    @property
    def damage(self) -> bool:
        """Whether anything that was stored is lost."""
        return bool(self.damaged_chunks or self.damaged_lines or self.lost_lines)


def verify(
    store: Store,
    *,
    repair: bool = False,
    grace: float = GRACE,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> Findings:
    """Read all that a store holds, and compare it with its checksums and tags.

    Parameters
    ----------
    store : Store
    repair : bool
        Take what is damaged out of the index, and delete what nobody needs.
    grace : float
        Files that are younger than so many seconds may be of somebody at work: they are left alone.
    progress : callable
        Called with the chunks and lines that were gone through, and with their number.

    Raises
    ------
    StoreError
        If something cannot be read now, though it may be whole.
    """
    return _Verification(store, repair, grace, progress).run()


class _Verification:
    """One going through a store."""

    def __init__(
        self, store: Store, repair: bool, grace: float, progress: Callable[[int, int], None]
    ) -> None:
        self._store = store
        self._repair = repair
        self._grace = grace
        self._progress = progress
        self._findings = Findings()
        self._done = 0

    def run(self) -> Findings:
        """See `verify`."""
        sources = self._store.sources()
        numbers = {source.id: self._numbers(source) for source in sources}
        self._of = self._store.count() + sum(map(len, numbers.values()))
        for source in sources:
            whole = self._chunks(source, numbers[source.id])
            self._lines(source, whole)
        place = self._store.place
        self._findings.orphans.extend(self._orphans(sources))
        self._findings.temporary.extend(filter(self._old, place.cut_short()))
        if self._repair:
            for name in filter(self._given_up, self._findings.orphans):
                with suppress(OSError):
                    place.remove(name)
            for name in self._findings.temporary:
                place.remove(name)
            sweep(self._store, self._grace)
        self._progress(self._of, self._of)
        return self._findings

    def _step(self, n: int) -> None:
        self._done += n
        self._progress(min(self._done, self._of), self._of)

    def _numbers(self, source: Source) -> list[int]:
        """The chunks of a source that are whole as far as the index says."""
        query = sa.union(
            *(
                sa.select(table.c.id).where(
                    table.c.source_id == source.id,
                    table.c.rows.is_not(None),
                    table.c.retired.is_(None),
                )
                for table in (chunks, packed)
            )
        )
        return sorted(self._store.index.read(lambda connection: connection.scalars(query).all()))

    def _chunks(self, source: Source, numbers: list[int]) -> dict[int, tuple[int, int]]:
        """Read chunks; the seed of the tags, and the rows, of those that are whole."""
        whole: dict[int, tuple[int, int]] = {}
        for group in groups(numbers, _CHUNKS_A_STEP):
            places = self._store.index.read(
                lambda connection: find_chunks(connection, group)  # noqa: B023
            )
            present = [chunk for chunk in places.values() if chunk.rows is not None]
            for chunk, rows in read_chunks(self._store.arrays, source, present):
                if rows is not None and checksum(rows) == chunk.checksum:
                    seed = seed_of(source.fingerprint, chunk.id, chunk.checksum)
                    whole[chunk.id] = seed, len(rows)
                elif self._still(chunk):
                    self._findings.damaged_chunks.append(chunk.id)
                    if self._repair:
                        self._drop(source, chunk)
            self._step(len(group))
        self._findings.chunks += len(whole)
        return whole

    def _still(self, chunk: Chunk) -> bool:
        """Whether a chunk is where it was: a compaction may have moved it since."""
        now = self._store.index.read(lambda connection: find_chunks(connection, [chunk.id]))
        return now.get(chunk.id) == chunk

    def _drop(self, source: Source, chunk: Chunk) -> None:
        def drop(connection: sa.Connection) -> None:
            table = chunks if chunk.array is None else packed
            connection.execute(
                table.update().where(table.c.id == chunk.id).values(rows=None, checksum=None)
            )
            if chunk.array is not None:
                shards = Shards(self._store.arrays, source)
                retire_shards(connection, shards, [chunk.place // shards.rows])

        self._store.index.write(drop)

    def _lines(self, source: Source, whole: dict[int, tuple[int, int]]) -> None:
        """Compare the lines with the chunks that they point to."""
        used: set[int] = set()
        last = b""
        while lines := self._page(source, last):
            last = bytes(lines[-1].digest)
            wrong, lost, tags = [], [], []
            later = self._later({line.chunk_id for line in lines} - whole.keys())
            for line in lines:
                digest = bytes(line.digest)
                if line.chunk_id in later:  # written or moved since: not gone through
                    continue
                if line.chunk_id not in whole:
                    lost.append(line)
                    continue
                seed, rows = whole[line.chunk_id]
                if not fits(seed, rows, digest, line.row, line.tag):
                    wrong.append(line)
                    continue
                used.add(line.chunk_id)
                self._findings.predictions += 1
                if line.tag is None:
                    tags.append({**_key(line), "its_tag": tag_of(seed, digest, line.row)})
            self._findings.damaged_lines += len(wrong)
            self._findings.lost_lines += len(lost)
            self._findings.untagged_lines += len(tags)
            if self._repair:
                self._mend(wrong + lost, tags)
            self._step(len(lines))
        unused = sorted(whole.keys() - used)
        self._findings.unused_chunks += len(unused)
        if self._repair:
            self._retire(source, unused)

    def _page(self, source: Source, last: bytes) -> list[sa.Row]:
        table = predictions.c
        query = (
            sa.select(table.source_id, table.digest, table.chunk_id, table.row, table.tag)
            .where(table.source_id == source.id, table.digest > last)
            .order_by(table.digest)
            .limit(_LINES_A_STEP)
        )
        return list(self._store.index.read(lambda connection: connection.execute(query).all()))

    def _later(self, ids: set[int]) -> set[int]:
        """Those of some chunks that are whole by now, and were written or moved in the meantime."""
        damaged = set(self._findings.damaged_chunks)
        rest = {number for number in ids if type(number) is int} - damaged
        if not rest:
            return set()
        now = self._store.index.read(lambda connection: find_chunks(connection, rest))
        return {chunk.id for chunk in now.values() if chunk.rows is not None}

    def _mend(self, wrong: list[sa.Row], tags: list[dict[str, object]]) -> None:
        this = (
            (predictions.c.source_id == sa.bindparam("its_source"))
            & (predictions.c.digest == sa.bindparam("its_digest"))
            & (predictions.c.chunk_id == sa.bindparam("its_chunk"))
            & (predictions.c.row == sa.bindparam("its_row"))
        )

        def mend(connection: sa.Connection) -> None:
            if wrong:
                connection.execute(predictions.delete().where(this), [_key(line) for line in wrong])
            if tags:
                update = predictions.update().where(this).values(tag=sa.bindparam("its_tag"))
                connection.execute(update, tags)

        if wrong or tags:
            self._store.index.write(mend)

    def _retire(self, source: Source, unused: list[int]) -> None:
        """Chunks that no line points to; not those of a writer who is about to add the lines."""
        before = int(time.time() - self._grace)
        shards = Shards(self._store.arrays, source)

        def old(table: sa.Table, group: list[int]) -> list[sa.ColumnElement]:
            return [
                table.c.id.in_(group),
                (table.c.written <= before) | table.c.written.is_(None),
            ]

        def retire(connection: sa.Connection, group: list[int]) -> None:
            connection.execute(
                chunks.update().where(*old(chunks, group)).values(retired=int(time.time()))
            )
            moved = old(packed, group)
            places = connection.scalars(sa.select(packed.c.place).where(*moved)).all()
            connection.execute(packed.delete().where(*moved))
            retire_shards(connection, shards, {place // shards.rows for place in places})

        for group in groups(unused, _CHUNKS_A_STEP):
            self._store.index.write(lambda connection: retire(connection, group))  # noqa: B023

    def _orphans(self, sources: list[Source]) -> Iterator[str]:
        """Chunks in files of their own that the index does not have."""
        for source in sources:
            folder = self._store.arrays.folder(source.fingerprint, 0).rpartition("/")[0]
            names = self._store.place.names(folder)
            numbers = [int(name) for name in names if name.isdecimal()]
            for group in groups(sorted(numbers), _CHUNKS_A_STEP):
                query = sa.select(chunks.c.id).where(
                    chunks.c.id.in_(group), chunks.c.rows.is_not(None)
                )
                there = set(
                    self._store.index.read(
                        lambda connection: connection.scalars(query).all()  # noqa: B023
                    )
                )
                for number in sorted(set(group) - there):
                    name = f"{folder}/{number}"
                    if self._old(name):
                        yield name

    def _given_up(self, name: str) -> bool:
        """Whether that is no chunk's; its writer, if one lives after all, writes it anew."""
        number = int(name.rpartition("/")[2])
        retire = (
            chunks.update()
            .where(chunks.c.id == number, chunks.c.rows.is_(None))
            .values(retired=int(time.time()))
        )
        committed = sa.select(chunks.c.id).where(chunks.c.id == number, chunks.c.rows.is_not(None))

        def give_up(connection: sa.Connection) -> bool:
            connection.execute(retire)
            return connection.scalar(committed) is None

        return self._store.index.write(give_up)

    def _old(self, name: str) -> bool:
        try:
            return time.time() - self._store.place.changed(name) >= self._grace
        except OSError:
            return False


def _key(line: sa.Row) -> dict[str, object]:
    return {
        "its_source": line.source_id,
        "its_digest": bytes(line.digest),
        "its_chunk": line.chunk_id,
        "its_row": line.row,
    }
