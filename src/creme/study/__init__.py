"""The managed study: from a genome and an annotation to every test's tables."""

from __future__ import annotations

from creme.study.run import run_study
from creme.study.view import FormerStudy as Study
from creme.study.view import StudyResults, open_results

__all__ = ["Study", "StudyResults", "open_results", "run_study"]
