"""Predictions looked up: each shown to be whole, and that of its sequence, before it is served."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterable
from collections.abc import Sequence as SequenceOf

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from creme.errors import CremeWarning
from creme.store.arrays import Arrays, Source
from creme.store.chunk_memory import ChunkMemory, Held
from creme.store.index import Index
from creme.store.packed import read_chunks
from creme.store.schema import (
    DIGESTS_A_QUERY,
    Chunk,
    Line,
    chunks,
    find_chunks,
    find_predictions,
    packed,
    predictions,
)
from creme.store.tags import fits, seed_of

Predictions = dict[bytes, tuple[NDArray[np.float32], int]]
"""Rows, (bins, tracks), and numbers of their chunks, by digest."""


class Reader:
    """Reads a store, and takes out of its index what is damaged.

    Parameters
    ----------
    index : Index
    arrays : Arrays
    version : int
        The index's schema version: 2, which has no tags, or 3.
    """

    def __init__(self, index: Index, arrays: Arrays, version: int) -> None:
        self._index = index
        self._arrays = arrays
        self._tagged = version > 2
        self._warned: set[int] = set()
        self.memory = ChunkMemory()

    def lookup(self, source: Source, digests: SequenceOf[bytes]) -> Predictions:
        """The predictions of distinct digests that are there, in no order.

        Raises
        ------
        StoreError
            If something cannot be read now, though it may be whole.
        """
        answer: Predictions = {}
        doubtful = self._serve(source, self._lines(source, digests), answer)
        if doubtful:
            # Another process may have packed their chunk into another one meanwhile.
            lines = self._lines(source, [line.digest for line in doubtful])
            self._drop_lines(source, self._serve(source, lines, answer))
        return answer

    def whole(self, source: Source, chunk: Chunk) -> NDArray[np.float32] | None:
        """The rows of a chunk; None if it is missing or damaged."""
        if chunk.rows is None:
            return None
        values = self._arrays.read(source, chunk.place, chunk.rows, chunk.array)
        return values if values is not None and checksum(values) == chunk.checksum else None

    def _lines(self, source: Source, digests: SequenceOf[bytes]) -> list[Line]:
        def find(connection: sa.Connection) -> list[Line]:
            lines: list[Line] = []
            for start in range(0, len(digests), DIGESTS_A_QUERY):
                part = digests[start : start + DIGESTS_A_QUERY]
                lines += find_predictions(connection, source.id, part, tagged=self._tagged)
            return lines

        return self._index.read(find)

    def _serve(self, source: Source, lines: list[Line], answer: Predictions) -> list[Line]:
        """Add what the lines point to; those that cannot be right, or not any more, come back."""
        ids = {line.chunk_id for line in lines if type(line.chunk_id) is int}
        held, lost = self._chunks(source, ids)
        doubtful = []
        for line in lines:
            digest, row, chunk_id, tag = line
            chunk = held.get(chunk_id)
            if chunk is None:
                # Those of a chunk that is gone are made again by whoever asks.
                if chunk_id not in lost:
                    doubtful.append(line)
            elif fits(chunk.seed, len(chunk.rows), digest, row, tag):
                answer[digest] = (chunk.rows[row], chunk_id)
            else:
                doubtful.append(line)
        return doubtful

    def _chunks(self, source: Source, ids: set[int]) -> tuple[dict[int, Held], set[int]]:
        """Chunks by number, and the numbers of those that were not finished or are damaged."""
        held = self.memory.get(ids)
        missing = ids - held.keys()
        lost: set[int] = set()
        if not missing:
            return held, lost
        described = self._described(missing)
        whole = self._whole(source, described)
        for number, chunk in sorted(described.items()):
            if chunk.source_id != source.id:
                continue  # a good chunk, of which the line is wrong
            values = whole.get(number)
            if values is not None:
                assert chunk.checksum is not None
                held[number] = Held(values, seed_of(source.fingerprint, number, chunk.checksum))
                self.memory.add(number, held[number])
            elif chunk.rows is None or self._drop(source, chunk):
                lost.add(number)
        return held, lost

    def _described(self, ids: Iterable[int]) -> dict[int, Chunk]:
        return self._index.read(lambda connection: find_chunks(connection, ids, packs=self._tagged))

    def _whole(self, source: Source, described: dict[int, Chunk]) -> dict[int, NDArray[np.float32]]:
        """The rows of those chunks that are whole; their descriptions are those by which it is."""
        whole = self._intact(source, described.values())
        while lacking := [
            number
            for number, chunk in described.items()
            if chunk.rows is not None and number not in whole
        ]:
            # A compaction may have copied them since they were looked up, and deleted the files.
            now = self._described(lacking)
            for number in set(lacking) - now.keys():
                del described[number]
            moved = {number: one for number, one in now.items() if one != described[number]}
            if not moved:
                break
            described.update(moved)
            whole |= self._intact(source, moved.values())
        return whole

    def _intact(self, source: Source, places: Iterable[Chunk]) -> dict[int, NDArray[np.float32]]:
        finished = [
            chunk for chunk in places if chunk.rows is not None and chunk.source_id == source.id
        ]
        return {
            chunk.id: rows
            for chunk, rows in read_chunks(self._arrays, source, finished)
            if rows is not None and checksum(rows) == chunk.checksum
        }

    def _drop(self, source: Source, chunk: Chunk) -> bool:
        """Forget a damaged chunk; not one that no line points to, whose files may be gone."""
        if self._index.read_only:
            if chunk.id not in self._warned:
                self._warned.add(chunk.id)
                self._warn(source, chunk, "are not used")
            return True
        table = chunks if chunk.array is None else packed

        def drop(connection: sa.Connection) -> int:
            damaged = table.update().where(
                table.c.id == chunk.id,
                # As it was read: another process may have done so before, or moved it.
                table.c.checksum == chunk.checksum,
                table.c.retired.is_(None),
            )
            if chunk.array is not None:
                damaged = damaged.where(packed.c.place == chunk.place)
            return connection.execute(damaged.values(rows=None, checksum=None)).rowcount

        if self._index.write(drop):
            self._warn(source, chunk, "will be made again")
            return True
        return False

    def _warn(self, source: Source, chunk: Chunk, what: str) -> None:
        warnings.warn(
            f"store {self._arrays.place}: chunk {chunk.id} of {source.array} is missing or "
            f"damaged; its {chunk.rows} predictions {what}",
            CremeWarning,
            stacklevel=6,
        )

    def _drop_lines(self, source: Source, lines: Iterable[Line]) -> None:
        """Forget lines that are not those that were written."""
        wrong = list(lines)
        if not wrong or self._index.read_only:
            return

        def drop(connection: sa.Connection) -> None:
            table = predictions.c
            for line in wrong:
                connection.execute(
                    predictions.delete().where(
                        table.source_id == source.id,
                        table.digest == line.digest,
                        table.chunk_id == line.chunk_id,
                        table.row == line.row,
                    )
                )

        self._index.write(drop)
        warnings.warn(
            f"store {self._arrays.place}: {len(wrong)} lines of its index are damaged: they do not "
            f"belong to the predictions that they name, which will be made again",
            CremeWarning,
            stacklevel=5,
        )


def checksum(values: NDArray[np.float32]) -> str:
    """SHA-256 of a chunk's values, hexadecimal."""
    return hashlib.sha256(values.data).hexdigest()
