"""A finished study, once for all tests of the report."""

from __future__ import annotations

import pytest

import mini_study as mini
from creme.study import Study, run_study

_MADE: list[Study] = []


def finished_study(folders: pytest.TempPathFactory) -> Study:
    """A study of all stages, on six genes; not to be changed."""
    if not _MADE:
        folder = folders.mktemp("study")
        mini.write(folder)
        _MADE.append(run_study(mini.study(folder)))
    return _MADE[0]
