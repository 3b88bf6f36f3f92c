"""Figure 2b: the coverage that is predicted before and after the context is shuffled."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from creme import report
from creme.analysis.categories import CONTEXTS
from creme.report.page.results import PageResults
from creme.report.style import COLUMN, PAGE

REACH = 10_000
"""bp that are drawn on either side of the TSS: bins of a whole profile would be hairs."""


def coverage(results: PageResults) -> Figure | None:
    """A panel for each category that has a locus; None where there is nothing to draw."""
    rows = _rows(results)
    if rows.empty:
        return None
    parts = {name: rows[rows["category"] == name] for name in CONTEXTS}
    parts = {name: part for name, part in parts.items() if len(part)}
    width = COLUMN if len(parts) == 1 else min(PAGE, 60.0 * len(parts))
    figure, axes = report.panels(1, len(parts), width=width, height=52)
    size = int(results.view.model.get("bin_size") or 0)
    for (category, part), ax in zip(parts.items(), axes[0], strict=True):
        position = part["position"].to_numpy(dtype=np.int64)
        step = size or int(np.diff(position).min())
        wild_type, shuffled, spread = _along(part, position, step)
        far = max(-int(position.min()), int(position.max()) + step)
        report.coverage_profile(
            wild_type,
            shuffled,
            spread=spread,
            bin_size=step,
            tss_bin=-int(position.min()) / step,
            reach=REACH if far > REACH else None,
            title=f"{part['locus'].iloc[0]}, {category}",
            ax=ax,
        )
    return figure


def why_not(results: PageResults) -> str | None:
    """Why a study whose contexts are known has no such figure."""
    if results.view.kind != "study" or "context_dependence" not in results.labels:
        return None
    if results.table("coverage") is None:
        return (
            "Predicted coverage (Figure 2b) is not drawn: an earlier version made this study; "
            "'creme study' adds what is missing, from the store."
        )
    if not _rows(results).empty:
        return None
    single = len(results.view.model.get("bins") or []) == 1
    why = "a single bin of each prediction is kept" if single else "no locus has a category"
    return f"Predicted coverage (Figure 2b) is not drawn: {why}."


def _rows(results: PageResults) -> pd.DataFrame:
    table = results.table("coverage")
    if table is None or table.empty:
        return pd.DataFrame(columns=["category"])
    return table[table["track"] == results.view.track]


def _along(part: pd.DataFrame, position: np.ndarray, step: int) -> list[np.ndarray]:
    """Wild type, shuffled and its spread of every bin from the first to the last; NaN in gaps."""
    place = (position - position.min()) // step
    columns = []
    for column in ("wild_type", "shuffled", "shuffled_std"):
        values = np.full(int(place.max()) + 1, np.nan)
        values[place] = pd.to_numeric(part[column], errors="coerce")
        columns.append(values)
    return columns
