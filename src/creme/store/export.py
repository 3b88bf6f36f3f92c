"""Predictions of a model, with their sequences' digests, in a form that other programs read."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr
from numpy.typing import NDArray

from creme.errors import StoreError
from creme.packages import lacking
from creme.store.arrays import Source
from creme.store.rows import Rows, all_rows

if TYPE_CHECKING:
    from creme.store.store import Store

COLUMNS = 2000
"""Columns of values that a table may have."""

_ROWS_A_GROUP = 10_000
_CHUNK_BYTES = 4 * 2**20


def export_source(
    store: Store,
    source: Source,
    to: str | Path,
    *,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> int:
    """Write the predictions of a source to a file or folder, by its ending.

    ``.zarr`` is a Dataset as xarray reads it: ``value`` along ``prediction, bin, track``, with the
    digests (SHA-256 of the sequence's codes, hexadecimal) as coordinate. ``.parquet`` is a table
    with a row for each prediction: ``digest``, and a column for each track, or each track and bin.
    The kept part of a further head of a model is ``value_HEAD`` along ``prediction, bin_HEAD,
    track_HEAD``, and columns that begin with ``HEAD:``. A bin of a contact map is named by
    the two that are paired, ``i:j``.

    Parameters
    ----------
    store : Store
    source : Source
    to : str or Path
        It must not exist.
    progress : callable
        Called with the predictions that were gone through, and with their number.

    Returns
    -------
    int
        Predictions that were written.

    Raises
    ------
    StoreError
        If the ending is another one, the place is taken, or a table would be too wide.
    """
    path = Path(to)
    writers = {".zarr": _write_zarr, ".parquet": _write_parquet}
    if path.suffix not in writers:
        raise StoreError(f"{path}: the ending says the format; give .zarr or .parquet")
    if path.exists():
        raise StoreError(f"{path} exists: give another name, or remove it first")
    if not path.parent.is_dir():
        raise StoreError(f"there is no folder {path.parent}: make it first")
    of = store.count(source)

    def parts() -> Iterator[Rows]:
        done = 0
        for rows in all_rows(store, source):
            done += len(rows.digests) + rows.skipped
            yield rows
            progress(min(done, of), of)

    temporary = path.with_name(f".{path.name}.partial")
    _remove(temporary)  # of one that was killed
    try:
        n = writers[path.suffix](parts(), source, temporary)
        temporary.replace(path)
    finally:
        _remove(temporary)
    return n


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)


@dataclass(frozen=True)
class _Part:
    """The kept values of one head, in each row from `start` on: by bin, and in it by track."""

    head: str
    bins: list[Any]
    tracks: list[str]
    start: int = 0

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.bins), len(self.tracks)

    @property
    def size(self) -> int:
        return len(self.bins) * len(self.tracks)

    def of(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        flat = values.reshape(len(values), -1)[:, self.start : self.start + self.size]
        return flat.reshape(len(values), *self.shape)

    def named(self, name: str) -> str:
        """The name of an array or an axis of this head."""
        return f"{name}_{self.head}" if self.head else name

    def columns(self) -> list[str]:
        names = self.tracks
        if len(self.bins) > 1:
            names = [f"{track} bin {each}" for each in self.bins for track in self.tracks]
        return [f"{self.head}: {name}" for name in names] if self.head else names


def _parts(source: Source) -> list[_Part]:
    """The heads with bins and names of tracks as the source's description has them; else places."""
    bins, tracks = source.description.get("bins"), source.description.get("tracks")
    heads = source.description.get("heads")
    if heads and bins and tracks:
        parts: list[_Part] = []
        for head, its in {"": source.description, **heads}.items():
            start = sum(each.size for each in parts)
            parts.append(_Part(head, _bins(its), list(map(str, its["tracks"])), start))
        if (1, sum(each.size for each in parts)) == source.shape:
            return parts
    n_bins, n_tracks = source.shape
    if not isinstance(bins, list) or len(bins) != n_bins:
        bins = list(range(n_bins))
    if not isinstance(tracks, list) or len(tracks) != n_tracks:
        tracks = [f"track {place}" for place in range(n_tracks)]
    return [_Part("", bins, list(map(str, tracks)))]


def _bins(described: dict[str, Any]) -> list[Any]:
    """Bins by their index; of a contact map by those of the two that are paired."""
    if "pairs" not in described:
        return list(described["bins"])
    first, second = np.triu_indices(*described["pairs"])
    return [f"{first[each]}:{second[each]}" for each in described["bins"]]


def _attributes(source: Source) -> dict[str, Any]:
    return {
        "fingerprint": source.fingerprint,
        "model": source.description.get("model", ""),
        "model_fingerprint": source.description.get("model_fingerprint", ""),
        "version": source.description.get("version", ""),
        "digest": "SHA-256 of the sequence's codes, a byte a base (A C G T N = 0 to 4)",
    }


def _write_zarr(parts: Iterator[Rows], source: Source, path: Path) -> int:
    heads = _parts(source)
    root = zarr.create_group(path, zarr_format=2, attributes=_attributes(source))

    def array(name: str, dims: list[str], dtype: Any, shape: tuple[int, ...], rows: int) -> Any:
        # Without a value of what is absent: xarray would read it as NaN wherever it stands.
        made = root.create_array(
            name, shape=shape, chunks=(rows, *shape[1:]), dtype=dtype, fill_value=None
        )
        made.attrs["_ARRAY_DIMENSIONS"] = dims
        return made

    values = []
    for each in heads:
        rows_a_chunk = max(1, min(_ROWS_A_GROUP, _CHUNK_BYTES // max(1, 4 * each.size)))
        axes = [each.named("bin"), each.named("track")]
        dims = ["prediction", *axes]
        values.append(array(each.named("value"), dims, "float32", (0, *each.shape), rows_a_chunk))
        for axis, names in zip(axes, (each.bins, each.tracks), strict=True):
            labels = np.array(names)
            array(axis, [axis], labels.dtype, labels.shape, len(labels))[:] = labels
    digest = array("digest", ["prediction"], "S64", (0,), _ROWS_A_GROUP)
    n = 0
    for rows in parts:
        if not rows.digests:
            continue
        end = n + len(rows.digests)
        for part, value in zip(heads, values, strict=True):
            value.resize((end, *part.shape))
            value[n:end] = part.of(rows.values)
        digest.resize((end,))
        digest[n:end] = np.array([each.hex().encode() for each in rows.digests], dtype="S64")
        n = end
    for value in values:
        value.attrs["coordinates"] = "digest"
    zarr.consolidate_metadata(path, zarr_format=2)
    return n


def _write_parquet(parts: Iterator[Rows], source: Source, path: Path) -> int:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        how = lacking("Parquet needs pyarrow", "parquet")
        raise StoreError(f"{how}; or export to .zarr") from None
    heads = _parts(source)
    n_bins, n_tracks = source.shape
    if n_bins * n_tracks > COLUMNS:
        raise StoreError(
            f"{path}: a table of {n_bins} bins x {n_tracks} tracks would have more than "
            f"{COLUMNS} columns; export to .zarr"
        )
    names = [name for each in heads for name in each.columns()]
    if len(set(names)) < len(names):  # tracks of one name
        names = [f"{name} #{place}" for place, name in enumerate(names)]
    fields = [pa.field("digest", pa.string()), *(pa.field(name, pa.float32()) for name in names)]
    schema = pa.schema(fields, {key: str(text) for key, text in _attributes(source).items()})
    n = 0
    with pq.ParquetWriter(path, schema) as writer:
        for rows in parts:
            columns = rows.values.reshape(len(rows.digests), len(names)).T
            arrays = [pa.array([each.hex() for each in rows.digests]), *map(pa.array, columns)]
            writer.write_table(pa.table(arrays, schema=schema), row_group_size=_ROWS_A_GROUP)
            n += len(rows.digests)
    return n
