"""Figures of all pairs of enhancers and promoters."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from creme import report
from creme.analysis.compatibility import MINIMUM, Q, compatibility, pair_table
from creme.analysis.compatibility_classes import compatibility_classes
from creme.analysis.compatibility_shares import variance_shares
from creme.errors import ConfigError, listing
from creme.report.page.figure import PageFigure
from creme.report.page.results import PageResults

SECTION = "Enhancers and promoters"
_LISTED = 5


def pairs(results: PageResults) -> Iterator[PageFigure]:
    """A map and the responses for each distance."""
    track = results.view.track
    dataset = results.open("compatibility").sel(track=[track]).load()
    try:
        result, classes = compatibility(dataset), compatibility_classes(dataset)
    except ConfigError:  # fewer carriers or promoters than say anything
        return
    shares = variance_shares(dataset)
    table = pair_table(result)
    for distance in result["distance"].values.tolist():
        one = result.sel(distance=distance, track=track)
        at = "" if result.sizes["distance"] == 1 else f", at {distance:,} bp"
        rows = table[table["distance"] == distance].reset_index(drop=True)
        yield PageFigure(
            SECTION,
            f"Compatibility{at}",
            "",
            f"{_size(dataset, one)} Colour: how much more or less active a pair is than expected "
            "from the enhancer's strength with other promoters and the promoter's responsiveness. "
            f"Dot: more than {MINIMUM:g}-fold, with q below {Q:g}, by every pseudo-count. Square: "
            "the promoter's own enhancer. Right of the line: shuffled enhancers. Hatched: at a "
            f"floor or a ceiling. {_calls(rows)} {_classes(classes, distance, track)}",
            _map(one),
            "deviation = log2 activity - carrier - promoter - responsiveness x strength",
            rows,
        )
        yield PageFigure(
            SECTION,
            f"Responses of promoters{at}",
            "",
            "A line is a promoter: its activity beside stronger and stronger enhancers, relative "
            "to the promoter alone; means over carriers. Steeper lines are more responsive. "
            f"{_shares(shares.sel(distance=distance, track=track))}",
            report.response_lines(dataset, result, distance=distance, track=track),
            "effect = log2(activity of the pair / of the promoter alone)",
            one[["responsiveness", "responsiveness_low", "responsiveness_high"]]
            .reset_coords(drop=True)
            .to_dataframe()
            .reset_index(),
        )


def _map(one: xr.Dataset) -> Axes:
    """As large as its names need."""
    width = min(180.0, max(110.0, 70.0 + 3.2 * one.sizes["enhancer"]))
    height = min(200.0, max(80.0, 50.0 + 3.2 * one.sizes["promoter"]))
    _, axes = report.panels(1, 1, width=width, height=height)
    return report.pair_map(one, ax=axes[0, 0])


def _size(dataset: xr.Dataset, one: xr.Dataset) -> str:
    null = int(one["null"].sum())
    words = [
        f"{one.sizes['promoter']} promoters and {one.sizes['enhancer'] - null} enhancers",
        f"and {null} shuffled ones, in {dataset.sizes['locus']} carriers.",
    ]
    few = " With so few promoters, one pair that deviates strongly shifts the others as well."
    return " ".join(words) + (few if one.sizes["promoter"] < 10 else "")


def _calls(rows: object) -> str:
    called = rows[rows["compatible"] != 0]  # type: ignore[index]
    if called.empty:
        return "No pair is called."
    names = [
        f"{row.enhancer} with {row.promoter} ({row.deviation:+.2f})" for row in called.itertuples()
    ]
    return f"{len(names)} of {len(rows)} pairs are called: {listing(names, _LISTED)}."  # type: ignore[arg-type]


def _classes(classes: xr.Dataset, distance: int, track: str) -> str:
    one = classes.sel(distance=distance, track=track)
    parts = []
    for number in (1, 2):
        sides = [
            one[side].values[one[f"{side}_class"].values == number].tolist()
            for side in ("promoter", "enhancer")
        ]
        if all(sides):
            parts.append(f"{listing(sides[1], _LISTED)} with {listing(sides[0], _LISTED)}")
    if not parts:
        return "No classes hold against the shuffled enhancers."
    words = f"Classes that prefer one another: {'; '.join(parts)}."
    for number in (1, 2):
        within = []
        for part in (1, 2):
            chosen = (one["promoter_class"] == number) & (one["promoter_subclass"] == part)
            preferred = one["enhancer_subclass"].sel({"class": number}) == part
            sides = [
                one[s].values[f.values] for s, f in (("promoter", chosen), ("enhancer", preferred))
            ]
            if all(side.size for side in sides):
                within.append(f"{listing(sides[1], _LISTED)} with {listing(sides[0], _LISTED)}")
        if within:
            words += f" Within one of them: {'; '.join(within)}."
    return words


def _shares(one: xr.Dataset) -> str:
    if not np.isfinite(one["share"].values).all():
        return ""
    shares = ", ".join(
        f"{part} {float(one['share'].sel(part=part)):.0%}" for part in one["part"].values
    )
    r2 = {str(model): float(one["r2"].sel(model=model)) for model in one["model"].values}
    return (
        f"Shares of the variance of log activity: {shares}. R2 in held-out carriers: "
        f"{r2['multiplicative']:.2f} for promoter + enhancer, {r2['rank_one']:.2f} with "
        f"responsiveness, {r2['pairs']:.2f} for each pair's own mean."
    )
