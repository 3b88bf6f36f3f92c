"""Predictions of a model, with their sequences' digests, in a form that other programs read."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr

from creme.errors import StoreError
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
    try:
        n = writers[path.suffix](parts(), source, temporary)
        temporary.replace(path)
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary)
        temporary.unlink(missing_ok=True)
    return n


def _labels(source: Source) -> tuple[list[Any], list[Any]]:
    """Bins and names of tracks as the source's description has them; else their places."""
    bins, tracks = source.description.get("bins"), source.description.get("tracks")
    n_bins, n_tracks = source.shape
    if not isinstance(bins, list) or len(bins) != n_bins:
        bins = list(range(n_bins))
    if not isinstance(tracks, list) or len(tracks) != n_tracks:
        tracks = [f"track {place}" for place in range(n_tracks)]
    return bins, [str(track) for track in tracks]


def _attributes(source: Source) -> dict[str, Any]:
    return {
        "fingerprint": source.fingerprint,
        "model": source.description.get("model", ""),
        "model_fingerprint": source.description.get("model_fingerprint", ""),
        "version": source.description.get("version", ""),
        "digest": "SHA-256 of the sequence's codes, a byte a base (A C G T N = 0 to 4)",
    }


def _write_zarr(parts: Iterator[Rows], source: Source, path: Path) -> int:
    bins, tracks = _labels(source)
    root = zarr.create_group(path, zarr_format=2, attributes=_attributes(source))

    def array(name: str, dims: list[str], dtype: Any, shape: tuple[int, ...], rows: int) -> Any:
        made = root.create_array(name, shape=shape, chunks=(rows, *shape[1:]), dtype=dtype)
        made.attrs["_ARRAY_DIMENSIONS"] = dims
        return made

    row_bytes = max(1, 4 * source.shape[0] * source.shape[1])
    rows_a_chunk = max(1, min(_ROWS_A_GROUP, _CHUNK_BYTES // row_bytes))
    value = array(
        "value", ["prediction", "bin", "track"], "float32", (0, *source.shape), rows_a_chunk
    )
    digest = array("digest", ["prediction"], "S64", (0,), _ROWS_A_GROUP)
    width = max(map(len, tracks), default=1) or 1
    names = np.array(tracks, dtype=f"U{width}")
    array("bin", ["bin"], "int64", (len(bins),), len(bins))[:] = np.array(bins, dtype=np.int64)
    array("track", ["track"], names.dtype, names.shape, len(names))[:] = names
    n = 0
    for rows in parts:
        if not rows.digests:
            continue
        end = n + len(rows.digests)
        value.resize((end, *source.shape))
        digest.resize((end,))
        value[n:end] = rows.values
        digest[n:end] = np.array([each.hex().encode() for each in rows.digests], dtype="S64")
        n = end
    value.attrs["coordinates"] = "digest"
    zarr.consolidate_metadata(path, zarr_format=2)
    return n


def _write_parquet(parts: Iterator[Rows], source: Source, path: Path) -> int:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise StoreError(
            "Parquet needs pyarrow: pip install 'creme-toolkit[parquet]', or export to .zarr"
        ) from None
    bins, tracks = _labels(source)
    if len(bins) * len(tracks) > COLUMNS:
        raise StoreError(
            f"{path}: a table of {len(bins)} bins x {len(tracks)} tracks would have more than "
            f"{COLUMNS} columns; export to .zarr"
        )
    names = tracks
    if len(bins) > 1:
        names = [f"{track} bin {each}" for each in bins for track in tracks]
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
