"""What the tests share: real data where it is at hand."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real models and sequences; tests that need it skip where it is absent."""
    here = Path(__file__).resolve().parents[1]
    folder = Path(os.environ.get("CREME_TEST_DATA", here.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; set CREME_TEST_DATA to its folder")
    return folder
