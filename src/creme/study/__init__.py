"""The managed study: from a genome and an annotation to every test's tables."""

from __future__ import annotations

from creme.study.results import Study
from creme.study.run import run_study

__all__ = ["Study", "run_study"]
