"""Lineage of a stage: the decisions of earlier stages that it was made from, and the files."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from creme.errors import CremeError
from creme.files.digests import FileState, digest, file_state
from creme.study.config import StudyFile
from creme.study.stages.order import BUILT_IN, FOUND_BY, earlier
from creme.study.stages.stage import PassedOn, Stage
from creme.study.table_files import separator_of


def passed_on(folder: Path, intact: Callable[[str], bool]) -> dict[str, str]:
    """Digest of what each stage passes on to later ones, where it is there.

    Parameters
    ----------
    folder : Path
        Of the study.
    intact : callable
        Whether a file of it, by its path there, is as it was written.
    """
    digests = {}
    for stage in BUILT_IN.values():
        if stage.passes_on is None:
            continue
        path = folder / stage.passes_on.file
        if path.is_file() and intact(stage.passes_on.file):
            digests[stage.name] = _digest(path, stage.passes_on, file_state(path))
    return digests


@lru_cache(maxsize=64)
def _digest(path: Path, passed_on: PassedOn, _version: FileState) -> str:
    """SHA-256 of the columns of a table, however its lines end; hexadecimal.

    Remembered by the state of the file: of thousands of loci it takes a while, and many ask.
    """
    separator = separator_of(path.name)
    state = hashlib.sha256()
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        rows = csv.reader(file, delimiter=separator)
        header = next(rows, [])
        places = passed_on.places(header)
        state.update(json.dumps([header[k] for k in places]).encode())
        for row in rows:
            state.update(json.dumps([row[k] if k < len(row) else "" for k in places]).encode())
    return state.hexdigest()


def stage_inputs(
    stage: str, passed: Mapping[str, str], stages: Mapping[str, Stage] = BUILT_IN
) -> dict[str, str]:
    """Digests of what earlier stages pass on to a stage that begins now, by earlier stage.

    Parameters
    ----------
    stage : str
    passed : mapping
        Of `passed_on`.
    stages : mapping of name to Stage
    """
    # Of the parts that a search keeps, nothing is made but what takes them.
    without = () if stages[stage].takes == "parts" else (FOUND_BY["parts"].name,)
    before = [name for name in earlier(stage, stages) if name not in without]
    return {name: passed[name] for name in before if name in passed}


def changed(recorded: Mapping[str, str], passed: Mapping[str, str]) -> list[str]:
    """Earlier stages that pass on something else than they did when a stage began.

    Parameters
    ----------
    recorded : mapping
        Of `stage_inputs`, when the stage began.
    passed : mapping
        Of `passed_on`, now; what is not there is made again before it is used.
    """
    return [stage for stage in recorded if passed.get(stage, recorded[stage]) != recorded[stage]]


def files(study: StudyFile, folder: Path) -> dict[str, Path]:
    """The files whose digests belong to the identity of stage ``loci``."""
    annotation = study.loci.gtf or study.loci.bed or study.loci.table
    assert annotation is not None
    named = {"fasta": study.loci.fasta, "annotation": annotation}
    return {section: folder / path.expanduser() for section, path in named.items()}


def changed_files(study: StudyFile, base: Path, identity: Mapping[str, Any]) -> list[Path]:
    """The files that are gone, or are others than those that a study was made from.

    Parameters
    ----------
    study : StudyFile
    base : Path
        Where its relative paths start from; none is looked for where that is another machine's.
    identity : mapping
        Of stage ``loci``; nothing is changed where it is empty.
    """
    if not base.is_dir():
        return []
    differing = []
    for section, path in files(study, base).items():
        try:
            same = section not in identity or digest(path) == identity[section]
        except CremeError:
            same = False
        if not same:
            differing.append(path)
    return differing
