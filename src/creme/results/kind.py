"""The kind of a path: an experiment file, a study file, a results directory, a study, a store."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from creme.files.small import parse_toml, read_text
from creme.results.directory import STATE

STUDY_STATE = "study.json"
"""A file that only the folder of a study has."""
STORE_INDEX = "index.sqlite"
"""A file that only a store has, unless its index is on a database server."""
STORE_IDENTITY = "store.id"


class Kind(StrEnum):
    """The kinds of paths that commands take, and of those that are mistaken for them."""

    EXPERIMENT_FILE = "an experiment file"
    STUDY_FILE = "a study file"
    RESULTS = "a results directory"
    STUDY = "the folder of a study"
    STORE = "a store of predictions"
    REPORT = "a report"
    OTHER = "something else"
    NOTHING = "nothing"


def kind_of(path: str | Path) -> Kind:
    """The kind of what lies at a path; the kind of a file is read from its content.

    A file is an experiment file if it is TOML with ``[[tests]]``, or with what else only
    experiment files have; other TOML with ``[model]`` or ``[loci]`` is a study file.
    """
    path = Path(path)
    if path.is_dir():
        return _kind_of_folder(path)
    if path.is_file():
        return _kind_of_file(path)
    return Kind.NOTHING


def _kind_of_folder(path: Path) -> Kind:
    for name, kind in (
        (STUDY_STATE, Kind.STUDY),
        (STATE, Kind.RESULTS),
        (STORE_INDEX, Kind.STORE),
        (STORE_IDENTITY, Kind.STORE),
    ):
        if (path / name).is_file():
            return kind
    return Kind.OTHER


def _kind_of_file(path: Path) -> Kind:
    if path.suffix == ".html":
        return Kind.REPORT
    if path.suffix != ".toml":
        return Kind.OTHER
    try:
        keys = set(parse_toml(read_text(path), "it"))
    except (OSError, ValueError):
        return Kind.OTHER
    if keys & {"tests", "results"}:
        return Kind.EXPERIMENT_FILE
    return Kind.STUDY_FILE if keys & {"model", "loci"} else Kind.OTHER


def mistaken(path: str | Path, takes: str) -> str | None:
    """A sentence for who gave a path of another kind than a command takes.

    Parameters
    ----------
    path : str or Path
    takes : str
        What the command takes, such as "a results directory".

    Returns
    -------
    str or None
        Its kind, and the command that takes it; None for a path of no kind.
    """
    path = Path(path)
    kind = kind_of(path)
    advice = _advice(path, kind)
    return None if advice is None else f"{path} is {kind.value}, not {takes}: {advice}"


def _advice(path: Path, kind: Kind) -> str | None:
    if kind is Kind.EXPERIMENT_FILE:
        return _of_file(path, "run", ".results", Kind.RESULTS)
    if kind is Kind.STUDY_FILE:
        return _of_file(path, "study", ".study", Kind.STUDY)
    if kind is Kind.RESULTS:
        return (
            f"'creme status {path}' says how far it is, 'creme results {path}' prints it, and "
            f"'creme resume {path}' continues it"
        )
    if kind is Kind.STUDY:
        return (
            f"'creme status {path}' says how far it is, 'creme results {path}' prints it, and "
            f"'creme study {path}' continues it"
        )
    if kind is Kind.STORE:
        return f"'creme cache info {path}' says what it holds"
    return None


def _of_file(path: Path, command: str, ending: str, kind: Kind) -> str:
    """The command that takes a file, and where its results are if that is known."""
    made = f"'creme {command} {path}' runs it"
    if kind is Kind.STUDY:
        made += ", and with --status says how far it is"
    name = parse_toml(read_text(path), "it").get("name")
    folder = path.parent / f"{name}{ending}"
    if isinstance(name, str) and kind_of(folder) is kind:
        return f"{made}; its results are in {folder}"
    return made
