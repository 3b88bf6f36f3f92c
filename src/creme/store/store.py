"""Predictions, kept for good."""

from __future__ import annotations

import json
from collections.abc import Iterable
from collections.abc import Sequence as SequenceOf
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from creme.errors import StoreError
from creme.store.arrays import Arrays, Source
from creme.store.checkpoints import Checkpoints
from creme.store.contents import SourceInfo, info
from creme.store.environments import Environments
from creme.store.identity import bind, refuse_second
from creme.store.leftovers import Presence, remove_leftovers
from creme.store.location import index_url as check_index_url
from creme.store.location import place_at
from creme.store.opening import open_index, open_read_only
from creme.store.place import Place
from creme.store.reader import Reader
from creme.store.schema import (
    SCHEMA_VERSION,
    batches,
    chunks,
    find_chunks,
    insert_new,
    packed,
    predictions,
    sources,
)
from creme.store.statements import execute
from creme.store.writer import Writer, check_digests

_CHUNK_BYTES = 4 * 2**20
_MAX_CHUNK_ROWS = 256


class Store:
    """Predictions in a directory or an object store, append-only and written once.

    - A prediction's identity is its source (model fingerprint and kept output) and the SHA-256 of
      the sequence. A look-up answers from the one source that it names; whether another source's
      rows hold the same values is for the caller to know (see `creme.runner.write_buffer`).
    - Values are written to Zarr chunks that are written once, whole, and never rewritten. Chunk
      numbers are given out by the index, so no two processes ever touch one chunk.
    - A row exists when, and only when, its line stands in the index, committed after the chunk is
      durable, with the chunk's checksum. A killed writer costs what it had not committed; a power
      failure may take back the last commits as well, and never leaves a wrong value.
    - The first writer of a prediction wins; a second one changes nothing.
    - A chunk that is missing, damaged or does not have its checksum is not served: it is taken out
      of the index, with a warning, so that its predictions are made again. So is a line whose tag
      does not fit: it is not the one that was written. What cannot be read now and may be whole,
      as where too many files are open, is an error, and nothing is taken out.
    - A directory has one index, and an index one directory: they bear one identity, wherever the
      directory is moved.
    - Any number of threads and processes may read and write at the same time; where the index is a
      file of SQLite on a file system of several hosts, the threads of one process.

    Parameters
    ----------
    path : str, Path or Place
        The directory, made if it does not exist; or ``s3://bucket/prefix`` of an object store,
        whose index is in PostgreSQL (see `creme.store.objects`).
    index_url : str, optional
        SQLAlchemy URL of the index, instead of ``index.sqlite`` in the directory: of SQLite's file
        or a PostgreSQL database; ``${VARIABLE}`` stands for a variable of the environment.
    read_only : bool
        Whether it is read, and never written to: no table is altered, nothing damaged is taken out,
        no directory made. An index in SQLite has to be sealed then (`creme.store.seal`).
    origin : str, optional
        The experiment that it is opened for, kept with the chunks that are written.

    Attributes
    ----------
    place : Place
        Where its files lie.
    others : tuple of Store
        Read before this one, and closed with it; see `creme.store.others`.

    Raises
    ------
    StoreError
        If the directory holds something else, belongs to another index, was made by a later schema
        version, or another process has it where one at a time may. One of an earlier version is
        brought up to date.
    """

    def __init__(
        self,
        path: str | Path | Place,
        *,
        index_url: str | None = None,
        read_only: bool = False,
        origin: str | None = None,
    ) -> None:
        self.place = place_at(path)
        self.others: tuple[Store, ...] = ()
        if read_only:
            self.index, self.schema_version = open_read_only(self.place, index_url)
        else:
            self._prepare(index_url)
            self.index, self.schema_version = open_index(self.place, index_url), SCHEMA_VERSION
        self._engine = self.index.engine
        self._presence: Presence | None = None
        self._checkpoints = Checkpoints(self._engine, threaded=self.index.lock is None)
        self.environments = Environments(self.index)
        try:
            self.arrays = Arrays(self.place, read_only=read_only)
            self.reader = Reader(self.index, self.arrays, self.schema_version)
            self._writer = Writer(
                self.index, self.arrays, self._checkpoints, self.reader.memory, origin
            )
            bind(self.place, self.index, self._holds)
            if not read_only:
                self._presence = Presence(self.place)
                if self._presence.alone():
                    remove_leftovers(self.index, self.arrays)
                self._presence.share()
        except BaseException:
            self.close()
            raise

    def _prepare(self, index_url: str | None) -> None:
        """Make the place, unless something else is there, or the index cannot be made."""
        check_index_url(self.place, index_url)
        try:
            self.place.refuse_other()
            self.place.make()
        except OSError as error:
            cause = error.strerror or error
            raise StoreError(f"store {self.place} cannot be made: {cause}") from None
        refuse_second(self.place, index_url)

    @property
    def path(self) -> Path:
        """The directory of a store that is in one; see `Place.path`."""
        return self.place.path

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the index's connections."""
        for other in self.others:
            other.close()
        self._checkpoints.close()
        self.index.close()
        if self._presence is not None:
            self._presence.close()

    def source(
        self, fingerprint: str, shape: tuple[int, int], description: dict[str, Any] | None = None
    ) -> Source:
        """The source of a fingerprint, registered if it is new.

        Parameters
        ----------
        fingerprint : str
            Hexadecimal; covers all that changes a value, and what is kept.
        shape : (bins, tracks)
        description : dict, optional
            JSON for people; the first writer's is kept.

        Raises
        ------
        StoreError
            If the fingerprint is registered with another shape.
        """
        row_bytes = max(1, 4 * shape[0] * shape[1])
        values = {
            "fingerprint": fingerprint,
            "bins": shape[0],
            "tracks": shape[1],
            "chunk_rows": max(1, min(_MAX_CHUNK_ROWS, _CHUNK_BYTES // row_bytes)),
            "description": json.dumps(description or {}, sort_keys=True, default=str),
        }

        def register(connection: sa.Connection) -> Any:
            execute(connection, insert_new(self._engine, sources), values)
            return execute(connection, _SOURCE, {"its_fingerprint": fingerprint}).one()

        source = self._source(self.index.write(register))
        if source.fingerprint != fingerprint:
            raise self.index.damaged("one source stands under another's fingerprint")
        if source.shape != shape:
            raise StoreError(
                f"store {self.place} holds rows of shape {source.shape} for this model, not {shape}"
            )
        return source

    def sources(self) -> list[Source]:
        """All sources, in the order in which they were registered."""
        query = sa.select(sources).order_by(sources.c.id)
        lines = self.index.read(lambda connection: connection.execute(query).all())
        return [self._source(line) for line in lines]

    def sources_of(self, model_fingerprint: str) -> list[Source]:
        """The sources whose description has this ``model_fingerprint``, without counting them."""
        # The text alone first: a description with thousands of tracks takes time to read.
        named = {"its_model": model_fingerprint}
        lines = self.index.read(lambda connection: execute(connection, _NAMING, named).all())
        candidates = [self._source(line) for line in lines]
        return [
            source
            for source in candidates
            if source.description.get("model_fingerprint") == model_fingerprint
        ]

    def read(self, source: Source, digests: Iterable[bytes]) -> dict[bytes, NDArray[np.float32]]:
        """The predictions that are there, each (bins, tracks) float32 and read-only."""
        return {digest: values for digest, (values, _) in self.lookup(source, digests).items()}

    def lookup(
        self, source: Source, digests: Iterable[bytes]
    ) -> dict[bytes, tuple[NDArray[np.float32], int]]:
        """As `read`, each with the number of its chunk, as `write` returned it."""
        distinct = list(dict.fromkeys(digests))
        if not distinct:
            return {}
        check_digests(distinct)
        return self.reader.lookup(source, distinct)

    def write(
        self,
        source: Source,
        digests: SequenceOf[bytes],
        values: NDArray[np.float32],
        *,
        origin: str | None = None,
    ) -> list[int]:
        """Store predictions; when this returns they are in the index, whatever ends the process.

        Parameters
        ----------
        source : Source
        digests : sequence of bytes
            SHA-256 of each sequence, 32 bytes.
        values : array of float32, shape (n, bins, tracks)
        origin : str, optional
            The experiment that they were predicted for, unless it is that of the store.

        Returns
        -------
        list of int
            Numbers of the chunks that were written, which no other writer is given. A prediction
            that another writer had stored before stays in that one's chunk.

        Raises
        ------
        StoreError
            If a value is not finite, the shape is another one, or a digest is none; nothing is
            stored then.
        """
        return self._writer.write(source, digests, values, origin)

    def count(self, source: Source | None = None) -> int:
        """Number of predictions, of a source or of all."""
        query = sa.select(sa.func.count()).select_from(predictions)
        for table in self.chunk_tables:
            lost = sa.select(table.c.id).where(table.c.rows.is_(None))
            query = query.where(predictions.c.chunk_id.not_in(lost))
        if source is not None:
            query = query.where(predictions.c.source_id == source.id)
        return int(self.index.read(lambda connection: connection.scalar(query)) or 0)

    def holds_any(self, source: Source) -> bool:
        """Whether there are predictions of a source; quicker than to count them."""

        def holds(connection: sa.Connection) -> bool:
            of = {"its_source": source.id}
            queries = (_HOLDS_ANY[table] for table in self.chunk_tables)
            return any(execute(connection, query, of).first() for query in queries)

        return self.index.read(holds)

    def record_batch(self, source: Source, size: int, difference: float) -> None:
        """Keep how far predictions in batches of a size were from those of sequences alone.

        Parameters
        ----------
        source : Source
        size : int
            Sequences a batch.
        difference : float
            Relative to the largest value. The first one that is recorded stands.
        """
        values = {"source_id": source.id, "size": size, "difference": difference}
        new = insert_new(self._engine, batches)
        self.index.write(lambda connection: execute(connection, new, values))

    def batches(self, source: Source) -> dict[int, float]:
        """Differences that `record_batch` has kept, by size."""
        of = {"its_source": source.id}
        lines = self.index.read(lambda connection: execute(connection, _BATCHES, of).all())
        return {line.size: line.difference for line in lines}

    def info(self) -> list[SourceInfo]:
        """The contents, source by source."""
        return info(self)

    @property
    def chunk_tables(self) -> tuple[sa.Table, ...]:
        return (chunks, packed) if self.schema_version > 2 else (chunks,)

    def _source(self, line: Any) -> Source:
        try:
            description = json.loads(line.description)
            shape = int(line.bins), int(line.tracks)
            return Source(line.id, line.fingerprint, shape, int(line.chunk_rows), description)
        except (ValueError, TypeError) as error:
            raise self.index.damaged(f"the line of source {line.id}: {error}") from None

    def _holds(self, chunk_id: int) -> bool:
        """Whether a chunk of the index is in the directory, whole."""

        def describe(connection: sa.Connection) -> tuple[Any, Any]:
            for table in self.chunk_tables:
                query = sa.select(sources).join(table, sources.c.id == table.c.source_id)
                line = connection.execute(query.where(table.c.id == chunk_id)).first()
                if line is not None:
                    packs = self.schema_version > 2
                    return line, find_chunks(connection, [chunk_id], packs=packs)[chunk_id]
            return None, None

        line, chunk = self.index.read(describe)
        with suppress(StoreError):
            return line is not None and self.reader.whole(self._source(line), chunk) is not None
        return False


_SOURCE = sa.select(sources).where(sources.c.fingerprint == sa.bindparam("its_fingerprint"))
_NAMING = sa.select(sources).where(sources.c.description.contains(sa.bindparam("its_model")))
_BATCHES = sa.select(batches).where(batches.c.source_id == sa.bindparam("its_source"))
_HOLDS_ANY = {
    table: sa.select(table.c.id)
    .where(table.c.source_id == sa.bindparam("its_source"), table.c.rows.is_not(None))
    .limit(1)
    for table in (chunks, packed)
}
