"""Whether memelite's Tomtom is compiled, which takes a minute of one core the first time."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

import pytest


def compiled() -> bool:
    """Whether numba has kept it beside memelite, or this run may compile it."""
    if os.environ.get("CREME_TEST_TOMTOM"):
        return True
    spec = find_spec("memelite")
    if spec is None or spec.origin is None:
        return False
    return any(Path(spec.origin).parent.glob("__pycache__/tomtom._tomtom-*.nbi"))


needs_tomtom = pytest.mark.skipif(
    not compiled(),
    reason="memelite's Tomtom is not compiled here: 'make test-motifs' does that",
)
