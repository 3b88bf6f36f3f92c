"""Tidy tables of whole results, all replicates among them, as CSV or Parquet."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from creme.analysis.designs import by_design
from creme.errors import ConfigError, CremeWarning
from creme.export.designs import write_designs
from creme.packages import lacking
from creme.results.calibrated import calibrated
from creme.results.csv_text import csv_text
from creme.results.neighbours import own
from creme.results.tidy import tidy
from creme.results.view import ResultsView
from creme.suite.saturation_mutagenesis import SaturationMutagenesis

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

Kind = Literal["csv", "parquet"]
_ROWS_AT_ONCE = 200_000


def write_tables(
    view: ResultsView, folder: Path, kind: Kind = "csv", meme: Path | None = None
) -> list[str]:
    """Write ``NAME.csv`` (or ``.parquet``) and, for what has replicates, ``NAME.replicates.csv``.

    A study's tables are those of its folder, ``loci`` among them; an experiment's have the
    statistics of each test, one row for each locus, tile, track and what else it varies. Tables of
    replicates have a row each, with every raw activity; they are written some loci at a time.
    Of a design test there are FASTA, a table to order from and one of rounds besides
    (`creme.export.designs.write_designs`). ``backgrounds`` has the activities of random contexts
    (`creme.analysis.backgrounds`). Of saturation mutagenesis there is ``NAME.motifs`` besides, if
    motifs are given: the stretches that matter (`creme.motifs.naming.name_stretches`).

    Parameters
    ----------
    view : ResultsView
    folder : Path
        Where they go; it has to exist.
    kind : {'csv', 'parquet'}
    meme : Path, optional
        Motifs in the MEME format.

    Returns
    -------
    list of str
        Names of the files.

    Raises
    ------
    ConfigError
        If Parquet is requested and pyarrow is not installed.
    """
    write = _writer(kind)
    written: list[str] = []

    def add(name: str, parts: Iterator[pd.DataFrame]) -> None:
        write(folder / f"{name}.{kind}", parts)
        written.append(f"{name}.{kind}")

    if view.kind == "study":
        for name in view.tables:
            add(name, iter([view.table(name)]))
    for label in view.tests:
        dataset = view.dataset(label)
        if view.kind == "experiment":
            shown = view.presentation(label)
            statistics = by_design(calibrated(dataset, shown, view.panel))
            add(label, rows_of(statistics, replicates=False))
        if view.presentation(label).test == "design":
            written += write_designs(own(dataset), label, folder)
        if "replicate" in dataset.dims:
            add(f"{label}.replicates", rows_of(dataset, replicates=True))
    for label, stretches in _stretches(view, meme):
        add(f"{label}.motifs", iter([stretches]))
    if (contexts := _backgrounds(view)) is not None:
        add("backgrounds", iter([contexts]))
    return written


def _stretches(view: ResultsView, meme: Path | None) -> Iterator[tuple[str, pd.DataFrame]]:
    """The stretches that matter, by the label of each saturation mutagenesis."""
    labels = view.labels_of(SaturationMutagenesis.name)
    if meme is None or not labels:
        return
    from creme.motifs import name_stretches, read_motifs

    try:
        motifs = read_motifs(meme)
    except ConfigError as error:  # the file may be named by results from elsewhere
        warnings.warn(f"no motifs are named: {error}", CremeWarning, stacklevel=2)
        return
    for label in labels:
        yield label, name_stretches(own(view.open(label)), motifs)


def _backgrounds(view: ResultsView) -> pd.DataFrame | None:
    """The activities of backgrounds of all tests, a row for each test, locus and track."""
    import pandas as pd

    from creme.analysis.backgrounds import background_table

    tables = [(label, background_table(view.open(label))) for label in view.tests]
    parts = [table.assign(test=label) for label, table in tables if table is not None]
    parts = [part[["test", *part.columns[:-1]]] for part in parts if len(part)]
    return pd.concat(parts, ignore_index=True) if parts else None


def rows_of(dataset: xr.Dataset, *, replicates: bool) -> Iterator[pd.DataFrame]:
    """The tidy table of a Dataset, some loci at a time, without rows of what was not measured.

    Parameters
    ----------
    dataset : Dataset
        A test's results.
    replicates : bool
        As `creme.results.tidy.tidy`.
    """
    if "source_category" in dataset.coords:
        # Each unit has a source and a target, and no category of its own.
        dataset = dataset.drop_vars("category", errors="ignore")
    loci = dataset.sizes["locus"]
    each = int(np.prod([n for dim, n in dataset.sizes.items() if dim != "locus"]))
    step = max(1, _ROWS_AT_ONCE // max(1, each))
    whole = [
        str(name)
        for name, values in dataset.variables.items()
        if str(name).endswith(("_start", "_end"))
        or name in ("distance", "position_distance", "selected", "kept", "window", "kept_bp")
        if values.dtype.kind == "f"
    ]
    of_replicates = {n: len(v.dims) for n, v in dataset.data_vars.items() if "replicate" in v.dims}
    most = max(of_replicates.values(), default=0)
    widest = [name for name, dims in of_replicates.items() if dims == most]
    for first in range(0, max(1, loci), step):
        frame = tidy(dataset.isel(locus=slice(first, first + step)), replicates=replicates)
        for fill in ("tile_start", "position_start"):
            # Loci that have fewer tiles than others are filled up with NaN.
            if fill in frame:
                frame = frame[frame[fill].notna()]
        if replicates:
            # Searches end, and some tests add replicates only where they are needed.
            frame = frame.dropna(subset=widest, how="all")
        columns = dict.fromkeys([name for name in whole if name in frame], "Int64")
        yield frame.astype(columns).reset_index(drop=True)


Write = Callable[[Path, Iterator["pd.DataFrame"]], None]


def _writer(kind: Kind) -> Write:
    if kind == "csv":
        return write_csv
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        how = lacking("Parquet needs pyarrow", "parquet")
        raise ConfigError(f"{how}; or export csv") from None
    return _write_parquet


def write_csv(path: Path, parts: Iterator[pd.DataFrame]) -> None:
    """Write the parts of a table, one after another, with one head."""
    with path.open("w", encoding="utf-8", newline="") as file:
        for number, part in enumerate(parts):
            file.write(csv_text(part, header=number == 0))


def _write_parquet(path: Path, parts: Iterator[pd.DataFrame]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    first = next(parts)
    inferred = pa.Schema.from_pandas(first, preserve_index=False)
    # Text of which the first rows have none.
    fields = [f.with_type(pa.string()) if pa.types.is_null(f.type) else f for f in inferred]
    schema = pa.schema(fields)
    with pq.ParquetWriter(path, schema) as writer:
        for part in chain([first], parts):
            writer.write_table(pa.Table.from_pandas(part, schema=schema, preserve_index=False))
