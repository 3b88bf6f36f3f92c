"""The Zarr side of a store: chunks that are written once, whole."""

from __future__ import annotations

import errno
import threading
from dataclasses import dataclass
from typing import Any, NoReturn, cast

import numpy as np
import zarr
from numcodecs import zstd
from numpy.typing import NDArray
from zarr.errors import ContainsArrayError, ContainsGroupError

from creme.errors import StoreError
from creme.files.zarr_thread import ensure_running
from creme.store.place import ARRAYS, Place


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
        return name_of(self.fingerprint)

    @property
    def packed(self) -> str:
        """Name of the array of its packed chunks; see `creme.store.packed`."""
        return f"{self.array}-packed"


def name_of(fingerprint: str) -> str:
    """Name of the array of the source of a fingerprint."""
    return f"source-{fingerprint[:16]}"


class Arrays:
    """The group of arrays of a store, one for each source, and those of packed chunks.

    An array's length is virtual, so it is never resized; chunk k of a source's array holds the rows
    from ``k * chunk_rows`` on. Whoever writes chunk k must be the only one who was given that
    number.

    Parameters
    ----------
    place : Place
        The store's.
    read_only : bool
        Whether the group has to be there, and nothing is written.

    Raises
    ------
    StoreError
        If the group cannot be opened or made.
    """

    def __init__(self, place: Place, *, read_only: bool = False) -> None:
        self.place = place
        self._lock = threading.Lock()
        self._open: dict[str, zarr.Array] = {}
        try:
            if read_only:
                self.root = zarr.open_group(
                    place.arrays(read_only=True),
                    mode="r",
                    zarr_format=3,
                    use_consolidated=False,
                )
                return
            try:
                self.root = zarr.create_group(place.arrays(read_only=False), zarr_format=3)
            except ContainsGroupError:  # another process may have made it just now
                self.root = zarr.open_group(
                    place.arrays(read_only=False),
                    mode="r+",
                    zarr_format=3,
                    use_consolidated=False,
                )
        except (MemoryError, RuntimeError) as error:
            raise StoreError(f"{self} cannot be opened now: {_reason(error)}") from error
        except (OSError, ValueError) as error:
            if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
                raise StoreError(f"{self} cannot be opened now: {_reason(error)}") from error
            raise StoreError(
                f"{self} cannot be opened: {error}; its zarr.json may be damaged, and no "
                f"prediction was dropped"
            ) from error

    def __str__(self) -> str:
        return f"{self.place}/{ARRAYS}"

    def write(self, source: Source, chunk: int, values: NDArray[np.float32]) -> None:
        """Write a chunk of up to ``chunk_rows`` rows; it is durable when this returns.

        Raises
        ------
        StoreError
            If it cannot be written, as on a full disk; no line may be added for it then.
        """
        folder = self.folder(source.fingerprint, chunk)
        try:
            whole = np.full((source.chunk_rows, *source.shape), np.nan, dtype="<f4")
            whole[: len(values)] = values
            first = chunk * source.chunk_rows
            ensure_running()
            self._array(source, source.array, create=True)[first : first + len(whole)] = whole
            self.place.keep(f"{folder}/0/0")
        except (OSError, MemoryError, RuntimeError) as error:
            raise StoreError(
                f"predictions cannot be written to store {self.place} now: {_reason(error)}; "
                f"what was stored before stands, and is used when it is run again"
            ) from error

    def folder(self, fingerprint: str, chunk: int) -> str:
        """The name, in the store's place, below which a chunk of a source's array lies."""
        return f"{ARRAYS}/{name_of(fingerprint)}/c/{chunk}"

    def read(
        self, source: Source, place: int, rows: int, array: str | None = None
    ) -> NDArray[np.float32] | None:
        """The first rows of a chunk; None if its bytes are damaged, NaN where it is missing.

        Parameters
        ----------
        source : Source
        place : int
            The chunk's number in its array; its first row in an array of packed chunks.
        rows : int
        array : str, optional
            Name of an array of packed chunks; the source's own by default.

        Raises
        ------
        StoreError
            If it cannot be read now, though it may be whole: too many files are open, say, or there
            is too little memory.
        """
        try:
            ensure_running()
        except (MemoryError, RuntimeError) as error:
            self._trouble(place, error)
        opened = self._array(source, array or source.array, create=False)
        first = place * opened.chunks[0] if array is None else place
        try:
            return np.ascontiguousarray(opened[first : first + rows], dtype="<f4")
        except OSError as error:
            self._trouble(place, error)
        except Exception as error:
            if self._may_be_whole(opened, place, error):
                self._trouble(place, error)
            return None

    def size(self, source: Source) -> tuple[int, int]:
        """Files of a source, and their bytes."""
        parts = [self.place.size(f"{ARRAYS}/{name}") for name in (source.array, source.packed)]
        return sum(files for files, _ in parts), sum(size for _, size in parts)

    def _array(self, source: Source, name: str, *, create: bool) -> zarr.Array:
        with self._lock:
            if name in self._open:
                return self._open[name]
            try:
                array = self._create(source) if create else self._existing(name)
            except (MemoryError, RuntimeError) as error:
                raise StoreError(f"{self}/{name} cannot be read now: {_reason(error)}") from error
            except (OSError, ValueError, KeyError) as error:
                raise self._damaged(name) from error
            # With another grid every chunk would look damaged.
            grid = array.chunks == (source.chunk_rows, *source.shape)
            if not grid or not _as_made(array, "/" if name == source.array else "."):
                raise self._damaged(name)
            self._open[name] = array
            return array

    def _damaged(self, name: str) -> StoreError:
        return StoreError(
            f"{self}/{name} is missing or its zarr.json is damaged, though the index lists "
            f"predictions of it: is {self.place} the directory that belongs to this index? "
            f"Nothing was changed"
        )

    def _create(self, source: Source) -> zarr.Array:
        try:
            return self.root.create_array(
                source.array,
                shape=(2**40, *source.shape),
                chunks=(source.chunk_rows, *source.shape),
                dtype="float32",
                fill_value=float("nan"),
            )
        except ContainsArrayError:  # of earlier, or another process has made it just now
            return self._existing(source.array)

    def _existing(self, name: str) -> zarr.Array:
        return cast(zarr.Array, self.root[name])

    def _may_be_whole(self, array: zarr.Array, place: int, error: Exception) -> bool:
        """Whether a chunk that was not read may be whole: codecs have no error of their own."""
        if array.shards is not None:
            # "Zstd decompression error", "Stored and computed checksum do not match", or, by newer
            # versions of zarr, "The shard is truncated or corrupt".
            damaged = isinstance(error, RuntimeError | ValueError) and any(
                word in str(error) for word in ("decompress", "checksum", "truncated")
            )
            return not damaged or "llocation" in str(error)
        file = f"{ARRAYS}/{array.basename}/c/{place}/0/0"
        try:
            # A length that is damaged must not ask for more memory than there is.
            into = np.empty(4 * int(np.prod(array.chunks)), dtype=np.uint8)
            zstd.decompress(self.place.read(file), into)
        except FileNotFoundError:
            return False
        except (OSError, MemoryError) as problem:
            self._trouble(place, problem)
        except (RuntimeError, ValueError) as problem:
            return "llocation" in str(problem)
        return True

    def _trouble(self, place: int, error: Exception) -> NoReturn:
        raise StoreError(
            f"chunk {place} of store {self.place} cannot be read now: {_reason(error)}; nothing "
            f"was changed"
        ) from error


def _as_made(array: zarr.Array, separator: str) -> bool:
    """Whether an array's description is one that a store writes, but for its grid."""
    described = array.metadata.to_dict()
    encoding = described["chunk_key_encoding"]["configuration"]  # type: ignore[index,call-overload]
    same = encoding["separator"] == separator and array.dtype == np.dtype("<f4")  # type: ignore[index,call-overload]
    return same and bool(np.isnan(array.fill_value))


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return "not enough memory" if isinstance(error, MemoryError) else str(error)
