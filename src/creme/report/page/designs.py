"""Figures of designed CREs."""

from __future__ import annotations

from collections.abc import Iterator

from creme import report
from creme.analysis.designs import design_table
from creme.report.marks import number
from creme.report.page.figure import PageFigure
from creme.report.page.results import PageResults

_MOST = 6
"""Loci that are drawn, the first ones."""


def designs(results: PageResults) -> Iterator[PageFigure]:
    """The search and the designs of each locus."""
    dataset = results.open("design").load()
    table = design_table(dataset)
    for locus in map(str, dataset["locus"].values[:_MOST]):
        rows = table[table["locus"] == locus] if len(table) else table
        if rows.empty:
            continue
        best = rows.iloc[0]
        figure, axes = report.panels(2, 1, width=150, height=105)
        report.design_rounds(dataset, locus=locus, ax=axes[0, 0])
        report.design_composition(dataset, locus=locus, ax=axes[1, 0])
        yield PageFigure(
            "Designs",
            f"Designs for {locus}",
            "",
            f"Above, the best sequence after each round, on the backgrounds of the search and on "
            f"two sets that the search has not seen. Below, the designs, the native CRE and a "
            f"random sequence, with the score on the set that reports, the share of G and C, and "
            f"the share of windows of the locus that are more natural by their words. The best "
            f"design scores {number(best['score'], '.3g')}, with a standard error of "
            f"{number(best['score_se'], '.2g')}; the search promised "
            f"{number(best['search_score'], '.3g')}.",
            figure,
            "score = weighted sum of the activities, or of their log2 ratios to those without",
            rows,
        )
