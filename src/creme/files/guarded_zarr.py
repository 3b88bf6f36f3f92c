"""Zarr from elsewhere: metadata that name a codec outside a short list are refused.

Decoding may run code: a filter ``pickle`` does, in numcodecs up to 0.16.5, and codecs of other
packages may. So metadata are looked at before zarr sees them, in the bytes that it will see.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from zarr.abc.store import ByteRequest, OffsetByteRequest, RangeByteRequest, Store
from zarr.core.buffer import Buffer, BufferPrototype
from zarr.storage import LocalStore, WrapperStore

from creme.errors import ConfigError, CremeError, listing
from creme.files.small import parse_json
from creme.files.zarr_thread import ensure_running

CODECS = {
    *("blosc", "zstd", "zlib", "gzip", "lz4", "bz2", "lzma"),
    *("vlen-utf8", "vlen-bytes", "bytes", "transpose", "shuffle", "delta", "crc32", "crc32c"),
    "sharding_indexed",  # whose own codecs are looked at as well
}
"""Codecs that decode to numbers and text, and nothing else."""

METADATA = frozenset((".zarray", ".zgroup", ".zattrs", ".zmetadata", "zarr.json"))
"""Names of files that describe arrays and groups."""

_OF_AN_ARRAY = {"shape", "chunks", "dtype", "compressor", "fill_value", "order", "filters"}


class GuardedStore(WrapperStore[Store]):
    """A Zarr store each of whose files is checked in the bytes that are used.

    Parameters
    ----------
    store : zarr.abc.store.Store
    error : type of CremeError
        Of refusals.
    verify : callable, optional
        Called with each file's name and its bytes (None where it is missing), before they are used.
    where : str
        The store in errors.

    Raises
    ------
    CremeError
        When metadata are read that are damaged, or name a codec that is not in `CODECS`.
    """

    def __init__(
        self,
        store: Store,
        error: type[CremeError] = CremeError,
        verify: Callable[[str, bytes | None], None] | None = None,
        where: str = "",
    ) -> None:
        super().__init__(store)
        self._error = error
        self._verify = verify
        self._where = where

    @classmethod
    def at(
        cls,
        path: Path,
        error: type[CremeError],
        verify: Callable[[str, bytes | None], None] | None = None,
        *,
        read_only: bool = True,
    ) -> GuardedStore:
        """The store in a folder, with zarr's thread at work.

        Raises
        ------
        RuntimeError, MemoryError
            If that cannot be started now.
        """
        ensure_running()
        return cls(LocalStore(path, read_only=read_only), error, verify, str(path))

    def _with_store(self, store: Store) -> GuardedStore:
        return GuardedStore(store, self._error, self._verify, self._where)

    async def get(
        self,
        key: str,
        prototype: BufferPrototype,
        byte_range: ByteRequest | None = None,
    ) -> Buffer | None:
        """The bytes of a file, or a part of them; all of them are checked."""
        described = key.rpartition("/")[2] in METADATA
        if self._verify is None and not described:
            return await super().get(key, prototype, byte_range)
        whole = await super().get(key, prototype)
        content = None if whole is None else whole.to_bytes()
        if self._verify is not None:
            self._verify(key, content)
        if content is not None and described:
            refuse_codecs(content, f"{self._where}/{key}", self._error)
        # The part of the bytes that were checked: read once more they may be others.
        return (
            whole if whole is None or byte_range is None else whole[_span(byte_range, len(whole))]
        )

    async def get_partial_values(
        self,
        prototype: BufferPrototype,
        key_ranges: Iterable[tuple[str, ByteRequest | None]],
    ) -> list[Buffer | None]:
        """Parts of files; see `get`."""
        return [await self.get(key, prototype, part) for key, part in key_ranges]


def _span(part: ByteRequest, length: int) -> slice:
    if isinstance(part, RangeByteRequest):
        return slice(part.start, part.end)
    if isinstance(part, OffsetByteRequest):
        return slice(part.offset, None)
    return slice(max(0, length - part.suffix), None)


def refuse_codecs(content: bytes, path: str | Path, error: type[CremeError]) -> None:
    """See that the metadata of an array or a group name no codec outside `CODECS`.

    Raises
    ------
    CremeError
        Of type `error`; also if they are not JSON.
    """
    try:
        metadata = parse_json(content.decode(), "it")
    except (ConfigError, UnicodeDecodeError) as problem:
        raise error(f"{path} is damaged: {problem}. Nothing was changed") from None
    names = list(_codecs(metadata))
    if not isinstance(metadata, dict):
        raise error(f"{path} is damaged: it describes no array and no group. Nothing was changed")
    if str(path).endswith(".zarray") and (lacking := _OF_AN_ARRAY - set(metadata)):
        # Zarr leaves out such an array without an error.
        raise error(f"{path} is damaged: it lacks {listing(sorted(lacking))}")
    if refused := sorted(set(names) - CODECS):
        raise error(
            f"{path} names the codec {listing(map(repr, refused))}, which may run code that lies "
            f"in the data: nothing was opened. Codecs that are read: {listing(sorted(CODECS), 20)}"
        )


def _codecs(value: Any) -> Iterator[str]:
    """Names of all codecs, those of consolidated metadata too."""
    if isinstance(value, list):
        for part in value:
            yield from _codecs(part)
    if not isinstance(value, dict):
        return
    for key, part in value.items():
        if key in ("codecs", "index_codecs", "filters", "compressor"):
            for codec in part if isinstance(part, list) else [part]:
                yield from _name(codec)
        if key not in ("attributes", ".zattrs"):
            yield from _codecs(part)


def _name(codec: Any) -> Iterator[str]:
    if codec is None:
        return
    if isinstance(codec, dict):
        # Zarr 2 has an id, Zarr 3 a name.
        yield from (str(codec[key]) for key in ("id", "name") if key in codec)
        if not {"id", "name"} & set(codec):
            yield ""
    else:
        yield str(codec)
