"""Figures of designed CREs."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
import xarray as xr

from creme import report
from creme.analysis.categories import texts
from creme.analysis.designs import design_table
from creme.errors import listing
from creme.report.design_check import PANELS, check_panel
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
            f"Top: the score of the best sequence after each round, on the backgrounds of the "
            f"search and on two sets of backgrounds that the search does not see. Bottom: the "
            f"designs, the native CRE and a random sequence: their score on the backgrounds for "
            f"the report, their GC content, and the share of the locus's windows whose k-mers are "
            f"more natural. The best design scores {number(best['score'], '.3g')} (standard error "
            f"{number(best['score_se'], '.2g')}); on the backgrounds of the search it scored "
            f"{number(best['search_score'], '.3g')}. The most similar window of the locus shares "
            f"{number(best['nearest_identity'], '.0%')} of its bases.",
            figure,
            "score = weighted sum of activities, or of log2 (activity with the design / without)",
            rows,
        )


def checks(results: PageResults) -> Iterator[PageFigure]:
    """Each design moved, copied, beside other TSSs, and without each of its parts."""
    track = results.view.track
    dataset = results.open("design_check").sel(track=[track]).load()
    for name in map(str, dataset["locus"].values[:_MOST]):
        one = dataset.sel(locus=name, track=track)
        figure, axes = report.panels(2, 2, width=170, height=115)
        for ax, kind in zip(axes.flat, PANELS, strict=True):
            check_panel(dataset, kind, locus=name, track=track, ax=ax)
        rows = _rows(one)
        place = rows[rows["kind"] == "place"].iloc[0]
        replicates = dataset.sizes["replicate"]
        yield PageFigure(
            "Designs",
            f"Checks of {name}",
            "",
            f"The design at other distances, in several copies side by side, beside the TSS tiles "
            f"of other loci in random contexts, and with random bases instead of each of its "
            f"parts. Means and standard errors over the {replicates} backgrounds for the report. "
            f"Blue: at its own place, {number(place['effect'], '+.2f')} (standard error "
            f"{number(place['effect_se'], '.2f')}). {_swapped(rows)} {_parts(rows)}",
            figure,
            "effect = log2(activity with the design / without); of parts, without / with",
            rows,
        )


def _rows(one: xr.Dataset) -> pd.DataFrame:
    words = {name: texts(one[name]) for name in ("check", "kind", "target")}
    numbers = {name: one[name].values for name in ("at", "effect", "effect_std", "effect_se")}
    return pd.DataFrame({**words, **numbers})


def _swapped(rows: pd.DataFrame) -> str:
    swaps = rows[(rows["kind"] == "swap") & rows["effect"].notna()]
    if swaps.empty:
        return ""
    low, high = number(swaps["effect"].min(), "+.2f"), number(swaps["effect"].max(), "+.2f")
    return f"Beside {len(swaps)} other TSSs: {low} to {high}."


def _parts(rows: pd.DataFrame) -> str:
    parts = rows[rows["kind"] == "part"]
    matter = parts[parts["effect"] + 2 * parts["effect_se"] < 0].sort_values("effect")
    if matter.empty:
        return "No part alone matters beyond twice its standard error."
    named = [f"{int(at)} ({number(value, '+.2f')})" for at, value in
               zip(matter["at"], matter["effect"], strict=True)]  # fmt: skip
    return (
        f"{len(matter)} of {len(parts)} parts matter by more than twice their standard error "
        f"(red); by first base: {listing(named, 4)}."
    )
