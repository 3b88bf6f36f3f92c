"""The paper's figures, drawn from the results' Datasets with matplotlib's objects.

Each function draws into the Axes that it is given, or into a new figure of one column's width, and
returns the Axes. pyplot and its state are not used, so that no display is needed.

`measure_grid` arranges the measure of any test, and the functions called measure_... draw it.

matplotlib is imported with the first function that is used, and not before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from creme.lazy import attach

__all__ = [
    "comparison_scatter",
    "context_histogram",
    "coverage_profile",
    "design_composition",
    "design_rounds",
    "distance_bars",
    "distance_curves",
    "distance_profiles",
    "fine_tile_map",
    "fine_tile_search",
    "greedy_traces",
    "individual_effects",
    "landscape",
    "mean_over_loci",
    "measure_by_locus",
    "measure_curves",
    "measure_grid",
    "measure_heat_map",
    "measure_letters",
    "necessity_sufficiency",
    "network_arcs",
    "observed_and_additive",
    "pair_map",
    "pair_matrix",
    "panels",
    "response_lines",
    "saturation_curves",
    "save",
    "set_curves",
    "swap_boxes",
    "tile_effects",
    "tile_map",
    "variance_shares",
]

if TYPE_CHECKING:
    from creme.report.comparison import comparison_scatter
    from creme.report.compatibility import pair_map, response_lines
    from creme.report.context import context_histogram, coverage_profile, swap_boxes
    from creme.report.design import design_composition, design_rounds
    from creme.report.distance import distance_bars, distance_curves, distance_profiles
    from creme.report.fine_tile import fine_tile_map, fine_tile_search
    from creme.report.grid import mean_over_loci
    from creme.report.grid_reading import measure_grid
    from creme.report.higher_order import greedy_traces, individual_effects, observed_and_additive
    from creme.report.interactions import (
        landscape,
        network_arcs,
        pair_matrix,
        variance_shares,
    )
    from creme.report.map import tile_map
    from creme.report.measure_figures import measure_by_locus, measure_curves
    from creme.report.measure_map import measure_heat_map, measure_letters
    from creme.report.multiplicity import saturation_curves
    from creme.report.set_sufficiency import set_curves
    from creme.report.style import panels, save
    from creme.report.tiles import necessity_sufficiency, tile_effects

_HOMES = {
    "comparison_scatter": "creme.report.comparison",
    "context_histogram": "creme.report.context",
    "coverage_profile": "creme.report.context",
    "design_composition": "creme.report.design",
    "design_rounds": "creme.report.design",
    "distance_bars": "creme.report.distance",
    "distance_curves": "creme.report.distance",
    "distance_profiles": "creme.report.distance",
    "fine_tile_map": "creme.report.fine_tile",
    "fine_tile_search": "creme.report.fine_tile",
    "greedy_traces": "creme.report.higher_order",
    "individual_effects": "creme.report.higher_order",
    "landscape": "creme.report.interactions",
    "mean_over_loci": "creme.report.grid",
    "measure_by_locus": "creme.report.measure_figures",
    "measure_curves": "creme.report.measure_figures",
    "measure_grid": "creme.report.grid_reading",
    "measure_heat_map": "creme.report.measure_map",
    "measure_letters": "creme.report.measure_map",
    "necessity_sufficiency": "creme.report.tiles",
    "network_arcs": "creme.report.interactions",
    "observed_and_additive": "creme.report.higher_order",
    "pair_matrix": "creme.report.interactions",
    "pair_map": "creme.report.compatibility",
    "panels": "creme.report.style",
    "response_lines": "creme.report.compatibility",
    "save": "creme.report.style",
    "saturation_curves": "creme.report.multiplicity",
    "set_curves": "creme.report.set_sufficiency",
    "swap_boxes": "creme.report.context",
    "tile_effects": "creme.report.tiles",
    "tile_map": "creme.report.map",
    "variance_shares": "creme.report.interactions",
}

__getattr__, __dir__ = attach(__name__, _HOMES)
