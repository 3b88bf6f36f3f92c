"""How large effects are among others, and how far they vary, on the page."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import xarray as xr

from creme.analysis.calibration import Distribution, is_calibrated
from creme.analysis.noise import q_values
from creme.report.marks import number
from creme.report.page.encode import Data, Html, joined, numbers, tag
from creme.report.page.results import SELECTION, PageResults, title_of
from creme.report.page.table import count, table
from creme.results.calibrated import calibrated, calibration_sentences

SPREADS = {
    "std": "between shuffles",
    "std_members": "between members of the ensemble",
    "std_positions": "between positions of the TSS",
}
"""Standard deviations of a measure, and what each is between."""

OF_TILES = ("percentile", "panel_p", "std_members", "std_positions")
"""Values that a locus's map gives for each effect, beside its q."""

_QUANTILES = (0.01, 0.05, 0.5, 0.95, 0.99)


def of_effects(results: PageResults, test: str, tracks: list[str]) -> xr.Dataset:
    """``q``, ``effect_percentile`` and ``effect_panel_p`` of a test's effects, by what is known.

    They depend on all loci. Without coordinates, so that a part's are taken by its places.
    """
    whole = results.open(test).sel(track=tracks)
    shown = results.view.presentation(results.labels[test])
    placed = calibrated(whole, shown, results.view.panel)
    names = [f"effect_{ending}" for ending in OF_TILES[:2] if f"effect_{ending}" in placed]
    variables = {name: placed[name].variable for name in names}
    if (q := q_values(whole)) is not None:
        variables["q"] = q.variable
    return xr.Dataset(variables)


def data_of(along: xr.Dataset) -> Data:
    """The values of `of_effects`, and further spreads, of the tiles of a locus."""
    data: Data = {"q": numbers(along["q"].values)} if "q" in along else {}
    for ending in OF_TILES:
        if f"effect_{ending}" in along:
            data[ending] = numbers(along[f"effect_{ending}"].values)
    return data


def certainty(results: PageResults) -> Html:
    """The section: quantiles of all effects and of the panel's, and whose spread is how large."""
    rows, spreads, sentences = [], [], []
    for label, measure, dataset in _calibrated(results):
        title, values = title_of(results.view, label), dataset[measure].values
        rows.append(_row(f"{title}: these results", Distribution.of(values)))
        panel = results.view.panel
        entry = None if panel is None else panel.test_of(dataset)
        for place, null in {} if entry is None else entry.distributions.items():
            if dict(place) == {"track": results.view.track}:
                rows.append(_row(f"{title}: panel", null))
        for ending, between in SPREADS.items():
            name = f"{measure}_{ending}"
            if name in dataset and np.isfinite(dataset[name].values).any():
                typical = float(np.nanmedian(dataset[name].values))
                spreads.append((f"{title}: {between}", number(typical, ".3f")))
        sentences += calibration_sentences(dataset, results.view.presentation(label), panel)[1:]
    if not rows:
        return Html("")
    heads = ("effects", "n", *(f"{quantile:.0%}" for quantile in _QUANTILES))
    parts: list[Html] = [
        tag("h3", "How large effects are"),
        tag(
            "p",
            "Quantiles of all effects on the activity that decides: an effect stands out where "
            "few others are as large. ",
            *(f"{sentence} " for sentence in dict.fromkeys(sentences)),
        ),
        table(heads, rows, caption="Quantiles of effects", numeric=" nnnnnn"),
    ]
    if spreads:
        caption = "Typical standard deviation (median over values), by its source"
        parts.append(table(("spread", "median"), spreads, caption=caption, numeric=" n"))
    return joined(parts)


def _calibrated(results: PageResults) -> Iterator[tuple[str, str, xr.Dataset]]:
    view = results.view
    for label in view.tests:
        if view.kind == "study" and label == SELECTION:
            continue
        shown, opened = view.presentation(label), view.open(label)
        measure = shown.measure
        if not is_calibrated(measure, shown.neutral) or "track" not in opened.dims:
            continue
        if set(opened[measure].dims) - {"locus", "tile", "position", "track"}:
            continue  # rounds, copies: one table would mix them
        names = [measure, *(f"{measure}_{ending}" for ending in SPREADS), "wild_type"]
        names += ["below_minimum"]
        part = opened[[name for name in names if name in opened.variables]]
        yield label, measure, calibrated(part.sel(track=[view.track]).load(), shown, view.panel)


def _row(title: str, values: Distribution) -> tuple[str, ...]:
    quantiles = values.quantiles(_QUANTILES)
    return (title, count(values.n), *(number(float(value), ".3f") for value in quantiles))
