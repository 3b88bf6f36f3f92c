"""Results for other programs: tracks of a genome browser, tidy tables, a notebook."""

from __future__ import annotations

from creme.export.folder import PARTS, export

__all__ = ["PARTS", "export"]
