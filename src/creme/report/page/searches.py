"""Figures of searches: sets of tiles, copies of a CRE, and what is left of a tile."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from creme import report
from creme.analysis.additive import INTERACTIONS, additive_comparison
from creme.analysis.categories import texts
from creme.analysis.set_sufficiency import SHARE, mean_activity, needed_by_class, tiles_needed
from creme.analysis.traces import mean_traces
from creme.report.marks import loci
from creme.report.page.figure import FEW, PageFigure, labels_of, values_of, width_of
from creme.report.page.results import HEAVY, PageResults
from creme.report.select import MINUS
from creme.results.tidy import tidy

_SHUFFLED = "fold change = activity with the tiles shuffled / wild type"
_KEPT = "score = effect of the bases that are left / effect of the whole tile"
_FOLD = ("fold_change", "fold_change_std", "fold_change_se")


def _rows(dataset: xr.Dataset) -> pd.DataFrame:
    """A table of what has numbers, a row for each value that is drawn."""
    frame = tidy(dataset)
    return frame.dropna(subset=[str(name) for name in dataset.data_vars], how="all")


def searches(results: PageResults) -> Iterator[PageFigure]:
    dataset = results.deciding("higher_order")
    labels = labels_of(results, dataset)
    means = mean_traces(dataset, labels, **FEW)
    additive = additive_comparison(dataset, threshold=results.view.limits[1].additive)
    searches = [str(name) for name in dataset["search"].values]
    for search in searches:
        figure = "Figure 4b" if search == "enhancers" else "Figure 4c"
        less = "least" if search == "enhancers" else "most"
        yield PageFigure(
            "Sets of tiles",
            f"Sets of {search}",
            figure,
            f"Activity relative to the wild type as tiles are shuffled one after another: in each "
            f"round the tile whose loss leaves the {less} activity. The band is the standard "
            f"deviation of the mean over loci.",
            report.greedy_traces(means, search=search, track=results.view.track),
            _SHUFFLED,
            _rows(means.sel(search=search)),
        )
    yield from _one_search(results, dataset, additive, searches)
    for search in searches:
        yield _additive(results, additive, labels, search)


def _additive(
    results: PageResults, additive: xr.Dataset, labels: xr.DataArray | None, search: str
) -> PageFigure:
    chosen: dict[str, Any] = {"search": search, "track": results.view.track}
    enhancing = search == "enhancers" and labels is not None and "enhancing" in labels.values
    if enhancing:
        chosen |= {"categories": labels, "category": "enhancing"}
    classes = texts(additive["interaction"].sel(search=search).isel(track=0))
    if enhancing and labels is not None:
        classes = classes[labels.values == "enhancing"]
    there = [name for name in INTERACTIONS if name in classes]
    none = [name for name in INTERACTIONS if name not in classes]
    rows, columns = (2, 2) if len(there) == len(INTERACTIONS) else (1, 1 + len(there))
    figure, axes = report.panels(rows, columns, width=width_of(columns), height=48 * rows)
    for interaction, ax in zip((None, *there), axes.flat, strict=True):
        report.observed_and_additive(additive, interaction=interaction, **chosen, ax=ax)
    whose = "loci of enhancing contexts" if enhancing else "all loci"
    more = f" No set is {' or '.join(none)}." if none else ""
    return PageFigure(
        "Sets of tiles",
        f"Are sets of {search} additive?",
        "Figure 4d to g" if search == "enhancers" else "Supplementary Figure 4",
        f"The observed trace of the search, and the trace expected if the effects of single tiles "
        f"added up: {whose} together, then each class of sets.{more}",
        figure,
        f"{_SHUFFLED}; additive = 1 {MINUS} sum of (1 {MINUS} fold change of each tile alone)",
        _rows(additive.sel(search=search)),
    )


def _one_search(
    results: PageResults, dataset: xr.Dataset, additive: xr.Dataset, searches: list[str]
) -> Iterator[PageFigure]:
    """The locus that is furthest from additive."""
    search = searches[0]
    mse = additive["mse"].sel(search=search).isel(track=0).fillna(-1).values
    if not mse.size or mse.max() < 0:
        return
    locus = str(dataset["locus"].values[int(mse.argmax())])
    figure, axes = report.panels(2, 1, width=85, height=85)
    report.observed_and_additive(
        additive, search=search, track=results.view.track, locus=locus, ax=axes[0, 0]
    )
    report.individual_effects(
        dataset, search=search, track=results.view.track, locus=locus, ax=axes[1, 0]
    )
    yield PageFigure(
        "Sets of tiles",
        "The least additive set",
        "Supplementary Figure 3",
        f"Search of {search}. Top: the two traces. Bottom: the effect of each tile by itself, in "
        "the order in which the search chose them.",
        figure,
        _SHUFFLED,
        _rows(additive.sel(search=search, locus=locus)),
    )


def enough(results: PageResults) -> Iterator[PageFigure]:
    """Sets put back into random context, and how many tiles are needed."""
    dataset = results.deciding("set_sufficiency")
    labels = labels_of(results, dataset)
    needed = tiles_needed(dataset, SHARE)
    whole = xr.full_like(needed.isel(track=0), "all", dtype=object) if labels is None else labels
    sentences = []
    for row in needed_by_class(needed, whole).to_dict("records"):
        of = loci(row["loci"]) + ("" if labels is None else f" of {row['class']} contexts")
        middle = (
            f"{row['median']:.0f} {'tile' if row['median'] == 1 else 'tiles'}"
            if np.isfinite(row["median"])
            else "more than all tiles of the set"
        )
        sentences.append(f"{of}: {middle} ({row['reached']:.0%} reach it)")
    needs = ""
    if sentences:
        needs = (
            f" Tiles that half of the loci need for {SHARE:.0%} of the activity (dotted line): "
            f"{'; '.join(sentences)}."
        )
    yield PageFigure(
        "Sets of tiles",
        "Sets that are enough",
        "",
        "Activity relative to the wild type as the tiles of a set are put back into random context "
        "one after another, in the order of the search; a complete set keeps its last value. The "
        f"band is the standard deviation of the mean over loci.{needs}",
        report.set_curves(
            mean_activity(dataset, labels, **FEW), share=SHARE, track=results.view.track
        ),
        "fold change = activity with the tiles in random context / wild type",
        values_of(dataset, *_FOLD, labels=labels),
    )


def copies(results: PageResults) -> Iterator[PageFigure]:
    dataset = results.open("multiplicity", HEAVY).sel(track=[results.view.track]).load()
    for search in [str(name) for name in dataset["search"].values]:
        yield PageFigure(
            "Copies",
            "Copies" if dataset.sizes["search"] == 1 else f"Copies, placed as {search}",
            "Supplementary Figure 5",
            "Activity with more and more copies of a CRE, relative to the activity with the CRE at "
            "its own position; each copy is placed where it does most. Short lines at the right: "
            "fitted plateaus.",
            report.saturation_curves(
                dataset, _fitted(results, search), search=search, track=results.view.track
            ),
            "fold change = activity with so many copies / activity with the CRE at its own place",
            values_of(dataset.sel(search=search), *_FOLD),
        )


def _fitted(results: PageResults, search: str) -> xr.Dataset | None:
    """The plateaus that the study has fitted."""
    table = results.table("saturation")
    if table is None or "plateau" not in table or table.empty:
        return None
    rows = table[(table["search"] == search) & (table["track"] == results.view.track)]
    plateaus = pd.to_numeric(rows["plateau"], errors="coerce").to_numpy(dtype=np.float64)
    saturates = rows["saturates"].astype(str).str.lower().eq("true").to_numpy()
    return xr.Dataset({"plateau": ("fit", plateaus), "saturates": ("fit", saturates)})


def fine(results: PageResults) -> Iterator[PageFigure]:
    dataset = results.deciding("fine_tile")
    yield PageFigure(
        "Parts of tiles",
        "Fine-tile search",
        "",
        "The share of a tile's effect that is kept, by the number of bases left, for the first "
        "tiles. A star is the final set of bases, put together and predicted once more.",
        report.fine_tile_search(dataset, track=results.view.track, most=5),
        _KEPT,
        values_of(dataset, "score", "kept_bp", "window"),
    )
    yield PageFigure(
        "Parts of tiles",
        "Bases that each tile needs",
        "",
        "The bases that keep the effect, in gene orientation, for the first tiles.",
        report.fine_tile_map(dataset, track=results.view.track),
        _KEPT,
        values_of(dataset, "final_score"),
    )
