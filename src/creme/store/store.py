"""Predictions, kept for good."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Iterable
from collections.abc import Sequence as SequenceOf
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from creme.errors import CremeWarning, StoreError
from creme.store.arrays import Arrays, Source
from creme.store.checkpoints import Checkpoints
from creme.store.chunk_memory import ChunkMemory
from creme.store.environments import Environments
from creme.store.identity import IDENTITY_FILE, bind, refuse_second
from creme.store.schema import (
    DIGEST_BYTES,
    SCHEMA_VERSION,
    batches,
    chunks,
    find_predictions,
    insert_new,
    insert_predictions,
    open_index,
    predictions,
    sources,
)

_CHUNK_BYTES = 4 * 2**20
_MAX_CHUNK_ROWS = 256
_DIGESTS_A_QUERY = 1000
_CHUNKS_A_QUERY = 500


@dataclass(frozen=True)
class SourceInfo:
    """A source, how much of it is stored, and `Store.batches` of it."""

    source: Source
    predictions: int
    chunks: int
    bytes: int
    batches: dict[int, float]


class Store:
    """A directory of predictions that is append-only and written once.

    The contract:

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
      of the index, with a warning, so that its predictions are made again.
    - A directory has one index, and an index one directory: they bear one identity, wherever the
      directory is moved.
    - Any number of threads and processes may read and write at the same time.

    Parameters
    ----------
    path : str or Path
        The directory; made if it does not exist.
    index_url : str, optional
        SQLAlchemy URL of the index, instead of ``index.sqlite`` in the directory.

    Raises
    ------
    StoreError
        If the directory holds something else, is on a file system where SQLite's locking fails,
        belongs to another index, or was made by a later schema version. One of an earlier version
        is brought up to date.
    """

    def __init__(self, path: str | Path, *, index_url: str | None = None) -> None:
        self.path = Path(path).expanduser()
        if self.path.exists() and not self.path.is_dir():
            raise StoreError(f"store {self.path} is a file: give a directory, or a new name")
        inside = [entry.name for entry in self.path.iterdir()] if self.path.is_dir() else []
        if inside and not {"index.sqlite", "predictions.zarr", IDENTITY_FILE} & set(inside):
            raise StoreError(
                f"{self.path} is not a store and not empty (it holds {sorted(inside)[0]!r}): give "
                f"an empty directory or a new name"
            )
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"store {self.path} cannot be made: {error.strerror}") from None
        refuse_second(self.path, index_url)
        self._engine = open_index(self.path, index_url)
        self._checkpoints = Checkpoints(self._engine)
        self.environments = Environments(self._engine)
        try:
            self._arrays = Arrays(self.path)
            bind(self.path, self._engine, self._holds)
        except BaseException:
            self.close()
            raise
        self._memory = ChunkMemory()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the index's connections."""
        self._checkpoints.close()
        self._engine.dispose()

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
        with self._engine.begin() as connection:
            connection.execute(
                insert_new(self._engine, sources).values(
                    fingerprint=fingerprint,
                    bins=shape[0],
                    tracks=shape[1],
                    chunk_rows=max(1, min(_MAX_CHUNK_ROWS, _CHUNK_BYTES // row_bytes)),
                    description=json.dumps(description or {}, sort_keys=True, default=str),
                )
            )
            line = connection.execute(
                sa.select(sources).where(sources.c.fingerprint == fingerprint)
            ).one()
        source = _source(line)
        if source.shape != shape:
            raise StoreError(
                f"store {self.path} holds rows of shape {source.shape} for this model, not {shape}"
            )
        return source

    def sources_of(self, model_fingerprint: str) -> list[Source]:
        """The sources whose description has this ``model_fingerprint``, without counting them."""
        query = sa.select(sources).where(
            # The text alone first: a description with thousands of tracks takes time to read.
            sources.c.description.contains(model_fingerprint, autoescape=True)
        )
        with self._engine.connect() as connection:
            candidates = [_source(line) for line in connection.execute(query)]
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
        _check_digests(distinct)
        lines: list[tuple[bytes, int, int]] = []
        with self._engine.connect() as connection:
            for start in range(0, len(distinct), _DIGESTS_A_QUERY):
                part = distinct[start : start + _DIGESTS_A_QUERY]
                lines += find_predictions(connection, source.id, part)
        held = self._chunks(source, {chunk_id for _, _, chunk_id in lines})
        return {
            digest: (held[chunk_id][row], chunk_id)
            for digest, row, chunk_id in lines
            if chunk_id in held
        }

    def write(
        self, source: Source, digests: SequenceOf[bytes], values: NDArray[np.float32]
    ) -> list[int]:
        """Store predictions; when this returns they are in the index, whatever ends the process.

        Parameters
        ----------
        source : Source
        digests : sequence of bytes
            SHA-256 of each sequence, 32 bytes.
        values : array of float32, shape (n, bins, tracks)

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
        _check_digests(digests)
        # A copy: what is remembered for reading must not change with the caller's array.
        values = np.array(values, dtype="<f4", order="C")
        if values.shape != (len(digests), *source.shape):
            raise StoreError(
                f"an array of shape {values.shape} was to be stored for {len(digests)} sequences; "
                f"the source has rows of {source.shape}"
            )
        if not np.isfinite(values).all():
            raise StoreError("NaN or infinity was to be stored; such predictions are not kept")
        rows = source.chunk_rows
        return [
            self._write_chunk(source, digests[start : start + rows], values[start : start + rows])
            for start in range(0, len(digests), rows)
        ]

    def count(self, source: Source | None = None) -> int:
        """Number of predictions, of a source or of all."""
        gone = sa.select(chunks.c.id).where(chunks.c.rows.is_(None))
        query = (
            sa.select(sa.func.count())
            .select_from(predictions)
            .where(predictions.c.chunk_id.not_in(gone))
        )
        if source is not None:
            query = query.where(predictions.c.source_id == source.id)
        with self._engine.connect() as connection:
            return int(connection.scalar(query) or 0)

    def holds_any(self, source: Source) -> bool:
        """Whether there are predictions of a source; quicker than to count them."""
        query = (
            sa.select(chunks.c.id)
            .where(chunks.c.source_id == source.id, chunks.c.rows.is_not(None))
            .limit(1)
        )
        with self._engine.connect() as connection:
            return connection.scalar(query) is not None

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
        with self._engine.begin() as connection:
            connection.execute(
                insert_new(self._engine, batches).values(
                    source_id=source.id, size=size, difference=difference
                )
            )

    def batches(self, source: Source) -> dict[int, float]:
        """What `record_batch` has kept, by size."""
        query = sa.select(batches).where(batches.c.source_id == source.id)
        with self._engine.connect() as connection:
            return {line.size: line.difference for line in connection.execute(query)}

    def info(self) -> list[SourceInfo]:
        """What is stored, source by source."""
        with self._engine.connect() as connection:
            registered = [_source(line) for line in connection.execute(sa.select(sources))]
            n_chunks: dict[int, int] = dict(
                connection.execute(
                    sa.select(chunks.c.source_id, sa.func.count())
                    .where(chunks.c.rows.is_not(None))
                    .group_by(chunks.c.source_id)
                ).all()
            )
        return [
            SourceInfo(
                source=source,
                predictions=self.count(source),
                chunks=n_chunks.get(source.id, 0),
                bytes=self._arrays.size(source),
                batches=self.batches(source),
            )
            for source in registered
        ]

    @property
    def schema_version(self) -> int:
        """Version of the index's tables."""
        return SCHEMA_VERSION

    def _write_chunk(
        self, source: Source, digests: SequenceOf[bytes], values: NDArray[np.float32]
    ) -> int:
        with self._engine.begin() as connection:
            result = connection.execute(chunks.insert().values(source_id=source.id))
            chunk_id = int(result.inserted_primary_key[0])  # type: ignore[index]
        self._arrays.write(source, chunk_id, values)
        with self._engine.begin() as connection:
            connection.execute(
                chunks.update()
                .where(chunks.c.id == chunk_id)
                .values(rows=len(values), checksum=_checksum(values))
            )
            connection.execute(
                insert_predictions(self._engine),
                [
                    {"source_id": source.id, "digest": digest, "chunk_id": chunk_id, "row": row}
                    # In one order, so that no two writers wait for each other's lines.
                    for digest, row in sorted(zip(digests, range(len(digests)), strict=True))
                ],
            )
        self._checkpoints.added(len(values))
        self._memory.add(chunk_id, values)
        return chunk_id

    def _chunks(self, source: Source, ids: set[int]) -> dict[int, NDArray[np.float32]]:
        """The rows of chunks; those that are damaged are not among them."""
        rows_of = self._memory.get(ids)
        missing = sorted(ids - rows_of.keys())
        if not missing:
            return rows_of
        described: list[Any] = []
        with self._engine.connect() as connection:
            for start in range(0, len(missing), _CHUNKS_A_QUERY):
                query = sa.select(chunks.c.id, chunks.c.rows, chunks.c.checksum).where(
                    chunks.c.id.in_(missing[start : start + _CHUNKS_A_QUERY]),
                    chunks.c.rows.is_not(None),
                )
                described += connection.execute(query)
        for chunk_id, rows, checksum in described:
            values = self._whole(source, chunk_id, rows, checksum)
            if values is None:
                self._drop(source, chunk_id, rows)
                continue
            rows_of[chunk_id] = values
            self._memory.add(chunk_id, values)
        return rows_of

    def _holds(self, chunk_id: int) -> bool:
        """Whether a chunk of the index is in the directory, whole."""
        query = (
            sa.select(chunks.c.rows, chunks.c.checksum, sources)
            .join(sources, sources.c.id == chunks.c.source_id)
            .where(chunks.c.id == chunk_id)
        )
        with self._engine.connect() as connection:
            line = connection.execute(query).one()
        with suppress(StoreError):
            return self._whole(_source(line), chunk_id, line.rows, line.checksum) is not None
        return False

    def _whole(
        self, source: Source, chunk_id: int, rows: int, checksum: str
    ) -> NDArray[np.float32] | None:
        """The rows of a chunk; None if it is missing or damaged."""
        values = self._arrays.read(source, chunk_id, rows)
        return values if values is not None and _checksum(values) == checksum else None

    def _drop(self, source: Source, chunk_id: int, rows: int) -> None:
        """Forget the predictions of a damaged chunk."""
        with self._engine.begin() as connection:
            gone = connection.execute(
                chunks.update()
                .where(chunks.c.id == chunk_id, chunks.c.rows.is_not(None))
                .values(rows=None, checksum=None)
            ).rowcount
        if gone:
            warnings.warn(
                f"store {self.path}: chunk {chunk_id} of {source.array} is missing or "
                f"damaged; its {rows} predictions will be made again",
                CremeWarning,
                stacklevel=2,
            )


def _source(line: Any) -> Source:
    return Source(
        id=line.id,
        fingerprint=line.fingerprint,
        shape=(line.bins, line.tracks),
        chunk_rows=line.chunk_rows,
        description=json.loads(line.description),
    )


def _check_digests(digests: SequenceOf[bytes]) -> None:
    if any(len(digest) != DIGEST_BYTES for digest in digests):
        raise StoreError(f"a digest has {DIGEST_BYTES} bytes: the SHA-256 of a sequence's codes")


def _checksum(values: NDArray[np.float32]) -> str:
    return hashlib.sha256(values.data).hexdigest()
