"""What a stage was made from: what earlier stages passed on to it, and the files of the study."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from creme.errors import CremeError
from creme.files.digests import FileState, digest, file_state
from creme.study.config import NEEDS, STAGES, StudyFile

_PASSED = {
    "loci": ("selected.tsv", ("contig", "tss", "strand", "gene", "transcript", "locus")),
    "context_dependence": ("tables/categories.csv", ("locus", "category", "taken")),
    "sufficiency": (
        "tables/cre_classes.csv",
        ("locus", "category", "tile_start", "tile_end", "cre_class"),
    ),
}
"""Where a stage's decisions stand, and the columns that later stages depend on. None of them is a
measured value: rounding makes no stage another one."""


def earlier(stage: str) -> tuple[str, ...]:
    """All stages that a stage depends on, in their order."""
    found = {one for need in NEEDS[stage] for one in (need, *earlier(need))}
    return tuple(one for one in STAGES if one in found)


def passed_on(folder: Path) -> dict[str, str]:
    """Digest of what each stage passes on to later ones, where it is there.

    Parameters
    ----------
    folder : Path
        Of the study.
    """
    found = {}
    for stage, (name, columns) in _PASSED.items():
        path = folder / name
        if path.is_file():
            found[stage] = _digest(path, columns, file_state(path))
    return found


@lru_cache(maxsize=64)
def _digest(path: Path, wanted: tuple[str, ...], _version: FileState) -> str:
    """SHA-256 of some columns of a table, however its lines end; hexadecimal.

    Remembered by the state of the file: of thousands of loci it takes a while, and many ask.
    """
    separator = "\t" if path.suffix == ".tsv" else ","
    state = hashlib.sha256()
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        rows = csv.reader(file, delimiter=separator)
        header = next(rows, [])
        places = [header.index(column) for column in wanted if column in header]
        state.update(json.dumps([header[k] for k in places]).encode())
        for row in rows:
            state.update(json.dumps([row[k] if k < len(row) else "" for k in places]).encode())
    return state.hexdigest()


def made_from(stage: str, passed: Mapping[str, str]) -> dict[str, str]:
    """What a stage that begins now is made from, by earlier stage.

    Parameters
    ----------
    stage : str
    passed : mapping
        Of `passed_on`.
    """
    return {one: passed[one] for one in earlier(stage) if one in passed}


def changed(known: Mapping[str, str], passed: Mapping[str, str]) -> list[str]:
    """Earlier stages that pass on something else than what a stage was made from.

    Parameters
    ----------
    known : mapping
        Of `made_from`, when the stage began.
    passed : mapping
        Of `passed_on`, now; what is not there is made again before it is used.
    """
    return [stage for stage in known if passed.get(stage, known[stage]) != known[stage]]


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
    found = []
    for section, path in files(study, base).items():
        try:
            same = section not in identity or digest(path) == identity[section]
        except CremeError:
            same = False
        if not same:
            found.append(path)
    return found
