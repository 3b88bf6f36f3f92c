"""Predictions written: each chunk whole and durable before the index has its lines."""

from __future__ import annotations

import time
from collections.abc import Sequence as SequenceOf
from contextlib import suppress

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from creme.errors import StoreError
from creme.store.arrays import Arrays, Source
from creme.store.checkpoints import Checkpoints
from creme.store.chunk_memory import ChunkMemory, Held
from creme.store.index import Index
from creme.store.reader import checksum
from creme.store.schema import DIGEST_BYTES, add_predictions, chunks, new_chunk
from creme.store.statements import execute
from creme.store.tags import seed_of, tag_of


class Writer:
    """Writes a store.

    Parameters
    ----------
    index : Index
    arrays : Arrays
    checkpoints : Checkpoints
        Told how many rows were committed.
    memory : ChunkMemory
        Takes what was written, as it is likely to be read soon.
    origin : str or None
        The experiment that the store is opened for, kept with the chunks.
    """

    def __init__(
        self,
        index: Index,
        arrays: Arrays,
        checkpoints: Checkpoints,
        memory: ChunkMemory,
        origin: str | None,
    ) -> None:
        self._index = index
        self._arrays = arrays
        self._checkpoints = checkpoints
        self._memory = memory
        self._origin = origin

    def write(
        self,
        source: Source,
        digests: SequenceOf[bytes],
        values: NDArray[np.float32],
        origin: str | None,
    ) -> list[int]:
        """As `creme.store.Store.write`."""
        check_digests(digests)
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
            self._chunk(
                source,
                digests[start : start + rows],
                values[start : start + rows],
                self._origin if origin is None else origin,
            )
            for start in range(0, len(digests), rows)
        ]

    def _chunk(
        self,
        source: Source,
        digests: SequenceOf[bytes],
        values: NDArray[np.float32],
        origin: str | None,
    ) -> int:
        chunk_id = self._index.write(lambda connection: new_chunk(connection, source.id))
        try:
            self._arrays.write(source, chunk_id, values)
        except BaseException:
            # Nobody else was given its number, and no line will point to it.
            with suppress(OSError):
                self._arrays.place.remove(self._arrays.folder(source.fingerprint, chunk_id))
            raise
        whole = checksum(values)
        seed = seed_of(source.fingerprint, chunk_id, whole)
        durable = {
            **{"its_id": chunk_id, "rows": len(values), "checksum": whole},
            **{"written": int(time.time()), "origin": origin},
        }
        lines = [
            (source.id, digest, chunk_id, row, tag_of(seed, digest, row))
            # In one order, so that no two writers wait for each other's lines.
            for digest, row in sorted(zip(digests, range(len(digests)), strict=True))
        ]

        def commit(connection: sa.Connection) -> bool:
            if not execute(connection, _DURABLE, durable).rowcount:
                return False
            add_predictions(connection, lines)
            return True

        if not self._index.write(commit):  # a repair, by another clock, took it for a dead writer's
            return self._chunk(source, digests, values, origin)
        self._checkpoints.added(len(values))
        self._memory.add(chunk_id, Held(values, seed))
        return chunk_id


_DURABLE = chunks.update().where(chunks.c.id == sa.bindparam("its_id"), chunks.c.retired.is_(None))


def check_digests(digests: SequenceOf[bytes]) -> None:
    """See that each is of the length of a SHA-256.

    Raises
    ------
    StoreError
    """
    if any(len(digest) != DIGEST_BYTES for digest in digests):
        raise StoreError(f"a digest has {DIGEST_BYTES} bytes: the SHA-256 of a sequence's codes")
