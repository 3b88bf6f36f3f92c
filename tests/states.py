"""States of runs and studies, changed as an earlier version would have written them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def write_state(path: Path, state: Mapping[str, Any]) -> None:
    """Write ``run.json`` or ``study.json`` without its checksum."""
    path.write_text(json.dumps({key: part for key, part in state.items() if key != "checksum"}))
