"""States of runs and studies, changed as an earlier version would have written them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from creme.study.folder import Folder


def change_table(folder: Path, name: str, text: str) -> None:
    """Write a table of a study as a stage would that found something else."""
    Folder(folder).kept.write({name: text})


def write_state(path: Path, state: Mapping[str, Any]) -> None:
    """Write ``run.json`` or ``study.json`` without its checksum."""
    path.write_text(json.dumps({key: part for key, part in state.items() if key != "checksum"}))
