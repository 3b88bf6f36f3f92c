"""An export: a folder that stands whole or not at all."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from collections.abc import Sequence as SequenceOf
from pathlib import Path
from typing import Any

from creme.errors import ConfigError, ResultsError, listing
from creme.export.big import BigTracks, sizes_of
from creme.export.browsers import write_hub, write_session
from creme.export.network import write_network
from creme.export.notebook import notebook
from creme.export.tables import Kind, write_tables
from creme.export.tracks import write_tracks
from creme.files.durable import put_in_place, sync, write_text
from creme.results.annotate import Annotate
from creme.results.directory import now
from creme.results.view import ResultsView
from creme.study.view import open_results

PARTS = ("tracks", "tables", "notebook")
"""The parts that are written unless others are named."""
BROWSERS = ("hub", "igv")
"""Parts that need pybigtools, and the assembly or the FASTA."""
NETWORK = "network"
"""A part that needs networkx, and results of necessity or interactions."""
ABOUT = "export.json"
NOTEBOOK = "notebook.ipynb"


def export(
    path: str | Path,
    to: str | Path,
    parts: SequenceOf[str] = PARTS,
    kind: Kind = "csv",
    annotate: Mapping[str, str] | None = None,
    sizes: str | Path | None = None,
) -> list[str]:
    """Write the results of a study or an experiment, as far as there are any, into a new folder.

    ::

        export.json         where it comes from, thresholds, model, and the list of files
        tracks/             BED and bedGraph; see `creme.export.tracks.write_tracks`
        tables/             CSV or Parquet; see `creme.export.tables.write_tables`
        notebook.ipynb      opens the same results
        big/                bigWig and bigBed, for hub and igv
        hub/                a UCSC track hub; see `creme.export.browsers.write_hub`
        igv.xml             a session of IGV
        network/            local networks; see `creme.export.network.write_network`

    Parameters
    ----------
    path : str or Path
        A study's folder, or a results directory; it may be running.
    to : str or Path
        A new folder, or an earlier export, which is replaced as a whole.
    parts : sequence of str
        Of `PARTS`, `BROWSERS` and `NETWORK`.
    kind : {'csv', 'parquet'}
        Of tables.
    annotate : mapping of str to str, optional
        As of ``[annotate]``, and before it: ``assembly`` is what a hub needs, and ``meme`` names
        motifs.
    sizes : str or Path, optional
        Lengths of contigs, for bigWig; those of the FASTA unless given.

    Returns
    -------
    list of str
        The files, relative to the folder.

    Raises
    ------
    ConfigError
        For an unknown part or kind, a folder that holds something else, or a hub of an unknown
        assembly; nothing is changed then.
    ResultsError
        If there is nothing to export.
    """
    to = Path(to)
    every = (*PARTS, *BROWSERS, NETWORK)
    if unknown := [part for part in parts if part not in every]:
        raise ConfigError(f"nothing is called {unknown[0]!r}: choose of {listing(every)}")
    if kind not in ("csv", "parquet"):
        raise ConfigError(f"tables as {kind!r}: choose csv or parquet")
    view = open_results(path)
    if not view.tests:
        raise ResultsError(f"{path} has no results yet: there is nothing to export")
    if to.exists() and (not to.is_dir() or (any(to.iterdir()) and not (to / ABOUT).is_file())):
        raise ConfigError(f"{to} exists and is no export: give the name of a new folder")
    if not to.resolve().parent.is_dir():
        raise ConfigError(f"there is no folder {to.resolve().parent}: make it first")
    to = to.resolve()
    temporary = Path(tempfile.mkdtemp(dir=to.parent, prefix=f".{to.name}."))
    try:
        new = temporary / "new"
        new.mkdir()
        beside = Annotate.of(view, annotate)
        files = _fill(new, view, to, parts, kind, beside)
        if set(parts) & set(BROWSERS):
            files += _browsers(new, view, parts, beside, sizes)
        _finish(new, view, parts, files)
        put_in_place(new, to, temporary / "old")
        sync(to.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return files


def _fill(
    new: Path, view: ResultsView, to: Path, parts: SequenceOf[str], kind: Kind, beside: Annotate
) -> list[str]:
    files: list[str] = []
    if "tracks" in parts:
        (new / "tracks").mkdir()
        files += [f"tracks/{name}" for name in write_tracks(view, new / "tracks")]
    if "tables" in parts:
        (new / "tables").mkdir()
        written = write_tables(view, new / "tables", kind, beside.meme)
        files += [f"tables/{name}" for name in written]
    if NETWORK in parts:
        (new / NETWORK).mkdir()
        files += [f"{NETWORK}/{name}" for name in write_network(view, new / NETWORK)]
    if "notebook" in parts:
        write_text(new / NOTEBOOK, notebook(view, to))
        files.append(NOTEBOOK)
    return files


def _browsers(
    new: Path,
    view: ResultsView,
    parts: SequenceOf[str],
    annotate: Annotate,
    sizes: str | Path | None,
) -> list[str]:
    """bigWig and bigBed files, and what shows them."""
    tracks = BigTracks(sizes_of(view, None if sizes is None else Path(sizes)))
    (new / "big").mkdir()
    files = [f"big/{name}" for name in write_tracks(view, new / "big", tracks)]
    if not files:
        return []
    if "hub" in parts:
        files += write_hub(view, new, annotate.ucsc, tracks.written)
    if "igv" in parts:
        files.append(write_session(view, new, annotate, tracks.written))
    return files


def _finish(new: Path, view: ResultsView, parts: SequenceOf[str], files: list[str]) -> None:
    if not files:
        raise ResultsError(
            f"{view.path} has nothing for {listing(parts)}: its results are of "
            f"{listing(view.tests, 20)}"
        )
    if len(set(files)) < len(files):
        twice = next(file for file in files if files.count(file) > 1)
        raise ConfigError(
            f"two tests of {view.path} would both be written to {twice}: their labels "
            f"({listing(view.tests, 20)}) do not tell them apart"
        )
    about = {**_about(view), "exported": now(), "files": files}
    write_text(new / ABOUT, json.dumps(about, indent=1))
    for file in files:
        sync(new / file)


def _about(view: ResultsView) -> dict[str, Any]:
    """Where the exported files come from: JSON values."""
    categories, classes = view.limits
    attributes = view.open(view.tests[0]).attrs
    return {
        "name": view.name,
        "kind": "study" if view.kind == "study" else "results",
        "path": str(view.path.resolve()),
        "updated": view.raw.get("updated", ""),
        "results": list(view.tests),
        "categories": categories.configuration(),
        "classes": classes.configuration(),
        "model": view.model,
        "seed": attributes.get("seed", ""),
        "creme_version": attributes.get("creme_version", ""),
    }
