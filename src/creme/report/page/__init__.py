"""The report: one HTML file of a study or of an experiment's results, which needs no network."""

from __future__ import annotations

import creme.report.style  # noqa: F401 - before all that needs matplotlib: it says how to get it
from creme.report.page.write import write_report

__all__ = ["write_report"]
