"""The managed study: from a genome and an annotation to every test's tables.

What runs studies is imported with the first name that is used, and not before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from creme.lazy import attach

__all__ = ["Study", "StudyResults", "open_results", "run_study"]

if TYPE_CHECKING:
    from creme.study.run import run_study
    from creme.study.view import FormerStudy as Study
    from creme.study.view import StudyResults, open_results

__getattr__, __dir__ = attach(
    __name__,
    {
        "Study": "creme.study.view:FormerStudy",
        "StudyResults": "creme.study.view",
        "open_results": "creme.study.view",
        "run_study": "creme.study.run",
    },
)
