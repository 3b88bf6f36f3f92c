"""An export: a folder that stands whole or not at all."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence as SequenceOf
from pathlib import Path

from creme.errors import ConfigError, ResultsError, listing
from creme.export.notebook import notebook
from creme.export.source import Source
from creme.export.tables import Kind, write_tables
from creme.export.tracks import write_tracks
from creme.files.durable import put_in_place, sync, write_text
from creme.results.directory import now

PARTS = ("tracks", "tables", "notebook")
ABOUT = "export.json"
NOTEBOOK = "notebook.ipynb"


def export(
    path: str | Path, to: str | Path, parts: SequenceOf[str] = PARTS, kind: Kind = "csv"
) -> list[str]:
    """Write what a study or an experiment has found so far into a folder of its own.

    ::

        export.json         where it comes from, thresholds, model, and the list of files
        tracks/             BED and bedGraph; see `creme.export.tracks.write_tracks`
        tables/             CSV or Parquet; see `creme.export.tables.write_tables`
        notebook.ipynb      opens the same results

    Parameters
    ----------
    path : str or Path
        A study's folder, or a results directory; it may be running.
    to : str or Path
        A new folder, or an earlier export, which is replaced as a whole.
    parts : sequence of str
        Of `PARTS`.
    kind : {'csv', 'parquet'}
        Of tables.

    Returns
    -------
    list of str
        The files, relative to the folder.

    Raises
    ------
    ConfigError
        For an unknown part or kind, or a folder that holds something else; nothing is changed then.
    ResultsError
        If there is nothing to export.
    """
    to = Path(to)
    if unknown := [part for part in parts if part not in PARTS]:
        raise ConfigError(f"nothing is called {unknown[0]!r}: choose of {listing(PARTS)}")
    if kind not in ("csv", "parquet"):
        raise ConfigError(f"tables as {kind!r}: choose csv or parquet")
    source = Source.of(Path(path))
    if to.exists() and (not to.is_dir() or (any(to.iterdir()) and not (to / ABOUT).is_file())):
        raise ConfigError(f"{to} exists and is no export: give the name of a new folder")
    if not to.resolve().parent.is_dir():
        raise ConfigError(f"there is no folder {to.resolve().parent}: make it first")
    to = to.resolve()
    temporary = Path(tempfile.mkdtemp(dir=to.parent, prefix=f".{to.name}."))
    try:
        new = temporary / "new"
        new.mkdir()
        files = _fill(new, source, to, parts, kind)
        put_in_place(new, to, temporary / "old")
        sync(to.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return files


def _fill(new: Path, source: Source, to: Path, parts: SequenceOf[str], kind: Kind) -> list[str]:
    files: list[str] = []
    if "tracks" in parts:
        (new / "tracks").mkdir()
        files += [f"tracks/{name}" for name in write_tracks(source, new / "tracks")]
    if "tables" in parts:
        (new / "tables").mkdir()
        files += [f"tables/{name}" for name in write_tables(source, new / "tables", kind)]
    if "notebook" in parts:
        write_text(new / NOTEBOOK, notebook(source, to))
        files.append(NOTEBOOK)
    if not files:
        raise ResultsError(
            f"{source.path} has nothing for {listing(parts)}: its results are of "
            f"{listing(source.labels, 20)}"
        )
    if len(set(files)) < len(files):
        twice = next(file for file in files if files.count(file) > 1)
        raise ConfigError(
            f"two tests of {source.path} would both be written to {twice}: their labels "
            f"({listing(source.labels, 20)}) do not tell them apart"
        )
    about = {**source.about(), "exported": now(), "files": files}
    write_text(new / ABOUT, json.dumps(about, indent=1))
    for file in files:
        sync(new / file)
    return files
