"""The measure of any test as loci, rows and positions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr

from creme.errors import ConfigError
from creme.report import mean_over_loci, measure_grid
from creme.report.grid_reading import MOST_ROWS, variables_of
from creme.test import Presentation

LOCI, TSS = ["one", "two"], [1000, 5000]


def dataset(dims: dict[str, int], measure: str = "effect", **more: Any) -> xr.Dataset:
    """Random values along loci, some dimensions and two tracks; the second locus lies reversed."""
    sizes = {"locus": 2, **dims, "track": 2}
    values = np.random.default_rng(0).normal(size=tuple(sizes.values()))
    place = {"contig": ["chr1", "chr2"], "strand": ["+", "-"], "tss_position": TSS}
    return xr.Dataset(
        {measure: (tuple(sizes), values)},
        {
            "locus": LOCI,
            "track": ["a", "b"],
            **{name: ("locus", values) for name, values in place.items()},
            **more,
        },
    )


def shown_as(**changes: object) -> Presentation:
    return Presentation(**{"test": "mine", "along": "", **changes})  # type: ignore[arg-type]


def test_one_value_a_locus():
    data = dataset({})
    grid = measure_grid(data, shown_as(), track="b")
    np.testing.assert_array_equal(grid.values[:, 0, 0], data["effect"].sel(track="b"))
    assert (grid.across, grid.row_dim, grid.rows, grid.averaged) == ("", "", ("",), ())
    assert not grid.as_heat_map
    np.testing.assert_array_equal(grid.away, np.abs(grid.values[:, 0, 0]))


def test_a_track_has_to_be_chosen():
    with pytest.raises(ConfigError, match="choose one of the 2 along 'track'"):
        measure_grid(dataset({}), shown_as())


def test_without_its_measure_it_says_what_there_is():
    with pytest.raises(ConfigError, match="no variable 'loss', which the test 'mine' calls"):
        measure_grid(dataset({}), shown_as(measure="loss"), track="a")


def test_a_neutral_value_may_be_unknown():
    assert measure_grid(dataset({}), shown_as(neutral=float("nan")), track="a").neutral is None
    assert measure_grid(dataset({}), shown_as(neutral=1.0), track="a").neutral == 1.0


@pytest.mark.parametrize("with_end", [True, False])
def test_genomic_intervals_place_positions_on_both_strands(with_end):
    """A position without an end is a base, as in saturation mutagenesis."""
    length = 10 if with_end else 1
    start = np.array([[990, 1010, 1030], [4960, 4980, 5000]])
    more: dict[str, Any] = {"genomic_start": (("locus", "tile"), start)}
    if with_end:
        more["genomic_end"] = (("locus", "tile"), start + length)
    grid = measure_grid(dataset({"tile": 3}, **more), shown_as(along="tile"), track="a")
    assert grid.kind == "sequence"
    assert grid.contigs == ("chr1", "chr2")
    assert grid.intervals is not None
    np.testing.assert_array_equal(grid.intervals, np.stack([start, start + length], -1))
    middle = start + (length - 1) / 2
    np.testing.assert_array_equal(grid.x[:, 0], [middle[0] - 1000, 5000 - middle[1]])
    np.testing.assert_array_equal(grid.width, np.full((2, 3), length))
    assert not grid.side_by_side
    assert not grid.shared


def test_distances_come_first_and_may_differ_by_row():
    distance = np.array([[-100, 0, 100], [-97, 3, 103]])
    data = dataset({"motif": 2, "position": 3}, motif=["AC", "GGGG"])
    data = data.assign_coords(position_distance=(("motif", "position"), distance))
    grid = measure_grid(data, shown_as(along="position"), track="a")
    assert (grid.across, grid.row_dim, grid.rows) == ("position", "motif", ("AC", "GGGG"))
    np.testing.assert_array_equal(grid.x, [distance, distance])
    assert grid.shared
    assert grid.intervals is None


def test_a_tile_that_is_moved_has_its_places_along_the_sequence():
    data = dataset({"tile": 2, "position": 5}, measure="fold_change")
    data = data.assign_coords(
        distance=("tile", [-10, 10]), position_distance=("position", np.arange(5) * 10)
    )
    grid = measure_grid(data, shown_as(measure="fold_change", along="tile"), track="a")
    assert (grid.across, grid.row_dim) == ("position", "tile")
    np.testing.assert_array_equal(grid.values[1, 0], data["fold_change"][1, 0, :, 0])


def test_without_a_place_the_largest_dimension_of_numbers_is_across():
    data = dataset({"kind": 9, "copies": 4}, kind=list("abcdefghi"))
    grid = measure_grid(data, shown_as(), track="a")
    assert (grid.across, grid.kind, grid.row_dim) == ("copies", "values", "kind")
    assert grid.as_heat_map
    names = measure_grid(dataset({"kind": 3}, kind=["x", "y", "z"]), shown_as(), track="a")
    assert (names.kind, names.names) == ("names", ("x", "y", "z"))


def test_further_dimensions_are_averaged_and_have_no_spread():
    data = dataset({"tile": 3, "search": 2, "round": 4}, search=["up", "down"])
    data["effect_se"] = data["effect"] * 0 + 1
    grid = measure_grid(data, shown_as(along="tile"), track="a")
    assert (grid.across, grid.row_dim, grid.averaged) == ("tile", "search", ("round",))
    expected = data["effect"].isel(track=0).mean("round").transpose("locus", "search", "tile")
    np.testing.assert_allclose(grid.values, expected)
    assert grid.spread is None
    many = measure_grid(dataset({"copies": 90, "draw": MOST_ROWS + 1}), shown_as(), track="a")
    assert (many.across, many.row_dim, many.averaged) == ("copies", "", ("draw",))


def test_replicates_give_the_spread_where_the_test_gives_none():
    data = dataset({"tile": 3, "replicate": 5})
    grid = measure_grid(data, shown_as(along="tile"), track="a")
    each = data["effect"].isel(track=0).values
    np.testing.assert_allclose(grid.values[:, 0], each.mean(axis=-1))
    assert grid.spread is not None
    assert grid.replicates is not None
    np.testing.assert_allclose(grid.spread[:, 0], each.std(axis=-1, ddof=1) / np.sqrt(5))
    np.testing.assert_array_equal(grid.replicates[:, 0], each)
    own = data.mean("replicate").assign(effect_std=data["effect"].std("replicate", ddof=1))
    assert measure_grid(own, shown_as(along="tile"), track="a").spread_name == "standard deviation"


def bases() -> xr.Dataset:
    start = np.array([[990, 991, 992, 993], [5002, 5001, 5000, -1]], dtype=float)
    start[1, 3] = np.nan
    data = dataset({"position": 4, "base": 4}, base=list("ACGT"))
    importance = data["effect"].mean("base")
    letters = np.array([list("ACGT"), ["A", "A", "C", np.nan]], dtype=object)
    return data.assign(importance=importance).assign_coords(
        genomic_start=(("locus", "position"), start), reference=(("locus", "position"), letters)
    )


def test_letters_and_a_profile_of_the_test():
    data = bases()
    grid = measure_grid(data, shown_as(along="position"), track="a")
    assert set(variables_of(data, shown_as())) == {"effect", "importance"}
    assert grid.profile_name == "importance"
    assert grid.profile is not None
    np.testing.assert_array_equal(grid.profile, data["importance"].isel(track=0))
    assert grid.letters is not None
    assert grid.letters[0].tolist() == list("ACGT")
    np.testing.assert_array_equal(grid.x[1, 0], [-2, -1, 0, np.nan])
    assert grid.side_by_side
    assert grid.take([1]).loci == ("two",)


def test_a_mean_is_over_loci_of_the_same_positions():
    with pytest.raises(ConfigError, match="at different positions"):
        mean_over_loci(measure_grid(bases(), shown_as(along="position"), track="a"))
    data = dataset({"copies": 3})
    data["effect"][1, 2] = np.nan
    grid = measure_grid(data, shown_as(), track="a")
    assert grid.complete == [0]
    mean = mean_over_loci(grid)
    values = grid.values[:, 0]
    np.testing.assert_allclose(mean.values[0, 0], np.nanmean(values, axis=0))
    assert mean.spread is not None
    np.testing.assert_allclose(
        mean.spread[0, 0, :2], values[:, :2].std(axis=0, ddof=1) / np.sqrt(2)
    )
    assert np.isnan(mean.spread[0, 0, 2])


def test_a_locus_without_values_is_nowhere_far():
    data = dataset({"tile": 3})
    data["effect"][1] = np.nan
    grid = measure_grid(data, shown_as(along="tile"), track="a")
    assert np.isfinite(grid.away[0])
    assert np.isnan(grid.away[1])
    assert grid.has_values(0)
    assert not grid.has_values(1)
    assert not grid.has_values(2)
