"""The paper's figures, drawn from the results' Datasets with matplotlib's objects.

Each function draws into the Axes that it is given, or into a new figure of one column's width, and
returns the Axes. pyplot and its state are not used, so that no display is needed.

matplotlib is imported with the first function that is asked for, and not before.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

_HOMES = {
    "comparison_scatter": "comparison",
    "context_histogram": "context",
    "coverage_profile": "context",
    "distance_bars": "distance",
    "distance_curves": "distance",
    "distance_profiles": "distance",
    "fine_tile_map": "fine_tile",
    "fine_tile_search": "fine_tile",
    "greedy_traces": "higher_order",
    "individual_effects": "higher_order",
    "necessity_sufficiency": "tiles",
    "observed_and_additive": "higher_order",
    "panels": "style",
    "save": "style",
    "saturation_curves": "multiplicity",
    "swap_boxes": "context",
    "tile_effects": "tiles",
    "tile_map": "map",
}

__all__ = [
    "comparison_scatter",
    "context_histogram",
    "coverage_profile",
    "distance_bars",
    "distance_curves",
    "distance_profiles",
    "fine_tile_map",
    "fine_tile_search",
    "greedy_traces",
    "individual_effects",
    "necessity_sufficiency",
    "observed_and_additive",
    "panels",
    "saturation_curves",
    "save",
    "swap_boxes",
    "tile_effects",
    "tile_map",
]

if TYPE_CHECKING:
    from creme.report.comparison import comparison_scatter
    from creme.report.context import context_histogram, coverage_profile, swap_boxes
    from creme.report.distance import distance_bars, distance_curves, distance_profiles
    from creme.report.fine_tile import fine_tile_map, fine_tile_search
    from creme.report.higher_order import greedy_traces, individual_effects, observed_and_additive
    from creme.report.map import tile_map
    from creme.report.multiplicity import saturation_curves
    from creme.report.style import panels, save
    from creme.report.tiles import necessity_sufficiency, tile_effects


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'creme.report' has no attribute {name!r}")
    value = getattr(import_module(f"creme.report.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
