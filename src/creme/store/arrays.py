"""The Zarr side of a store: chunks that are written once, whole."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.errors import ContainsArrayError, ContainsGroupError

from creme.errors import StoreError
from creme.files.durable import sync
from creme.files.guarded_zarr import GuardedStore


@dataclass(frozen=True)
class Source:
    """A registered source of predictions: a model with what is kept of its output."""

    id: int
    fingerprint: str
    shape: tuple[int, int]
    chunk_rows: int
    description: dict[str, Any]

    @property
    def array(self) -> str:
        """Name of its array."""
        return f"source-{self.fingerprint[:16]}"


class Arrays:
    """The group of arrays of a store, one for each source.

    An array's length is virtual, so it is never resized; chunk k holds the rows from
    ``k * chunk_rows`` on. Whoever writes chunk k must be the only one who was given that number.

    Parameters
    ----------
    store : Path
        The store's directory.

    Raises
    ------
    StoreError
        If the group cannot be opened or made.
    """

    def __init__(self, store: Path) -> None:
        self._store = store
        self._path = store / "predictions.zarr"
        self._lock = threading.Lock()
        self._open: dict[int, zarr.Array] = {}
        try:
            try:
                self._root = zarr.create_group(_guarded(self._path), zarr_format=3)
            except ContainsGroupError:  # another process may have made it just now
                self._root = zarr.open_group(
                    _guarded(self._path), mode="r+", zarr_format=3, use_consolidated=False
                )
        except (OSError, ValueError) as error:
            raise StoreError(
                f"{self._path} cannot be opened: {error}; its zarr.json may be damaged, and no "
                f"prediction was dropped"
            ) from error

    def write(self, source: Source, chunk: int, values: NDArray[np.float32]) -> None:
        """Write a chunk of up to ``chunk_rows`` rows; it is durable when this returns."""
        whole = np.full((source.chunk_rows, *source.shape), np.nan, dtype="<f4")
        whole[: len(values)] = values
        first = chunk * source.chunk_rows
        self._array(source, create=True)[first : first + source.chunk_rows] = whole
        # Zarr replaces a chunk in one step, but does not fsync.
        folder = self._path / source.array / "c" / str(chunk) / "0"
        sync(folder / "0")
        sync(folder)

    def read(self, source: Source, chunk: int, rows: int) -> NDArray[np.float32] | None:
        """The first rows of a chunk; None if its bytes are damaged, NaN where it is missing.

        Raises
        ------
        StoreError
            If it cannot be read now, though it may be whole.
        """
        first = chunk * source.chunk_rows
        array = self._array(source, create=False)
        try:
            return np.ascontiguousarray(array[first : first + rows], dtype="<f4")
        except OSError as error:
            # Too many open files, say: the chunk may be whole, so nothing is forgotten.
            raise StoreError(
                f"chunk {chunk} of store {self._store} cannot be read now: {error}; nothing was "
                f"changed"
            ) from error
        except Exception:  # whatever a codec raises on damaged bytes
            return None

    def size(self, source: Source) -> int:
        """Bytes on disk."""
        entries = (self._path / source.array).rglob("*")
        return sum(entry.stat().st_size for entry in entries if entry.is_file())

    def _array(self, source: Source, *, create: bool) -> zarr.Array:
        with self._lock:
            if source.id in self._open:
                return self._open[source.id]
            try:
                array = self._create(source) if create else self._existing(source)
            except (OSError, ValueError, KeyError) as error:
                raise StoreError(
                    f"{self._path / source.array} is missing or its zarr.json is damaged, though "
                    f"the index lists predictions of it: is {self._store} the directory that "
                    f"belongs to this index? Nothing was changed"
                ) from error
            self._open[source.id] = array
            return array

    def _create(self, source: Source) -> zarr.Array:
        try:
            return self._root.create_array(
                source.array,
                shape=(2**40, *source.shape),
                chunks=(source.chunk_rows, *source.shape),
                dtype="float32",
                fill_value=float("nan"),
            )
        except ContainsArrayError:  # of earlier, or another process has made it just now
            return self._existing(source)

    def _existing(self, source: Source) -> zarr.Array:
        return cast(zarr.Array, self._root[source.array])


def _guarded(path: Path) -> GuardedStore:
    """A store that may come from somebody else: what decodes its chunks is looked at first."""
    return GuardedStore.at(path, StoreError, read_only=False)
