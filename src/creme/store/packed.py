"""Packed chunks: the values of many chunks in one file, as compaction leaves them.

A packed chunk keeps its number, its rows and its checksum, so that the lines of its predictions
stay as they are; only where its values lie is another place. They lie densely in an array of its
source beside the first one, in shards of up to 10,000 rows or 64 MiB: a file each, of which a part
can be read and decoded by itself.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import cast

import numpy as np
import sqlalchemy as sa
import zarr
from numpy.typing import NDArray
from zarr.errors import ContainsArrayError

from creme.errors import StoreError
from creme.files.zarr_thread import ensure_running
from creme.store.arrays import Arrays, Source
from creme.store.place import ARRAYS
from creme.store.schema import Chunk, chunks, insert_new, meta, packed

SHARD_ROWS = 10_000
"""A damaged shard costs its predictions, so it is not larger: minutes of a fast model's work."""

SHARD_BYTES = 64 * 2**20

_SHARD = re.compile(r"c\.([0-9]+)\.0\.0")

_READ_BYTES = 8 * 2**20
"""Chunks that lie side by side are read at once, up to so many bytes."""


def read_chunks(
    arrays: Arrays, source: Source, places: Iterable[Chunk]
) -> Iterator[tuple[Chunk, NDArray[np.float32] | None]]:
    """The rows of chunks, (rows, bins, tracks), not compared with their checksums.

    Those that lie side by side are read at once. None where one is missing or cannot be decoded.

    Raises
    ------
    StoreError
        If one cannot be read now, though it may be whole.
    """
    row_bytes = max(1, 4 * source.shape[0] * source.shape[1])
    for run in _side_by_side(places, _READ_BYTES // row_bytes):
        first = run[0].place
        rows = run[-1].place - first + _rows(run[-1])
        values = arrays.read(source, first, rows, run[0].array)
        for chunk in run:
            if len(run) == 1:
                yield chunk, values
            elif values is not None:
                start = chunk.place - first
                # A copy: the whole run would stay in memory with a part of it.
                yield chunk, values[start : start + _rows(chunk)].copy()
            else:  # one of them is damaged
                yield chunk, arrays.read(source, chunk.place, _rows(chunk), chunk.array)


def _rows(chunk: Chunk) -> int:
    return chunk.rows or 0


def _side_by_side(places: Iterable[Chunk], most: int) -> Iterator[list[Chunk]]:
    run: list[Chunk] = []
    for chunk in sorted(places, key=lambda one: (one.array or "", one.place)):
        follows = (
            run
            and chunk.array is not None
            and chunk.array == run[-1].array
            and chunk.place == run[-1].place + _rows(run[-1])
            and chunk.place + _rows(chunk) - run[0].place <= most
        )
        if run and not follows:
            yield run
            run = []
        run.append(chunk)
    if run:
        yield run


def shard_rows(source: Source) -> int:
    """Rows of a shard of a source: whole chunks of the array, which are read by themselves."""
    row_bytes = max(1, 4 * source.shape[0] * source.shape[1])
    rows = max(1, min(SHARD_ROWS, SHARD_BYTES // row_bytes))
    return -(-rows // source.chunk_rows) * source.chunk_rows


class Shards:
    """The shards of a source: files with the rows of many chunks, written once.

    Parameters
    ----------
    arrays : Arrays
    source : Source
    """

    def __init__(self, arrays: Arrays, source: Source) -> None:
        self.name = source.packed
        self.rows = shard_rows(source)
        self._arrays = arrays
        self._source = source
        self._folder = f"{ARRAYS}/{self.name}"

    def write(self, shard: int, values: NDArray[np.float32]) -> None:
        """Write a shard of up to `rows` rows; it is durable when this returns.

        Raises
        ------
        StoreError
            If it cannot be written, as on a full disk.
        """
        first = shard * self.rows
        try:
            whole = np.full((self.rows, *self._source.shape), np.nan, dtype="<f4")
            whole[: len(values)] = values
            ensure_running()
            self._array()[first : first + self.rows] = whole
            self._arrays.place.keep(self._file(shard))
        except (OSError, MemoryError, RuntimeError) as error:
            self.remove(shard)
            raise StoreError(
                f"{self._arrays}/{self.name} cannot be written now: "
                f"{error or 'not enough memory'}; what was stored before stands"
            ) from error

    def numbers(self) -> list[int]:
        """The shards that have a file."""
        names = map(_SHARD.fullmatch, self._arrays.place.names(self._folder))
        return sorted(int(name[1]) for name in names if name)

    def age(self, shard: int) -> float:
        """Seconds since a shard was written."""
        return self._age(self._file(shard))

    def remove_cut_short(self, grace: float) -> int:
        """Delete files of writes that were killed so many seconds ago; returns how many."""
        # Nobody but a compaction writes here.
        names = [f"{self._folder}/{name}" for name in self._arrays.place.names(self._folder)]
        names = [n for n in names if n.endswith(".partial") and self._age(n) >= grace]
        for name in names:
            self._arrays.place.remove(name)
        return len(names)

    def remove(self, shard: int) -> None:
        """Delete a shard's file."""
        self._arrays.place.remove(self._file(shard))

    def _file(self, shard: int) -> str:
        return f"{self._folder}/c.{shard}.0.0"

    def _age(self, file: str) -> float:
        try:
            return time.time() - self._arrays.place.changed(file)
        except FileNotFoundError:
            return 0.0

    def _array(self) -> zarr.Array:
        shape = self._source.shape
        try:
            return self._arrays.root.create_array(
                self.name,
                shape=(2**40, *shape),
                chunks=(self._source.chunk_rows, *shape),
                shards=(self.rows, *shape),
                dtype="float32",
                fill_value=float("nan"),
                # Files side by side: a folder for each would be two inodes more.
                chunk_key_encoding={"name": "default", "separator": "."},
            )
        except ContainsArrayError:
            return cast(zarr.Array, self._arrays.root[self.name])


def new_shard(connection: sa.Connection, source: Source) -> int:
    """A number that no chunk and no shard has had."""
    result = connection.execute(chunks.insert().values(source_id=source.id))
    number = int(result.inserted_primary_key[0])  # type: ignore[index]
    connection.execute(chunks.delete().where(chunks.c.id == number))
    return number


_RETIRED = "retired/"


def retire_shards(connection: sa.Connection, shards: Shards, numbers: Iterable[int]) -> None:
    """Note since when a shard has had no chunk, for those that have none."""
    emptied = set(numbers)
    if emptied:
        emptied -= rows_of_shards(connection, shards).keys()
    for shard in sorted(emptied):
        connection.execute(
            insert_new(connection.engine, meta).values(
                key=f"{_RETIRED}{shards.name}/{shard}", value=str(int(time.time()))
            )
        )


def retired_shards(connection: sa.Connection, shards: Shards) -> dict[int, int]:
    """Shards without a chunk, and since when, in seconds since 1970."""
    prefix = f"{_RETIRED}{shards.name}/"
    query = sa.select(meta).where(meta.c.key.startswith(prefix, autoescape=True))
    return {
        int(line.key.removeprefix(prefix)): int(line.value) for line in connection.execute(query)
    }


def forget_shard(connection: sa.Connection, shards: Shards, shard: int) -> None:
    """Take away the note of `retire_shards`."""
    key = f"{_RETIRED}{shards.name}/{shard}"
    connection.execute(meta.delete().where(meta.c.key == key))


def rows_of_shards(connection: sa.Connection, shards: Shards) -> dict[int, int]:
    """Rows of chunks in each shard that has one."""
    # SQLite and PostgreSQL both divide integers without a rest.
    shard = (packed.c.place // shards.rows).label("shard")
    query = (
        sa.select(shard, sa.func.sum(packed.c.rows))
        .where(packed.c.array == shards.name, packed.c.rows.is_not(None))
        .group_by(shard)
    )
    return {int(number): int(rows) for number, rows in connection.execute(query)}


def chunks_of_shard(connection: sa.Connection, shards: Shards, shard: int) -> list[int]:
    """The numbers of the chunks in a shard."""
    first = shard * shards.rows
    query = sa.select(packed.c.id).where(
        packed.c.array == shards.name,
        packed.c.rows.is_not(None),
        packed.c.place.between(first, first + shards.rows - 1),
    )
    return list(connection.scalars(query))


def written(arrays: Arrays, source: Source, chunk: int) -> int | None:
    """When a chunk's own file was written, for those of which the index does not say it."""
    try:
        return int(arrays.place.changed(f"{arrays.folder(source.fingerprint, chunk)}/0/0"))
    except OSError:
        return None


def groups(numbers: Iterable[int], size: int) -> Iterator[list[int]]:
    """Numbers in groups of a size, for statements that take so many."""
    for _, group in groupby(enumerate(numbers), key=lambda pair: pair[0] // size):
        yield [number for _, number in group]
