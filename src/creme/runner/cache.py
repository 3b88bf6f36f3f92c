"""The scheduler's view of the store: one source of predictions, written in small groups."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Sequence as SequenceOf
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray

from creme.model import Model, Selection
from creme.store import Store


def source_description(model: Model, selection: Selection) -> dict[str, Any]:
    """What the store records of a source of predictions, for people to read."""
    return {
        "model": model.name,
        "version": model.version,
        "model_fingerprint": model.fingerprint,
        "bins": list(selection.bins),
        "tracks": [model.tracks[index].name for index in selection.tracks],
        "bin_size": model.bin_size,
        "configuration": model.configuration(),
        "machine": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
    }


def source_fingerprint(model: Model, selection: Selection) -> str:
    """SHA-256 (hexadecimal) of the model's fingerprint and of what is kept of its output."""
    kept = [model.fingerprint, selection.bins, selection.tracks]
    return hashlib.sha256(json.dumps(kept).encode()).hexdigest()
